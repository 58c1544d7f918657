"""Curves that Parasolid gives by the surfaces they lie on, fitted as splines: intersections, and curves on a surface.

An intersection's chart is a row of exact points. Between them, points of a first spline are pulled onto both surfaces
by Newton's method, and all of them are interpolated.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from OCP.collections import Array1_gp_Pnt2d, HArray1_gp_Pnt
from OCP.Geom import Geom_BSplineCurve, Geom_Surface
from OCP.Geom2d import Geom2d_BSplineCurve
from OCP.GeomAPI import GeomAPI_Interpolate
from OCP.gp import gp_Pnt, gp_Pnt2d, gp_Vec
from OCP.ShapeAnalysis import ShapeAnalysis_Surface

from shapr.converters.shaprfile import blends, curves, surfaces
from shapr.converters.shaprfile.curves import needed, xyz
from shapr.converters.shaprfile.part21 import MM
from shapr.converters.shaprfile.xb import File, Node
from shapr.errors import Refused

Points = npt.NDArray[np.float64]  # (n, 3), millimetres

PER_SPAN = 4  # points between two of a chart; a chart of two points gets more
FEW = 8
ROUNDS = 6
CLOSE = 1e-7  # mm: pulled onto both surfaces
MOST = 20_000  # points of a chart


def geometry(
    file: File,
    curve: Node,
    meets: Callable[[], Callable[[Points], float] | None] = lambda: None,
    corners: Sequence[Points] = (),
) -> Geom_BSplineCurve:
    """Of an INTERSECTION or an SP_CURVE. `meets` gives what tells how far a point is from what its edge has to meet;
    `corners`: where the edge ends."""
    if curve.kind == "INTERSECTION":
        return intersection(file, curve)
    carrier = needed(file, curve.surface, "a curve on a surface lacks the surface")
    if carrier.kind != "CONE":
        return on_surface(file, curve, carrier)
    # Readers disagree whether a cone is measured along its axis or against it: what fits tells.
    far, both = meets(), [on_surface(file, curve, carrier, flip) for flip in (1.0, -1.0)]
    return min(both, key=lambda made: _misfit(made, far, corners))


def _misfit(curve: Geom_BSplineCurve, far: Callable[[Points], float] | None, corners: Sequence[Points]) -> float:
    first, last = curve.FirstParameter(), curve.LastParameter()
    ends = [np.array(xyz(curve.Value(each))) for each in (first, last)]
    off = sum(min(float(np.linalg.norm(end - corner)) for end in ends) for corner in corners)
    if far is None:
        return off
    return off + sum(far(np.array(xyz(curve.Value(first + (last - first) * part)))) for part in (0.0, 0.3, 0.6))


def intersection(file: File, curve: Node) -> Geom_BSplineCurve:
    chart = needed(file, curve.chart, "an intersection curve has no chart")
    points = [np.array(at) * MM for at in chart.hvec if at is not None]
    for index, first in ((curve.start, True), (curve.end, False)):
        limit = file.nodes.get(index or 0)
        if limit is not None and limit.hvec and limit.hvec[0] is not None:
            exact = np.array(limit.hvec[0]) * MM
            points = [exact, *points] if first else [*points, exact]
    points = distinct(points)
    if not 2 <= len(points) <= MOST:
        raise Refused("unsupported_geometry", f"an intersection curve of {len(points)} points is not converted")
    closed = bool(np.linalg.norm(points[0] - points[-1]) < CLOSE)
    first = interpolated(points, closed)
    return interpolated(refined(first, points, _onto(file, curve)), closed)


def _onto(file: File, curve: Node) -> Callable[[Points, Points], Points]:
    """What pulls a point, near which the curve runs in some direction, onto the curve."""
    two = [needed(file, index, "an intersection lacks a surface") for index in curve.surface]
    for bound, support in (two, two[::-1]):
        if bound.kind == "BLEND_BOUND":  # it stands across its blend: the ball of the blend tells instead
            return blends.contact(file, bound, support)
    both = [analysed(surfaces.geometry(file, each)) for each in two]
    return lambda at, tangent: pulled(at, tangent, both)


def analysed(surface: Geom_Surface) -> ShapeAnalysis_Surface:
    return ShapeAnalysis_Surface(surface)


def metres(at: Sequence[float]) -> Points:
    """A position in metres, in millimetres."""
    return np.array(at, dtype=np.float64) * MM


def refined(first: Geom_BSplineCurve, points: list[Points], onto: Callable[[Points, Points], Points]) -> list[Points]:
    """The points of the chart, and between two of them points of the first spline pulled onto the curve."""
    knots = [first.Knot(at) for at in range(1, first.NbKnots() + 1)]
    if len(knots) != len(points):
        raise Refused("unsupported_geometry", "an intersection curve cannot be fitted")
    between = FEW if len(points) == 2 else PER_SPAN
    made, at, tangent = [], gp_Pnt(), gp_Vec()
    for here, (start, end) in enumerate(pairwise(knots)):
        made.append(points[here])
        for step in range(1, between + 1):
            first.D1(start + (end - start) * step / (between + 1), at, tangent)
            made.append(onto(np.array(xyz(at)), np.array(xyz(tangent))))
    return [*made, points[-1]]


def pulled(start: Points, tangent: Points, both: list[ShapeAnalysis_Surface]) -> Points:
    """The point of both surfaces in the plane across the curve: three planes meet, again and again."""
    here = start
    across = tangent / (np.linalg.norm(tangent) or 1.0)
    for _ in range(ROUNDS):
        planes = [touching(surface, here) for surface in both]
        off = max(abs(float(normal @ (here - foot))) for foot, normal in planes)
        if off < CLOSE:
            break
        matrix = np.array([planes[0][1], planes[1][1], across])
        wanted = np.array([planes[0][1] @ planes[0][0], planes[1][1] @ planes[1][0], across @ start])
        here = np.linalg.lstsq(matrix, wanted, rcond=None)[0]  # surfaces that touch have nearly equal planes
    return here


def touching(surface: ShapeAnalysis_Surface, near: Points) -> tuple[Points, Points]:
    """The nearest point of a surface, and its normal there."""
    parameters = surface.ValueOfUV(gp_Pnt(*near), CLOSE)
    return normal_at(surface.Surface(), parameters.X(), parameters.Y())


def apart(surface: Geom_Surface) -> Callable[[Points], float]:
    """How far points are from a surface."""
    ready = analysed(surface)

    def far(point: Points) -> float:
        foot, _ = touching(ready, point)
        return float(np.linalg.norm(foot - point))

    return far


def normal_at(surface: Geom_Surface, u: float, v: float) -> tuple[Points, Points]:
    at, along_u, along_v = gp_Pnt(), gp_Vec(), gp_Vec()
    surface.D1(u, v, at, along_u, along_v)
    normal = np.cross(xyz(along_u), xyz(along_v))
    return np.array(xyz(at)), normal / (np.linalg.norm(normal) or 1.0)


def on_surface(file: File, curve: Node, carrier: Node, flip: float = 1.0) -> Geom_BSplineCurve:
    """A curve in the parameters of its surface, by points of it: six a span, at least 48."""
    surface = surfaces.geometry(file, carrier)
    flat = parameters(curves.spline(file, needed(file, curve.b_curve, "a curve on a surface has no parameters")))
    knots = [flat.Knot(at) for at in range(1, flat.NbKnots() + 1)]
    per_span = max(6, 48 // max(1, len(knots) - 1))
    values = [a + (b - a) * step / per_span for a, b in pairwise(knots) for step in range(per_span)]
    points = distinct([_placed(file, carrier, surface, flat.Value(value), flip) for value in [*values, knots[-1]]])
    if len(points) < 2:
        raise Refused("unsupported_geometry", "a curve on a surface has no length")
    return interpolated(points, bool(np.linalg.norm(points[0] - points[-1]) < CLOSE))


def _placed(file: File, carrier: Node, surface: Geom_Surface, at: gp_Pnt2d, flip: float) -> Points:
    """The point of a surface at Parasolid's parameters of it."""
    u, v = at.X(), at.Y()
    match carrier.kind:
        case "PLANE":
            u, v = u * MM, v * MM
        case "CYLINDER":
            v *= MM
        case "CONE":  # the kernel measures along its side, not along its axis
            v *= MM * flip / carrier.cos_half_angle
        case "SWEPT_SURF":
            u, v = u * _along(file, carrier.section), v * MM
        case "SPUN_SURF":
            u, v = v, u * _along(file, carrier.profile)
        case "OFFSET_SURF":
            return _placed(file, needed(file, carrier.surface, "an offset surface has no basis"), surface, at, flip)
        case "BLENDED_EDGE" | "BLEND_BOUND":
            raise Refused("unsupported_geometry", "a curve in the parameters of a blend is not converted")
    return np.array(xyz(surface.Value(u, v)))


