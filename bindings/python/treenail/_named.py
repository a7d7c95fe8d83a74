"""What segments and semaphores have in common: a name, by which others open them."""

from __future__ import annotations

import atexit
from weakref import WeakValueDictionary

from . import _errors
from ._owner import Owner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._abi import NamedHandle

_open: WeakValueDictionary[int, NamedHandle] = WeakValueDictionary()


@atexit.register
def _end_all() -> None:
    """Closes all objects at the end of the program. The last program that has an object open
    removes it, so this one must close it even if something still refers to it."""
    _errors.at_end = True
    for handle in list(_open.values()):
        handle.close(handle)


class Named(Owner):
    """The base of what owns a handle to a named object."""

    __slots__ = ("_name",)

    _name: str
    _handle: NamedHandle

    @property
    def name(self) -> str:
        """The name it was opened with, by which others can open it."""
        return self._name

    def _end_at_exit(self) -> None:
        _open[id(self._handle)] = self._handle

    def _origin(self) -> list[str]:
        return [repr(self._name)]

    def __reduce__(self) -> Any:
        """In another process it is opened by its name."""
        return type(self), (self._name,)
