"""What `with` takes and gives back, such that no signal gets in between.

Python handles a signal before the first step of a function that is written in Python, and after
each call in it: there Ctrl-C would leave what an __enter__ has taken, or an __exit__ not yet given
back. So both are calls of the library itself, with nothing of Python's around them but a look-up
of what the status means.
"""

from __future__ import annotations

from ctypes import CFUNCTYPE, PyDLL, c_int32, pythonapi
from functools import partial

from ._abi import TN_TIMED_OUT, library
from ._errors import error_of
from ._waiting import after_patience, drive_in_pieces, first_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from ._abi import Handle

    Results = dict[int, Any]
else:
    Results = dict

# Giving back never waits, so it needs not let go of the interpreter.
_unwaiting = PyDLL(library._name, handle=library._handle)


if TYPE_CHECKING:
    ForStacks = type  # what it does is of no interest to a type checker, and beyond pyright
else:

    class ForStacks(type):
        """A class whose objects have an __enter__ and an __exit__ of their own each, which `with`
        finds by the class's slots: contextlib.ExitStack calls what the class itself has."""

        __enter__ = property(lambda cls: lambda taken: taken.__enter__())
        __exit__ = property(lambda cls: lambda taken, *raised: taken.__exit__(*raised))


_Function: Any = CFUNCTYPE(c_int32)


class _Ignored:
    """A parameter that the function in C hasn't: callable() makes a number of any object."""

    from_param = callable


_EXIT: Any = [_Ignored, _Ignored, _Ignored]


class _Given(Results):
    """What giving back comes to."""

    __slots__ = ()

    def __missing__(self, status: int) -> None:
        raise error_of(status)


def giver(name: str, *parameters: Any) -> Callable[..., None]:
    """A function of the library whose last three arguments are those of an __exit__. The handle's
    own class among the `parameters` takes less time than c_void_p."""
    function = _unwaiting[name]
    function.argtypes = [*parameters, *_EXIT]
    function.restype = _Given({0: None}).__getitem__
    return function


def step(name: str) -> Callable[..., int]:
    """A function of the library that gives back, for a map object to call as its one step."""
    function = _unwaiting[name]
    function.restype = c_int32
    return function


class _AllSteps:
    """A parameter that takes the steps of an iterator, and is the sum of what they come to."""

    from_param = sum


class _GivenInSteps(_Given):
    __slots__ = ()

    def __missing__(self, status: int) -> None:
        super().__missing__(-status)


def all_steps() -> Callable[..., None]:
    """An __exit__ that takes the steps of an iterator: it calls a function in C that does nothing
    else with a status, which is 0 or below, than to return it."""
    function: Any = pythonapi["abs"]
    function.argtypes = [_AllSteps, *_EXIT]
    function.restype = _GivenInSteps({0: None}).__getitem__
    give_back: Callable[..., None] = function
    return give_back


class _Taken(Results):
    """What taking comes to: for each good status what `with` gets. For any other taking goes on,
    or fails."""

    __slots__ = ("_attempt", "_give_back", "_rest")

    _attempt: Callable[[int], int]
    _give_back: Callable[..., None]
    _rest: Optional[float]

    def __missing__(self, status: int) -> Any:
        took: list[int] = []

        def attempt(ms: int) -> int:
            took[:] = map(self._attempt, (ms,))  # in one step, so that it is known here
            return took[0]

        try:
            if status == TN_TIMED_OUT and (self._rest is None or self._rest > 0):
                status = drive_in_pieces(attempt, self._rest)
            if status < 0:
                raise error_of(status)
            return self[status]
        except:
            if took and took[0] >= 0:
                self._give_back(None, None, None)
            raise


def taker(
    function: Callable[..., int],
    handle: Handle,
    *arguments: Any,
    results: dict[int, Any],
    give_back: Callable[..., None],
    timeout: Optional[float],
) -> Callable[[], Any]:
    """A hot function of the library as an __enter__: it takes, and returns what `results` has for
    the status. `arguments` are of ctypes; `give_back` undoes it, called as an __exit__."""
    first = first_ms(timeout)
    taken = _Taken(results)
    taken._attempt, taken._give_back = partial(function, handle, *arguments), give_back
    taken._rest = None if timeout is None else after_patience(timeout)
    # A function that comes from a library refers to itself, and would keep the handle for long.
    copy = _Function.from_buffer_copy(function)
    copy.restype = taken.__getitem__
    return partial(copy, handle, *arguments, first)
