"""One instance of a program for each user."""

from __future__ import annotations

import os
import sys
from time import sleep
from weakref import ref

from ._channel import Channel, connect
from ._errors import Again, Closed, Error, Exists, Invalid, NoSpace, NotFound, PeerLost, TimedOut, unnamed
from ._listener import Listener
from ._messages import Message
from ._poller import Poller
from ._waiting import deadline_of, first_ms, timeout_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Callable, Iterable, Iterator, List, NoReturn, Optional

_DEFAULT_TIMEOUT = 5.0
_OPTIONS = "?backlog=1024"  # many may start while the first instance is busy
_PAUSE = 0.001


class Start:
    """What a later instance of the program has handed over.

    That instance waits until done() is called; until the next start is received, or nothing refers
    to this object any more; or until the end of `with start`. If the first instance dies before,
    the later one takes its place.
    """

    __slots__ = ("arguments", "directory", "_channel", "_request", "__weakref__")

    arguments: List[str]
    """The arguments that the later instance was started with."""
    directory: str
    """Its working directory, to which relative names refer; empty if it has been removed."""
    _channel: Optional[Channel]

    def __init__(self, parts: List[str], channel: Channel, request: Message) -> None:
        self.directory, *self.arguments = parts
        self._channel, self._request = channel, request

    def done(self) -> None:
        """Lets the later instance end. Calling it twice is fine."""
        channel, self._channel = self._channel, None
        if channel is not None:
            try:
                channel.reply(self._request, b"", timeout=0)
            except Error:
                pass  # it has not waited
            channel.close()

    def __enter__(self) -> Start:
        return self

    def __exit__(self, *_: object) -> None:
        self.done()

    def __del__(self) -> None:
        if getattr(self, "_channel", None) is not None:
            self.done()

    def __repr__(self) -> str:
        return f"Start(arguments={self.arguments!r}, directory={self.directory!r})"


