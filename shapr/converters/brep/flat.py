"""Shapes of nothing but flat faces with straight edges, as a mesh becomes one: what is exact for them is cheap."""

import numpy as np
import numpy.typing as npt
from OCP.BRep import BRep_Tool
from OCP.BRepAdaptor import BRepAdaptor_Curve, BRepAdaptor_Surface
from OCP.GeomAbs import GeomAbs_CurveType, GeomAbs_SurfaceType
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Edge, TopoDS_Face, TopoDS_Shape

from shapr.converters.brep import document
from shapr.converters.progress import Reach, along, silent, within

LOOSE = 2e-6  # millimetres: vertices that may lie further than this from their edges do not say where those end


def points(shape: TopoDS_Shape, count: int = 1, reach: Reach = silent) -> npt.NDArray[np.float64] | None:
    """The corners (n, 3) that such a shape of so many faces lies between; None if it is none."""
    faces = document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE)
    if not all(_plane(TopoDS.Face(face)) for face in along(faces, count, within(reach, 0.0, 0.4))):
        return None
    edges = list(document.once(shape, TopAbs_ShapeEnum.TopAbs_EDGE))
    if not all(_straight(TopoDS.Edge(edge)) for edge in along(edges, len(edges), within(reach, 0.4, 1.0))):
        return None
    vertices = list(map(TopoDS.Vertex, document.once(shape, TopAbs_ShapeEnum.TopAbs_VERTEX)))
    if not vertices or max(map(BRep_Tool.Tolerance_s, vertices)) > LOOSE:
        return None
    return np.array([BRep_Tool.Pnt_s(each).Coord() for each in vertices])


def _plane(face: TopoDS_Face) -> bool:
    return bool(BRepAdaptor_Surface(face, False).GetType() == GeomAbs_SurfaceType.GeomAbs_Plane)


def _straight(edge: TopoDS_Edge) -> bool:
    return BRep_Tool.IsGeometric_s(edge) and bool(BRepAdaptor_Curve(edge).GetType() == GeomAbs_CurveType.GeomAbs_Line)
