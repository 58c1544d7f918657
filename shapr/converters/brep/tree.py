"""The parts of an assembly, each with where it stands, what it is called there and which colour it has there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopLoc import TopLoc_Location
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import colours, document
from shapr.converters.brep.bodies import call
from shapr.converters.mesh.model import Colour

# What an instance is called that nobody named: by the kernel, and by the system that numbered it.
NUMBERED = re.compile(r"=>\[[\d:]+\]|NAUO\d+|NEXT_ASSEMBLY_USAGE_OCCURRENCE\d*")

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Leaf:
    """An instance of a part that has no parts. `key` is the same for every instance of it."""

    part: TDF_Label
    key: tuple[int, ...]
    location: TopLoc_Location
    name: str
    colour: Colour | None

    @property
    def matrix(self) -> Matrix:
        return matrix(self.location)


def leaves(model: TDocStd_Document) -> Iterator[Leaf]:
    def walk(label: TDF_Label, placed: TopLoc_Location, name: str, colour: Colour | None) -> Iterator[Leaf]:
        part = document.referred(label)
        given = document.name(label)
        name = (document.name(part) or name) if NUMBERED.fullmatch(given) else given or document.name(part) or name
        colour = colours.of(label) or colours.of(part) or colour
        if part is not label:
            placed = placed.Multiplied(XCAFDoc_ShapeTool.GetLocation_s(label))
        inside = document.components(part)
        for component in inside:
            yield from walk(component, placed, name, colour)
        if not inside:
            yield Leaf(part, document.entry(part), placed, name or "part", colour)

    for root in document.roots(model):
        yield from walk(root, TopLoc_Location(), "", None)


def inherit(model: TDocStd_Document) -> None:
    """Call parts without a name like their first use, or what that is in, and uses like their part, as `leaves` does:
    the writers would invent names."""
    known: dict[tuple[int, ...], str] = {}

    def walk(label: TDF_Label, name: str) -> None:
        part, given = document.referred(label), document.name(label)
        given = "" if NUMBERED.fullmatch(given) else given
        if (key := document.entry(part)) not in known:
            own = document.name(part)
            name = own or given or name
            if name and not own:
                call(part, name)
            known[key] = name
            for component in document.components(part):
                walk(component, name)
        if known[key] and not given and part is not label:
            call(label, known[key])

    for root in document.roots(model):
        walk(root, "")


def matrix(location: TopLoc_Location) -> Matrix:
    """Rotation and translation, 3x4."""
    transform = location.Transformation()
    return np.array([[transform.Value(row, column) for column in (1, 2, 3, 4)] for row in (1, 2, 3)])
