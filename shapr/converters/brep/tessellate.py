"""B-Rep to triangles: the kernel's incremental mesh, as parts."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepAdaptor import BRepAdaptor_Surface
from OCP.BRepBuilderAPI import BRepBuilderAPI_NurbsConvert
from OCP.BRepLib import BRepLib_ToolTriangulatedShape
from OCP.BRepMesh import BRepMesh_IncrementalMesh
from OCP.BRepTools import BRepTools
from OCP.collections import IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher
from OCP.GeomAbs import GeomAbs_SurfaceType
from OCP.IMeshTools import IMeshTools_Parameters
from OCP.OSD import OSD_ThreadPool
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopExp import TopExp
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Face, TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import colours, document, mesher, patches, several, tree
from shapr.converters.brep.indicator import SILENT, Indicator
from shapr.converters.brep.triangulation import CORNERS, NODE, content
from shapr.converters.formats import QUALITY
from shapr.converters.mesh.model import MAX_PARTS, Colour, Mesh, Part
from shapr.converters.progress import PLAIN, Reach, along, within
from shapr.converters.progress import apart as reaches
from shapr.errors import Refused

TRIANGULATION = 0.8  # of the time that a mesh file takes; gathering and writing share the rest
DIVISION, GATHERING = 0.05, 0.1  # of what is left then, where faces are meshed in patches
# Before the first face is meshed, all are looked at: that shows in the memory it takes, up to so many bytes for each.
MODEL, BY_POSITION = 15_000.0, 0.85
MANY = 20_000  # faces, of which the looks before and after take seconds
FINEST = 1e-6  # millimetres; a preset of a tiny part does not go below
# Deflections below it are refused, as fractions of the diagonal: a sphere would have ten million triangles.
SENSELESS = 1e-7


def deflections(shape: TopoDS_Shape, options: dict[str, Any]) -> tuple[float, float]:
    """Linear (mm) and angular (degrees) deflection: as given, or the preset's for a part of this size."""
    low, high = document.box(shape)
    diagonal = low.Distance(high)
    linear, angular = QUALITY[options.get("quality", "standard")]
    chosen = options.get("linear_deflection") or max(linear * diagonal, FINEST)
    if chosen < SENSELESS * diagonal:
        raise Refused("limit_exceeded", f"a deflection of {chosen:g} mm is too fine for a part of {diagonal:g} mm")
    return float(f"{chosen:.6g}"), options.get("angular_deflection") or angular


def triangulate(
    shape: TopoDS_Shape, linear: float, angular: float, progress: Indicator = SILENT, threads: int = 1
) -> int:
    """Attach triangles to the shape's faces, the same ones whatever the number of threads: each face is one's work.
    Gives the number of faces that got none."""
    BRepTools.Clean_s(shape)
    given = parameters(linear, angular)
    if threads > 1:
        OSD_ThreadPool.DefaultPool_s().Init(threads)  # this one among them
        OSD_ThreadPool.DefaultPool_s().SetNbDefaultThreadsToLaunch(threads)
        given.InParallel = True
    faces = document.count(shape, TopAbs_ShapeEnum.TopAbs_FACE)
    divided = patches.divided(shape, lambda: progress.step(DIVISION))
    if faces > MANY:
        mesher.mesh(divided.shape, given, faces, progress)
    else:
        step = progress.range(TRIANGULATION, PLAIN, MODEL * faces, BY_POSITION)
        BRepMesh_IncrementalMesh(divided.shape, given, step)
    lacking = bare(divided.shape)
    for face in filter(_is_cone, lacking):
        again(face, parameters(linear, angular))
    if divided.faces:
        divided.gather(progress.step(GATHERING))
    return len(bare(shape)) if lacking or divided.faces else 0


def parameters(linear: float, angular: float) -> IMeshTools_Parameters:
    made = IMeshTools_Parameters()
    made.Deflection, made.Angle, made.InParallel = linear, math.radians(angular), False
    return made


def bare(shape: TopoDS_Shape) -> list[TopoDS_Face]:
    """The faces without triangles, each once."""
    known = IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher()
    TopExp.MapShapes_s(shape, TopAbs_ShapeEnum.TopAbs_FACE, known)
    faces = (TopoDS.Face(known.FindKey(at)) for at in range(1, known.Extent() + 1))
    return [face for face in faces if BRep_Tool.Triangulation_s(face, TopLoc_Location()) is None]


def _is_cone(face: TopoDS_Face) -> bool:
    """Whether another try makes sense: making a NURBS of a torus without radii takes for ever."""
    return bool(BRepAdaptor_Surface(face).GetType() == GeomAbs_SurfaceType.GeomAbs_Cone)


def again(face: TopoDS_Face, given: IMeshTools_Parameters) -> None:
    """The kernel gives up on some sound cones around their apex, whatever the deflection, and not on the same surface
    as a NURBS. Its normals are computed here: those of the cone would be taken at the parameters of the other."""
    alone = TopoDS.Face(face.Located(TopLoc_Location()).Oriented(TopAbs_Orientation.TopAbs_FORWARD))
    try:
        nurbs = BRepBuilderAPI_NurbsConvert(alone, True).Shape()
    except Exception as failure:
        if not document.kernel_gave_up(failure):
            raise
        return  # it is no sound one, and stays without triangles
    for made in document.explore(nurbs, TopAbs_ShapeEnum.TopAbs_FACE):
        other, where = TopoDS.Face(made), TopLoc_Location()
        BRepMesh_IncrementalMesh(other, given)
        triangulation = BRep_Tool.Triangulation_s(other, where)
        if triangulation is not None and where.IsIdentity():
            BRepLib_ToolTriangulatedShape.ComputeNormals_s(other, triangulation)
            BRep_Builder().UpdateFace(face, triangulation)


