"""The end of a pipe that nobody has used yet: a socket, which goes to other processes."""

from __future__ import annotations

import os
import select
from socket import socketpair
from _thread import allocate_lock

from ._channel import Channel, connect_start, create_start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

# Objects may be of any size, as in multiprocessing.
OPTIONS = "max_message=4294967295"


class PipeEnd:
    """One end of a socketpair, until its first use makes a channel of it.

    Either end may be used first, by any process. That one takes the connector's part, as then it
    can send before the other is there. So both ends share a token: a pipe with one byte in it,
    which only the first one finds.
    """

    __slots__ = ("socket", "token", "_channel", "_lock")

    def __init__(self, socket: int, token: int) -> None:
        self.socket, self.token = socket, token
        self._channel: Optional[Channel] = None
        self._lock = allocate_lock()

    def is_readable(self, timeout: Optional[float]) -> bool:
        """Waits until the other end has been used, or closed; None waits for ever."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(None if timeout is None else max(0, timeout) * 1000))

    def channel(self) -> Channel:
        """Makes the channel, which owns the socket from here on."""
        with self._lock:
            if self._channel is None:
                is_first = bool(os.read(self.token, 1))
                start = connect_start if is_first else create_start
                self._channel = start(f"fd:{self.socket}?{OPTIONS}")
                self.socket = -1
                self.close()
            return self._channel

    def for_another_process(self) -> Any:
        """What multiprocessing gives to a child, or sends to another process."""
        from multiprocessing.reduction import DupFd

        return _received, (DupFd(self.socket), DupFd(self.token))

    def __reduce__(self) -> Any:
        return self.for_another_process()

    def close(self) -> None:
        """Closes what it still owns."""
        owned = [fd for fd in (self.socket, self.token) if fd >= 0]
        self.socket = self.token = -1
        for fd in owned:
            os.close(fd)

    __del__ = close


def _received(socket: Any, token: Any) -> PipeEnd:
    return PipeEnd(socket.detach(), token.detach())


def pipe_ends() -> tuple[PipeEnd, PipeEnd]:
    """Two ends that belong together."""
    token, write = os.pipe()
    os.write(write, b"1")
    os.close(write)
    one, other = socketpair()
    return PipeEnd(one.detach(), token), PipeEnd(other.detach(), os.dup(token))
