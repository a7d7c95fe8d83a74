"""Semaphores: named and counting; a death takes no unit away."""

from __future__ import annotations

from ctypes import byref, c_uint32
from functools import partial

from ._abi import NOTHING, TN_OK, SemaphoreHandle, hot, library
from ._errors import check, closed, unnamed
from ._named import Named
from ._owner import encoded
from ._taking import ForStacks, giver, taker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn, Optional, TypeVar

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
    """A named counting semaphore, whose units all programs that open it share.

        slots = treenail.Semaphore("slots", 4)
        with slots:
            ...  # at most four at a time are here

    What a process has acquired comes back when the process dies, and also when it closes the
    semaphore. The semaphore is removed when the last program that has it open closes it or ends.
    Every thread may use it at any time.
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
        """Opens a semaphore, and leaves its units as they are, or makes one of `initial` units."""
        self._hold(library.tn_semaphore_open_or_create, name, initial)

    @classmethod
    def create(cls: type[Self], name: str, initial: int = 1) -> Self:
        """Makes a semaphore of `initial` units. Exists: a live process holds one of that name."""
        semaphore = cls.__new__(cls)
        semaphore._hold(library.tn_semaphore_create, name, initial)
        return semaphore

    @classmethod
    def open(cls: type[Self], name: str) -> Self:
        """Opens a semaphore. NotFound: no live process holds one of that name."""
        semaphore = cls.__new__(cls)
        semaphore._hold(library.tn_semaphore_open, name)
        return semaphore

    @classmethod
    def open_or_create(cls: type[Self], name: str, initial: int = 1) -> Self:
        """Opens a semaphore, and leaves its units as they are, or makes one of `initial` units. If
        many call it at once, exactly one makes it. Semaphore(name, initial) does the same."""
        return cls(name, initial)

    def _hold(self, function: Callable[..., int], name: str, *initial: int) -> None:
        self._name, self._initial, self._handle = name, initial, SemaphoreHandle()
        handle = self._handle
        check(function(encoded(name), *map(_units, initial), byref(handle)))
        self._end_at_exit()
        setattr(self, "__enter__", self._taker(_ONE, None))
        setattr(self, "__exit__", partial(_release, handle, _ONE))

    @classmethod
    def remove(cls, name: str) -> None:
        """Removes the name of a semaphore. Those that hold the semaphore keep it. NotFound: nothing
        has the name."""
        check(library.tn_semaphore_remove(encoded(name)))

    def _taker(self, count: c_uint32, timeout: Optional[float]) -> Any:
        handle = self._handle
        if handle is NOTHING:
            closed("Semaphore")
        give_back, results = partial(_release, handle, count), {TN_OK: True}
        return taker(
            _acquire, handle, count, results=results, give_back=give_back, timeout=timeout
        )

    def acquire(self, n: int = 1, *extra: NoReturn, timeout: Optional[float] = None) -> bool:
        """Acquires `n` units, all at once or none. Returns True always.

        Waits for `timeout` seconds; None waits for ever, 0 never waits. Again, TimedOut: there are
        fewer units. Callers that want few units can't overtake one that wants many for ever.
        """
        if extra:
            unnamed(extra)
        if n == 1 and timeout is None:
            return self.__enter__()
        took: bool = self._taker(_units(n), timeout)()
        return took

    def release(self, n: int = 1) -> None:
        """Releases `n` units, or adds some that this object had not acquired."""
        status = library.tn_semaphore_release(self._handle, _units(n))
        if status < 0:
            self._fail(status)

    def fileno(self) -> int:
        """A descriptor for poll, epoll, select and event loops. It is readable while units may be
        free, so until acquire(…, timeout=0) raises Again, for any number of units. Never read,
        write or close it."""
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
        """Lets go of the semaphore: every call raises Closed at once, in all threads, and what was
        acquired and not released comes back. The last one that goes removes the semaphore."""
        super().close()
        setattr(self, "__enter__", partial(closed, "Semaphore"))
        setattr(self, "__exit__", partial(closed, "Semaphore"))

    def __reduce__(self) -> Any:
        """In another process it is opened by its name, or made anew."""
        make = type(self) if self._initial else type(self).open
        return make, (self._name, *self._initial)

    def _facts(self) -> list[str]:
        return [f"value={self.value}"]
