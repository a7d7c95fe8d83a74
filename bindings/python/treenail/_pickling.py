"""Objects as messages: pickled as multiprocessing does it, with its reducers."""

from __future__ import annotations

import copyreg
from pickle import Pickler, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Tuple

    Reducers = dict[type, Callable[[Any], Any]]
else:
    Reducers = dict

__all__ = ["dumped", "loads"]

_PROTOCOL = 5  # which every Python from 3.8 on reads


class _Reducers(Reducers):
    """How objects of other classes than the built-in ones are pickled."""

    def __missing__(self, kind: type) -> Any:
        # Not at the beginning: a program that sends only numbers and texts needs none of it.
        from multiprocessing.reduction import ForkingPickler

        extra: Any = ForkingPickler._extra_reducers  # type: ignore[attr-defined]
        return extra[kind] if kind in extra else copyreg.dispatch_table[kind]


class _Sink:
    """What a pickler writes to: a list of bytes."""

    __slots__ = ("write",)

    def __init__(self, parts: List[bytes]) -> None:
        self.write = parts.append


# Picklers that no call uses now, each with its list: making one takes longer than a small object.
_PICKLERS: List[Tuple[Pickler, List[bytes]]] = []


def _new_pickler() -> Tuple[Pickler, List[bytes]]:
    parts: List[bytes] = []
    pickler = Pickler(_Sink(parts), _PROTOCOL)
    pickler.dispatch_table = _Reducers()
    return pickler, parts


def dumped(one: object) -> List[bytes]:
    """The object as bytes, in one part or several: a large bytes object in it is a part."""
    pair = _PICKLERS.pop() if _PICKLERS else _new_pickler()
    pickler, parts = pair
    pickler.dump(one)  # where it fails, the pickler isn't used again
    pickler.clear_memo()
    result = parts[:]
    parts.clear()
    _PICKLERS.append(pair)
    return result
