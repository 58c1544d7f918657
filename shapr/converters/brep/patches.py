"""NURBS faces of very many knots are meshed and measured patch by patch.

The kernel puts the circle around every triangle it ever makes into each cell of a grid that it reaches, and takes
none out: one face of 323 by 309 poles took more than 4 GB, in patches it takes 80 MB, and less time. The patches'
edges divide those of the neighbours too, so that closed stays closed. And within one face the kernel tells nobody how
far it is: from patch to patch it shows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepLib import BRepLib_ToolTriangulatedShape
from OCP.collections import Array1_double, HArray2_Geom_Surface
from OCP.Geom import Geom_BSplineSurface, Geom_RectangularTrimmedSurface, Geom_Surface
from OCP.ShapeAnalysis import ShapeAnalysis
from OCP.ShapeBuild import ShapeBuild_ReShape
from OCP.ShapeExtend import ShapeExtend_CompositeSurface, ShapeExtend_Status
from OCP.ShapeFix import ShapeFix_ComposeShell
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Face, TopoDS_Shape

from shapr.converters.brep import document, triangulation
from shapr.converters.progress import Reach, apart, silent, within

MOST = 2500  # spans between knots that one mesh takes well: twice as many already took 0.5 GB and more
SIDE = 40  # of a patch, in spans
PRECISION, WIDEST = 1e-5, 1.0  # millimetres; of where edges are cut, and what their tolerance may become
CUT = 0.7  # of the time of dividing a face: its surface; then the face


@dataclass(frozen=True)
class Divided:
    """A shape to mesh in place of another one, in which large faces are patches."""

    shape: TopoDS_Shape
    faces: tuple[tuple[TopoDS_Face, tuple[TopoDS_Face, ...]], ...]  # each that is other now, and what it is made of

    @cached_property
    def _patches(self) -> frozenset[int]:
        return frozenset(hash(piece) for _, pieces in self.faces if len(pieces) > 1 for piece in pieces)

    def is_patch(self, face: TopoDS_Shape) -> bool:
        return bool(self.faces) and hash(_bare(face)) in self._patches

    def gather(self, reach: Reach = silent) -> None:
        """Give every face of the first shape the triangles of its patches."""
        for (face, pieces), own in apart(self.faces, reach):
            _gather(face, pieces, own)


WHOLE = Divided(TopoDS_Shape(), ())  # nothing is divided


def divided(
    shape: TopoDS_Shape, begin: Callable[[], Reach] = lambda: silent, most: int = MOST, side: int = SIDE
) -> Divided:
    """The shape itself where no face has more than so many spans. A face that cannot be divided stays whole. `begin` is
    called if there is something to do, and gives whom to tell."""
    if not any(spans(face) > most for face in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE)):
        return Divided(shape, ())
    every = {hash(face): face for face in map(_bare, document.once(shape, TopAbs_ShapeEnum.TopAbs_FACE))}
    large = tuple(face for face in every.values() if spans(face) > most)
    context = ShapeBuild_ReShape()
    context.ModeConsiderLocation = True  # what is placed elsewhere is replaced too
    for face, reach in apart(large, begin()):
        _divide(face, side, context, reach)
    made = ((face, context.Apply(face)) for face in every.values())
    other = tuple((face, tuple(_faces(now))) for face, now in made if not now.IsSame(face))
    return Divided(context.Apply(shape), other)


def spans(face: TopoDS_Shape) -> int:
    """Between knots of its surface, in both directions, as far as it goes; 0 where there are none."""
    surface = _surface(face)
    if not isinstance(surface, Geom_BSplineSurface):
        return 0
    u, v = int(surface.NbUKnots()) - 1, int(surface.NbVKnots()) - 1
    if u * v <= MOST:
        return u * v
    low_u, high_u, low_v, high_v = _bounds(TopoDS.Face(face), surface)
    all_u, all_v = _knots(surface)
    if not surface.IsUPeriodic():
        u = sum(low_u <= knot < high_u for knot in all_u)
    if not surface.IsVPeriodic():
        v = sum(low_v <= knot < high_v for knot in all_v)
    return u * v


def _surface(face: TopoDS_Shape) -> Geom_Surface:
    surface = BRep_Tool.Surface_s(TopoDS.Face(face), TopLoc_Location())
    return surface.BasisSurface() if isinstance(surface, Geom_RectangularTrimmedSurface) else surface


def _bare(face: TopoDS_Shape) -> TopoDS_Face:
    """The face where its surface is, turned like that."""
    return TopoDS.Face(face.Located(TopLoc_Location()).Oriented(TopAbs_Orientation.TopAbs_FORWARD))


def _faces(shape: TopoDS_Shape) -> Iterator[TopoDS_Face]:
    return (TopoDS.Face(each) for each in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE))


def _divide(face: TopoDS_Face, side: int, context: ShapeBuild_ReShape, reach: Reach) -> None:
    """Note in the context what the face is made of. The kernel's own way by a number of patches (in
    `ShapeUpgrade_FaceDivideArea`) copies the whole surface for each of them."""
    where = TopLoc_Location()
    BRep_Tool.Surface_s(face, where)
    try:
        grid = _grid(face, side, within(reach, 0.0, CUT))
    except Exception as failure:
        if not document.kernel_gave_up(failure):
            raise
        return
    for vertex in document.once(face, TopAbs_ShapeEnum.TopAbs_VERTEX):
        if not context.IsRecorded(vertex):  # its tolerance may grow, and the given shape is to stay as it is
            context.Replace(vertex, vertex.EmptyCopied())
    shell = ShapeFix_ComposeShell()
    shell.Init(grid, where, face, PRECISION)
    shell.SetContext(context)
    shell.SetMaxTolerance(WIDEST)
    shell.Perform()
    if shell.Status(ShapeExtend_Status.ShapeExtend_DONE) and not shell.Status(ShapeExtend_Status.ShapeExtend_FAIL4):
        context.Replace(face, shell.Result())


def _grid(face: TopoDS_Face, side: int, reach: Reach) -> ShapeExtend_CompositeSurface:
    """The face's surface in patches of at most `side` by `side` spans, cut along knots."""
    surface = _surface(face)
    bounds = _bounds(face, surface)
    if bounds != surface.Bounds():
        surface = _cut(surface, *bounds)
    u, v = (_cuts(knots, side) for knots in _knots(surface))
    columns, rows = range(len(u) - 1), range(len(v) - 1)
    grid = HArray2_Geom_Surface(1, len(columns), 1, len(rows))
    for at, (column, row, patch) in enumerate(_patches(surface, columns, rows, (u, v)), 1):
        grid.SetValue(column + 1, row + 1, patch)
        reach(at / (len(columns) * len(rows)))
    return ShapeExtend_CompositeSurface(grid, _array(u), _array(v))


