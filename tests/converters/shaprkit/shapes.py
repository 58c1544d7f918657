"""Shapes of the kernel of every kind that a Parasolid body may have, in millimetres."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepAlgoAPI import BRepAlgoAPI_BuilderAlgo, BRepAlgoAPI_Cut, BRepAlgoAPI_Fuse
from OCP.BRepBuilderAPI import (
    BRepBuilderAPI_MakeEdge,
    BRepBuilderAPI_MakeFace,
    BRepBuilderAPI_MakeWire,
    BRepBuilderAPI_NurbsConvert,
    BRepBuilderAPI_Transform,
)
from OCP.BRepFilletAPI import BRepFilletAPI_MakeFillet
from OCP.BRepLib import BRepLib
from OCP.BRepOffsetAPI import BRepOffsetAPI_MakePipeShell, BRepOffsetAPI_MakeThickSolid, BRepOffsetAPI_ThruSections
from OCP.BRepPrimAPI import (
    BRepPrimAPI_MakeBox,
    BRepPrimAPI_MakeCone,
    BRepPrimAPI_MakeCylinder,
    BRepPrimAPI_MakePrism,
    BRepPrimAPI_MakeRevol,
    BRepPrimAPI_MakeSphere,
    BRepPrimAPI_MakeTorus,
)
from OCP.collections import HArray1_gp_Pnt, List_TopoDS_Shape
from OCP.Geom import Geom_Circle, Geom_CylindricalSurface, Geom_SurfaceOfLinearExtrusion, Geom_SurfaceOfRevolution
from OCP.Geom2d import Geom2d_Line
from OCP.GeomAPI import GeomAPI_Interpolate
from OCP.gp import gp_Ax1, gp_Ax2, gp_Ax3, gp_Dir, gp_Dir2d, gp_Pnt, gp_Pnt2d, gp_Trsf, gp_Vec
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Compound

from shapr.converters.brep.document import explore
from shapr.converters.brep.measure import volume

Z, X = gp_Dir(0, 0, 1), gp_Dir(1, 0, 0)


def box(x: float = 10, y: float = 20, z: float = 30, at: tuple[float, float, float] = (0, 0, 0)) -> Any:
    return BRepPrimAPI_MakeBox(gp_Pnt(*at), x, y, z).Shape()


def cylinder(radius: float, height: float, at: tuple[float, float, float] = (0, 0, 0), along: gp_Dir = Z) -> Any:
    return BRepPrimAPI_MakeCylinder(gp_Ax2(gp_Pnt(*at), along), radius, height).Shape()


def cut(a: Any, b: Any) -> Any:
    return BRepAlgoAPI_Cut(a, b).Shape()


def fuse(a: Any, b: Any) -> Any:
    return BRepAlgoAPI_Fuse(a, b).Shape()


def tilted(shape: Any) -> Any:
    """So that nothing lies along an axis by luck."""
    turn = gp_Trsf()
    turn.SetRotation(gp_Ax1(gp_Pnt(1, 2, 3), gp_Dir(1, 2, 3)), 0.7)
    return BRepBuilderAPI_Transform(shape, turn, True).Shape()


def together(*shapes: Any) -> Any:
    made, builder = TopoDS_Compound(), BRep_Builder()
    builder.MakeCompound(made)
    for each in shapes:
        builder.Add(made, each)
    return made


def faces(shape: Any) -> list[Any]:
    return [TopoDS.Face(each) for each in explore(shape, TopAbs_ShapeEnum.TopAbs_FACE)]


def edges(shape: Any) -> list[Any]:
    found = {hash(each): TopoDS.Edge(each) for each in explore(shape, TopAbs_ShapeEnum.TopAbs_EDGE)}
    return list(found.values())


def nurbs(shape: Any) -> Any:
    return BRepBuilderAPI_NurbsConvert(shape, True).Shape()


def spline(points: list[tuple[float, float, float]], closed: bool = False) -> Any:
    row = HArray1_gp_Pnt(1, len(points))
    for at, point in enumerate(points, 1):
        row.SetValue(at, gp_Pnt(*point))
    fitting = GeomAPI_Interpolate(row, closed, 1e-7)
    fitting.Perform()
    return fitting.Curve()


def face(*curves: Any) -> Any:
    """Within curves, or straight lines between two points."""
    wire = BRepBuilderAPI_MakeWire()
    for each in curves:
        ends = [gp_Pnt(*at) for at in each] if isinstance(each, list) else [each]
        wire.Add(BRepBuilderAPI_MakeEdge(*ends).Edge())
    return BRepBuilderAPI_MakeFace(wire.Wire()).Face()


BLOB = [(10, 0), (3, 8), (-9, 4), (-6, -7), (4, -9)]


def extruded() -> Any:
    wave = spline([(0, 0, 0), (4, 3, 0), (8, -1, 0), (12, 0, 0)])
    side = face(wave, [(12, 0, 0), (12, 15, 0)], [(12, 15, 0), (0, 15, 0)], [(0, 15, 0), (0, 0, 0)])
    return BRepPrimAPI_MakePrism(side, gp_Vec(0, 0, 10)).Shape()


def blob() -> Any:
    return BRepPrimAPI_MakePrism(face(spline([(x, y, 0) for x, y in BLOB], True)), gp_Vec(0, 0, 10)).Shape()


def turned(angle: float = 2 * math.pi) -> Any:
    profile = spline([(5, 0, 0), (8, 0, 4), (6, 0, 9), (7, 0, 12)])
    side = face(profile, [(7, 0, 12), (2, 0, 12)], [(2, 0, 12), (2, 0, 0)], [(2, 0, 0), (5, 0, 0)])
    return BRepPrimAPI_MakeRevol(side, gp_Ax1(gp_Pnt(0, 0, 0), Z), angle).Shape()


def vase() -> Any:
    """Closed below where its side meets the axis."""
    profile = spline([(0, 0, -8), (4, 0, -3), (5, 0, 2), (3, 0, 9)])
    side = face(profile, [(3, 0, 9), (0, 0, 9)], [(0, 0, 9), (0, 0, -8)])
    return BRepPrimAPI_MakeRevol(side, gp_Ax1(gp_Pnt(0, 0, 0), Z)).Shape()


def turned_ring() -> Any:
    side = face(spline([(15, 0, 0), (12, 0, 4), (8, 0, 1), (11, 0, -5)], True))
    return BRepPrimAPI_MakeRevol(side, gp_Ax1(gp_Pnt(0, 0, 0), Z)).Shape()


def loft() -> Any:
    made = BRepOffsetAPI_ThruSections(True, False)
    for z, k in ((0, 1.0), (8, 1.6), (16, 0.8)):
        ring = spline([(x * k, y / k, z) for x, y in BLOB], True)
        made.AddWire(BRepBuilderAPI_MakeWire(BRepBuilderAPI_MakeEdge(ring).Edge()).Wire())
    made.Build()
    return made.Shape()


def rounded(shape: Any, radius: float, kind: type | None = None) -> Any:
    """All edges, or those of one kind of curve."""
    made = BRepFilletAPI_MakeFillet(shape)
    for edge in edges(shape):
        curve = BRep_Tool.Curve_s(edge, *BRep_Tool.Range_s(edge)) if not BRep_Tool.Degenerated_s(edge) else None
        if curve is not None and (kind is None or isinstance(curve, kind)):
            made.Add(radius, edge)
    return made.Shape()


def thick(shape: Any, kind: type) -> Any:
    """One face of a shape, 1.5 mm thick: its other side is an offset surface."""
    sheet = next(each for each in faces(shape) if isinstance(BRep_Tool.Surface_s(each), kind))
    made = BRepOffsetAPI_MakeThickSolid()
    made.MakeThickSolidBySimple(sheet, 1.5)
    return made.Shape().Reversed() if volume(made.Shape()) < 0 else made.Shape()


def thread(radius: float, depth: float, pitch: float, turns: float) -> Any:
    """What a screw's sharp thread takes from its rod: a triangle that climbs while it turns."""
    slope = pitch / (2 * math.pi)
    rod = Geom_CylindricalSurface(gp_Ax3(gp_Pnt(0, 0, 0), Z), radius)
    line = Geom2d_Line(gp_Pnt2d(0, 0), gp_Dir2d(1, slope))
    helix = BRepBuilderAPI_MakeEdge(line, rod, 0.0, turns * 2 * math.pi * math.hypot(1, slope)).Edge()
    BRepLib.BuildCurves3d_s(helix)
    corners = [gp_Pnt(*at) for at in ((radius, 0, -pitch / 2), (radius, 0, pitch / 2), (radius - depth, 0, 0))]
    sides = [BRepBuilderAPI_MakeEdge(*ends).Edge() for ends in pairwise([*corners, corners[0]])]
    made = BRepOffsetAPI_MakePipeShell(BRepBuilderAPI_MakeWire(helix).Wire())
    made.SetMode(Z)
    made.SetTolerance(1e-6, 1e-6, 1e-6)
    made.Add(BRepBuilderAPI_MakeWire(*sides).Wire())
    made.Build()
    made.MakeSolid()
    return made.Shape()


