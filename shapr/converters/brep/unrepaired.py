"""Shapes read as the file has them: the kernel's readers repair what they read, which takes most of their time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from OCP.collections import DataMap_TCollection_AsciiString_TCollection_AsciiString as Modes
from OCP.TCollection import TCollection_AsciiString

# What its repair (ShapeFix_Shape) does by itself; all else follows from these.
REPAIRS = (
    "FixSolidMode",
    "FixFreeShellMode",
    "FixFreeFaceMode",
    "FixFreeWireMode",
    "FixSameParameterMode",
    "FixVertexPositionMode",
    "FixVertexToleranceMode",
)


# What it does to the faces of shells; see `orientation.py`.
TURNS = ("FixFaceOrientationMode",)


@contextmanager
def without(reader: Any, repairs: Sequence[str]) -> Iterator[None]:
    """Within, a reader of STEP or IGES does not do these to what it transfers. To be entered once it has read its file,
    which undoes it; and left, or the next reader of IGES would go on so."""
    modes = Modes()
    for name in repairs:
        modes.Bind(TCollection_AsciiString(f"FixShape.{name}"), TCollection_AsciiString("0"))
    if repairs:
        reader.SetShapeFixParameters(modes)
    yield
    if repairs:
        reader.SetShapeFixParameters(Modes())
