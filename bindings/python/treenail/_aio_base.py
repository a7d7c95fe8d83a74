"""What the objects of treenail.aio have in common: tasks that wait for descriptors."""

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from contextvars import Context
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Callable, Dict, Generic, List, Optional, Tuple, TypeVar
from weakref import ref

from ._abi import Ending
from ._errors import Again
from ._views import leave
from ._owner import Owner

if TYPE_CHECKING:
    _Future = asyncio.Future[None]
else:
    _Future = asyncio.Future

Waiters = Dict["Waiter", None]  # in the order in which they came

_Owner = TypeVar("_Owner", bound=Owner)
_Result = TypeVar("_Result")
_Self = TypeVar("_Self", bound="AioBase")  # type: ignore[type-arg]

# So many calls may succeed at once before the loop has its turn.
_TURNS_MAX = 32
_SPIN_SECONDS = 50e-6
_SKIPS_MAX = 63
_SEVERAL_PROCESSORS = len(os.sched_getaffinity(0)) > 1


class Waiter(_Future):
    """What one task waits for. When its descriptor is readable, the task goes on at once, in the
    loop's callback: a future would bring it back a turn of the loop later, after another poll."""

    _callback: Optional[Callable[[asyncio.Future[None]], object]] = None
    _context: Optional[Context] = None

    def add_done_callback(self, fn: Any, *, context: Optional[Context] = None) -> None:
        """The task says how it is woken."""
        self._callback, self._context = fn, context

    def wake(self, now: bool = False) -> bool:
        """Has the task go on in the next turn, or `now`: within this call, which must come from the
        loop itself. False: it was woken before, or cancelled."""
        try:
            self.set_result(None)  # not after a look: Ctrl-C cancels tasks between any two steps
        except asyncio.InvalidStateError:
            return False
        if not now:
            self._soon()
        elif self._callback is not None and self._context is not None:
            self._context.run(self._callback, self)
        return True

    def cancel(self, msg: Optional[Any] = None) -> bool:
        """Wakes the task with CancelledError."""
        cancelled = super().cancel(msg)
        if cancelled:
            self._soon()
        return cancelled

    def _soon(self) -> None:
        if self._callback is not None:
            self.get_loop().call_soon(self._callback, self, context=self._context)


class Watch:
    """A descriptor of an AioBase in its event loop.

    It is in the loop while a task waits, and after that until it becomes readable while none waits.
    So mostly nothing has to change between a wake-up and the next wait.
    """

    __slots__ = ("_base", "_fileno", "_on_readable", "_loop", "_fd")

    def __init__(
        self,
        base: AioBase[Any],
        fileno: Callable[[], int],
        on_readable: Callable[[Any], bool],
    ) -> None:
        """`on_readable` is called with `base`, and returns whether anybody waits there."""
        # The loop must not keep alive what nobody uses any more.
        self._base, self._fileno, self._on_readable = ref(base), fileno, on_readable
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._fd: Optional[int] = None  # while it is in the loop

    def start(self) -> asyncio.AbstractEventLoop:
        """Adds the descriptor to the loop that is running."""
        loop = asyncio.get_running_loop()
        if _LEFT:
            _drop_left()
        if self._fd is not None:
            if loop is self._loop:
                return loop
            if self._loop is not None and not self._loop.is_closed():
                name = type(self._base()).__name__
                raise RuntimeError(f"this {name} is used in another event loop")
        fd = self._fileno()
        loop.add_reader(fd, self._readable)
        self._loop, self._fd = loop, fd
        return loop

    def stop(self) -> None:
        """Removes the descriptor from its loop."""
        fd, self._fd = self._fd, None
        if fd is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(fd)

    def drop(self, owner: Owner) -> None:
        """Removes the descriptor from its loop, in any thread that collects garbage. The owner
        keeps the descriptor open until then. Dropping twice is fine."""
        loop, fd = self._loop, self._fd
        if fd is None or loop is None or loop.is_closed():
            return
        if asyncio._get_running_loop() is loop or not loop.is_running():
            loop.remove_reader(fd)
        else:  # the descriptor must be there until it is removed
            loop.call_soon_threadsafe(lambda owner: loop.remove_reader(fd), owner)

    def _readable(self) -> None:
        base = self._base()
        if base is None or not self._on_readable(base):
            self.stop()


# The watches of those that nobody refers to any more, with what has their descriptors: as long as
# they may still be in a loop.
_LEFT: List[Tuple[List[Watch], Owner]] = []


def _drop_left() -> None:
    """A signal handler may raise at each line of this, and then the next call goes on with it."""
    for one in list(_LEFT):
        for watch in one[0]:
            watch.drop(one[1])
        try:
            _LEFT.remove(one)
        except ValueError:
            pass  # another thread did the same


def _leaving(watches: List[Watch], owner: Owner) -> Ending:
    """Drops the watches when nothing refers to the result any more. No signal handler runs between
    its end and their entry in _LEFT."""
    steps = (partial(_LEFT.append, (watches, owner)), partial(_drop_left))
    # A step after the other, called by what isn't written in Python.
    return Ending(partial(deque, map(partial.__call__, steps), 0))


