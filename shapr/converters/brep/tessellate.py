"""B-Rep to triangles: the kernel's incremental mesh, and its arrays without a loop in Python."""

import ctypes
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from OCP.BRep import BRep_Tool
from OCP.BRepMesh import BRepMesh_IncrementalMesh
from OCP.BRepTools import BRepTools
from OCP.IMeshTools import IMeshTools_Parameters
from OCP.Message import Message_ProgressRange
from OCP.Poly import Poly_Triangulation
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import document
from shapr.converters.formats import QUALITY
from shapr.converters.mesh.model import Mesh, Part, Triangles, Vertices
from shapr.errors import Refused

FINEST = 1e-4  # millimetres; a preset of a tiny part does not go below
PYBIND_VALUE = 16  # bytes from a pybind11 object to its C++ pointer


def deflections(shape: TopoDS_Shape, options: dict[str, Any]) -> tuple[float, float]:
    """Linear (mm) and angular (degrees) deflection: as given, or the preset's for a part of this size."""
    low, high = document.box(shape)
    linear, angular = QUALITY[options.get("quality", "standard")]
    chosen = options.get("linear_deflection") or max(linear * low.Distance(high), FINEST)
    return float(f"{chosen:.6g}"), options.get("angular_deflection") or angular


def triangulate(shape: TopoDS_Shape, linear: float, angular: float, progress: Message_ProgressRange) -> None:
    """Attach triangles to the shape's faces. One thread: jobs share the cores, and the order must repeat."""
    BRepTools.Clean_s(shape)
    parameters = IMeshTools_Parameters()
    parameters.Deflection, parameters.Angle, parameters.InParallel = linear, math.radians(angular), False
    BRepMesh_IncrementalMesh(shape, parameters, progress)


def mesh(model: TDocStd_Document) -> Mesh:
    """The document's triangles, one part per leaf of the assembly, placed and named."""
    parts: list[Part] = []

    def walk(label: TDF_Label, placed: TopLoc_Location, given: str) -> None:
        part = document.referred(label)
        if part is not label:
            placed = placed.Multiplied(XCAFDoc_ShapeTool.GetLocation_s(label))
        named = document.name(label) or document.name(part) or given
        inside = document.components(part)
        for component in inside:
            walk(component, placed, named)
        if not inside:
            found = faces(XCAFDoc_ShapeTool.GetShape_s(part).Located(placed, False))
            if found is not None:
                parts.append(Part(named or "part", *found))

    for root in document.roots(model):
        walk(root, TopLoc_Location(), "")
    if not parts:
        raise Refused("no_geometry", "no face could be triangulated")
    return Mesh(tuple(parts))


def faces(shape: TopoDS_Shape) -> tuple[Vertices, Triangles] | None:
    """The triangles of all faces of a shape, where it is; None when it has none."""
    vertices, triangles, offset = [], [], 0
    for v, t in _faces(shape):
        vertices.append(v)
        triangles.append(t + offset)
        offset += len(v)
    return (np.concatenate(vertices), np.concatenate(triangles)) if vertices else None


def _faces(shape: TopoDS_Shape) -> Iterator[tuple[Vertices, Triangles]]:
    location = TopLoc_Location()
    for each in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE):
        face = TopoDS.Face(each)
        triangulation = BRep_Tool.Triangulation_s(face, location)
        if triangulation is None or not triangulation.NbTriangles():
            continue
        nodes, corners = arrays(triangulation)
        vertices, triangles = nodes.copy(), corners - 1
        if not location.IsIdentity():
            matrix = _matrix(location)
            vertices = vertices @ matrix[:, :3].T + matrix[:, 3]
        # A mirroring location turns the surface's normal with it, so it changes nothing here.
        if face.Orientation() == TopAbs_Orientation.TopAbs_REVERSED:
            triangles = triangles[:, [0, 2, 1]]
        yield vertices, triangles


def mirrored(shape: TopoDS_Shape) -> bool:
    """Whether a face is placed by a mirroring, as IGES does it: the kernel's GLB writer turns those inside out."""
    locations = (each.Location() for each in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE))
    return any(np.linalg.det(_matrix(each)[:, :3]) < 0 for each in locations if not each.IsIdentity())


def _matrix(location: TopLoc_Location) -> npt.NDArray[np.float64]:
    """Rotation and translation, 3x4."""
    transform = location.Transformation()
    return np.array([[transform.Value(row, column) for column in (1, 2, 3, 4)] for row in (1, 2, 3)])


def arrays(triangulation: Poly_Triangulation) -> tuple[Vertices, Triangles]:
    """Views on a triangulation's nodes (n, 3) and 1-based corners (m, 3).

    They read the wheel's private layout, checked each time; where it is another one, Python's loop gives copies.
    """
    n, m = triangulation.NbNodes(), triangulation.NbTriangles()
    nodes, corners = (
        ctypes.c_void_p.from_address(id(each) + PYBIND_VALUE).value or 0
        for each in (triangulation.InternalNodes(), triangulation.InternalTriangles())
    )
    stride, size = (ctypes.c_int32 * 2).from_address(nodes + 8)
    lower, length, first = (ctypes.c_int64 * 3).from_address(corners + 8)
    if (size, stride, lower, length) != (n, 24, 1, m):
        return _copied(triangulation)
    start = ctypes.c_void_p.from_address(nodes).value or 0
    return (
        np.ctypeslib.as_array((ctypes.c_double * (3 * n)).from_address(start)).reshape(-1, 3),
        np.ctypeslib.as_array((ctypes.c_int32 * (3 * m)).from_address(first)).reshape(-1, 3),
    )


def _copied(triangulation: Poly_Triangulation) -> tuple[Vertices, Triangles]:
    points = (triangulation.Node(at) for at in range(1, triangulation.NbNodes() + 1))
    corners = (triangulation.Triangle(at).Get() for at in range(1, triangulation.NbTriangles() + 1))
    return (
        np.array([(p.X(), p.Y(), p.Z()) for p in points], dtype=np.float64),
        np.array([corner[-3:] for corner in corners], dtype=np.int32),
    )
