"""Listeners."""

from __future__ import annotations

import os
from ctypes import byref, c_size_t, create_string_buffer, sizeof

from ._abi import ChannelHandle, ListenerHandle, library, tn_listener_stats
from ._channel import Channel, counts_text
from ._errors import Closed, check, unnamed
from ._owner import Owner, encoded
from ._waiting import drive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, NoReturn, Optional

_ENDPOINT_BYTES_MAX = 8192


class ListenerStats(tn_listener_stats):
    """Counts of what has become of a listener's connections."""

    accepted: int
    refused_user: int
    refused_full: int
    refused_protocol: int
    timed_out: int
    pending: int
    channels: int
    lost: int

    def __repr__(self) -> str:
        return counts_text(self)


class Listener(Owner):
    """A listener, such as Listener("shm:chat"): programs connect to it, and accept gives a channel
    for each.

    Every thread may use it at any time. `with` closes it at the end; `for channel in listener`
    accepts until it is closed.
    """

    __slots__ = ("_kept", "_endpoint")

    _fd = library.tn_listener_fd
    _close = library.tn_listener_close
    _kept: List[ChannelHandle]  # connections that were taken but could not be handed out

    def __init__(self, endpoint: str) -> None:
        """Starts to listen. Exists: a live process listens there."""
        self._handle, self._kept, self._endpoint = ListenerHandle(), [], endpoint
        check(library.tn_listener_open(encoded(endpoint), byref(self._handle)))

    def _origin(self) -> List[str]:
        return [repr(self._endpoint)]

    def accept(self, *extra: NoReturn, timeout: Optional[float] = None) -> Channel:
        """Waits for the next connection whose HELLO has come, and returns its channel. The peer may
        have ended already; what it sent is still received.

        Waits for `timeout` seconds; None waits for ever, 0 never waits. Again, TimedOut: nobody
        has connected. Closed: the listener was closed.
        """
        if extra:
            unnamed(extra)
        # As in _receiving: what is in `held` and isn't returned is kept for the next call.
        kept, front = self._kept, slice(0, 0)
        held: List[ChannelHandle] = []
        handle, accept = self._handle, library.tn_listener_accept
        try:
            while kept and not held:
                try:
                    held.extend(filter(None, map(kept.pop, (0,))))
                except IndexError:
                    break  # another thread was faster
            if not held:
                held.append(ChannelHandle())
                out = byref(held[0])
                status = drive(lambda ms: accept(handle, ms, out), self.fileno, timeout)
                if status < 0:
                    held.clear()
                    self._fail(status)
            return Channel._of(held[0], self._endpoint)
        except:
            kept[front] = held
            raise

    def endpoint(self) -> str:
        """The endpoint to connect to."""
        text, length = create_string_buffer(_ENDPOINT_BYTES_MAX), c_size_t()
        status = library.tn_listener_endpoint(
            self._handle, text, _ENDPOINT_BYTES_MAX, byref(length)
        )
        if status < 0:
            self._fail(status)
        return os.fsdecode(text.value)

    def stats(self) -> ListenerStats:
        """Counts what has become of the connections so far. They stay when the listener is closed."""
        stats = ListenerStats(struct_size=sizeof(ListenerStats))
        status = library.tn_listener_stats(self._handle, byref(stats))
        if status < 0:
            self._fail(status)
        return stats

    def __iter__(self) -> Iterator[Channel]:
        """The connections, until this program closes the listener."""
        try:
            yield from iter(self.accept, None)
        except Closed:
            return
