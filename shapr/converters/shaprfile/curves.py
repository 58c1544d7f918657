"""Parasolid curves: what each is for the kernel, and as STEP. Lengths become millimetres here."""

import math
from dataclasses import dataclass
from typing import Any

from OCP.collections import Array1_double, Array1_gp_Pnt, Array1_int
from OCP.Geom import Geom_BSplineCurve, Geom_Circle, Geom_Curve, Geom_Ellipse, Geom_Line
from OCP.GeomAPI import GeomAPI_ProjectPointOnCurve
from OCP.gp import gp_Ax2, gp_Circ, gp_Dir, gp_Elips, gp_Pnt

from shapr.converters.shaprfile.part21 import MM, Part21, Vector, logical, numbers, real
from shapr.converters.shaprfile.xb import File, Node
from shapr.errors import Refused

CONFUSED = 1e-7  # mm: points that are one


@dataclass(frozen=True)
class Spline:
    """A B-spline as it is written: poles (or homogeneous ones already divided), knots once, with multiplicities."""

    degree: int
    poles: list[tuple[float, ...]]
    weights: list[float] | None
    knots: list[float]
    multiplicities: list[int]
    periodic: bool


def point(at: Vector) -> gp_Pnt:
    """Of a position in metres."""
    return gp_Pnt(*(MM * value for value in at))


def axes(at: Vector, normal: Vector, x_axis: Vector) -> gp_Ax2:
    return gp_Ax2(point(at), gp_Dir(*normal), gp_Dir(*x_axis))


def spline(file: File, curve: Node) -> Spline:
    """Of a B_CURVE, in the units of the file: two coordinates a pole where it lives on a surface."""
    nurbs = needed(file, curve.nurbs, "a B-curve has no data")
    flat = needed(file, nurbs.bspline_vertices, "a B-curve has no poles").vertices
    knots = needed(file, nurbs.knots, "a B-curve has no knots").knots
    multiplicities = needed(file, nurbs.knot_mult, "a B-curve has no knots").mult
    width, count = nurbs.vertex_dim, nurbs.n_vertices
    if width not in (2, 3, 4) or len(flat) < width * count or len(knots) < nurbs.n_knots:
        raise Refused("corrupt_file", "a B-curve contradicts itself")
    poles, weights = divided([tuple(flat[width * at : width * (at + 1)]) for at in range(count)], nurbs.rational)
    return Spline(
        nurbs.degree, poles, weights, knots[: nurbs.n_knots], multiplicities[: nurbs.n_knots], bool(nurbs.periodic)
    )


def divided(rows: list[tuple[float, ...]], rational: bool) -> tuple[list[tuple[float, ...]], list[float] | None]:
    """Poles and weights of homogeneous rows."""
    if not rational:
        return rows, None
    if any(not row[-1] > 0 for row in rows):
        raise Refused("unsupported_geometry", "a weight of a NURBS is not positive")
    return [tuple(value / row[-1] for value in row[:-1]) for row in rows], [row[-1] for row in rows]


def geometry(file: File, curve: Node) -> Geom_Curve:
    """Of everything but curves on surfaces and intersections, which `traced.py` fits."""
    match curve.kind:
        case "LINE":
            return Geom_Line(point(curve.pvec), gp_Dir(*curve.direction))
        case "CIRCLE":
            return Geom_Circle(gp_Circ(axes(curve.centre, curve.normal, curve.x_axis), MM * curve.radius))
        case "ELLIPSE":
            place = axes(curve.centre, curve.normal, curve.x_axis)
            return Geom_Ellipse(gp_Elips(place, MM * curve.major_radius, MM * curve.minor_radius))
        case "B_CURVE":
            return bspline(spline(file, curve))
        case "TRIMMED_CURVE":
            return geometry(file, needed(file, curve.basis_curve, "a trimmed curve has no basis"))
    raise Refused("unsupported_geometry", f"curves of type {curve.kind} are not converted")


def bspline(made: Spline) -> Geom_BSplineCurve:
    """In space, in millimetres."""
    poles = Array1_gp_Pnt(1, len(made.poles))
    for at, pole in enumerate(made.poles, 1):
        poles.SetValue(at, point(pole))
    knots, multiplicities = reals(made.knots), integers(made.multiplicities)
    # A periodic one repeats no pole; one that is written with all its knots is closed, not periodic, to the kernel.
    periodic = made.periodic and sum(made.multiplicities) != len(made.poles) + made.degree + 1
    if made.weights is None:
        curve = Geom_BSplineCurve(poles, knots, multiplicities, made.degree, periodic)
    else:
        curve = Geom_BSplineCurve(poles, reals(made.weights), knots, multiplicities, made.degree, periodic)
    if not periodic and min(made.multiplicities[0], made.multiplicities[-1]) <= made.degree:
        curve.Segment(curve.FirstParameter(), curve.LastParameter())  # knots beyond its ends: a periodic one
    return curve


