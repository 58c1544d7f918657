"""Models of any size: many solids, one solid of many faces, a sheet of them, one huge face, many triangles."""

import math
from pathlib import Path

import numpy as np
from OCP.BRep import BRep_Builder
from OCP.BRepBuilderAPI import (
    BRepBuilderAPI_MakeEdge,
    BRepBuilderAPI_MakeFace,
    BRepBuilderAPI_MakeWire,
    BRepBuilderAPI_NurbsConvert,
    BRepBuilderAPI_Sewing,
    BRepBuilderAPI_Transform,
)
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeRevol
from OCP.collections import Array1_double, Array1_int, Array2_gp_Pnt
from OCP.GC import GC_MakeArcOfCircle
from OCP.Geom import Geom_BSplineSurface
from OCP.gp import gp_Ax1, gp_Dir, gp_Pnt, gp_Trsf, gp_Vec
from OCP.IGESControl import IGESControl_Controller, IGESControl_Writer
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Compound, TopoDS_Shape, TopoDS_Shell
from OCP.XCAFDoc import XCAFDoc_DocumentTool

from shapr.converters.brep import brep, document, facet, iges, sew, step
from shapr.converters.mesh import files, stl
from shapr.converters.mesh.model import Mesh, Part

SAMPLE = Path(__file__).parents[1] / "samples" / "bracket.step"
OPTIONS = {"units": "mm", "step_schema": "AP214", "encoding": "ascii"}


