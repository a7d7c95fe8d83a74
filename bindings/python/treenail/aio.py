"""treenail for asyncio: the classes of treenail, whose calls you await.

    from treenail import aio

    async with await aio.connect("shm:hello?retry=1") as channel:
        await channel.send(b"Python")
        print((await channel.recv()).decode())

Everything happens in the event loop's thread, and no other thread is started. Any number of tasks
may wait on one channel. A cancelled wait loses nothing: a message belongs to the next receive, and
a late reply is dropped. For timeouts use asyncio.wait_for or asyncio.timeout.
"""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Callable, Deque, Dict, Iterable, List, Optional, Tuple, TypeVar

import treenail
from treenail import Again, Closed, Error, ListenerStats, Loan, Message, Messages, NoSpace, Peer
from treenail import Stats, View

from ._aio_base import AioBase, Waiter, Waiters, Watch
from ._aio_named import Lock, Segment, Semaphore
from ._channel import has_ended

__all__ = ["Channel", "Listener", "Lock", "Segment", "Semaphore", "connect", "create", "pair"]

_Result = TypeVar("_Result")

# Bytes of messages that are kept for receiving calls while requests wait for their replies.
_INBOX_BYTES_MAX = 64 << 20
# A longer message may leave a remainder in this process, for which a send waits.
_SMALL_BYTES = 1024
# How many messages a request reads in one go while there is no room to send it.
_WAY_MAX = 256


class _Reply:
    """The reply to a request, once it has come."""

    __slots__ = ("data", "waiter")

    def __init__(self) -> None:
        self.data: Optional[bytes] = None
        self.waiter: Optional[Waiter] = None