class AioBase(Generic[_Owner]):
    """What the classes of treenail.aio have in common: a handle that tasks of one event loop wait
    for."""

    def __init__(self, owner: _Owner, endpoint: str) -> None:
        self._owner = owner
        self._watches: List[Watch] = []
        self._leaving = _leaving(self._watches, owner)
        self._stays_awake = _SEVERAL_PROCESSORS and "spin=0" not in re.split("[?&]", endpoint)
        self._wait_at(Watch(self, owner.fileno, type(self)._on_readable))
        self._turns = self._vain = self._skips = 0
        self._readers: Waiters = {}
        self._writers: Waiters = {}

    def _wait_at(self, reading: Watch, writing: Optional[Watch] = None) -> None:
        """Where its readers and its writers wait."""
        self._reading, self._writing = reading, writing or reading
        self._watches[:] = (self._reading, self._writing)

    def fileno(self) -> int:
        """The descriptor that the loop watches."""
        return self._owner.fileno()

    @property
    def closed(self) -> bool:
        """Whether this program has closed it."""
        return self._owner.closed

    def __repr__(self) -> str:
        return f"aio.{self._owner!r}"

    def close(self) -> None:
        """Closes it: every call raises Closed at once, in all tasks. Closing twice is fine."""
        for watch in self._watches:
            watch.stop()
        try:
            self._owner.close()
        finally:  # if that was refused, they wait anew
            for waiters in self._waiting():
                while self._wake(waiters):
                    pass

    async def __aenter__(self: _Self) -> _Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        leave(self.close, raised[0])

    async def _give_turn(self) -> None:
        """Gives other tasks their turn. A task whose calls all succeed at once would keep the loop
        to itself."""
        self._turns = 0
        await asyncio.sleep(0)

    async def _when_room(
        self,
        call: Callable[[], _Result],
        meanwhile: Callable[[], None] = lambda: None,
        also: Optional[Waiters] = None,
    ) -> _Result:
        """Calls until it isn't refused with Again; `meanwhile` is called before each wait, and
        whoever is in `also` is woken to do so."""
        self._turns += 1
        if self._turns > _TURNS_MAX:
            await self._give_turn()
        if self._writers:
            meanwhile()
            await self._wait(self._writers, self._new_writer, also=also)  # they were first
        while True:
            try:
                result = call()
            except Again:
                meanwhile()
                await self._wait(self._writers, self._new_writer, also=also)
            else:
                self._wake(self._writers)
                return result

    async def _when_there(
        self,
        take: Callable[[], Optional[_Result]],
        waiters: Optional[Waiters] = None,
        new_waiter: Optional[Callable[[], Waiter]] = None,
    ) -> _Result:
        """Waits until `take` returns something, and returns that."""
        self._turns += 1
        if self._turns > _TURNS_MAX:
            await self._give_turn()
        result = take()
        while result is None:
            await self._wait(
                self._readers if waiters is None else waiters, new_waiter or self._new_reader
            )
            result = take()
        self._wake(self._readers)  # there may be more
        return result

    async def _wait(
        self,
        waiters: Waiters,
        new_waiter: Callable[[], Waiter],
        first: bool = False,
        also: Optional[Waiters] = None,
    ) -> None:
        """Waits for a descriptor, after a call that was refused with Again."""
        waiter = new_waiter()
        if also is not None:
            self._reading.start()
            also[waiter] = None
        behind = list(waiters) if first else ()
        waiters[waiter] = None
        for other in behind:
            waiters[other] = waiters.pop(other)
        self._turns = 0
        if self._skips:
            self._skips -= 1
        elif self._stays_awake:
            self._stay_awake(waiter, monotonic() + _SPIN_SECONDS)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self._wake(waiters)  # in place of this one, which was woken and can't come
            raise
        finally:
            waiters.pop(waiter, None)
            if also is not None:
                also.pop(waiter, None)

    def _stay_awake(self, waiter: Waiter, end: float) -> None:
        """Keeps the loop from sleeping for a while: being woken takes longer than many an answer.
        As in the library's spin=auto, after a while in vain 1, 3, 7, … up to 63 waits go without.
        """
        if waiter.done():
            self._vain = 0
        elif monotonic() < end:
            waiter.get_loop().call_soon(self._stay_awake, waiter, end)
        else:
            self._skips = self._vain = min(2 * self._vain + 1, _SKIPS_MAX)

    @staticmethod
    def _wake(waiters: Waiters, now: bool = False) -> bool:
        """Wakes the one that has waited longest; False: there is none."""
        while waiters:
            waiter = next(iter(waiters))
            del waiters[waiter]
            if waiter.wake(now):
                return True
        return False

    def _waiting(self) -> List[Waiters]:
        return [self._readers, self._writers]

    def _on_readable(self) -> bool:
        """Wakes the task that can go on. Returns False if no task waits."""
        return self._wake(self._readers, now=True)

    def _new_reader(self) -> Waiter:
        return Waiter(loop=self._reading.start())

    def _new_writer(self) -> Waiter:
        return Waiter(loop=self._writing.start())
