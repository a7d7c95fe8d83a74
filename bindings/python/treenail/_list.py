"""The list of what there is on this machine, and the sweep of what killed programs have left."""

from __future__ import annotations

import os
from ctypes import byref, c_size_t, create_string_buffer

from ._abi import TN_TOO_LARGE, library
from ._errors import Error, check
from ._owner import encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

_SWEPT_MAX = 64


def _is_nameless(name: str) -> bool:
    """Whether name_of_its_own() gives such names."""
    digits = name[3:]
    return name[:3] == "tn_" and len(digits) == 16 and not digits.strip("0123456789abcdef")


def _encoded(pattern: Optional[str]) -> Optional[bytes]:
    return None if pattern is None else encoded(pattern)


def list(pattern: Optional[str] = None) -> List[Dict[str, Any]]:
    """Lists what this user has on this machine: listeners, segments, semaphores, and locks of
    native objects. Each is a dict with the keys kind, name, owner, alive, holders, bytes, memory,
    persist, mode, path, and units or version.

    `pattern` is "kind:name", with * for any letters; None means all. The call takes no lock, and
    disturbs nobody.
    """
    import json

    meant, size, length = _encoded(pattern), 4096, c_size_t()
    while True:
        text = create_string_buffer(size)
        status = library.tn_list(meant, text, size, byref(length))
        if status != TN_TOO_LARGE:
            break
        size = length.value + length.value // 8  # others may come meanwhile
    check(status)
    return [json.loads(line) for line in text.value.splitlines()]


def sweep(pattern: Optional[str] = None) -> int:
    """Removes what killed programs of this user have left: what no live process holds and isn't
    persist=1, and socket files at which nobody listens. Returns how many it removed."""
    count = c_size_t()
    check(library.tn_sweep(_encoded(pattern), byref(count)))
    return count.value


_nameless_swept = False


def name_of_its_own() -> str:
    """A name that no other segment has. The first call in a process removes what killed programs
    have left under such names, as nobody would ever make a segment of those names again."""
    global _nameless_swept
    if not _nameless_swept:
        _nameless_swept = True
        try:
            found = list("segment:tn_*")
            dead = [one["name"] for one in found if not one["alive"] and not one["persist"]]
            for name in [*filter(_is_nameless, dead)][:_SWEPT_MAX]:
                sweep(f"segment:{name}")
        except Error:
            pass  # it isn't what was asked for
    return f"tn_{os.urandom(8).hex()}"
