"""How reading is expected to run, by what a STEP file holds."""

from pathlib import Path

import pytest
from OCP.BRepBuilderAPI import (
    BRepBuilderAPI_MakeEdge,
    BRepBuilderAPI_MakeFace,
    BRepBuilderAPI_NurbsConvert,
    BRepBuilderAPI_Sewing,
)
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder, BRepPrimAPI_MakePrism, BRepPrimAPI_MakeRevol
from OCP.collections import Array1_gp_Pnt
from OCP.Geom import Geom_BezierCurve, Geom_OffsetSurface, Geom_SurfaceOfRevolution
from OCP.gp import gp_Ax1, gp_Dir, gp_Pnt, gp_Vec
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Edge, TopoDS_Shape

from shapr.converters.brep import document, scale, step
from shapr.converters.progress import MARKS

AXIS = gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(0, 0, 1))
OPTIONS = {"units": "mm", "step_schema": "AP214"}


def curve() -> Geom_BezierCurve:
    poles = Array1_gp_Pnt(1, 3)
    for at, (x, z) in enumerate(((10, 0), (14, 5), (10, 10))):
        poles.SetValue(at + 1, gp_Pnt(x, 0, z))
    return Geom_BezierCurve(poles)


def edge() -> TopoDS_Edge:
    return BRepBuilderAPI_MakeEdge(curve()).Edge()


def offset() -> TopoDS_Shape:
    surface = Geom_OffsetSurface(Geom_SurfaceOfRevolution(curve(), AXIS), 1.0)
    return BRepBuilderAPI_MakeFace(surface, 0.0, 3.0, 0.0, 1.0, 1e-6).Face()


def rational() -> TopoDS_Shape:
    return BRepBuilderAPI_NurbsConvert(BRepPrimAPI_MakeCylinder(5, 10).Shape(), True).Shape()


def written(path: Path, shape: TopoDS_Shape) -> Path:
    step.write(document.holding(shape, "part"), path, "part", OPTIONS)
    return path


@pytest.mark.parametrize(
    ("shape", "free"),
    [
        (BRepPrimAPI_MakeCylinder(5, 10).Shape(), 0),
        (BRepPrimAPI_MakeRevol(edge(), AXIS).Shape(), 1),
        (BRepPrimAPI_MakePrism(edge(), gp_Vec(0, 5, 0)).Shape(), 1),
        (offset(), 1),  # of another, which is free too: what it is of is no face
        (rational(), 3),
    ],
)
def test_the_faces_that_are_no_planes_and_the_like_are_counted(tmp_path: Path, shape: TopoDS_Shape, free: int) -> None:
    content = written(tmp_path / "part.step", shape).read_bytes()
    assert free <= sum(map(content.count, scale.FREE)) <= free + 1


def test_a_closed_shell_of_free_faces_takes_polyhedra(tmp_path: Path) -> None:
    plain = written(tmp_path / "plain.step", BRepPrimAPI_MakeCylinder(5, 10).Shape())
    free = written(tmp_path / "free.step", rational())
    (of_plain, taken, _), (of_free, more, _) = scale.of_reading(plain, 1), scale.of_reading(free, 1)
    assert taken == 3 * scale.SHELLS and more >= 3 * scale.POLYHEDRON
    assert [at for at, _ in of_plain] == [at for at, _ in of_free]
    assert all(done <= other for (_, done), (_, other) in zip(of_plain[:2], of_free[:2], strict=True))


@pytest.mark.parametrize("kept", [False, True])
def test_scales_rise(tmp_path: Path, kept: bool) -> None:
    for shape in (BRepPrimAPI_MakeCylinder(5, 10).Shape(), rational()):
        marks = scale.of_reading(written(tmp_path / "part.step", shape), 1, kept=kept).scale
        assert list(marks) == sorted(marks) and marks[-1] == (1.0, scale.NAMED)
        assert len({at for at, _ in marks}) == len(marks) - 1, "the kernel's position stands once in a solid"


def test_as_many_solids_as_have_marks_of_their_own_have_room() -> None:
    for solid in (scale.SOLID, scale.SOLID_KEPT, scale.FREE_SOLID, scale.FREE_SOLID_KEPT):
        assert 1 + scale.DETAILED * len(solid) + 2 <= MARKS


def test_the_largest_closed_shell_counts(tmp_path: Path) -> None:
    faces = list(document.explore(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), TopAbs_ShapeEnum.TopAbs_FACE))
    sewing = BRepBuilderAPI_Sewing()
    for face in faces[:5]:
        sewing.Add(face)
    sewing.Perform()
    cylinder = BRepPrimAPI_MakeCylinder(5, 10).Shape()
    both = written(tmp_path / "both.step", document.compound([cylinder, sewing.SewedShape()]))
    assert scale.of_reading(both, 1).largest == 3
