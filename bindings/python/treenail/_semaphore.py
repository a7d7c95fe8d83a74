"""Semaphores: named, counting, and no death takes a unit away."""

from __future__ import annotations

from ctypes import byref, c_uint32
from functools import partial

from ._abi import NOTHING, TN_OK, SemaphoreHandle, hot, library
from ._errors import check, closed
from ._named import Named
from ._owner import encoded
from ._taking import ForStacks, giver, taker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional, TypeVar

    Self = TypeVar("Self", bound="Semaphore")

_UNITS_MAX = 2**31 - 1
_ONE = c_uint32(1)
_acquire = hot("tn_semaphore_acquire")
_release = giver("tn_semaphore_release", SemaphoreHandle, c_uint32)


def _units(count: int) -> c_uint32:
    """A count for the library; ctypes would cut off what is too much."""
    if count < 0:
        raise ValueError(f"{count} is no number of units")
    return c_uint32(min(count, _UNITS_MAX + 1))


class Semaphore(Named, metaclass=ForStacks):
    """A named semaphore: so many units, for all programs that open it together.

        slots = treenail.Semaphore("slots", 4)
        with slots:
            ...  # at most four at a time are here

    What a process had acquired comes back when it dies, and also when it closes the semaphore. It
    goes with the last one that has it open. Every thread may use it at any time.
    """

    _initial: tuple[int, ...]  # empty: it was there

    _fd = library.tn_semaphore_fd
    _close = library.tn_semaphore_close

    if TYPE_CHECKING:

        def __enter__(self) -> bool:  # type: ignore[override]
            ...

    else:
        __slots__ = ("_initial", "__enter__", "__exit__")

    def __init__(self, name: str, initial: int = 1) -> None:
        """Opens a semaphore, or makes one of `initial` units; one that is there keeps its own."""
        self._hold(library.tn_semaphore_open_or_create, name, initial)

    @classmethod
    def create(cls: type[Self], name: str, initial: int = 1) -> Self:
        """Makes a semaphore of `initial` units. Exists: somebody alive holds one of that name."""
        semaphore = cls.__new__(cls)
        semaphore._hold(library.tn_semaphore_create, name, initial)
        return semaphore

    @classmethod
    def open(cls: type[Self], name: str) -> Self:
        """Opens a semaphore. NotFound: nobody alive holds one of that name."""
        semaphore = cls.__new__(cls)
        semaphore._hold(library.tn_semaphore_open, name)
        return semaphore

    @classmethod
    def open_or_create(cls: type[Self], name: str, initial: int = 1) -> Self:
        """Opens a semaphore, which keeps its units, or makes one of `initial` units. Of many that
        call it at once exactly one makes it. The same as Semaphore(name, initial)."""
        return cls(name, initial)

    def _hold(self, function: Callable[..., int], name: str, *initial: int) -> None:
        self._name, self._initial, self._handle = name, initial, SemaphoreHandle()
        handle = self._handle
        check(function(encoded(name), *map(_units, initial), byref(handle)))
        self._end_at_exit()
        setattr(self, "__enter__", self._taker(_ONE, None))
        setattr(self, "__exit__", partial(_release, handle, _ONE))

    @staticmethod
    def remove(name: str) -> None:
        """Takes the name of a semaphore away. Those that hold it keep it. NotFound: nothing has
        it."""
        check(library.tn_semaphore_remove(encoded(name)))

    def _taker(self, count: c_uint32, timeout: Optional[float]) -> Any:
        handle = self._handle
        if handle is NOTHING:
            closed("Semaphore")
        give_back, results = partial(_release, handle, count), {TN_OK: True}
        return taker(
            _acquire, handle, count, results=results, give_back=give_back, timeout=timeout
        )

    def acquire(self, n: int = 1, timeout: Optional[float] = None) -> bool:
        """Acquires `n` units, all at once: True, always.

        Waits for `timeout` seconds; None waits for ever, 0 never waits. Again, TimedOut: there are
        not so many. Who waits for many is not passed for ever by those that want few.
        """
        if n == 1 and timeout is None:
            return self.__enter__()
        took: bool = self._taker(_units(n), timeout)()
        return took

    def release(self, n: int = 1) -> None:
        """Gives back `n` units; or makes them, where they were not acquired through this object."""
        status = library.tn_semaphore_release(self._handle, _units(n))
        if status < 0:
            self._fail(status)

    def fileno(self) -> int:
        """A descriptor for poll, epoll, select and event loops: readable while units may be had, so
        until acquire(…, timeout=0) raises Again, for however many. Never read, write or close
        it."""
        return super().fileno()

    @property
    def value(self) -> int:
        """How many units are free now."""
        value = c_uint32()
        status = library.tn_semaphore_value(self._handle, byref(value))
        if status < 0:
            self._fail(status)
        return value.value

    def close(self) -> None:
        """Ends the hold: every call raises Closed at once, in all threads, and what was acquired
        and not released comes back. The last one to go takes the semaphore with it."""
        super().close()
        setattr(self, "__enter__", partial(closed, "Semaphore"))
        setattr(self, "__exit__", partial(closed, "Semaphore"))

    def __reduce__(self) -> Any:
        """In another process it is opened by its name, or made anew."""
        make = type(self) if self._initial else type(self).open
        return make, (self._name, *self._initial)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r})"
