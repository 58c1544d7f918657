"""A closed face whose seam is not exact comes back from IGES as it was."""

import math
from pathlib import Path

import pytest
from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Shape

from benchmarks.hostile.iges import iges as iges_text
from shapr.converters.brep import document, iges, measure, seams
from shapr.converters.brep.bodies import Look
from tests.converters import kit

RED = Look(colour=(1.0, 0.0, 0.0, 1.0))


def loosened(shape: TopoDS_Shape, tolerance: float) -> TopoDS_Shape:
    """With this tolerance at every seam."""
    for face in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE):
        for edge in map(TopoDS.Edge, document.explore(face, TopAbs_ShapeEnum.TopAbs_EDGE)):
            if BRep_Tool.IsClosed_s(edge, TopoDS.Face(face)):
                BRep_Builder().UpdateEdge(edge, tolerance)
    return shape


def test_a_loose_seam_is_cut_and_the_halves_look_the_same() -> None:
    shape = loosened(BRepPrimAPI_MakeCylinder(5, 10).Shape(), 2e-6)
    (side,) = seams.loose(shape)
    looks = {hash(side): RED}
    made = seams.cut(shape, looks)
    faces = list(document.explore(made, TopAbs_ShapeEnum.TopAbs_FACE))
    assert (len(faces), seams.loose(made)) == (4, [])
    assert [looks.get(hash(face)) for face in faces].count(RED) == 2
    measured = measure.measured(document.holding(made, "a"), lambda _: None)
    assert (measured.solids, measured.watertight) == (1, True)
    assert measured.volume == pytest.approx(250 * math.pi)


@pytest.mark.parametrize(
    "shape", [BRepPrimAPI_MakeBox(1, 2, 3).Shape(), loosened(BRepPrimAPI_MakeCylinder(5, 10).Shape(), 1e-7)]
)
def test_what_is_exact_stays(shape: TopoDS_Shape) -> None:
    assert seams.cut(shape, {}) is shape


def test_a_loose_seam_is_written_to_iges_as_halves(tmp_path: Path) -> None:
    shape = loosened(BRepPrimAPI_MakeCylinder(5, 10).Shape(), 2e-6)
    iges.write(document.holding(shape, "pin"), tmp_path / "a.igs", "pin", {"units": "mm"})
    measured = measure.measured(iges.read(tmp_path / "a.igs", "a.igs"), lambda _: None)
    assert (measured.solids, measured.faces, measured.watertight) == (1, 4, True)


async def test_a_face_that_only_its_seam_closes_is_refused_as_iges_alone(tmp_path: Path) -> None:
    """An arc of all but 10 of a circle of radius 100,000, carried along a line: the kernel's reader closes it, and its
    tool to divide it gives up."""
    (tmp_path / "a.igs").write_text(iges_text([(100, 0, "0.,0.,1.E5,10.,0.,0.,0."), (122, 0, "1,10.,0.,10.")]))
    (tmp_path / "scratch").mkdir()
    found = await kit.convert(tmp_path / "scratch", tmp_path / "a.igs", "iges,step")
    assert found["step"].error is None
    assert found["iges"].error is not None
    assert found["iges"].error.code == "invalid_geometry"
