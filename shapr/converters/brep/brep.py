"""Open CASCADE's own BREP, text and binary. It has no units and no names."""

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from OCP.BinTools import BinTools, BinTools_FormatVersion
from OCP.BRep import BRep_Builder
from OCP.BRepTools import BRepTools
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape
from OCP.TopTools import TopTools_FormatVersion

from shapr.conversion import UNIT_MM
from shapr.converters.brep import document, listed
from shapr.converters.brep.bodies import unmirrored
from shapr.converters.brep.indicator import SILENT, Indicator
from shapr.converters.preflight.brep import in_pieces
from shapr.converters.preflight.graph import check_instances
from shapr.errors import Refused

# Section heads of the text form. The kernel believes their counts and would spin for hours on a lie.
COUNTS = re.compile(
    rb"\n(?:Locations|Curve2ds|Curves|Polygon3D|PolygonOnTriangulations|Surfaces|Triangulations|TShapes) +(\d+)"
)
NOT_NUMBERS = re.compile(rb"[\s-](?:nan|inf)\b")
# Of what is left of the time of reading: the look for these, what the kernel takes, and the document made of it.
LOOKED, READ, MADE = 0.05, 0.8, 0.5
BINARY = b"Open CASCADE Topology"


def read(path: Path, source_name: str, options: dict[str, Any], progress: Indicator = SILENT) -> TDocStd_Document:
    shape = TopoDS_Shape()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        binary = BINARY in content[:99]
        looking = progress.step(LOOKED)
        for start, stop in () if binary else in_pieces(content, 0, len(content), looking):
            words = content[start:stop].lower()  # which is a quarter of the time of the pattern
            if (b"nan" in words or b"inf" in words) and NOT_NUMBERS.search(words):
                raise Refused("invalid_geometry", "the BREP file holds a number that is none, or is infinite")
        for found in () if binary else COUNTS.finditer(content):
            if len(found[1]) > 12 or int(found[1]) * 2 > len(content):
                raise Refused("corrupt_file", "the BREP file announces more than it can hold")
    step = progress.range(READ)
    if binary:
        read = BinTools.Read_s(shape, str(path), step)
    else:
        read = BRepTools.Read_s(shape, str(path), BRep_Builder(), step)
    if not read or shape.IsNull():
        raise Refused("corrupt_file", "the BREP file breaks the rules of its syntax, or is cut short")
    if shape.ShapeType() == TopAbs_ShapeEnum.TopAbs_COMPOUND:
        check_instances(_held(shape))
    reach = progress.step(MADE)
    shape, again = listed.once(shape)
    shape, _ = unmirrored(document.scaled(shape, UNIT_MM[options.get("source_units", "mm")]), {})
    reach(0.2)
    model = document.holding(shape, source_name)
    reach(1.0)
    if again:
        document.say_unread(model, again)
    return model


def _held(whole: TopoDS_Shape) -> Iterator[tuple[int, int]]:
    """Each compound and what it holds, wherever that lies: compounds within compounds may come to a billion parts."""
    nowhere = TopLoc_Location()
    waiting = {hash(whole.Located(nowhere)): whole}
    known = set(waiting)
    while waiting:
        number, holder = waiting.popitem()
        for each in document.children(holder):
            held = each.Located(nowhere)
            yield number, hash(held)
            if held.ShapeType() == TopAbs_ShapeEnum.TopAbs_COMPOUND and hash(held) not in known:
                known.add(hash(held))
                waiting[hash(held)] = held


def write(model: TDocStd_Document, path: Path, options: dict[str, Any], progress: Indicator = SILENT) -> None:
    """Without triangles: they are not part of the model."""
    shape, _ = unmirrored(document.shape(model), {})
    shape = document.scaled(shape, 1 / UNIT_MM[options["units"]])
    if options["encoding"] == "binary":
        binary = BinTools_FormatVersion.BinTools_FormatVersion_VERSION_4
        done = BinTools.Write_s(shape, str(path), False, False, binary, progress.range())
    else:
        version = TopTools_FormatVersion.TopTools_FormatVersion_VERSION_1
        done = BRepTools.Write_s(shape, str(path), False, False, version, progress.range())
    if not done:
        raise Refused("unsupported_geometry", "the kernel cannot write this model as BREP")
