"""Connections in the shape of multiprocessing.connection: see connection.py."""

from __future__ import annotations

from errno import EPIPE

from ._channel import Channel
from ._errors import Closed, Error, PeerLost, TooLarge
from ._pickling import dumped, loads
from ._pipe import PipeEnd
from ._waiting import deadline_of, timeout_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional, Union

    End = Union[PipeEnd, Channel]


class Connection:
    """One end of a connection, from Client, Listener.accept or Pipe.

    EOFError: the other end was closed, or its process has died, and all that it sent was received.
    `with` closes it at the end.
    """

    __slots__ = ("_end", "_put", "_take", "_readable", "_writable", "__weakref__")

    _end: Optional[End]  # None: it was closed
    # The calls of the channel, where there is one and it may be used so.
    _put: Optional[Callable[..., None]]
    _take: Optional[Callable[[], bytes]]

    def __init__(self, end: End, readable: bool = True, writable: bool = True) -> None:
        self._end, self._readable, self._writable = end, readable, writable
        self._put = self._take = None

    @property
    def closed(self) -> bool:
        """Whether this end was closed."""
        return self._end is None

    @property
    def readable(self) -> bool:
        """Whether it can receive."""
        return self._readable

    @property
    def writable(self) -> bool:
        """Whether it can send."""
        return self._writable

    def _channel(self) -> Channel:
        end = self._end
        if end is None:
            raise OSError("handle is closed")
        if type(end) is PipeEnd:
            end = self._end = end.channel()
        return end  # type: ignore[return-value]

    def _sender(self) -> Callable[..., None]:
        if self._end is not None and not self._writable:
            raise OSError("connection is read-only")
        self._put = self._channel().send
        return self._put

    def _receiver(self) -> Callable[[], bytes]:
        self._check_readable()
        self._take = self._channel().recv
        return self._take

    def _check_readable(self) -> None:
        if self._end is None:
            raise OSError("handle is closed")
        if not self._readable:
            raise OSError("connection is write-only")

    def _failed(self, error: Error, is_sending: bool) -> BaseException:
        """What multiprocessing raises there."""
        if self._end is None:
            return OSError("handle is closed")
        if not isinstance(error, (Closed, PeerLost)):
            return error
        return BrokenPipeError(EPIPE, str(error)) if is_sending else EOFError(str(error))

    def send(self, obj: object) -> None:
        """Sends an object, which is pickled. BrokenPipeError: the other end has gone."""
        put = self._put or self._sender()
        parts = dumped(obj)
        try:
            if len(parts) == 1:
                put(parts[0])
            else:
                self._channel().sendv(parts)
        except Error as error:
            raise self._failed(error, True) from error

    def recv(self) -> Any:
        """Receives an object. It waits for one."""
        take = self._take or self._receiver()
        try:
            data = take()
        except Error as error:
            raise self._failed(error, False) from error
        return loads(data)

    def send_bytes(self, buf: Any, offset: int = 0, size: Optional[int] = None) -> None:
        """Sends the bytes of any object with the buffer protocol, or `size` of them from `offset`
        on."""
        put = self._put or self._sender()
        try:
            if type(buf) is bytes and offset == 0 and size is None:
                put(buf)
            else:
                put(_part(buf, offset, size))
        except Error as error:
            raise self._failed(error, True) from error

    def recv_bytes(self, maxlength: Optional[int] = None) -> bytes:
        """Receives bytes. OSError: there are more than `maxlength`; then it can't receive any
        more."""
        if maxlength is not None and maxlength < 0:
            raise ValueError("negative maxlength")
        take = self._take or self._receiver()
        try:
            data = take()
        except Error as error:
            raise self._failed(error, False) from error
        if maxlength is not None and len(data) > maxlength:
            if self._writable:
                self._readable, self._take = False, None
            else:
                self.close()
            raise OSError(f"bad message length: {len(data)} bytes, and maxlength is {maxlength}")
        return data

    def recv_bytes_into(self, buf: Any, offset: int = 0) -> int:
        """Receives bytes into a writable buffer from `offset` on, and returns their number.
        BufferTooShort: there are more of them; they are its first argument."""
        take = self._take or self._receiver()
        with memoryview(buf) as whole, whole.cast("B") as view:
            if offset < 0:
                raise ValueError("negative offset")
            if offset > len(view):
                raise ValueError("offset too large")
            try:
                with view[offset:] as place:
                    return self._channel().recv_into(place)
            except TooLarge:
                from multiprocessing import BufferTooShort

                raise BufferTooShort(take()) from None
            except Error as error:
                raise self._failed(error, False) from error

    def poll(self, timeout: Optional[float] = 0.0) -> bool:
        """Whether there is something to receive, or the end. It waits for `timeout` seconds; None
        waits for ever."""
        self._check_readable()
        deadline = deadline_of(timeout)
        if type(self._end) is PipeEnd and not self._end.is_readable(timeout):
            return False
        channel, left = self._channel(), timeout_left(deadline)
        try:
            return channel._has_message(left)
        except (Closed, PeerLost) as error:
            if self._end is None:
                raise self._failed(error, False) from error
            return True

    def fileno(self) -> int:
        """A descriptor for event loops. It may be readable though there is nothing to receive:
        then poll() is false, and makes it unreadable. It counts as a use of a Pipe's end."""
        return self._channel().fileno()

    def close(self) -> None:
        """Closes this end: the other one gets EOFError when it has received everything."""
        end, self._end = self._end, None
        self._put = self._take = None
        if end is not None:
            end.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        end = self._end
        if end is None:
            raise OSError("handle is closed")
        if type(end) is not PipeEnd:
            raise TypeError(
                "this Connection belongs to the process that has used it, and can't be pickled; "
                "pass the end of a Pipe before its first use"
            )
        return Connection, (end, self._readable, self._writable)

    def __repr__(self) -> str:
        if self._end is None:
            return "Connection(closed)"
        return f"Connection({'unused' if type(self._end) is PipeEnd else repr(self._end)})"


def _part(buf: Any, offset: int, size: Optional[int]) -> memoryview:
    """What send_bytes sends."""
    view = memoryview(buf)
    if not view.c_contiguous or view.nbytes == 0:
        view = memoryview(view.tobytes())
    view = view.cast("B")
    if offset < 0:
        raise ValueError("offset is negative")
    if len(view) < offset:
        raise ValueError("buffer length < offset")
    if size is None:
        size = len(view) - offset
    elif size < 0:
        raise ValueError("size is negative")
    elif offset + size > len(view):
        raise ValueError("buffer length < offset + size")
    return view[offset : offset + size]
