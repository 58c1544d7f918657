"""What a B-Rep document holds: counts, box, volume, area, whether it closes. From its exact geometry, not triangles."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from OCP.Bnd import Bnd_Box
from OCP.BRep import BRep_Tool
from OCP.BRepBndLib import BRepBndLib
from OCP.BRepGProp import BRepGProp
from OCP.gp import gp_Pnt
from OCP.GProp import GProp_GProps
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import colours, document, tree
from shapr.converters.measure import Measured
from shapr.converters.mesh.model import Colour
from shapr.converters.progress import Reach
from shapr.errors import Refused

# The kernel's default integration is 1.3 % off on the thread of a screw, 1e-3 is 0.02 % off on surfaces of revolution
# of an IGES file; this is within 1e-5 on both.
INTEGRATION = 1e-5
EXACT = 300  # faces whose exact box is asked for; the others count with a box that holds them
PIECES = 0.5  # of the time, by progress; the box takes the rest
SLACK = 2e-7  # millimetres by which the kernel's quick box is wider than the shape, or more

Extent = npt.NDArray[np.float64]  # (6,): the highest x, y, z and the negative of the lowest


@dataclass(frozen=True)
class Piece:
    """One part, in its own frame. `outer` holds it."""

    shape: TopoDS_Shape
    bodies: int
    solids: int
    faces: int
    volume: float
    area: float
    closed: bool
    outer: Extent
    colours: frozenset[Colour]
    uncoloured: bool  # a face shows the colour of the instance


def measured(model: TDocStd_Document, reach: Reach) -> Measured:
    """Parts that occur many times are measured once. The box is exact to SLACK; where more than EXACT faces
    compete for it, it may be a little too wide. The volume is that of the solids, inside out ones negative.
    """
    leaves = list(tree.leaves(model))
    pieces: dict[tuple[int, ...], Piece] = {}
    for at, leaf in enumerate(leaves):
        if leaf.key not in pieces:
            part = partial(_within, reach, PIECES * at / len(leaves), PIECES / len(leaves))
            pieces[leaf.key] = _piece(XCAFDoc_ShapeTool.GetShape_s(leaf.part), colours.faces(leaf.part), part)
    all_ = [pieces[leaf.key] for leaf in leaves]
    high = _box(leaves, all_, reach)
    shown = {leaf.colour for leaf, piece in zip(leaves, all_, strict=True) if piece.uncoloured} - {None}
    solids = sum(piece.solids for piece in all_)
    values = [*high.tolist(), *(value for piece in pieces.values() for value in (piece.volume, piece.area))]
    if not all(map(math.isfinite, values)):
        raise Refused("invalid_geometry", "the model's size, area or volume is not finite")
    reach(1.0)
    labels = frozenset(leaf.name for leaf in leaves)
    return Measured(
        bodies=sum(piece.bodies for piece in all_),
        solids=solids,
        faces=sum(piece.faces for piece in all_),
        triangles=None,
        low=(-float(high[3]), -float(high[4]), -float(high[5])),
        high=(float(high[0]), float(high[1]), float(high[2])),
        volume=sum(piece.volume for piece in all_) if solids else None,
        area=sum(piece.area for piece in all_),
        watertight=all(piece.closed for piece in all_),
        units=document.units(model),
        up_axis=None,
        names=len(labels),
        labels=labels,
        colours=len(shown.union(*(piece.colours for piece in pieces.values()))),
    )


def _within(reach: Reach, start: float, width: float, done: float) -> None:
    reach(start + width * done)


def _piece(shape: TopoDS_Shape, own: dict[int, Colour], reach: Reach) -> Piece:
    kinds = TopAbs_ShapeEnum
    solids = document.count(shape, kinds.TopAbs_SOLID)
    shells = list(document.explore(shape, kinds.TopAbs_SHELL))
    free = sum(1 for _ in document.outside(shape, kinds.TopAbs_SHELL, kinds.TopAbs_SOLID))
    loose = sum(1 for _ in document.outside(shape, kinds.TopAbs_FACE, kinds.TopAbs_SHELL))
    faces = [hash(face) for face in document.explore(shape, kinds.TopAbs_FACE)]
    outer = extent(shape)
    middle = gp_Pnt(*((outer[:3] - outer[3:]) / 2).tolist()) if np.isfinite(outer).all() else gp_Pnt()
    area = volume = 0.0
    for at, face in enumerate(document.explore(shape, kinds.TopAbs_FACE)):
        reach(0.3 * at / len(faces))
        area += _area(face)
    for at, solid in enumerate(document.explore(shape, kinds.TopAbs_SOLID)):
        reach(0.3 + 0.7 * at / solids)
        volume += _volume(solid, middle)
    return Piece(
        shape,
        bodies=solids + free + loose,
        solids=solids,
        faces=len(faces),
        volume=volume,
        area=area,
        closed=not loose and bool(shells) and all(BRep_Tool.IsClosed_s(shell) for shell in shells),
        outer=outer,
        colours=frozenset(own[face] for face in faces if face in own),
        uncoloured=any(face not in own for face in faces),
    )


def _area(face: TopoDS_Shape) -> float:
    properties = GProp_GProps()
    BRepGProp.SurfaceProperties_s(face, properties)
    return float(properties.Mass())


def _volume(solid: TopoDS_Shape, middle: gp_Pnt) -> float:
    """About the middle of the part: about a far origin digits would cancel."""
    properties = GProp_GProps(middle)
    BRepGProp.VolumeProperties_s(solid, properties, INTEGRATION)
    return float(properties.Mass())


def _box(leaves: list[tree.Leaf], pieces: list[Piece], reach: Reach) -> Extent:
    asked = itertools.count(1)

    def face_extent(face: TopoDS_Shape, outer: Extent) -> Extent:
        if (count := next(asked)) > EXACT:
            return outer
        reach(PIECES + (1 - PIECES) * count / EXACT)
        return extent(face, exact=True)

    def exact(at: int) -> Extent:
        faces = list(
            document.explore(pieces[at].shape.Located(leaves[at].location, False), TopAbs_ShapeEnum.TopAbs_FACE)
        )
        outer = np.array([extent(face) for face in faces]).reshape(-1, 6)
        return _tightest(outer, lambda face: face_extent(faces[face], outer[face]))

    return _tightest(
        np.array([_placed(piece.outer, leaf.matrix) for leaf, piece in zip(leaves, pieces, strict=True)]), exact
    )


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