def _bounds(face: TopoDS_Face, surface: Geom_BSplineSurface) -> tuple[float, float, float, float]:
    """Where in its surface the face lies, a hundredth wider where there is more of it: curves may stick out."""
    low_u, high_u, low_v, high_v = ShapeAnalysis.GetFaceUVBounds_s(face)
    least_u, most_u, least_v, most_v = surface.Bounds()
    if not surface.IsUPeriodic():
        low_u, high_u = _wider(low_u, high_u, least_u, most_u)
    if not surface.IsVPeriodic():
        low_v, high_v = _wider(low_v, high_v, least_v, most_v)
    return low_u, high_u, low_v, high_v


def _wider(low: float, high: float, least: float, most: float) -> tuple[float, float]:
    more = 0.01 * (high - low)
    return max(low - more, least), min(high + more, most)


def _knots(surface: Geom_BSplineSurface) -> tuple[list[float], list[float]]:
    return (
        [surface.UKnot(at) for at in range(surface.FirstUKnotIndex(), surface.LastUKnotIndex() + 1)],
        [surface.VKnot(at) for at in range(surface.FirstVKnotIndex(), surface.LastVKnotIndex() + 1)],
    )


def _cuts(knots: list[float], side: int) -> list[float]:
    """Some of the knots, evenly among them, with the first and the last."""
    last = len(knots) - 1
    count = -(-last // side)
    return [knots[at * last // count] for at in range(count + 1)]


def _patches(
    surface: Geom_BSplineSurface, columns: range, rows: range, cuts: tuple[list[float], list[float]]
) -> Iterator[tuple[int, int, Geom_BSplineSurface]]:
    """Halves, then their halves: each patch cut out of the whole would take as long as the whole."""
    if len(columns) == len(rows) == 1:
        yield columns[0], rows[0], surface
        return
    (u, v), half = cuts, max(len(columns), len(rows)) // 2
    wide = len(columns) >= len(rows)
    for part in (slice(None, half), slice(half, None)):
        across, up = (columns[part], rows) if wide else (columns, rows[part])
        smaller = _cut(surface, u[across.start], u[across.stop], v[up.start], v[up.stop])
        yield from _patches(smaller, across, up, cuts)


def _cut(surface: Geom_BSplineSurface, *bounds: float) -> Geom_BSplineSurface:
    part = surface.Copy()
    part.Segment(*bounds)
    return part


def _array(values: list[float]) -> Array1_double:
    array = Array1_double(1, len(values))
    for at, value in enumerate(values, 1):
        array.SetValue(at, value)
    return array


def _gather(face: TopoDS_Face, pieces: tuple[TopoDS_Face, ...], reach: Reach) -> None:
    nodes, corners, normals, count = [], [], [], 0
    for at, piece in enumerate(pieces, 1):
        where = TopLoc_Location()
        own = BRep_Tool.Triangulation_s(piece, where)
        if own is None or not where.IsIdentity():
            return  # it is left without triangles, and said to be
        BRepLib_ToolTriangulatedShape.ComputeNormals_s(piece, own)
        turned = piece.Orientation() == TopAbs_Orientation.TopAbs_REVERSED
        vertices, triangles = triangulation.arrays(own)
        nodes.append(vertices.copy())
        corners.append((triangles[:, [0, 2, 1]] if turned else triangles) + count)
        normals.append(triangulation.normals(own) * np.float32(-1 if turned else 1))
        count += len(vertices)
        reach(at / len(pieces))
    whole = triangulation.made(np.concatenate(nodes), np.concatenate(corners), np.concatenate(normals))
    BRep_Builder().UpdateFace(face, whole)
