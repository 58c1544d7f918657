"""Ellipses in IGES: the kernel's writer turned whole ones that begin off their axis about their centre."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from OCP.BRep import BRep_Tool
from OCP.BRepAlgoAPI import BRepAlgoAPI_Common
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeEdge, BRepBuilderAPI_MakeFace, BRepBuilderAPI_MakeWire
from OCP.BRepPrimAPI import (
    BRepPrimAPI_MakeCylinder,
    BRepPrimAPI_MakeHalfSpace,
    BRepPrimAPI_MakePrism,
    BRepPrimAPI_MakeRevol,
)
from OCP.Geom import Geom_BSplineSurface
from OCP.gp import gp_Ax1, gp_Ax2, gp_Dir, gp_Elips, gp_Pln, gp_Pnt, gp_Vec
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Shape

from shapr.converters.brep import document, ellipses, iges, measure
from shapr.converters.brep.bodies import Look
from shapr.converters.measure import Measured
from shapr.converters.progress import silent
from tests.converters.shapes import moved

Make = Callable[[float], TopoDS_Shape]
UP = gp_Dir(0, 0, 1)


def edge(begin: float) -> TopoDS_Shape:
    ellipse = gp_Elips(gp_Ax2(gp_Pnt(0, 0, 0), UP), 5, 2)
    return BRepBuilderAPI_MakeEdge(ellipse, begin, begin + 2 * math.pi).Edge()


def plate(begin: float) -> TopoDS_Shape:
    return BRepBuilderAPI_MakeFace(BRepBuilderAPI_MakeWire(edge(begin)).Wire()).Face()


def prism(begin: float) -> TopoDS_Shape:
    return BRepPrimAPI_MakePrism(plate(begin), gp_Vec(0, 0, 10)).Shape()


def ring(begin: float) -> TopoDS_Shape:
    return BRepPrimAPI_MakeRevol(plate(begin).Moved(moved(20)), gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(0, 1, 0))).Shape()


def tube(begin: float) -> TopoDS_Shape:
    """A cylinder cut at 45 degrees."""
    along = gp_Ax2(gp_Pnt(0, 0, 0), UP, gp_Dir(math.cos(begin), math.sin(begin), 0))
    cut = BRepBuilderAPI_MakeFace(gp_Pln(gp_Pnt(0, 0, 10), gp_Dir(1, 0, 1))).Face()
    below = BRepPrimAPI_MakeHalfSpace(cut, gp_Pnt(0, 0, -50)).Solid()
    return BRepAlgoAPI_Common(BRepPrimAPI_MakeCylinder(along, 2, 20).Shape(), below).Shape().Moved(moved(7, 0.3))


def measured(shape: TopoDS_Shape) -> Measured:
    return measure.measured(document.holding(shape, "a"), silent)


def kinds(shape: TopoDS_Shape) -> list[type]:
    edges = document.once(shape, TopAbs_ShapeEnum.TopAbs_EDGE)
    return [type(BRep_Tool.Curve_s(TopoDS.Edge(each), 0.0, 0.0)) for each in edges]


@pytest.mark.parametrize("begin", [0.0, 0.7, 3.5, 4.0])
@pytest.mark.parametrize("make", [edge, plate, prism, ring, tube])
def test_a_whole_ellipse_is_in_iges_what_it_was(tmp_path: Path, make: Make, begin: float) -> None:
    shape = make(begin)
    model = document.holding(shape, "a")
    before, curves = measured(shape), kinds(shape)
    iges.write(model, tmp_path / "a.igs", "a.igs", {"units": "mm"})
    found = measure.measured(iges.read(tmp_path / "a.igs", "a.igs"), silent)
    assert (*found.low, *found.high) == pytest.approx((*before.low, *before.high), abs=1e-5)
    assert (found.volume or 0.0) == pytest.approx(before.volume or 0.0, rel=3e-5)
    assert found.solids == before.solids
    assert kinds(shape) == curves  # as it was, for the outputs after


def test_a_face_that_becomes_one_of_splines_looks_as_before() -> None:
    shape = prism(0.7)
    looks = {
        hash(face): Look(name=str(at)) for at, face in enumerate(document.once(shape, TopAbs_ShapeEnum.TopAbs_FACE))
    }
    made = ellipses.unswept(shape, looks)
    new = list(document.once(made, TopAbs_ShapeEnum.TopAbs_FACE))
    assert [looks[hash(face)].name for face in new] == ["0", "1", "2"]
    assert isinstance(BRep_Tool.Surface_s(TopoDS.Face(new[0])), Geom_BSplineSurface)
