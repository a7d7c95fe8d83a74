"""What channels, listeners and pollers have in common: a handle, a descriptor, an end."""

from __future__ import annotations

import os
from ctypes import byref, c_int

from ._abi import NOTHING, TN_INVALID
from ._errors import Invalid, closed, error_of
from ._waiting import drive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn, Optional, TypeVar

    from ._abi import Handle

    Self = TypeVar("Self", bound="Owner")


def encoded(text: str) -> bytes:
    """An endpoint or a name for the library, to which it would end at a NUL."""
    encoded = os.fsencode(text)
    if 0 in encoded:
        raise Invalid(f"{text!r} has a NUL in it; leave it out")
    return encoded


def refuse_to_pickle(what: object) -> NoReturn:
    """A handle means nothing in another process."""
    raise TypeError(
        f"a {type(what).__name__} belongs to the process that made it, and can't be pickled"
    )


class Owner:
    """The base of what owns a handle. Every thread may use it at any time."""

    __slots__ = ("_handle", "__weakref__")

    _handle: Handle
    # The library's functions for this noun.
    _fd: Callable[..., int]
    _close: Callable[..., None]

    def fileno(self) -> int:
        """A descriptor for poll, epoll, select and event loops. It is readable until a call raises
        Again. That of a channel is for receiving; send_fileno() is for room to send.

        Wait for it to be readable, and then make your call with timeout=0. Never read, write or
        close it.
        """
        return self._descriptor(self._fd)

    def _descriptor(self, which: Callable[..., int]) -> int:
        out = c_int()
        status = which(self._handle, byref(out))
        if status < 0:
            self._fail(status)
        return out.value

    def close(self) -> None:
        """Closes it: every call raises Closed at once, in all threads. Closing twice is fine.

        Its memory and descriptors are freed when the last call has returned, and the last view is
        released.
        """
        handle, self._handle = self._handle, NOTHING
        self._close(handle)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether this program has closed it."""
        return self._handle is NOTHING

    def __repr__(self) -> str:
        facts = ["closed"] if self.closed else self._facts()
        return f"{type(self).__name__}({', '.join([*self._origin(), *facts])})"

    def _origin(self) -> list[str]:
        """What it was made of, as a repr says it."""
        return []

    def _facts(self) -> list[str]:
        """What a repr says of it while it is open."""
        return []

    def _fail(self, status: int) -> NoReturn:
        if status == TN_INVALID and self._handle is NOTHING:
            closed(type(self).__name__)
        raise error_of(status)

    def _drive(self, attempt: Callable[[int], int], timeout: Optional[float]) -> None:
        """Waits; what it comes to is an exception, or good."""
        status = drive(attempt, self.fileno, timeout)
        if status < 0:
            self._fail(status)

    def __reduce__(self) -> Any:
        refuse_to_pickle(self)