def solids(path: Path, count: int) -> Path:
    """So many solids as a STEP, IGES or BREP file, by its extension. Some 45 kB of STEP each."""
    one = document.shape(step.read(SAMPLE))
    low, high = document.box(one)
    builder, whole = BRep_Builder(), TopoDS_Compound()
    builder.MakeCompound(whole)
    for at in range(count):
        moving = gp_Trsf()
        x, y = (at % 20) * 1.1 * (high.X() - low.X()), (at // 20) * 1.1 * (high.Y() - low.Y())
        moving.SetTranslation(gp_Vec(x, y, 0))
        builder.Add(whole, BRepBuilderAPI_Transform(one, moving, True).Shape())
    return _written(path, whole)


def uses(path: Path, count: int) -> Path:
    """An assembly that uses one cube so many times, as a STEP file. Some 0.7 kB each."""
    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    cube, whole = tool.AddShape(BRepPrimAPI_MakeBox(1, 1, 1).Shape(), False), tool.NewShape()
    for at in range(count):
        moving = gp_Trsf()
        moving.SetTranslation(gp_Vec(2 * (at % 50), 2 * (at // 50), 0))
        tool.AddComponent(whole, cube, TopLoc_Location(moving))
    tool.UpdateAssemblies()
    step.write(model, path, path.name, OPTIONS)
    return path


def flat(path: Path, count: int) -> Path:
    """One solid of about so many flat triangles. Some 2.4 kB of STEP each."""
    triangles(path.with_suffix(".stl"), count)
    mesh = stl.read(path.with_suffix(".stl"), path.stem, lambda _: None)
    return _written(path, document.shape(facet.faceted(mesh, 2 * count, path.stem)))


def ring(path: Path, sectors: int, around: int, every: int = 0) -> Path:
    """A ring of `sectors` times `around` curved faces, some 3 kB of STEP each: a solid; or, without one of `every` so
    many faces, a sheet with holes."""
    axis = gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(0, 0, 1))
    profile = BRepBuilderAPI_MakeWire()
    for at in range(around):
        begin, middle, end = (_on_ring(part, around) for part in (at, at + 0.5, at + 1))
        profile.Add(BRepBuilderAPI_MakeEdge(GC_MakeArcOfCircle(begin, middle, end).Value()).Edge())
    sector = BRepPrimAPI_MakeRevol(profile.Wire(), axis, 2 * math.pi / sectors).Shape()
    sewing = BRepBuilderAPI_Sewing(1e-5)
    for at in range(sectors):
        turning = gp_Trsf()
        turning.SetRotation(axis, 2 * math.pi * at / sectors)
        sewing.Add(BRepBuilderAPI_Transform(sector, turning, True).Shape())
    sewing.Perform()
    shell = next(document.explore(sewing.SewedShape(), TopAbs_ShapeEnum.TopAbs_SHELL))
    if not every:
        return _written(path, sew.solid_of(shell))
    builder, sheet = BRep_Builder(), TopoDS_Shell()
    builder.MakeShell(sheet)
    for at, face in enumerate(document.explore(shell, TopAbs_ShapeEnum.TopAbs_FACE)):
        if at % every:
            builder.Add(sheet, face)
    return _written(path, sheet)


def _on_ring(at: float, around: int) -> gp_Pnt:
    """Corners on a circle; the middles between them out and in by turns, so that no two arcs are one."""
    angle, depth = 2 * math.pi * at / around, 0.0 if float(at).is_integer() else 0.6 * (-1) ** int(at) / around
    return gp_Pnt(100 + 30 * (1 + depth) * math.cos(angle), 0, 30 * (1 + depth) * math.sin(angle))


def surfaces(path: Path, sectors: int) -> Path:
    """The faces of such a ring as an IGES file that has no solids: loose, some 6 kB each."""
    solid = document.shape(brep.read(ring(path.with_suffix(".brep"), sectors, 100), path.stem, {}))
    IGESControl_Controller.Init_s()
    writer = IGESControl_Writer("MM", 0)
    if not writer.AddShape(solid) or not writer.Write(str(path)):
        raise SystemExit(f"the kernel writes no {path.name}")
    return path


def free(path: Path, sectors: int) -> Path:
    """Such a ring of NURBS faces, some 5 kB of STEP each."""
    solid = document.shape(brep.read(ring(path.with_suffix(".brep"), sectors, 100), path.stem, {}))
    return _written(path, BRepBuilderAPI_NurbsConvert(solid, True).Shape())


def wave(path: Path, side: int) -> Path:
    """One face: a cubic NURBS of `side` x `side` poles."""
    poles = Array2_gp_Pnt(1, side, 1, side)
    for row in range(side):
        for column in range(side):
            height = 3 * math.sin(row * 0.2) * math.cos(column * 0.15) + 0.2 * math.sin(7.0 * row * column)
            poles.SetValue(row + 1, column + 1, gp_Pnt(row, column, height))
    knots, multiplicities = Array1_double(1, side - 2), Array1_int(1, side - 2)
    for at in range(side - 2):
        knots.SetValue(at + 1, float(at))
        multiplicities.SetValue(at + 1, 4 if at in (0, side - 3) else 1)
    surface = Geom_BSplineSurface(poles, knots, knots, multiplicities, multiplicities, 3, 3)
    return _written(path, BRepBuilderAPI_MakeFace(surface, 1e-6).Face())


def _written(path: Path, whole: TopoDS_Shape) -> Path:
    model = document.holding(whole, path.name)
    match path.suffix:
        case ".step":
            step.write(model, path, path.name, OPTIONS)
        case ".iges":
            iges.write(model, path, path.name, OPTIONS)
        case _:
            brep.write(model, path, OPTIONS)
    return path


def triangles(path: Path, count: int) -> Path:
    """About so many triangles, a closed bumpy ball, as a mesh file of any format that we write."""
    rows = max(3, int((count / 4) ** 0.5))
    columns = 2 * rows
    theta = np.linspace(0, np.pi, rows + 1)[1:-1, None]
    phi = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    radius = 50 + 2 * np.sin(7 * theta) * np.cos(9 * phi)
    ring = [
        radius * np.sin(theta) * np.cos(phi),
        radius * np.sin(theta) * np.sin(phi),
        radius * np.cos(theta) + 0 * phi,
    ]
    vertices = np.concatenate([np.stack(ring, -1).reshape(-1, 3), [[0, 0, 50], [0, 0, -50]]])
    here = np.arange((rows - 2) * columns)
    right = here - here % columns + (here + 1) % columns
    north, south = len(vertices) - 2, len(vertices) - 1
    first, last = np.arange(columns), np.arange((rows - 2) * columns, (rows - 1) * columns)
    corners = np.concatenate(
        [
            np.stack([here, here + columns, right], -1),
            np.stack([right, here + columns, right + columns], -1),
            np.stack([np.full(columns, north), first, np.roll(first, -1)], -1),
            np.stack([np.full(columns, south), np.roll(last, -1), last], -1),
        ]
    ).astype(np.int32)
    mesh = Mesh((Part("ball", vertices, corners),))
    files.write(mesh, path.suffix[1:], path, {"encoding": "binary", "units": "mm"}, lambda _: None)
    return path