def between(curve: Geom_BSplineCurve, start: gp_Pnt, end: gp_Pnt) -> Geom_BSplineCurve:
    """Of a closed curve, the part from one point of it to another: it need not begin where the curve does."""
    if not curve.IsClosed() or start.Distance(end) < CONFUSED:
        return curve
    parameters = []
    for at in (start, end):
        found = GeomAPI_ProjectPointOnCurve(at, curve)
        ends = curve.Value(curve.FirstParameter())
        if ends.Distance(at) < CONFUSED or not found.NbPoints():
            parameters.append(curve.FirstParameter())
        else:
            parameters.append(found.LowerDistanceParameter())
    first, last = parameters
    if not curve.IsPeriodic():
        curve.SetPeriodic()
    if last <= first:
        last += curve.Period()
    curve.Segment(first, last)
    return curve


def reals(values: list[float]) -> Array1_double:
    made = Array1_double(1, len(values))
    for at, value in enumerate(values, 1):
        made.SetValue(at, float(value))
    return made


def integers(values: list[int]) -> Array1_int:
    made = Array1_int(1, len(values))
    for at, value in enumerate(values, 1):
        made.SetValue(at, int(value))
    return made


def written(part: Part21, curve: Geom_Curve) -> str:
    """A curve of the kernel as STEP; the kinds that `geometry` and `traced.py` give."""
    if isinstance(curve, Geom_Line):
        line = curve.Lin()
        along = part.direction(xyz(line.Direction()))
        return part.new(f"LINE('',{part.point(xyz(line.Location()))},{part.add(f'VECTOR({quoted()},{along},1.)')})")
    if isinstance(curve, Geom_Circle):
        circle = curve.Circ()
        return part.new(f"CIRCLE('',{placed(part, circle.Position())},{real(circle.Radius())})")
    if isinstance(curve, Geom_Ellipse):
        ellipse = curve.Elips()
        radii = f"{real(ellipse.MajorRadius())},{real(ellipse.MinorRadius())}"
        return part.new(f"ELLIPSE('',{placed(part, ellipse.Position())},{radii})")
    if not isinstance(curve, Geom_BSplineCurve):
        raise Refused("unsupported_geometry", f"a {type(curve).__name__} is not written")
    if curve.IsPeriodic():
        curve.SetNotPeriodic()
    poles = ",".join(part.point(xyz(curve.Pole(at))) for at in range(1, curve.NbPoles() + 1))
    multiplicities = ",".join(str(curve.Multiplicity(at)) for at in range(1, curve.NbKnots() + 1))
    knots = numbers(curve.Knot(at) for at in range(1, curve.NbKnots() + 1))
    closed = logical(curve.IsClosed())
    shape = f"{curve.Degree()},({poles}),.UNSPECIFIED.,{closed},.F."
    tail = f"({multiplicities}),({knots}),.UNSPECIFIED."
    if not curve.IsRational():
        return part.new(f"B_SPLINE_CURVE_WITH_KNOTS('',{shape},{tail})")
    weights = numbers(curve.Weight(at) for at in range(1, curve.NbPoles() + 1))
    return part.new(
        f"(BOUNDED_CURVE()B_SPLINE_CURVE({shape})B_SPLINE_CURVE_WITH_KNOTS({tail})CURVE()"
        f"GEOMETRIC_REPRESENTATION_ITEM()RATIONAL_B_SPLINE_CURVE(({weights}))REPRESENTATION_ITEM(''))"
    )


def placed(part: Part21, place: Any) -> str:
    return part.placement(xyz(place.Location()), xyz(place.Direction()), xyz(place.XDirection()))


def xyz(of: Any) -> tuple[float, float, float]:
    return of.X(), of.Y(), of.Z()


def quoted() -> str:
    return "''"


def needed(file: File, index: int | None, otherwise: str) -> Node:
    """The node that is pointed at; there must be one."""
    node = file.nodes.get(index or 0)
    if node is None:
        raise Refused("corrupt_file", otherwise)
    return node


def distance(a: gp_Pnt, b: gp_Pnt) -> float:
    found = a.Distance(b)
    return found if math.isfinite(found) else math.inf
