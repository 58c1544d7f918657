"""What a B-Rep document holds: counts, box, volume, area, whether it closes. From its exact geometry, not triangles."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from OCP.Bnd import Bnd_Box
from OCP.BRep import BRep_Tool
from OCP.BRepBndLib import BRepBndLib
from OCP.BRepGProp import BRepGProp, BRepGProp_Domain, BRepGProp_Face, BRepGProp_Vinert
from OCP.collections import IndexedDataMap_TopoDS_Shape_List_TopoDS_Shape_TopTools_ShapeMapHasher
from OCP.Geom import Geom_SurfaceOfLinearExtrusion
from OCP.gp import gp_Pnt
from OCP.GProp import GProp_GProps
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopExp import TopExp
from OCP.TopoDS import TopoDS, TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import bodies, body_names, colours, document, flat, patches, tree
from shapr.converters.brep.patches import WHOLE, Divided
from shapr.converters.measure import Measured
from shapr.converters.mesh.model import Colour
from shapr.converters.progress import Reach, along, apart, silent, within
from shapr.errors import Refused

# The kernel's default integration is 1.3 % off on the thread of a screw, 8.6 % on a thin ring that is a rational NURBS,
# 1e-3 is 0.02 % off on surfaces of revolution of an IGES file; this is within 1e-5 on all of them. Areas likewise, but
# those of curves carried along a line: there it is 4 % off on an ellipse of 5 by 2, where the default is within 0.02 %.
INTEGRATION = 1e-5
LONG = 30_000  # spans of a NURBS face that the kernel integrates for longer than half a second
PATCH = 1e-4  # of a patch: on rough surfaces, rational ones too, the sum of them is within 6e-5
EXACT = 300  # faces whose exact box is asked for; the others count with a box that holds them
DIVIDED = 0.2  # of the time of a piece: a face of very many knots is divided
QUICK = 0.2  # of the time of the box: quick ones of all faces
PIECES, LOOKED, AREA = 0.5, 0.15, 0.55  # how much of the time is over after the pieces; of a piece's after each part
TOGETHER = 500  # faces whose volume one call of the kernel may integrate
BOUNDING = (TopAbs_Orientation.TopAbs_FORWARD, TopAbs_Orientation.TopAbs_REVERSED)
SLACK = 2e-7  # millimetres by which the kernel's quick box is wider than the shape, or more

Extent = npt.NDArray[np.float64]  # (6,): the highest x, y, z and the negative of the lowest


@dataclass(frozen=True)
class Piece:
    """One part, in its own frame. `outer` holds it; `points` are its corners, if it is flat all over."""

    shape: TopoDS_Shape  # with patches in place of faces of very many knots
    bodies: int
    solids: int
    faces: int
    patches: int  # what those are measured by: in place of a face of very many knots its patches
    curves: int
    volume: float
    area: float
    closed: bool  # its faces; nothing is open where there are none
    outer: Extent
    points: npt.NDArray[np.float64] | None
    alone: int  # vertices of no edge
    names: frozenset[str]  # of its bodies
    colours: frozenset[Colour]
    uncoloured: bool  # a face or a curve shows the colour of the instance


def measured(model: TDocStd_Document, reach: Reach) -> Measured:
    """Parts that occur many times are measured once. The box is exact to SLACK; where more than EXACT faces
    compete for it, it may be a little too wide. The volume is that of the solids, inside out ones negative.
    """
    leaves = list(tree.leaves(model))
    pieces: dict[tuple[int, ...], Piece] = {}
    for at, leaf in enumerate(leaves):
        if leaf.key not in pieces:
            part = within(reach, PIECES * at / len(leaves), PIECES * (at + 1) / len(leaves))
            pieces[leaf.key] = _piece(leaf.part, part)
    all_ = [pieces[leaf.key] for leaf in leaves]
    there = [at for at, piece in enumerate(all_) if np.isfinite(piece.outer).all()]  # some parts hold nothing
    high = _box([leaves[at] for at in there], [all_[at] for at in there], reach)
    bare = (leaf.colour for leaf, piece in zip(leaves, all_, strict=True) if piece.uncoloured)
    shown = {colour for colour in bare if colour is not None}
    solids = sum(piece.solids for piece in all_)
    values = [*high.tolist(), *(value for piece in pieces.values() for value in (piece.volume, piece.area))]
    if not all(map(math.isfinite, values)):
        raise Refused("invalid_geometry", "the model's size, area or volume is not finite")
    reach(1.0)
    labels = frozenset(leaf.name for leaf in leaves).union(*(piece.names for piece in pieces.values()))
    seen = shown.union(*(piece.colours for piece in pieces.values()))
    return Measured(
        bodies=sum(piece.bodies for piece in all_),
        solids=solids,
        faces=sum(piece.faces for piece in all_),
        curves=sum(piece.curves for piece in all_),
        points=sum(piece.alone for piece in all_),
        triangles=None,
        low=(-float(high[3]), -float(high[4]), -float(high[5])),
        high=(float(high[0]), float(high[1]), float(high[2])),
        volume=sum(piece.volume for piece in all_) if solids else None,
        area=sum(piece.area for piece in all_),
        watertight=any(piece.faces for piece in all_) and all(piece.closed for piece in all_),
        units=document.units(model),
        up_axis=None,
        names=len(labels),
        labels=labels,
        parts=frozenset(map(document.name, {leaf.key: leaf.part for leaf in leaves}.values())),
        colours=len(seen),
        translucent=sum(alpha < 1 for *_, alpha in seen),
        layers=bodies.used_layers(model),
        edges=len(colours.of_bounds(model)),
        properties=bodies.properties(model),
    )


def _piece(part: TDF_Label, reach: Reach) -> Piece:
    kinds = TopAbs_ShapeEnum
    shape = XCAFDoc_ShapeTool.GetShape_s(part)
    shells = list(document.explore(shape, kinds.TopAbs_SHELL))
    free = sum(1 for _ in document.outside(shape, kinds.TopAbs_SHELL, kinds.TopAbs_SOLID))
    loose = sum(1 for _ in document.outside(shape, kinds.TopAbs_FACE, kinds.TopAbs_SHELL))
    faces = [hash(face) for face in document.explore(shape, kinds.TopAbs_FACE)]
    free_edges = document.free_edges(shape)
    every = colours.faces(part)
    own = {face: every[face] for face in faces if face in every}
    drawn = _drawn(part, free_edges) if free_edges else set()
    points = flat.points(shape, len(faces), within(reach, 0.0, LOOKED))
    error = INTEGRATION if points is None else None
    patched = _patched(shape, within(reach, LOOKED, DIVIDED)) if points is None else Divided(shape, ())
    found = list(document.explore(patched.shape, kinds.TopAbs_FACE))
    looking = along(found, len(found), within(reach, DIVIDED if patched.faces else LOOKED, AREA))
    area = sum(area_of(face, PATCH if patched.is_patch(face) else error) for face in looking)
    solids = [each for each in document.explore(patched.shape, kinds.TopAbs_SOLID) if _holds(each)]
    inside = 0.0
    for solid, one in apart(solids, within(reach, AREA, 1.0)):
        inside += volume(solid, error, one, patched)
        one(1.0)
    return Piece(
        patched.shape,
        bodies=len(solids) + free + loose,
        solids=len(solids),
        faces=len(faces),
        patches=len(found),
        curves=len(free_edges),
        alone=sum(1 for _ in document.outside(shape, kinds.TopAbs_VERTEX, kinds.TopAbs_EDGE)),
        volume=inside,
        area=area,
        closed=not loose and all(BRep_Tool.IsClosed_s(shell) for shell in shells),
        outer=extent(shape),
        points=points,
        names=body_names.within(part),
        colours=frozenset({*own.values(), *(colour for colour in drawn if colour is not None)}),
        uncoloured=any(face not in own for face in faces) or None in drawn,
    )


def _patched(shape: TopoDS_Shape, reach: Reach) -> Divided:
    return patches.divided(shape, lambda: reach, LONG, EXACT)


def _holds(solid: TopoDS_Shape) -> bool:
    """Some files have solids of nothing."""
    return next(document.explore(solid, TopAbs_ShapeEnum.TopAbs_FACE), None) is not None


def _drawn(part: TDF_Label, free_edges: list[TopoDS_Shape]) -> set[Colour | None]:
    """The colours of curves; None where it is the instance's."""
    own, whole = colours.edges(part), colours.of_curves(part)
    return {own.get(hash(edge), whole) for edge in free_edges}