class Channel(AioBase[treenail.Channel]):
    """A channel from connect, create or Listener.accept. See treenail.Channel for what the calls
    do; here `await` waits, and they have no timeout.

    `async with` closes it at the end; `async for message in channel` receives until the other side
    closes.
    """

    def __init__(self, channel: treenail.Channel, endpoint: str = "") -> None:
        """Takes over a channel. From here on use it only through this object.

        Of its endpoint only the option spin=0 matters here.
        """
        super().__init__(channel, endpoint)
        self._wait_at(self._reading, Watch(self, channel.send_fileno, type(self)._on_room))
        self._replies: Dict[int, _Reply] = {}
        self._askers: Waiters = {}
        self._reading_writers: Waiters = {}  # those that read while they wait for room
        self._inbox: Deque[Message] = deque()
        self._inbox_bytes = 0
        self._has_remainder = False

    async def send(self, data: Any, *, tag: int = 0) -> None:
        """Sends one message, whole or not at all."""
        await self._when_room(lambda: self._owner.send(data, timeout=0, tag=tag))
        if type(data) is not bytes or len(data) > _SMALL_BYTES:
            await self.flush()

    async def sendv(self, parts: Iterable[Any], *, tag: int = 0) -> None:
        """Sends one message that is put together from parts."""
        parts = list(parts)
        await self._when_room(lambda: self._owner.sendv(parts, timeout=0, tag=tag))
        await self.flush()

    async def send_many(self, messages: Iterable[Any]) -> None:
        """Sends many messages with one wake-up."""
        rest = list(messages)
        while rest:
            sent = await self._when_room(lambda: self._owner.send_many(rest, timeout=0))
            rest = rest[sent:]
        await self.flush()

    @asynccontextmanager
    async def loan(self, length: int, *, tag: int = 0) -> AsyncIterator[Loan]:
        """Lends room to write a message in place: `async with channel.loan(n) as loan` sends it at
        the end, or gives it back if there was an exception."""
        loan = await self._when_room(lambda: self._owner.loan(length, timeout=0, tag=tag))
        with loan:
            yield loan
            if not loan.released:
                await self._when_room(lambda: loan.commit(timeout=0))
        await self.flush()

    async def reply(self, request: Any, data: Any) -> None:
        """Answers a request, a Message or a View, which may have been released."""
        await self._when_room(lambda: self._owner.reply(request, data, timeout=0))
        await self.flush()

    async def flush(self) -> None:
        """Waits until everything that sends took is out of this process."""
        if not self._flushed():
            await self._when_room(lambda: self._owner.flush(timeout=0))
            self._has_remainder = False

    async def recv(self) -> bytes:
        """Receives one message, and returns its bytes."""
        return (await self._when_there(self._take)).data

    async def recv_message(self) -> Message:
        """Receives one message with its tag, id and flags."""
        return await self._when_there(self._take)

    async def recv_view(self) -> View:
        """Receives one message in place: `with await channel.recv_view() as view`."""
        return await self._when_there(self._take_view)

    async def recv_many(self, max: int = 1024) -> Messages:
        """Receives as many messages as are there, at most `max`, and at least one. It returns a
        list of the bytes of each; `messages` of that list has their tags, ids and flags too."""
        return await self._when_there(lambda: self._take_many(max))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return (await self._when_there(self._take)).data
        except Closed:
            raise StopAsyncIteration from None

    async def request(self, data: Any, *, tag: int = 0) -> bytes:
        """Sends a request, waits for the reply to it, and returns the bytes of that.

        Any number of tasks may ask at once. Other messages that come meanwhile wait for a receiving
        call. NoSpace: too many of those came.
        """
        start = self._owner.request_start
        # It reads while it sends: else two peers that ask at once would wait for each other.
        number = await self._when_room(
            lambda: start(data, timeout=0, tag=tag), self._make_way, self._reading_writers
        )
        reply = self._replies[number] = _Reply()

        def take() -> Optional[bytes]:
            while reply.data is None and self._read_on():
                pass
            return reply.data

        def new_waiter() -> Waiter:
            reply.waiter = self._new_reader()
            return reply.waiter

        try:
            self._flushed()
            return await self._when_there(take, self._askers, new_waiter)
        finally:
            if self._replies.pop(number, None) is not None and not self.closed:
                self._owner.request_cancel(number)

    def send_fileno(self) -> int:
        """The descriptor that the loop watches while a task waits for room."""
        return self._owner.send_fileno()

    async def connected(self) -> None:
        """Waits until it is connected, if it comes from treenail.connect_start or create_start."""
        await self._when_room(lambda: self._owner.flush(timeout=0))

    def peer(self) -> Peer:
        """Who is at the other end."""
        return self._owner.peer()

    def stats(self) -> Stats:
        """Counts of what has gone through the channel."""
        return self._owner.stats()

    def _flushed(self) -> bool:
        """Whether all that was taken is out; if not, the loop sends on, whoever is cancelled."""
        try:
            self._owner.flush(timeout=0)
            return True
        except Again:
            self._has_remainder = True
            self._writing.start()
            return False

    def _take(self) -> Optional[Message]:
        """Takes the next message that isn't the reply to a request of this object, if there is
        one."""
        while not self._inbox:
            message = self._owner._recv_now()
            if message is None or not message.is_reply:
                return message
            self._answer(message.id, message.data)
        return self._from_inbox()

    def _take_view(self) -> Optional[View]:
        while not self._inbox:
            view = self._owner._recv_view_now()
            if view is None or not view.is_reply:
                return view
            with view:
                self._answer(view.id, view.tobytes())
        return View._of(self._from_inbox())

    def _take_many(self, max: int) -> Optional[Messages]:
        if self._replies or self._inbox:  # replies that tasks wait for may be among them
            message = self._take()
            return None if message is None else Messages._one(message)
        try:
            return self._owner.recv_many(max, timeout=0)
        except Again:
            return None

    def _from_inbox(self) -> Message:
        message = self._inbox.popleft()
        self._inbox_bytes -= len(message.data)
        return message

    def _read_on(self) -> bool:
        """Receives one message, and wakes the task that it is for. Returns False if there is
        none."""
        if self._inbox_bytes > _INBOX_BYTES_MAX:
            raise NoSpace("request: too many other messages came before the reply; receive them")
        message = self._owner._recv_now()
        if message is None:
            return False
        if message.is_reply:
            self._answer(message.id, message.data)
        else:
            self._inbox.append(message)
            self._inbox_bytes += len(message.data)
            self._wake(self._readers)
        return True

    def _make_way(self) -> None:
        for _ in range(_WAY_MAX):
            if not self._read_on():
                return

    def _answer(self, number: int, data: bytes) -> None:
        reply = self._replies.pop(number, None)
        if reply is not None:
            reply.data = data
            if reply.waiter is not None:
                reply.waiter.wake()

    def _waiting(self) -> List[Waiters]:
        return [self._readers, self._askers, self._writers]

    def _on_readable(self) -> bool:
        """Wakes the tasks that can go on. Returns False if no task waits."""
        waiting = (self._readers, self._askers, self._reading_writers)
        return any(self._wake(waiters, now=True) for waiters in waiting)

    def _on_room(self) -> bool:
        """Wakes the task that can send, and sends on what a send has left here. Returns False if
        neither is there."""
        if self._wake(self._writers, now=True):
            return True
        try:
            self._has_remainder = self._has_remainder and not self._flushed()
        except Error:  # the end, which is for the next call to tell
            self._has_remainder = False
        return self._has_remainder


