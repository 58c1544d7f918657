"""Documents made in a test: parts, trees, names, colours."""

import numpy as np
from OCP.BRepAlgoAPI import BRepAlgoAPI_Common
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeFace, BRepBuilderAPI_MakeWire, BRepBuilderAPI_Sewing
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder, BRepPrimAPI_MakePrism
from OCP.collections import Array1_double, Array1_int, Array2_gp_Pnt
from OCP.Geom import Geom_BSplineSurface
from OCP.gp import gp_Ax1, gp_Dir, gp_Pnt, gp_Trsf, gp_Vec
from OCP.TCollection import TCollection_ExtendedString
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Face, TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_DocumentTool

from shapr.converters.brep import colours, document
from shapr.converters.brep.bodies import call
from shapr.converters.brep.sew import solid_of

FACE = TopAbs_ShapeEnum.TopAbs_FACE
SOLID = TopAbs_ShapeEnum.TopAbs_SOLID


def moved(x: float = 0.0, turn: float = 0.0) -> TopLoc_Location:
    made, turned = gp_Trsf(), gp_Trsf()
    made.SetTranslation(gp_Vec(x, 0, 0))
    turned.SetRotation(gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(0, 0, 1)), turn)
    return TopLoc_Location(made.Multiplied(turned))


def assembly() -> TDocStd_Document:
    """Two of one sub-assembly, in it two glass boxes, one in yellow, and a pin with a red and a green face.

    Names are beyond ASCII and beyond 16 bits, with quotes and backslashes.
    """
    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    box = tool.AddShape(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), False)
    call(box, "Hűtő 部品")
    colours.set(model, box, (0.2, 0.4, 0.6, 0.25))
    XCAFDoc_DocumentTool.LayerTool_s(model.Main()).SetLayer(box, TCollection_ExtendedString("Réteg", True))
    cylinder = BRepPrimAPI_MakeCylinder(1, 3).Shape()
    pin = tool.AddShape(cylinder, False)
    call(pin, "Ø10 o'ring \\ 😀")
    faces = list(document.explore(cylinder, FACE))
    colours.set(model, tool.AddSubShape(pin, faces[0]), (1.0, 0.0, 0.0, 1.0))
    colours.set(model, tool.AddSubShape(pin, faces[1]), (0.0, 1.0, 0.0, 1.0))
    group, whole = tool.NewShape(), tool.NewShape()
    call(group, "group")
    call(whole, "Összeállítás")
    call(tool.AddComponent(group, box, moved()), "bal")
    yellow = tool.AddComponent(group, box, moved(10))
    call(yellow, "jobb")
    colours.set(model, yellow, (1.0, 1.0, 0.0, 1.0))
    call(tool.AddComponent(group, pin, moved(20)), "tű")
    call(tool.AddComponent(whole, group, moved(0, 1.0)), "első")
    call(tool.AddComponent(whole, group, moved(50)), "második")
    tool.UpdateAssemblies()
    return model


def rough(poles: int, height: float) -> TopoDS_Face:
    """One NURBS face of random heights."""
    heights = np.random.default_rng(1).uniform(-height, height, (poles, poles))
    net = Array2_gp_Pnt(1, poles, 1, poles)
    for (x, y), z in np.ndenumerate(heights):
        net.SetValue(x + 1, y + 1, gp_Pnt(x, y, z))
    knots, times = Array1_double(1, poles - 2), Array1_int(1, poles - 2)
    for at in range(1, poles - 1):
        knots.SetValue(at, float(at))
        times.SetValue(at, 4 if at in (1, poles - 2) else 1)
    surface = Geom_BSplineSurface(net, knots, knots, times, times, 3, 3, False, False)
    return BRepBuilderAPI_MakeFace(surface, 1e-6).Face()


def tube(around: int, along: int) -> TopoDS_Shape:
    """A closed rough pipe of a periodic NURBS face between two discs, radius 20 and length 40."""
    radii = np.full((around, along), 20.0)
    radii[:, 2:-2] += np.random.default_rng(3).uniform(-0.3, 0.3, (around, along - 4))
    net = Array2_gp_Pnt(1, around, 1, along)
    for (x, y), radius in np.ndenumerate(radii):
        turned = 2 * np.pi * x / around
        net.SetValue(x + 1, y + 1, gp_Pnt(radius * np.cos(turned), radius * np.sin(turned), 40 * y / (along - 1)))
    turns, times, heights, multiple = (
        kind(1, n) for n in (around + 1, along - 2) for kind in (Array1_double, Array1_int)
    )
    for at in range(1, around + 2):
        turns.SetValue(at, float(at))
        times.SetValue(at, 1)
    for at in range(1, along - 1):
        heights.SetValue(at, float(at))
        multiple.SetValue(at, 4 if at in (1, along - 2) else 1)
    side = BRepBuilderAPI_MakeFace(Geom_BSplineSurface(net, turns, heights, times, multiple, 3, 3, True, False), 1e-6)
    sewing = BRepBuilderAPI_Sewing(1e-6)
    sewing.Add(side.Face())
    for edge in document.once(side.Face(), TopAbs_ShapeEnum.TopAbs_EDGE):
        wire = BRepBuilderAPI_MakeWire(TopoDS.Edge(edge)).Wire()
        if wire.Closed():
            sewing.Add(BRepBuilderAPI_MakeFace(wire, True).Face())
    sewing.Perform()
    return solid_of(next(document.explore(sewing.SewedShape(), TopAbs_ShapeEnum.TopAbs_SHELL)))


def block(lower: TopoDS_Face, poles: int) -> TopoDS_Shape:
    """What is between such a face and the flat one at 2."""
    tower = BRepPrimAPI_MakePrism(lower, gp_Vec(0, 0, 5)).Shape()
    below = BRepPrimAPI_MakeBox(gp_Pnt(-1, -1, -10), gp_Pnt(poles, poles, 2)).Shape()
    return BRepAlgoAPI_Common(tower, below).Shape()
