"""Segments and semaphores in asyncio."""

from __future__ import annotations

from typing import Any, Callable, Coroutine, Generator, Optional, TypeVar

import treenail
from treenail import Again, Held, Snapshot

from ._named import Named
from ._aio_base import _TURNS_MAX, AioBase, Watch

_Owner = TypeVar("_Owner", bound=Named)
_Result = TypeVar("_Result")


class _NamedBase(AioBase[_Owner]):
    """What Segment and Semaphore have in common: the tasks of a loop get it one after the other."""

    def __init__(self, owner: _Owner) -> None:
        super().__init__(owner, "")

    @property
    def name(self) -> str:
        """The name it was opened with, by which others can open it."""
        return self._owner.name

    async def _in_order(self, call: Callable[[], _Result]) -> _Result:
        """Calls until it isn't refused with Again. A task that is refused stays the first one."""
        self._turns += 1
        if self._turns > _TURNS_MAX:
            await self._give_turn()
        if self._writers:
            await self._wait(self._writers, self._new_writer)
        while True:
            try:
                result = call()
            except Again:
                await self._wait(self._writers, self._new_writer, first=True)
            else:
                self._wake(self._writers)
                return result

    def _on_readable(self) -> bool:
        """Wakes the task that can go on. Returns False if no task waits."""
        return self._wake(self._writers, now=True)


class Lock:
    """A segment's lock, for `async with`, which takes it and gives it back, or for `await`, which
    takes it until unlock(). Both give a treenail.Lock."""

    def __init__(self, taking: Coroutine[Any, Any, treenail.Lock]) -> None:
        self._taking = taking

    def __await__(self) -> Generator[Any, None, treenail.Lock]:
        return self._taking.__await__()

    async def __aenter__(self) -> treenail.Lock:
        self._lock = await self._taking
        return self._lock

    async def __aexit__(self, *_: object) -> None:
        self._lock.__exit__(None, None, None)


class Segment(_NamedBase[treenail.Segment]):
    """A segment whose lock and changes are awaited. See treenail.Segment for what the calls do.

        async with aio.Segment(treenail.Segment.open("frames")) as segment:
            async with segment.lock() as lock:
                segment.buf[:5] = b"hello"
            segment.notify()

    `async with` closes it at the end.
    """

    def __init__(self, segment: treenail.Segment) -> None:
        """Takes over a segment. From here on wait for it only through this object."""
        super().__init__(segment)
        self._wait_at(
            Watch(self, segment.fileno, AioBase._on_readable),
            Watch(self, segment.lock_fileno, _NamedBase._on_readable),
        )

    @property
    def size(self) -> int:
        """The size of the data in bytes."""
        return self._owner.size

    @property
    def buf(self) -> memoryview:
        """The data."""
        return self._owner.buf

    @property
    def version(self) -> int:
        """How many changes were announced."""
        return self._owner.version

    @property
    def attached(self) -> int:
        """How many objects hold the segment now."""
        return self._owner.attached

    def notify(self) -> None:
        """Announces a change."""
        self._owner.notify()

    def lock(self) -> Lock:
        """Takes the lock exclusively. `async with segment.lock() as lock` gives it back at the end;
        `await segment.lock()` holds it until unlock(). It excludes the other tasks of this object
        too."""
        return Lock(self._locked(lambda: self._owner.lock(timeout=0)))

    def lock_shared(self) -> Lock:
        """Takes the lock shared with other readers, for `async with` or `await` as lock() does."""
        return Lock(self._locked(lambda: self._owner.lock_shared(timeout=0)))

    def unlock(self) -> None:
        """Gives back the lock that was awaited."""
        self._owner.unlock()

    def acquire(self) -> Lock:
        """Takes the lock as lock() does; asyncio calls it so."""
        return self.lock()

    def acquire_shared(self) -> Lock:
        """Takes the lock for reading, as lock_shared() does."""
        return self.lock_shared()

    def release(self) -> None:
        """Gives the lock back as unlock() does; asyncio calls it so."""
        self._owner.unlock()

    async def _locked(self, take: Callable[[], treenail.Lock]) -> treenail.Lock:
        return await self._in_order(take)

    _locked.__qualname__ = "Segment.lock"  # for Python's warning if nobody awaits it

    async def write(self, data: Any, offset: int = 0) -> Held:
        """Copies bytes to the data at `offset`, under the lock, and announces the change."""
        return await self._in_order(lambda: self._owner.write(data, offset, timeout=0))

    async def read(self, length: Optional[int] = None, offset: int = 0) -> Snapshot:
        """Returns a copy of `length` bytes of the data at `offset`, which it makes under the shared
        lock."""
        return await self._in_order(lambda: self._owner.read(length, offset, timeout=0))

    async def read_into(self, buffer: Any, offset: int = 0) -> Held:
        """Fills a buffer with the data from `offset` on, under the shared lock."""
        return await self._in_order(lambda: self._owner.read_into(buffer, offset, timeout=0))

    async def wait(self, seen: int) -> int:
        """Waits until the version differs from `seen`, and returns the version."""
        return await self._when_there(lambda: self._changed(seen))

    def _changed(self, seen: int) -> Optional[int]:
        try:
            return self._owner.wait(seen, timeout=0)
        except Again:
            return None

    def lock_fileno(self) -> int:
        """The descriptor that the loop watches while a task waits for the lock."""
        return self._owner.lock_fileno()


class Semaphore(_NamedBase[treenail.Semaphore]):
    """A semaphore whose units are awaited: `async with semaphore` acquires one and releases it. See
    treenail.Semaphore for what the calls do.

        slots = aio.Semaphore(treenail.Semaphore("slots", 4))
        async with slots:
            ...  # at most four at a time are here
    """

    def __init__(self, semaphore: treenail.Semaphore) -> None:
        """Takes over a semaphore. From here on wait for it only through this object."""
        super().__init__(semaphore)

    async def acquire(self, n: int = 1) -> bool:
        """Acquires `n` units, all at once or none. Returns True always. Tasks get theirs in the
        order in which they came."""
        return await self._in_order(lambda: self._owner.acquire(n, timeout=0))

    def release(self, n: int = 1) -> None:
        """Releases `n` units, or adds some that this object had not acquired."""
        self._owner.release(n)

    @property
    def value(self) -> int:
        """How many units are free now."""
        return self._owner.value

    async def __aenter__(self) -> bool:  # type: ignore[override]
        return await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._owner.release()


for _one in (Lock, Segment, Semaphore):
    _one.__module__ = "treenail.aio"  # where users find it
