"""The reference of the Python package, by pdoc.

    python3 reference.py TARGET MODULE ...

The classes are put together from private ones, whose members users call all the same. pdoc would
only name those: here they stand with the class itself.
"""

import sys
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


pdoc.doc.Class.own_members = property(own_members)  # type: ignore[assignment]
pdoc.doc.Class.inherited_members = property(inherited_members)  # type: ignore[assignment]
pdoc.render.configure(
    docformat="restructuredtext", template_directory=Path(__file__).parent / "pdoc"
)
pdoc.pdoc(*sys.argv[2:], output_directory=Path(sys.argv[1]))