def edge(*curve: Any) -> Any:
    """Of a curve, or straight between two points."""
    ends = [gp_Pnt(*each) if isinstance(each, tuple) else each for each in curve]
    return BRepBuilderAPI_MakeEdge(*ends).Edge()


def circle(radius: float, at: tuple[float, float, float] = (0, 0, 0)) -> Geom_Circle:
    return Geom_Circle(gp_Ax2(gp_Pnt(*at), Z), radius)


def halves() -> Any:
    """A cone whose side is two faces that meet along straight lines."""
    axes = (gp_Ax2(gp_Pnt(0, 0, 0), Z, gp_Dir(side, 0, 0)) for side in (1, -1))
    return fuse(*(BRepPrimAPI_MakeCone(each, 5, 2, 12, math.pi).Shape() for each in axes))


def crossed() -> Any:
    return cut(cylinder(4, 20, (0, 0, -10)), cylinder(3, 20, (-10, 0, 0), X))


def glued() -> Any:
    """Two boxes with a face in common."""
    arguments = List_TopoDS_Shape()
    for each in (box(), box(10, 20, 5, (0, 0, 30))):
        arguments.Append(each)
    made = BRepAlgoAPI_BuilderAlgo()
    made.SetArguments(arguments)
    made.Build()
    return made.Shape()


