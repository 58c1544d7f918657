"""Shapes read as the file has them: the kernel's readers repair what they read, which takes most of their time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from OCP.collections import DataMap_TCollection_AsciiString_TCollection_AsciiString
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


@contextmanager
def unrepaired(reader: Any) -> Iterator[None]:
    """Within, a reader of STEP or IGES repairs nothing that it transfers. To be entered once it has read its file,
    which undoes it; and left, or the next reader of IGES would go on so."""
    modes = DataMap_TCollection_AsciiString_TCollection_AsciiString()
    for name in REPAIRS:
        modes.Bind(TCollection_AsciiString(f"FixShape.{name}"), TCollection_AsciiString("0"))
    reader.SetShapeFixParameters(modes)
    yield
    reader.SetShapeFixParameters(DataMap_TCollection_AsciiString_TCollection_AsciiString())
