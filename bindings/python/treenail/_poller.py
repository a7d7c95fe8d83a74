"""Waiting for many at once."""

from __future__ import annotations

from ctypes import byref, c_size_t, c_uint64
from itertools import count
from operator import index

from ._abi import TN_NOT_FOUND, PollerHandle, library
from ._channel import Channel
from ._errors import Invalid, NotFound, check, unnamed
from ._listener import Listener
from ._owner import Owner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, NoReturn, Optional, Tuple

_FD_MAX = 2**31 - 1
_READY_MAX = 4096  # more are for the next wait


class Poller(Owner):
    """A poller: it waits for many channels, listeners and other descriptors at once.

    Every thread may use it at any time. `with` closes it at the end.
    """

    __slots__ = ("_sources", "_numbers")

    _fd = library.tn_poller_fd
    _close = library.tn_poller_wake  # who waits leaves, and then it is freed
    _sources: Dict[int, Tuple[Any, Any, bool]]  # by number: what was added, its key, is it room

    def __init__(self) -> None:
        self._handle, self._sources, self._numbers = PollerHandle(), {}, count()
        check(library.tn_poller_new(byref(self._handle)))

    def _facts(self) -> List[str]:
        return [f"sources={len(self._sources)}"]

    def add(self, source: Any, key: Any = None) -> None:
        """Adds a channel's messages, a listener, a descriptor, or an object that has fileno().

        wait() gives `key`, or `source` if there is none, whenever it is ready. Exists: it is in
        this poller already.
        """
        number = next(self._numbers)
        if isinstance(source, Channel):
            status = library.tn_poller_add_channel(self._handle, source._handle, number)
        elif isinstance(source, Listener):
            status = library.tn_poller_add_listener(self._handle, source._handle, number)
        else:
            fd = index(source if isinstance(source, int) else source.fileno())
            if not 0 <= fd <= _FD_MAX:  # ctypes would cut off what is too much
                raise Invalid(f"add to a Poller: {fd} is no descriptor")
            status = library.tn_poller_add_fd(self._handle, fd, number)
        if status < 0:
            self._fail(status)
        self._sources[number] = source, source if key is None else key, False

    def add_send(self, channel: Channel, key: Any) -> None:
        """Adds a channel's room to send. Add it only while there is something to send.

        wait() gives `key`, which must differ from that of the channel's messages, whenever a send
        may succeed, and at the end. Exists: it is in this poller already.
        """
        number = next(self._numbers)
        status = library.tn_poller_add_channel_send(self._handle, channel._handle, number)
        if status < 0:
            self._fail(status)
        self._sources[number] = channel, key, True

    def remove(self, source: Any) -> None:
        """Removes what was added. NotFound: it wasn't added."""
        self._remove(source, False)

    def remove_send(self, channel: Channel) -> None:
        """Removes a channel's room to send. NotFound: it wasn't added."""
        self._remove(channel, True)

    def _remove(self, source: Any, is_room: bool) -> None:
        for number, (added, _, of_room) in list(self._sources.items()):
            if of_room is is_room and (added is source or added == source):
                del self._sources[number]
                status = library.tn_poller_remove(self._handle, number)
                # A channel that was closed has left by itself.
                if status < 0 and status != TN_NOT_FOUND:
                    self._fail(status)
                return
        raise NotFound("remove from a Poller: it was not added")

    def wait(self, *extra: NoReturn, timeout: Optional[float] = None, max: int = 64) -> List[Any]:
        """Waits until something is ready, and returns the keys of up to `max` that are.

        An empty list: wake() was called. Waits for `timeout` seconds; None waits for ever, 0 never
        waits. Again, TimedOut: nothing is ready.
        """
        if extra:
            unnamed(extra)
        if max < 1:
            raise ValueError(f"max is at least 1, not {max}")
        room = min(max, _READY_MAX)
        numbers, found = (c_uint64 * room)(), c_size_t()
        handle, wait, out = self._handle, library.tn_poller_wait, byref(found)
        self._drive(lambda ms: wait(handle, ms, numbers, room, out), timeout)
        sources = self._sources
        return [sources[number][1] for number in numbers[: found.value] if number in sources]

    def wake(self) -> None:
        """Makes the current wait return, or the next one if there is none. From any thread."""
        status = library.tn_poller_wake(self._handle)
        if status < 0:
            self._fail(status)