def area_of(face: TopoDS_Shape, error: float | None) -> float:
    properties = GProp_GProps()
    carried = isinstance(BRep_Tool.Surface_s(TopoDS.Face(face)), Geom_SurfaceOfLinearExtrusion)
    BRepGProp.SurfaceProperties_s(face, properties, *([] if error is None or carried else [error]))
    return float(properties.Mass())


def volume(
    solid: TopoDS_Shape, error: float | None = INTEGRATION, reach: Reach = silent, patched: Divided = WHOLE
) -> float:
    """Without an error: of flat faces, where the kernel's quick integration is exact."""
    faces = list(document.explore(solid, TopAbs_ShapeEnum.TopAbs_FACE))
    if (len(faces) > TOGETHER or patched.faces) and all(face.NbChildren() for face in faces):
        return _volume_by_face(solid, faces, lambda face: PATCH if patched.is_patch(face) else error, reach)
    properties = GProp_GProps()
    BRepGProp.VolumeProperties_s(solid, properties, *([] if error is None else [error]))
    return float(properties.Mass())


def _volume_by_face(
    solid: TopoDS_Shape, faces: list[TopoDS_Shape], error: Callable[[TopoDS_Shape], float | None], reach: Reach
) -> float:
    """What the kernel's one call does inside: the sum of the signed cones from the faces to the mean of the vertices.
    Between two faces nobody would hear of it."""
    cone, surface, bounds = BRepGProp_Vinert(), BRepGProp_Face(), BRepGProp_Domain()
    cone.SetLocation(_middle(solid))
    whole = 0.0
    for face in along(map(TopoDS.Face, faces), len(faces), reach):
        if face.Orientation() in BOUNDING:
            surface.Load(face)
            bounds.Init(face)
            allowed = error(face)
            cone.Perform(surface, bounds, *([] if allowed is None else [allowed]))
            whole += cone.Mass()
    return float(whole)


