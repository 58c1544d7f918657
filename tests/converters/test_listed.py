"""BREP files that list the parts of a solid again beside it, as gmsh's do: every face came twice or three times."""

from pathlib import Path

import pytest
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
from OCP.BRepTools import BRepTools
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape

from shapr.converters.brep import brep, document, measure
from shapr.converters.progress import silent
from tests.converters.kit import convert
from tests.converters.shapes import moved

PARTS = [getattr(TopAbs_ShapeEnum, f"TopAbs_{kind}") for kind in ("VERTEX", "EDGE", "WIRE", "FACE", "SHELL")]


def box(at: float = 0.0) -> TopoDS_Shape:
    return BRepPrimAPI_MakeBox(10, 20, 30).Shape().Moved(moved(at))


def parts(solid: TopoDS_Shape) -> list[TopoDS_Shape]:
    return [part for kind in PARTS for part in document.once(solid, kind)]


def written(path: Path, *shapes: TopoDS_Shape) -> Path:
    BRepTools.Write_s(document.compound(shapes), str(path))
    return path


async def test_what_is_listed_again_beside_a_solid_is_taken_once_and_told(tmp_path: Path) -> None:
    solids = [box(), box(50)]
    source = written(tmp_path / "a.brep", *(part for solid in solids for part in parts(solid)), *solids)
    model = brep.read(source, "a.brep", {})
    found = measure.measured(model, silent)
    assert (found.bodies, found.solids, found.faces, found.curves, found.watertight) == (2, 2, 12, 0, True)
    told = "listed again beside what they are part of, and taken once: 2 shells, 12 faces, 12 wires, 24 edges"
    assert document.unread(model) == (told,)
    assert (await convert(tmp_path, source, "stl"))["stl"].path.stat().st_size == 84 + 24 * 50


@pytest.mark.parametrize("kind", PARTS[1:])
def test_what_is_no_part_of_the_solid_beside_it_stays(tmp_path: Path, kind: TopAbs_ShapeEnum) -> None:
    """Nor is the same face in another place."""
    solid = box()
    alone = next(document.explore(solid, kind)).Moved(moved(70))
    model = brep.read(written(tmp_path / "a.brep", solid, alone), "a.brep", {})
    found = measure.measured(model, silent)
    assert found.high[0] >= 70
    assert document.unread(model) == ()
