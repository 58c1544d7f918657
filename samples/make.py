"""Makes the sample files of this folder: `.venv/bin/python samples/make.py`. Ours, so anybody may use them.

bracket.step      an L-bracket with holes and a rounded corner, named and coloured
bracket.iges      the same as IGES
bracket.stl       the same, tessellated
assembly.step     two brackets and a pin: an assembly with names, colours and placements
"""

import math
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut, BRepAlgoAPI_Fuse  # noqa: E402
from OCP.BRepFilletAPI import BRepFilletAPI_MakeFillet  # noqa: E402
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder  # noqa: E402
from OCP.gp import gp_Ax1, gp_Ax2, gp_Dir, gp_Pnt, gp_Trsf, gp_Vec  # noqa: E402
from OCP.Quantity import Quantity_Color, Quantity_TypeOfColor  # noqa: E402
from OCP.TCollection import TCollection_ExtendedString  # noqa: E402
from OCP.TDataStd import TDataStd_Name  # noqa: E402
from OCP.TDocStd import TDocStd_Document  # noqa: E402
from OCP.TopAbs import TopAbs_ShapeEnum  # noqa: E402
from OCP.TopLoc import TopLoc_Location  # noqa: E402
from OCP.TopoDS import TopoDS, TopoDS_Shape  # noqa: E402
from OCP.XCAFDoc import XCAFDoc_ColorType, XCAFDoc_DocumentTool  # noqa: E402

from shapr.converters.brep import document, iges, step, tessellate  # noqa: E402
from shapr.converters.mesh import stl  # noqa: E402

STEEL, BRASS = (0.35, 0.45, 0.55), (0.8, 0.6, 0.2)


def bracket() -> TopoDS_Shape:
    """60 x 40 x 50 mm, 6 mm thick, four holes, the inner corner rounded by 8 mm."""
    base, wall = BRepPrimAPI_MakeBox(60, 40, 6).Shape(), BRepPrimAPI_MakeBox(6, 40, 50).Shape()
    body = BRepAlgoAPI_Fuse(base, wall).Shape()
    fillet = BRepFilletAPI_MakeFillet(body)
    for edge in document.explore(body, TopAbs_ShapeEnum.TopAbs_EDGE):
        if is_inner_corner(edge):
            fillet.Add(8, TopoDS.Edge(edge))
            break
    body = fillet.Shape()
    for x, y in ((35, 10), (35, 30), (50, 20)):
        body = BRepAlgoAPI_Cut(body, hole(gp_Pnt(x, y, -1), gp_Dir(0, 0, 1), 3)).Shape()
    return BRepAlgoAPI_Cut(body, hole(gp_Pnt(-1, 20, 34), gp_Dir(1, 0, 0), 6)).Shape()


def is_inner_corner(edge: TopoDS_Shape) -> bool:
    low, high = document.box(edge)
    middle = ((low.X() + high.X()) / 2, (low.Z() + high.Z()) / 2)
    return math.dist(middle, (6, 6)) < 0.1 and high.Y() - low.Y() > 39


def hole(start: gp_Pnt, along: gp_Dir, radius: float) -> TopoDS_Shape:
    return BRepPrimAPI_MakeCylinder(gp_Ax2(start, along), radius, 10).Shape()


def add(model: TDocStd_Document, shape: TopoDS_Shape, name: str, colour: tuple[float, float, float]) -> Any:
    label = XCAFDoc_DocumentTool.ShapeTool_s(model.Main()).AddShape(shape, False)
    call(label, name)
    linear = Quantity_Color(*colour, Quantity_TypeOfColor.Quantity_TOC_RGB)
    XCAFDoc_DocumentTool.ColorTool_s(model.Main()).SetColor(label, linear, XCAFDoc_ColorType.XCAFDoc_ColorSurf)
    return label


def call(label: Any, name: str) -> None:
    TDataStd_Name.Set_s(label, TCollection_ExtendedString(name))


def assembly() -> TDocStd_Document:
    """Two brackets back to back, the second turned by half a turn, and a pin through both."""
    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    whole = tool.NewShape()
    call(whole, "Hinge")
    part = add(model, bracket(), "Bracket", STEEL)
    pin = add(model, BRepPrimAPI_MakeCylinder(5.9, 16).Shape(), "Pin", BRASS)
    turned, laid = gp_Trsf(), gp_Trsf()
    turned.SetRotation(gp_Ax1(gp_Pnt(0, 20, 0), gp_Dir(0, 0, 1)), math.pi)
    laid.SetRotation(gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(0, 1, 0)), math.pi / 2)
    laid.SetTranslationPart(gp_Vec(-8, 20, 34))
    for name, what, where in (("Left", part, gp_Trsf()), ("Right", part, turned), ("Pin", pin, laid)):
        call(tool.AddComponent(whole, what, TopLoc_Location(where)), name)
    tool.UpdateAssemblies()
    return model


def main() -> None:
    part = document.new()
    add(part, bracket(), "Bracket", STEEL)
    options = {"units": "mm", "step_schema": "AP214"}
    step.write(part, HERE / "bracket.step", "bracket.step", options)
    iges.write(part, HERE / "bracket.iges", "bracket.iges", options)
    step.write(assembly(), HERE / "assembly.step", "assembly.step", options)
    shape = document.shape(part)
    tessellate.triangulate(shape, *tessellate.deflections(shape, {}))
    stl.write(tessellate.mesh(part), HERE / "bracket.stl", "binary")


if __name__ == "__main__":
    main()