def mesh(model: TDocStd_Document, progress: Indicator = SILENT, apart: bool = False) -> Mesh:
    """The document's triangles, z up: for every instance a part per colour, placed and named; `apart`, where there are
    several bodies, for each of them.

    A part that occurs a thousand times is looked at once.
    """
    parts: list[Part] = []
    known: dict[tuple[Any, ...], list[tuple[int, Part]]] = {}
    called = several.Names()
    reach = progress.step(0.5)
    leaves = list(tree.leaves(model))
    bodies = several.of(leaves) if apart else {}
    for at, leaf in enumerate(leaves):
        reach(at / len(leaves))
        key = leaf.key, leaf.colour
        if key not in known:
            own = within(reach, at / len(leaves), (at + 1) / len(leaves))
            known[key] = _inside(leaf, bodies.get(leaf.key, []), own)
        where = None if leaf.location.IsIdentity() else leaf.matrix
        name = called.once(leaf.name)
        names = several.called(name, bodies[leaf.key]) if leaf.key in bodies else [""]
        parts += [replace(part, name=name, body=names[at], **_placed(part, where)) for at, part in known[key]]
    if not parts:
        raise Refused("no_geometry", "no face could be triangulated")
    if bodies and len(parts) > MAX_PARTS:  # of many colours
        return mesh(model, progress)
    return Mesh(tuple(parts))


def _inside(leaf: tree.Leaf, bodies: Sequence[several.Inside], reach: Reach) -> list[tuple[int, Part]]:
    """The triangles of a part, and which of its bodies they are of."""
    shapes = [body.shape for body in bodies] or [XCAFDoc_ShapeTool.GetShape_s(leaf.part)]
    own = colours.faces(leaf.part)
    each = enumerate(reaches(shapes, reach))
    return [(at, part) for at, (shape, one) in each for part in _parts(shape, own, leaf.colour, one)]


def _placed(part: Part, matrix: tree.Matrix | None) -> dict[str, Any]:
    if matrix is None:
        return {}
    corners = part.corners[:, ::-1] if np.linalg.det(matrix[:, :3]) < 0 else part.corners
    return {"vertices": part.vertices @ matrix[:, :3].T + matrix[:, 3], "corners": np.ascontiguousarray(corners)}


@dataclass(frozen=True)
class Piece:
    """The triangles of a face, as bytes: an array for each of many small faces would cost more than what is in it."""

    nodes: bytes
    corners: bytes  # 1-based
    reversed: bool

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.nodes) // NODE, len(self.corners) // CORNERS


def _parts(shape: TopoDS_Shape, own: dict[int, Colour], base: Colour | None, reach: Reach) -> list[Part]:
    """The triangles of a shape by the colours of its faces, in the order in which those first occur."""
    groups: dict[Colour | None, list[Piece]] = {}
    count = max(document.count(shape, TopAbs_ShapeEnum.TopAbs_FACE), 1)
    for face, piece in along(pieces(shape), count, reach):
        colour = own.get(hash(face), base) if own else base
        groups.setdefault(colour, []).append(piece)
    return [_part(colour, pieces) for colour, pieces in groups.items()]


def _part(colour: Colour | None, pieces: list[Piece]) -> Part:
    nodes, triangles = np.array([piece.counts for piece in pieces]).T
    vertices = np.frombuffer(bytearray().join(piece.nodes for piece in pieces), np.float64).reshape(-1, 3)
    corners = np.frombuffer(bytearray().join(piece.corners for piece in pieces), np.int32).reshape(-1, 3)
    corners += np.repeat(np.cumsum(nodes) - nodes - 1, triangles).astype(np.int32)[:, None]
    turned = np.repeat([piece.reversed for piece in pieces], triangles)
    corners[turned] = corners[turned][:, [0, 2, 1]]
    return Part("", vertices, corners, material=colours.text(colour) if colour else "", colour=colour)


def pieces(shape: TopoDS_Shape) -> Iterator[tuple[TopoDS_Face, Piece]]:
    """The faces that have triangles, in the order of the shape."""
    location = TopLoc_Location()
    for each in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE):
        face = TopoDS.Face(each)
        triangulation = BRep_Tool.Triangulation_s(face, location)
        if triangulation is None or not triangulation.NbTriangles():
            continue
        nodes, corners = content(triangulation)
        if not location.IsIdentity():
            matrix = tree.matrix(location)
            nodes = (np.frombuffer(nodes).reshape(-1, 3) @ matrix[:, :3].T + matrix[:, 3]).tobytes()
        # A face that is placed by a mirroring has its normal turned with it, so that changes nothing here.
        yield face, Piece(nodes, corners, face.Orientation() == TopAbs_Orientation.TopAbs_REVERSED)
