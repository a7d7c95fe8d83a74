"""The C ABI, declared for ctypes: what include/treenail.h says, and where the library is found."""

from __future__ import annotations

import os
from collections import deque
from ctypes import CDLL, POINTER, Structure, addressof, c_char, c_char_p, c_int, c_int32, c_int64
from ctypes import c_size_t, c_uint32, c_uint64, c_void_p
from functools import partial

TYPE_CHECKING = False  # importing typing would take longer than all of this package
if TYPE_CHECKING:
    from typing import Any, Callable

TN_TRANSPORT_SHM, TN_TRANSPORT_LOCAL = 1, 2
TN_MESSAGE_REQUEST, TN_MESSAGE_REPLY = 1, 2
TN_NOWAIT, TN_FOREVER = 0, -1
TN_OK, TN_OWNER_DIED = 0, 1
TN_AGAIN, TN_TIMED_OUT, TN_CLOSED, TN_PEER_LOST = -1, -2, -3, -4
TN_NOT_FOUND, TN_EXISTS, TN_DENIED, TN_INVALID = -5, -6, -7, -8
TN_TOO_LARGE, TN_NO_SPACE, TN_PROTOCOL, TN_UNSUPPORTED = -9, -10, -11, -12
TN_IO, TN_INTERNAL = -13, -14


class tn_peer(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("transport", c_uint32),
        ("pid", c_int64),
        ("uid", c_uint32),
        ("gid", c_uint32),
        ("address", c_char * 256),
        ("fallback", c_char * 128),
    ]


class tn_stats(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("messages_sent", c_uint64),
        ("messages_received", c_uint64),
        ("bytes_sent", c_uint64),
        ("bytes_received", c_uint64),
        ("send_waits", c_uint64),
        ("recv_waits", c_uint64),
        ("wakeups_sent", c_uint64),
        ("pending_bytes", c_uint64),
        ("ring_bytes", c_uint64),
        ("ring_used", c_uint64),
        ("ring_used_max", c_uint64),
        ("late_replies", c_uint64),
    ]


class tn_listener_stats(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("accepted", c_uint64),
        ("refused_user", c_uint64),
        ("refused_full", c_uint64),
        ("refused_protocol", c_uint64),
        ("timed_out", c_uint64),
        ("pending", c_uint64),
        ("channels", c_uint64),
        ("lost", c_uint64),
    ]


class tn_slice(Structure):
    _fields_ = [("data", c_void_p), ("len", c_size_t)]


class tn_loan(Structure):
    data: int  # None for NULL
    len: int
    _fields_ = [
        ("data", c_void_p),
        ("len", c_size_t),
        ("private_", c_uint64),
        ("reserved", c_uint64 * 2),
    ]


class tn_message(Structure):
    data: int  # None for NULL
    len: int
    tag: int
    id: int
    flags: int
    _fields_ = [
        ("data", c_void_p),
        ("len", c_size_t),
        ("tag", c_uint32),
        ("id", c_uint32),
        ("flags", c_uint32),
        ("missed", c_uint32),
        ("private_", c_uint64),
        ("reserved", c_uint64 * 4),
    ]


_status, _timeout, _handle, _data = c_int32, c_int32, c_void_p, c_void_p
_fd = c_int
_out_handle, _out_size, _out_fd = POINTER(c_void_p), POINTER(c_size_t), POINTER(_fd)
_message, _loan, _slice = POINTER(tn_message), POINTER(tn_loan), POINTER(tn_slice)