class SingleInstance:
    """Finds out whether this is the first instance of a program that this user runs. If not, it
    hands the arguments to the first one:

        instance = treenail.SingleInstance("org.example.notes")
        if instance.hand_over():
            sys.exit()
        for start in instance:  # or: async for start in instance
            print(start.arguments)

    The first instance is first until close(), or until its process ends, however that ends. Exactly
    one of those that start at the same time is first. An instance whose start was not done when the
    first one ends takes its place, or hands over to the one that does.

    Use it in one thread at a time, and in one task. `with` closes it at the end.
    """

    __slots__ = (
        "_address", "_listener", "_poller", "_channels", "_last", "_wake", "queued",
    )  # fmt: skip

    queued: bool
    """hand_over() returned True, but the first instance was busy all the time. The arguments lie in
    its queue; they are lost if it ends before it looks there."""
    _wake: Optional[Callable[[], None]]

    def __init__(self, name: str) -> None:
        """`name` is the program's own name among all programs of the user, such as
        "org.example.notes": 1 to 55 of A-Z a-z 0-9 . _ - without a dot in front, or a path.
        Programs in other languages that use this name are instances of the same program."""
        path = name.replace("%", "%25").replace("?", "%3F")
        self._address = f"local:{path}.instance"
        self._listener: Optional[Listener] = None
        self._poller: Optional[Poller] = None
        self._channels: List[Channel] = []
        self._last: Callable[[], Optional[Start]] = lambda: None
        self._wake = None
        self.queued = False

    def hand_over(
        self,
        arguments: Optional[Iterable[str]] = None,
        *extra: NoReturn,
        timeout: Optional[float] = _DEFAULT_TIMEOUT,
    ) -> bool:
        """Hands the arguments, sys.argv if none are given, and the working directory to the first
        instance: True, and this program should end. False: this is the first instance.

        It waits `timeout` seconds for a first instance that is busy (see `queued`); None waits for
        ever. TimedOut: it is busy, and its queue is full. Invalid: the name is not a name, or an
        argument has a NUL in it.
        """
        if extra:
            unnamed(extra)
        first_ms(timeout)
        data = _packed(sys.argv if arguments is None else arguments)
        deadline = deadline_of(timeout)
        self.queued = False
        while self._listener is None:
            try:
                self._become_first()
            except Exists:
                if self._asked(data, deadline):
                    return True
        return False

    @property
    def is_first(self) -> bool:
        """Whether this is the first instance."""
        return self._listener is not None

    def receive(self, *extra: NoReturn, timeout: Optional[float] = None) -> Start:
        """In the first instance: waits for the start of another one, for `timeout` seconds; None
        waits for ever, 0 never waits. The start that was received before is done.

        Again, TimedOut: there was none. Closed: this isn't the first instance.
        """
        if extra:
            unnamed(extra)
        last, deadline = self._last(), deadline_of(timeout)
        if last is not None:
            last.done()
        while True:
            poller, left = self._first()[0], timeout_left(deadline)
            if left == 0 != timeout:
                left = _PAUSE  # or it would say that it may not wait
            for source in poller.wait(timeout=left):
                if isinstance(source, Channel):
                    start = self._read(source)
                    if start is not None:
                        self._last = ref(start)
                        return start
                else:
                    self._accept()

    def fileno(self) -> int:
        """In the first instance: a descriptor for poll, select and event loops. It is readable
        until receive(timeout=0) raises Again. Never read, write or close it."""
        return self._first()[0].fileno()

    def close(self) -> None:
        """Ends being first: the next instance is. Closing twice is fine."""
        if self._wake is not None:
            self._wake()
        last, listener, poller = self._last(), self._listener, self._poller
        self._listener = self._poller = None
        if last is not None:
            last.done()
        for channel in self._channels:
            channel.close()
        self._channels.clear()
        if listener is not None and poller is not None:
            poller.close()
            listener.close()

    def __enter__(self) -> SingleInstance:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SingleInstance {self._address}{', first' if self.is_first else ''}>"

    def __iter__(self) -> Iterator[Start]:
        """The starts of other instances, until close()."""
        try:
            yield from iter(self.receive, None)
        except Closed:
            return

    def __aiter__(self) -> SingleInstance:
        return self

    async def __anext__(self) -> Start:
        """The start of another instance; close() in another task ends the wait."""
        import asyncio

        while True:
            try:
                return self.receive(timeout=0)
            except Closed:
                raise StopAsyncIteration from None
            except Again:
                await self._readable(asyncio.get_running_loop())

    async def _readable(self, loop: asyncio.AbstractEventLoop) -> None:
        fd, ready = self.fileno(), loop.create_future()

        def wake() -> None:
            loop.remove_reader(fd)
            self._wake = None
            if not ready.done():
                ready.set_result(None)

        loop.add_reader(fd, wake)
        self._wake = wake
        try:
            await ready
        finally:
            if self._wake is wake:
                wake()

    def _first(self) -> tuple[Poller, Listener]:
        if self._poller is None or self._listener is None:
            raise Closed(
                "SingleInstance: this isn't the first instance, or it was closed; call hand_over()"
            )
        return self._poller, self._listener

    def _become_first(self) -> None:
        listener = Listener(self._address + _OPTIONS)
        try:
            poller = Poller()
            poller.add(listener)
        except BaseException:
            listener.close()
            raise
        self._listener, self._poller = listener, poller

    def _asked(self, data: bytes, deadline: Optional[float]) -> bool:
        """Hands over; False if the first instance has ended meanwhile."""
        try:
            with connect(self._address, timeout=timeout_left(deadline)) as channel:
                channel.request_start(data, timeout=timeout_left(deadline))
                try:
                    channel.recv_message(timeout=timeout_left(deadline))
                except (Again, TimedOut):
                    channel.flush(timeout=0)  # a long message may be out in part only
                    self.queued = True
                return True
        except (Again, TimedOut):
            pass
        except (Closed, PeerLost, NotFound, NoSpace):
            if timeout_left(deadline) != 0:
                sleep(_PAUSE)
                return False
        raise TimedOut(
            f"hand over arguments to the first instance at {self._address}: it took none within "
            "the time; it may be busy with many, or hang: give it more time, or end it"
        )

    def _accept(self) -> None:
        poller, listener = self._first()
        try:
            channel = listener.accept(timeout=0)
        except Again:
            return
        self._channels.append(channel)
        poller.add(channel)

    def _read(self, channel: Channel) -> Optional[Start]:
        """The start that this channel brings; others than instances are sent away."""
        try:
            message = channel.recv_message(timeout=0)
        except Again:
            return None
        except Error:
            message = Message(b"")
        self._channels.remove(channel)
        self._first()[0].remove(channel)
        if message.is_request and message.data.endswith(b"\0"):
            parts = message.data[:-1].split(b"\0")
            return Start([os.fsdecode(part) for part in parts], channel, message)
        channel.close()
        return None


def _packed(arguments: Iterable[str]) -> bytes:
    """The directory and the arguments, each ended by a NUL."""
    try:
        directory = os.getcwd()
    except OSError:
        directory = ""
    parts = [os.fsencode(part) for part in (directory, *arguments)]
    if any(b"\0" in part for part in parts):
        raise Invalid("hand over arguments: one has a NUL in it; leave it out")
    return b"".join(part + b"\0" for part in parts)
