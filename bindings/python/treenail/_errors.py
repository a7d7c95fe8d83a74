"""The exceptions: one for each status that is a failure."""

from __future__ import annotations

import errno
import sys
from _thread import get_ident

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
    """The call would have to wait, and the timeout was 0. Nothing happened."""

    status, _errno = _abi.TN_AGAIN, errno.EAGAIN


class TimedOut(Error, TimeoutError):
    """The timeout passed. Nothing happened."""

    status, _errno = _abi.TN_TIMED_OUT, errno.ETIMEDOUT


class Closed(Error, ConnectionAbortedError, EOFError):
    """Either side has closed it, and all that had arrived has been received."""

    status, _errno = _abi.TN_CLOSED, errno.ECONNABORTED


class PeerLost(Error, ConnectionResetError):
    """The peer died, or ended without closing, and all that had arrived has been received."""

    status, _errno = _abi.TN_PEER_LOST, errno.ECONNRESET


class NotFound(Error, FileNotFoundError, ConnectionRefusedError):
    """Nobody listens there, or nothing has that name."""

    status, _errno = _abi.TN_NOT_FOUND, errno.ENOENT


class Exists(Error, FileExistsError):
    """A live process uses the name."""

    status, _errno = _abi.TN_EXISTS, errno.EEXIST


class Denied(Error, PermissionError):
    """Access rights forbid it, or the peer is another user."""

    status, _errno = _abi.TN_DENIED, errno.EACCES


class Invalid(Error, ValueError):
    """A bad argument: an unknown scheme, option or value, or a wrong state."""

    status = _abi.TN_INVALID


class TooLarge(Error, ValueError):
    """The message is larger than a limit, or than the buffer; then it stays, to be received
    again."""

    status = _abi.TN_TOO_LARGE
    needed: Optional[int] = None
    """The bytes that a receive needs."""


class NoSpace(Error, MemoryError, OSError):
    """There is no memory or no descriptor left, the inbox is full, or too many views are open: the
    text says which."""

    status, _errno = _abi.TN_NO_SPACE, errno.ENOSPC


class Protocol(Error, ConnectionError):
    """The peer sent something else than this format, or another version of it."""

    status, _errno = _abi.TN_PROTOCOL, errno.EPROTO


class Unsupported(Error, OSError):
    """This system or this kind of channel can't do it, or the library was built without it."""

    status, _errno = _abi.TN_UNSUPPORTED, errno.EOPNOTSUPP


class Io(Error, OSError):
    """Another system error, which the text names."""

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


def in_main_thread() -> bool:
    """Whether this is the thread that handles signals."""
    threading = sys.modules.get("threading")  # which takes long to import
    return threading is None or get_ident() == threading.main_thread().ident


def error_of(status: int) -> Error:
    """The exception for the status of this thread's last call."""
    if at_end and not in_main_thread():
        raise SystemExit  # a thread that waited, and has nothing to say to anybody any more
    text: bytes = library.tn_last_error()
    return _CLASSES.get(status, Internal)(named_anew(text.decode(errors="replace")))


def check(status: int) -> None:
    """Raises the exception for a failure."""
    if status < 0:
        raise error_of(status)


def closed(what: str, *_: object) -> NoReturn:
    """Refuses a call, with any arguments, on an object that this program has closed."""
    raise Closed(f"{call_made() or what}: this program has closed it")


def call_made() -> str:
    """The call of this package that the program made, such as "Channel.send"."""
    frame, name = sys._getframe(1), ""
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        called, owner = frame.f_code.co_name, frame.f_locals.get("self", frame.f_locals.get("cls"))
        kind = "" if owner is None else getattr(owner, "__name__", type(owner).__name__)
        if called == "__init__" and kind[:1] != "_":
            name = kind
        elif called[:1] not in "_<" and kind[:1] != "_":
            name = f"{kind}.{called}" if kind else called
        frame = frame.f_back  # type: ignore[assignment]
    return name


def named_anew(text: str) -> str:
    """The library's text, with the call of this package instead of that in C."""
    call, (verb, _, rest) = call_made(), text.partition(" ")
    in_c = {name.split("_", 2)[-1] for name in _abi.FUNCTIONS} | {"listen", "use"} - {"endpoint"}
    return text if not call else f"{call} {rest}" if verb in in_c else f"{call}: {text}"


def unnamed(extra: tuple[object, ...]) -> NoReturn:
    """Refuses what is a keyword, and was passed without it."""
    code = sys._getframe(1).f_code
    names = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]
    meant = " or ".join(f"{name}={extra[0]!r}" for name in names)
    raise TypeError(f"{call_made()}: {extra[0]!r} is one argument too many; write {meant}")
