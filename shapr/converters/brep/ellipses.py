"""Whole ellipses that begin off their axis: what the kernel's IGES writer would make something else of.

It turns an ellipse about its centre to make it begin where the edge does. That is right for a circle; the edge of a
tube that is cut at an angle came out up to a third wider. An edge gets a spline, which may begin anywhere, while it is
written. A face that is such an ellipse, carried along a line or round an axis, becomes one of splines for good.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepTools import BRepTools
from OCP.Convert import Convert_ParameterisationType
from OCP.Geom import Geom_Curve, Geom_Ellipse, Geom_SurfaceOfRevolution, Geom_SweptSurface, Geom_TrimmedCurve
from OCP.GeomConvert import GeomConvert
from OCP.ShapeCustom import ShapeCustom
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Edge, TopoDS_Face, TopoDS_Shape

from shapr.converters.brep import document
from shapr.converters.brep.bodies import Look

NOWHERE = TopLoc_Location()
SLACK = 1e-9  # radians


@contextmanager
def as_splines(shape: TopoDS_Shape) -> Iterator[None]:
    """For a while the edges of such ellipses have splines: the same curves, exactly."""
    edges = (each.Located(NOWHERE) for each in document.once(shape, TopAbs_ShapeEnum.TopAbs_EDGE))
    found = {hash(edge): edge for edge in map(TopoDS.Edge, edges) if _turned(edge)}.values()
    before = [(edge, BRep_Tool.Curve_s(edge, 0.0, 0.0)) for edge in found]
    for edge, curve in before:
        whole = Geom_TrimmedCurve(curve, *BRep_Tool.Range_s(edge))
        how = Convert_ParameterisationType.Convert_QuasiAngular
        _give(edge, GeomConvert.CurveToBSplineCurve_s(whole, how))
    try:
        yield
    finally:
        for edge, curve in before:
            _give(edge, curve)


def swept(shape: TopoDS_Shape) -> bool:
    """Whether a face of it is such an ellipse that is carried along a line or round an axis."""
    return any(_swept(TopoDS.Face(face)) for face in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE))


def unswept(shape: TopoDS_Shape, looks: dict[int, Look]) -> TopoDS_Shape:
    """The same shape without such faces; `looks` is told what the new ones look like."""
    if not swept(shape):
        return shape
    made = ShapeCustom.ConvertToBSpline_s(shape, True, True, False, False)  # what is carried: lines, rounds
    both = (document.explore(each, TopAbs_ShapeEnum.TopAbs_FACE) for each in (shape, made))
    looks |= {hash(now): looks[hash(face)] for face, now in zip(*both, strict=True) if hash(face) in looks}
    return made


def _swept(face: TopoDS_Face) -> bool:
    surface = BRep_Tool.Surface_s(face)
    if not isinstance(surface, Geom_SweptSurface):
        return False
    curve = surface.BasisCurve()
    curve = curve.BasisCurve() if isinstance(curve, Geom_TrimmedCurve) else curve
    if not isinstance(curve, Geom_Ellipse):
        return False
    from_u, to_u, from_v, to_v = BRepTools.UVBounds_s(face)
    return _off_axis(from_v, to_v) if isinstance(surface, Geom_SurfaceOfRevolution) else _off_axis(from_u, to_u)


def _turned(edge: TopoDS_Edge) -> bool:
    if BRep_Tool.Degenerated_s(edge) or not isinstance(BRep_Tool.Curve_s(edge, 0.0, 0.0), Geom_Ellipse):
        return False
    return _off_axis(*BRep_Tool.Range_s(edge))


def _off_axis(first: float, last: float) -> bool:
    """A whole turn of an ellipse that the writer would turn: by half a turn it becomes itself."""
    return abs(last - first - 2 * math.pi) < SLACK and abs(math.remainder(first, math.pi)) > SLACK


def _give(edge: TopoDS_Edge, curve: Geom_Curve) -> None:
    first, last = BRep_Tool.Range_s(edge)
    builder = BRep_Builder()
    builder.UpdateEdge(edge, curve, BRep_Tool.Tolerance_s(edge))
    builder.Range(edge, first, last, True)