# Each function with its result, and its parameters.
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "tn_status_name": (c_char_p, [_status]),
    "tn_last_error": (c_char_p, []),
    "tn_last_error_set": (_status, [_status, c_char_p]),
    "tn_version": (c_uint32, []),
    "tn_version_text": (c_char_p, []),
    "tn_listener_open": (_status, [c_char_p, _out_handle]),
    "tn_listener_accept": (_status, [_handle, _timeout, _out_handle]),
    "tn_listener_endpoint": (_status, [_handle, c_char_p, c_size_t, _out_size]),
    "tn_listener_stats": (_status, [_handle, POINTER(tn_listener_stats)]),
    "tn_listener_fd": (_status, [_handle, _out_fd]),
    "tn_listener_close": (None, [_handle]),
    "tn_listener_free": (None, [_handle]),
    "tn_channel_connect": (_status, [c_char_p, _timeout, _out_handle]),
    "tn_channel_connect_start": (_status, [c_char_p, _out_handle]),
    "tn_channel_create": (_status, [c_char_p, _timeout, _out_handle]),
    "tn_channel_create_start": (_status, [c_char_p, _out_handle]),
    "tn_channel_pair": (_status, [c_char_p, _out_handle, _out_handle]),
    "tn_channel_fd": (_status, [_handle, _out_fd]),
    "tn_channel_send_fd": (_status, [_handle, _out_fd]),
    "tn_channel_peer": (_status, [_handle, POINTER(tn_peer)]),
    "tn_channel_stats": (_status, [_handle, POINTER(tn_stats)]),
    "tn_channel_close": (None, [_handle]),
    "tn_channel_free": (None, [_handle]),
    "tn_channel_send": (_status, [_handle, _data, c_size_t, _timeout]),
    "tn_channel_send_tagged": (_status, [_handle, c_uint32, _data, c_size_t, _timeout]),
    "tn_channel_sendv": (_status, [_handle, c_uint32, _slice, c_size_t, _timeout]),
    "tn_channel_send_many": (_status, [_handle, _slice, c_size_t, _timeout, _out_size]),
    "tn_channel_loan": (_status, [_handle, c_size_t, _timeout, _loan]),
    "tn_channel_commit": (_status, [_handle, _loan, c_uint32, c_size_t, _timeout]),
    "tn_channel_discard": (_status, [_handle, _loan]),
    "tn_channel_flush": (_status, [_handle, _timeout]),
    "tn_channel_recv": (_status, [_handle, _data, c_size_t, _timeout, _out_size]),
    "tn_channel_recv_message": (_status, [_handle, _data, c_size_t, _timeout, _message]),
    "tn_channel_recv_view": (_status, [_handle, _timeout, _message]),
    "tn_channel_release": (_status, [_handle, _message]),
    "tn_channel_busy_poll": (_status, [_handle]),
    "tn_channel_recv_many": (
        _status,
        [_handle, _data, c_size_t, _message, c_size_t, _timeout, _out_size],
    ),
    "tn_channel_request": (_status, [_handle, c_uint32, _data, c_size_t, _timeout, _message]),
    "tn_channel_request_begin": (
        _status,
        [_handle, c_uint32, _data, c_size_t, _timeout, POINTER(c_uint32)],
    ),
    "tn_channel_request_end": (_status, [_handle, c_uint32, _timeout, _message]),
    "tn_channel_request_cancel": (_status, [_handle, c_uint32]),
    "tn_channel_request_start": (
        _status,
        [_handle, c_uint32, _data, c_size_t, _timeout, POINTER(c_uint32)],
    ),
    "tn_channel_reply": (_status, [_handle, _message, _data, c_size_t, _timeout]),
    "tn_segment_create": (_status, [c_char_p, c_size_t, _out_handle]),
    "tn_segment_open": (_status, [c_char_p, _out_handle]),
    "tn_segment_open_or_create": (_status, [c_char_p, c_size_t, _out_handle]),
    "tn_segment_data": (c_void_p, [_handle]),
    "tn_segment_size": (c_size_t, [_handle]),
    "tn_segment_lock": (_status, [_handle, _timeout]),
    "tn_segment_lock_shared": (_status, [_handle, _timeout]),
    "tn_segment_unlock": (_status, [_handle]),
    "tn_segment_write": (_status, [_handle, c_size_t, _data, c_size_t, _timeout]),
    "tn_segment_read": (_status, [_handle, c_size_t, _data, c_size_t, _timeout]),
    "tn_segment_notify": (_status, [_handle]),
    "tn_segment_version": (c_uint64, [_handle]),
    "tn_segment_wait": (_status, [_handle, c_uint64, _timeout, POINTER(c_uint64)]),
    "tn_segment_fd": (_status, [_handle, _out_fd]),
    "tn_segment_lock_fd": (_status, [_handle, _out_fd]),
    "tn_segment_attached": (c_uint32, [_handle]),
    "tn_segment_close": (None, [_handle]),
    "tn_segment_free": (None, [_handle]),
    "tn_segment_remove": (_status, [c_char_p]),
    "tn_semaphore_create": (_status, [c_char_p, c_uint32, _out_handle]),
    "tn_semaphore_open": (_status, [c_char_p, _out_handle]),
    "tn_semaphore_open_or_create": (_status, [c_char_p, c_uint32, _out_handle]),
    "tn_semaphore_acquire": (_status, [_handle, c_uint32, _timeout]),
    "tn_semaphore_release": (_status, [_handle, c_uint32]),
    "tn_semaphore_value": (_status, [_handle, POINTER(c_uint32)]),
    "tn_semaphore_fd": (_status, [_handle, _out_fd]),
    "tn_semaphore_close": (None, [_handle]),
    "tn_semaphore_free": (None, [_handle]),
    "tn_semaphore_remove": (_status, [c_char_p]),
    "tn_poller_new": (_status, [_out_handle]),
    "tn_poller_add_channel": (_status, [_handle, _handle, c_uint64]),
    "tn_poller_add_channel_send": (_status, [_handle, _handle, c_uint64]),
    "tn_poller_add_listener": (_status, [_handle, _handle, c_uint64]),
    "tn_poller_add_fd": (_status, [_handle, _fd, c_uint64]),
    "tn_poller_remove": (_status, [_handle, c_uint64]),
    "tn_poller_wait": (_status, [_handle, _timeout, POINTER(c_uint64), c_size_t, _out_size]),
    "tn_poller_wake": (_status, [_handle]),
    "tn_poller_fd": (_status, [_handle, _out_fd]),
    "tn_poller_free": (None, [_handle]),
    "tn_list": (_status, [c_char_p, c_char_p, c_size_t, _out_size]),
    "tn_sweep": (_status, [c_char_p, _out_size]),
}