ANALYTIC: dict[str, Callable[[], Any]] = {
    "box": box,
    "cylinder": lambda: cylinder(5, 12),
    "cone narrowing": lambda: BRepPrimAPI_MakeCone(5, 2, 12).Shape(),
    "cone widening": lambda: BRepPrimAPI_MakeCone(2, 5, 12).Shape(),
    "cone of two halves": halves,
    "cone with an apex": lambda: BRepPrimAPI_MakeCone(5, 0, 12).Shape(),
    "sphere": lambda: BRepPrimAPI_MakeSphere(7).Shape(),
    "half a sphere": lambda: BRepPrimAPI_MakeSphere(7, 0, math.pi / 2).Shape(),
    "sphere less an eighth": lambda: cut(BRepPrimAPI_MakeSphere(7).Shape(), box(10, 10, 10)),
    "cone drilled beside its apex": lambda: cut(BRepPrimAPI_MakeCone(8, 0, 15).Shape(), cylinder(1, 30, (3, 0, -1))),
    "torus": lambda: BRepPrimAPI_MakeTorus(10, 3).Shape(),
    "elbow": lambda: BRepPrimAPI_MakeTorus(10, 3, 1.5).Shape(),
    "half a torus": lambda: cut(BRepPrimAPI_MakeTorus(10, 3).Shape(), box(40, 40, 5, (-20, -20, 0))),
    "drilled": lambda: cut(box(), cylinder(3, 40, (5, 10, -1))),
    "slot": lambda: cut(box(), cylinder(3, 40, (0, 10, -1))),
    "slanted": lambda: cut(cylinder(4, 20), tilted(box(40, 40, 30, (-20, -20, 10)))),
    "void": lambda: cut(box(), BRepPrimAPI_MakeSphere(gp_Pnt(5, 10, 15), 3).Shape()),
    "two voids": lambda: cut(cut(box(), BRepPrimAPI_MakeSphere(gp_Pnt(5, 10, 15), 3).Shape()), box(2, 2, 2, (2, 2, 2))),
    "two solids": lambda: together(box(), tilted(box(5, 5, 5, (50, 0, 0)))),
    "rounded": lambda: rounded(box(), 2),
}
FREE: dict[str, Callable[[], Any]] = {
    "crossed": crossed,
    "part of crossed": lambda: cut(crossed(), box(30, 30, 45, (0, 0, -15))),
    "tubes that touch": lambda: cut(cylinder(4, 20, (0, 0, -10)), cylinder(4, 20, (-10, 0, 0), X)),
    "sphere drilled": lambda: cut(BRepPrimAPI_MakeSphere(7).Shape(), cylinder(3, 20, (2, 0, -10))),
    "cone drilled": lambda: cut(BRepPrimAPI_MakeCone(6, 2, 12).Shape(), cylinder(2, 20, (-10, 0, 6), X)),
    "rational": lambda: nurbs(fuse(box(), cylinder(3, 20, (5, 10, 25)))),
    "rational cylinder": lambda: nurbs(cylinder(5, 12)),
    "rational sphere": lambda: nurbs(BRepPrimAPI_MakeSphere(7).Shape()),
    "swept": extruded,
    "swept round": blob,
    "part of swept": lambda: cut(blob(), box(20, 23, 35, (-20, -3, -5))),
    "other part of swept": lambda: cut(blob(), box(30, 23, 35, (0, -3, -5))),
    "spun": turned,
    "part of spun": lambda: turned(2.0),
    "spun ring": turned_ring,
    "loft": loft,
    "loft drilled": lambda: cut(loft(), cylinder(2, 60, (-30, 0, 8), X)),
    "offset of swept": lambda: thick(extruded(), Geom_SurfaceOfLinearExtrusion),
    "offset of spun": lambda: thick(turned(1.5), Geom_SurfaceOfRevolution),
}
FILLETS: dict[str, Callable[[], Any]] = {
    "rounded cylinder": lambda: rounded(cylinder(5, 12), 1, Geom_Circle),
    "rounded boss": lambda: rounded(fuse(box(20, 20, 5, (-10, -10, -5)), cylinder(4, 12)), 1, Geom_Circle),
    "rounded box": lambda: rounded(box(), 2),
}
WIRES: dict[str, Callable[[], Any]] = {
    "chain": lambda: together(edge((0, 0, 0), (5, 0, 0)), edge((5, 0, 0), (5, 7, 0)), edge((5, 7, 0), (5, 7, 9))),
    "net": lambda: together(*edges(box())),
    "rings": lambda: together(edge(circle(5)), edge(circle(4, (0, 0, 9)))),
    "arc": lambda: edge(circle(5), 0.3, 4.0),
    "spline": lambda: edge(spline([(0, 0, 0), (4, 3, 2), (8, -1, 5), (12, 0, 9)])),
    "closed spline": lambda: edge(spline([(x, y, 0) for x, y in BLOB], True)),
}
