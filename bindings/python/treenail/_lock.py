"""The lock of a segment: taking it, and giving it back."""

from __future__ import annotations

import operator
from functools import partial

from ._abi import TN_AGAIN, TN_OK, TN_OWNER_DIED, TN_TIMED_OUT, hot, library
from ._errors import unnamed
from ._named import Named
from ._owner import refuse_to_pickle
from ._taking import ForStacks, all_steps, step
from ._waiting import PATIENCE_MS, after_patience, drive_in_pieces, first_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn, Optional, TypeVar

    from ._abi import Handle

    SelfLock = TypeVar("SelfLock", bound="Lock")
    Steps = map[int]
else:
    Steps = map

_lock, _lock_shared = hot("tn_segment_lock"), hot("tn_segment_lock_shared")
_unlock = step("tn_segment_unlock")
_call: Any = getattr(operator, "call", partial.__call__)  # from 3.11 on the former is quicker
_EXCLUSIVE, _SHARED = 0, 1
_PATIENCE = PATIENCE_MS / 1000


def steps_of(handle: Handle) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Taking the lock and giving it back, for each mode."""
    give_back = partial(_unlock, handle)
    return (
        (partial(_lock, handle, PATIENCE_MS), give_back),
        (partial(_lock_shared, handle, PATIENCE_MS), give_back),
    )


class Held:
    """What taking the lock came to."""

    __slots__ = ("owner_died",)

    owner_died: bool
    """Whether somebody died with the lock, and nobody has had it alone since: the data may be
    half-written."""

    def __init__(self, owner_died: bool) -> None:
        self.owner_died = owner_died

    def __repr__(self) -> str:
        return f"Held(owner_died={self.owner_died})"


HELD = {TN_OK: Held(False), TN_OWNER_DIED: Held(True)}


class Lock(Steps, metaclass=ForStacks):
    """A segment's lock that is held: until unlock(), or the end of a `with`. Dropping this object
    unlocks nothing."""

    # It is an iterator whose first step takes the lock, and whose second gives it back: so each is
    # done once, and by a call that isn't written in Python. See _taking.

    owner_died = False
    """Whether somebody died with the lock, and nobody has had it alone since: the data may be
    half-written."""

    if TYPE_CHECKING:

        def __enter__(self: SelfLock) -> SelfLock: ...

        def __exit__(self, *_: object) -> None: ...

    else:
        __enter__ = map.__iter__  # which returns the object itself
        __exit__ = property(partial(partial, all_steps()))

    def unlock(self) -> None:
        """Gives the lock back. A second time, and the end of a `with` after it, do nothing."""
        self.__exit__(None, None, None)

    def __repr__(self) -> str:
        return f"Lock(owner_died={self.owner_died})"

    def __reduce__(self) -> Any:
        refuse_to_pickle(self)


class Locking(Named):
    """The lock of a segment."""

    __slots__ = ("_steps",)

    _steps: tuple[tuple[Any, Any], tuple[Any, Any]]

    def lock(self, *extra: NoReturn, timeout: Optional[float] = None) -> Lock:
        """Takes the lock exclusively, and holds it until unlock() or the end of a `with`:

            with segment.lock() as lock:
                ...

        Waits for `timeout` seconds; None waits for ever, 0 never waits. Again, TimedOut: others
        have the lock. The lock belongs to this object: it excludes other threads that use the
        object, and locking twice waits.
        """
        if extra:
            unnamed(extra)
        if timeout is not None:
            return self._take(_EXCLUSIVE, timeout)
        # As _take does, without the time of that call.
        steps, took = self._steps[_EXCLUSIVE], TN_AGAIN
        lock = Lock(_call, steps)
        try:
            for took in lock:
                break
            if took:
                took = self._take_on(partial(steps[0].func, self._handle), timeout, took, lock)
            return lock
        except:
            if took >= 0:
                lock.__exit__(None, None, None)
            raise

    def lock_shared(self, *extra: NoReturn, timeout: Optional[float] = None) -> Lock:
        """Takes the lock shared with other readers, and holds it until unlock() or the end of a
        `with`: nobody has it exclusively meanwhile. Waits as lock() does."""
        if extra:
            unnamed(extra)
        return self._take(_SHARED, timeout)

    def unlock(self) -> None:
        """Gives back the lock that lock() or lock_shared() has taken. Invalid: this object doesn't
        hold it."""
        status = library.tn_segment_unlock(self._handle)
        if status < 0:
            self._fail(status)

    def acquire(self, *extra: NoReturn, timeout: Optional[float] = None) -> Lock:
        """Takes the lock as lock() does; threading calls it so."""
        if extra:
            unnamed(extra)
        return self._take(_EXCLUSIVE, timeout)

    def acquire_shared(self, *extra: NoReturn, timeout: Optional[float] = None) -> Lock:
        """Takes the lock for reading, as lock_shared() does."""
        if extra:
            unnamed(extra)
        return self._take(_SHARED, timeout)

    def release(self) -> None:
        """Gives the lock back as unlock() does; threading calls it so."""
        self.unlock()

    def _take(self, mode: int, timeout: Optional[float]) -> Lock:
        """Takes the lock. No signal gets between that and the caller's `with`: from Python 3.11 on
        no handler runs within `for`, or at the end of a function."""
        steps, took = self._steps[mode], TN_AGAIN
        if timeout is not None:
            steps = partial(steps[0].func, self._handle, first_ms(timeout)), steps[1]
        lock = Lock(_call, steps)
        try:
            for took in lock:
                break
            if took:
                took = self._take_on(partial(steps[0].func, self._handle), timeout, took, lock)
            return lock
        except:
            if took >= 0:
                lock.__exit__(None, None, None)
            raise

    def _take_on(
        self, take: Callable[[int], int], timeout: Optional[float], first: int, lock: Lock
    ) -> int:
        """What follows a first attempt that came to something else than TN_OK."""
        took = [first]

        def attempt(ms: int) -> int:
            took[:] = map(take, (ms,))
            return took[0]

        try:
            if first == TN_TIMED_OUT and (timeout is None or timeout > _PATIENCE):
                drive_in_pieces(attempt, None if timeout is None else after_patience(timeout))
            if took[0] < 0:
                self._fail(took[0])
            lock.owner_died = took[0] == TN_OWNER_DIED
            return took[0]
        except:
            if first < 0 <= took[0]:
                lock.__exit__(None, None, None)
            raise
