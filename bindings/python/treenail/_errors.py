"""What a call came to, when it wasn't good: an exception for each status."""

from __future__ import annotations

import errno
from threading import get_ident, main_thread

from . import _abi
from ._abi import library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar, NoReturn, Optional


class Error(Exception):
    """A call of the library failed; the text says what was tried, what went wrong, what to do.

    Each status has a class of its own, which also derives from the built-in exceptions that one
    would expect there.
    """

    status: ClassVar[int] = _abi.TN_INTERNAL
    """The number of the status, such as -3."""
    _errno: ClassVar[int] = 0

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        if self._errno:
            setattr(self, "errno", self._errno)  # which an OSError has

    @property
    def name(self) -> str:
        """The name of the status, such as "TN_CLOSED"."""
        name: bytes = library.tn_status_name(self.status)
        return name.decode()


class Again(Error, BlockingIOError):
    """The call would have to wait, and the timeout was 0; nothing happened."""

    status, _errno = _abi.TN_AGAIN, errno.EAGAIN


class TimedOut(Error, TimeoutError):
    """The timeout passed; nothing happened."""

    status, _errno = _abi.TN_TIMED_OUT, errno.ETIMEDOUT


class Closed(Error, ConnectionAbortedError, EOFError):
    """Closed in good order, by either side; all that had arrived was handed out."""

    status, _errno = _abi.TN_CLOSED, errno.ECONNABORTED


class PeerLost(Error, ConnectionResetError):
    """The peer died: an end without a close; all that had arrived was handed out."""

    status, _errno = _abi.TN_PEER_LOST, errno.ECONNRESET


class NotFound(Error, FileNotFoundError, ConnectionRefusedError):
    """Nobody listens there, or nothing has that name."""

    status, _errno = _abi.TN_NOT_FOUND, errno.ENOENT


class Exists(Error, FileExistsError):
    """The name is in use by somebody alive."""

    status, _errno = _abi.TN_EXISTS, errno.EEXIST


class Denied(Error, PermissionError):
    """Rights, or another user."""

    status, _errno = _abi.TN_DENIED, errno.EACCES


class Invalid(Error, ValueError):
    """A bad argument: an unknown scheme, option or value, or a wrong state."""

    status = _abi.TN_INVALID


class TooLarge(Error, ValueError):
    """The message is over a limit, or over the buffer; then it stays, to be received again."""

    status = _abi.TN_TOO_LARGE
    needed: Optional[int] = None
    """The bytes that a receive needs."""


class NoSpace(Error, MemoryError, OSError):
    """No memory, no descriptors, a full inbox, or too many open views: the text says which."""

    status, _errno = _abi.TN_NO_SPACE, errno.ENOSPC


class Protocol(Error, ConnectionError):
    """What came isn't this format, or another version of it."""

    status, _errno = _abi.TN_PROTOCOL, errno.EPROTO


class Unsupported(Error, OSError):
    """Not on this system, not on this kind of channel, or not built in."""

    status, _errno = _abi.TN_UNSUPPORTED, errno.EOPNOTSUPP


class Io(Error, OSError):
    """Another system error; the text holds it."""

    status, _errno = _abi.TN_IO, errno.EIO


class Internal(Error, RuntimeError):
    """A bug in the library."""

    status = _abi.TN_INTERNAL


_CLASSES: dict[int, type[Error]] = {
    cls.status: cls
    for cls in (
        Again, TimedOut, Closed, PeerLost, NotFound, Exists, Denied, Invalid, TooLarge, NoSpace,
        Protocol, Unsupported, Io, Internal,
    )
}  # fmt: skip


at_end = False
"""Whether the interpreter ends, and has closed what was still open."""


def error_of(status: int) -> Error:
    """The exception for what this thread's last call came to."""
    if at_end and get_ident() != main_thread().ident:
        raise SystemExit  # a thread that waited, and has nothing to say to anybody any more
    text: bytes = library.tn_last_error()
    return _CLASSES.get(status, Internal)(text.decode(errors="replace"))


def check(status: int) -> None:
    """Raises the exception for a failure."""
    if status < 0:
        raise error_of(status)


def closed(what: str, *_: object) -> NoReturn:
    """Refuses a call, with whatever arguments, on what this program has closed."""
    raise Closed(f"{what}: this program has closed it")