def _find() -> str:
    """The library: where TREENAIL_LIBRARY says, beside this file, or built in the source tree."""
    told = os.environ.get("TREENAIL_LIBRARY")
    if told:
        return told
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(os.path.dirname(here)))
    built = os.path.join(root, "target", "release", "libtreenail.so")
    for path in (os.path.join(here, "libtreenail.so"), built):
        if os.path.exists(path):
            return path
    return "libtreenail.so.0"  # one that is installed in the system


try:
    library = CDLL(_find())
except OSError as error:
    raise ImportError(
        f"the treenail library can't be loaded: {error}; build it with `cargo build --release`, "
        "or name it in TREENAIL_LIBRARY"
    ) from error

for _name, (_result, _parameters) in FUNCTIONS.items():
    _function = getattr(library, _name)
    _function.restype, _function.argtypes = _result, _parameters


def hot(name: str) -> Callable[..., int]:
    """A function by its name without argtypes, whose conversions take longer than the call does.

    What it is called with must be of the right type: ctypes objects, bytes for a pointer, and an
    int only where the parameter is int32_t.
    """
    function = library[name]
    function.restype = c_int32
    return function


class Ending:
    """Makes one call when nobody refers to it any more.

    Python drops what a signal handler raises in a finaliser, and the rest of the finaliser with it.
    So this one isn't written in Python: it is the call itself, of a function in C.
    """

    __slots__ = ("__del__",)

    def __init__(self, call: Callable[[], object]) -> None:
        setattr(self, "__del__", call)

    def cancel(self) -> None:
        """It isn't to be called any more."""
        setattr(self, "__del__", tuple)


_call: Any = partial.__call__


class Handle(c_void_p):
    """A handle of the library, which frees it when nobody refers to it any more.

    That is after the last call that was given it has returned, and after the last view is gone.
    It exists before what it owns, so that nothing is lost if an exception comes in between.
    """

    __slots__ = ("_ending",)
    free: Callable[..., None]

    def __init__(self) -> None:
        super().__init__()
        # Another object in the same memory: this one would keep itself alive. It becomes NULL, as
        # of a cycle that is collected Python ends this first, and then the views that give back.
        place = c_void_p.from_address(addressof(self))
        steps = partial(self.free, place), partial(c_void_p.__init__, place, None)
        self._ending = Ending(partial(deque, map(_call, steps), 0))


class ChannelHandle(Handle):
    __slots__ = ()
    free = library.tn_channel_free


class ListenerHandle(Handle):
    __slots__ = ()
    free = library.tn_listener_free


class NamedHandle(Handle):
    __slots__ = ()
    close: Callable[..., None]


class SegmentHandle(NamedHandle):
    __slots__ = ()
    free, close = library.tn_segment_free, library.tn_segment_close


class SemaphoreHandle(NamedHandle):
    __slots__ = ()
    free, close = library.tn_semaphore_free, library.tn_semaphore_close


class PollerHandle(Handle):
    __slots__ = ()
    free = library.tn_poller_free


NOTHING: Handle = ChannelHandle()  # the handle of what is closed: NULL


def version() -> str:
    """The version of the library."""
    text: bytes = library.tn_version_text()
    return text.decode()