class Listener(AioBase[treenail.Listener]):
    """A listener, such as aio.Listener("shm:chat"): programs connect to it, and accept gives a
    channel for each.

    `async with` closes it at the end; `async for channel in listener` accepts until then.
    """

    def __init__(self, endpoint: str) -> None:
        """Starts to listen. Exists: a live process listens there."""
        super().__init__(treenail.Listener(endpoint), endpoint)
        self._endpoint = endpoint

    async def accept(self) -> Channel:
        """Waits for the next connection whose handshake is done, and returns its channel.
        Handshakes go on while a task waits here."""
        return Channel(await self._when_there(self._take), self._endpoint)

    def _take(self) -> Optional[treenail.Channel]:
        try:
            return self._owner.accept(timeout=0)
        except Again:
            return None

    def endpoint(self) -> str:
        """The endpoint to connect to."""
        return self._owner.endpoint()

    def stats(self) -> ListenerStats:
        """Counts what has become of the connections so far."""
        return self._owner.stats()

    def __aiter__(self) -> AsyncIterator[Channel]:
        return self

    async def __anext__(self) -> Channel:
        try:
            return await self.accept()
        except Closed:
            raise StopAsyncIteration from None


async def connect(endpoint: str) -> Channel:
    """Connects to a listener, such as "shm:chat", and is done when somebody listens there, as with
    treenail.connect.

    NotFound: nobody listens there; with retry=1 it keeps trying instead.
    """
    return await _opened(Channel(treenail.connect_start(endpoint), endpoint))


async def create(endpoint: str) -> Channel:
    """Makes a channel between exactly two programs: listens, accepts the first program that
    connects, and stops listening."""
    return await _opened(Channel(treenail.create_start(endpoint), endpoint), has_ended)


async def pair(options: str = "") -> Tuple[Channel, Channel]:
    """Makes a private channel and returns both its ends, for tests and for the tasks of one
    process: `one, other = await pair()`. The options are as behind the ? of an endpoint."""
    one, other = treenail.pair(options)
    return Channel(one, f"pair?{options}"), Channel(other, f"pair?{options}")


async def _opened(
    channel: Channel, is_fine: Callable[[treenail.Channel, Error], bool] = lambda *_: False
) -> Channel:
    try:
        try:
            await channel.connected()
        except Error as error:
            if not is_fine(channel._owner, error):
                raise
        return channel
    except BaseException:
        channel.close()
        raise
