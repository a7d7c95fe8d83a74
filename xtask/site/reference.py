"""The reference of the Python package, by pdoc.

    python3 reference.py TARGET MODULE ...

The classes are put together from private ones, whose members users call all the same. pdoc would
only name those: here they stand with the class itself. And the package imports what its annotations
name only for type checkers, in the modules where they stand: here that is there for pdoc too.
"""

import builtins
import importlib
import sys
import typing
import warnings
from pathlib import Path

import pdoc
import pdoc.doc
import pdoc.render

Place = "tuple[str, str]"


def is_private(place: Place) -> bool:
    return any(part.startswith("_") for part in place[0].split(".")) and place[0].startswith("treenail")


def own_members(self: pdoc.doc.Class) -> "list[pdoc.doc.Doc]":
    members = []
    for place, found in self._members_by_origin.items():
        if place in (self.taken_from, (self.modulename, self.qualname)) or is_private(place):
            members += found
    return members


def inherited_members(self: pdoc.doc.Class) -> "dict[Place, list[pdoc.doc.Doc]]":
    own = (self.taken_from, (self.modulename, self.qualname))
    origins = self._members_by_origin.items()
    return {place: found for place, found in origins if place not in own and not is_private(place)}


def import_for_annotations(names: "list[str]") -> None:
    known = {name: getattr(typing, name) for name in typing.__all__}
    public = [importlib.import_module(name) for name in names]
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "treenail":
            types = {key: value for key, value in vars(module).items() if isinstance(value, type)}
            known.update((key, value) for key, value in types.items() if key not in vars(builtins))
    for module in public:
        for key, value in known.items():
            vars(module).setdefault(key, value)


pdoc.doc.Class.own_members = property(own_members)  # type: ignore[assignment]
pdoc.doc.Class.inherited_members = property(inherited_members)  # type: ignore[assignment]
pdoc.render.configure(
    docformat="restructuredtext", template_directory=Path(__file__).parent / "pdoc"
)
# It also reads what it doesn't show: private members, and the list of the others.
for unseen in (r"(?s).* for [\w.]+\._\w+[.:]", r"(?s)Error parsing source code.*__all__"):
    warnings.filterwarnings("ignore", message=unseen)
import_for_annotations(sys.argv[2:])
pdoc.pdoc(*sys.argv[2:], output_directory=Path(sys.argv[1]))