def _along(file: File, index: int | None) -> float:
    """What one step of a curve's parameter is for the kernel: only lines are measured in lengths."""
    return MM if needed(file, index, "a surface has no curve").kind == "LINE" else 1.0


def parameters(made: curves.Spline) -> Geom2d_BSplineCurve:
    poles = Array1_gp_Pnt2d(1, len(made.poles))
    for at, pole in enumerate(made.poles, 1):
        poles.SetValue(at, gp_Pnt2d(pole[0], pole[1]))
    knots, multiplicities = curves.reals(made.knots), curves.integers(made.multiplicities)
    periodic = made.periodic and sum(made.multiplicities) != len(made.poles) + made.degree + 1
    if made.weights is None:
        return Geom2d_BSplineCurve(poles, knots, multiplicities, made.degree, periodic)
    return Geom2d_BSplineCurve(poles, curves.reals(made.weights), knots, multiplicities, made.degree, periodic)


def distinct(points: list[Points]) -> list[Points]:
    """Without a point that follows its equal."""
    kept = points[:1]
    for each in points[1:]:
        if np.linalg.norm(each - kept[-1]) > CLOSE:
            kept.append(each)
    return kept


def interpolated(points: list[Points], closed: bool) -> Geom_BSplineCurve:
    """Through every point; smooth also where a closed one begins."""
    through = points[:-1] if closed else points
    if len(through) < 2 or (closed and len(through) < 3):
        raise Refused("unsupported_geometry", "a curve has too few points")
    row = HArray1_gp_Pnt(1, len(through))
    for at, each in enumerate(through, 1):
        row.SetValue(at, gp_Pnt(*each))
    fitting = GeomAPI_Interpolate(row, closed, CLOSE)
    fitting.Perform()
    if not fitting.IsDone():
        raise Refused("unsupported_geometry", "a curve cannot be fitted through its points")
    return fitting.Curve()
