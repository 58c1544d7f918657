"""Models of any size: copies of the sample bracket side by side, each with geometry of its own."""

from pathlib import Path

import numpy as np
from OCP.BRep import BRep_Builder
from OCP.BRepBuilderAPI import BRepBuilderAPI_Transform
from OCP.gp import gp_Trsf, gp_Vec
from OCP.TopoDS import TopoDS_Compound

from shapr.converters.brep import brep, document, iges, step
from shapr.converters.mesh import obj, stl
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
    """About so many triangles, a closed bumpy ball, as an OBJ or STL file."""
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
    writer = obj.write if path.suffix == ".obj" else stl.write
    writer(Mesh((Part("ball", vertices, corners),)), path, {"encoding": "binary"}, lambda _: None)
    return path