def _middle(solid: TopoDS_Shape) -> gp_Pnt:
    """The mean of its vertices, each as often as a face has it."""
    known = IndexedDataMap_TopoDS_Shape_List_TopoDS_Shape_TopTools_ShapeMapHasher()
    TopExp.MapShapesAndAncestors_s(solid, TopAbs_ShapeEnum.TopAbs_VERTEX, TopAbs_ShapeEnum.TopAbs_FACE, known)
    numbers = range(1, known.Extent() + 1)
    points = [BRep_Tool.Pnt_s(TopoDS.Vertex(known.FindKey(at))).Coord() for at in numbers]
    return gp_Pnt(*np.average(points, axis=0, weights=[known.FindFromIndex(at).Extent() for at in numbers]).tolist())


def _box(leaves: list[tree.Leaf], pieces: list[Piece], reach: Reach) -> Extent:
    every, quick, looked = max(sum(piece.patches for piece in pieces), 1), 0, 0

    def tell() -> None:
        box = QUICK * min(quick / every, 1.0) + (1 - QUICK) * min(looked / min(EXACT, every), 1.0)
        reach(PIECES + (1 - PIECES) * box)

    def quick_extent(face: TopoDS_Shape) -> Extent:
        nonlocal quick
        quick += 1
        tell()
        return extent(face)

    def face_extent(face: TopoDS_Shape, outer: Extent) -> Extent:
        nonlocal looked
        looked += 1
        tell()
        return extent(face, exact=True) if looked <= EXACT else outer

    def exact(at: int) -> Extent:
        points = pieces[at].points
        if points is not None:
            corners = points @ leaves[at].matrix[:, :3].T + leaves[at].matrix[:, 3]
            return np.concatenate([corners.max(axis=0), -corners.min(axis=0)])
        placed = pieces[at].shape.Located(leaves[at].location, False)
        faces = [*document.explore(placed, TopAbs_ShapeEnum.TopAbs_FACE), *document.free_edges(placed)]
        outer = np.array([quick_extent(face) for face in faces]).reshape(-1, 6)
        return _tightest(outer, lambda face: face_extent(faces[face], outer[face]))

    outer = np.array([_placed(piece.outer, leaf.matrix) for leaf, piece in zip(leaves, pieces, strict=True)])
    return _tightest(outer.reshape(-1, 6), exact)  # also where nothing has a box


def _tightest(outer: npt.NDArray[np.float64], exact: Callable[[int], Extent]) -> Extent:
    """The extent of all, where the extents in `outer` (n, 6) are too wide: only who may stick out is looked at."""
    known: dict[int, Extent] = {}
    reached = np.full(6, -np.inf)
    for direction in range(6):
        for at in np.argsort(-outer[:, direction], kind="stable").tolist():
            if outer[at, direction] <= reached[direction] + SLACK:
                break
            if at not in known:
                known[at] = exact(at) if len(known) < EXACT else outer[at]
                reached = np.maximum(reached, np.minimum(known[at], outer[at] + SLACK))
    return reached


def _placed(outer: Extent, matrix: tree.Matrix) -> Extent:
    """An extent that holds a box where it is placed."""
    middle, half = (outer[:3] - outer[3:]) / 2, (outer[:3] + outer[3:]) / 2
    moved, reach = matrix[:, :3] @ middle + matrix[:, 3], np.abs(matrix[:, :3]) @ half
    return np.concatenate([moved + reach, reach - moved])


def extent(shape: TopoDS_Shape, exact: bool = False) -> Extent:
    box = Bnd_Box()
    if exact:
        BRepBndLib.AddOptimal_s(shape, box, False, False)
    else:
        BRepBndLib.Add_s(shape, box, False)
    if box.IsVoid():
        return np.full(6, -np.inf)
    low, high = box.CornerMin(), box.CornerMax()
    return np.array([high.X(), high.Y(), high.Z(), -low.X(), -low.Y(), -low.Z()])
