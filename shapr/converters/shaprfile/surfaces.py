"""Parasolid surfaces: what each is for the kernel, and as STEP. Lengths become millimetres here."""

import math

from OCP.collections import Array2_double, Array2_gp_Pnt
from OCP.Geom import (
    Geom_BSplineSurface,
    Geom_Circle,
    Geom_ConicalSurface,
    Geom_CylindricalSurface,
    Geom_OffsetSurface,
    Geom_Plane,
    Geom_SphericalSurface,
    Geom_Surface,
    Geom_SurfaceOfLinearExtrusion,
    Geom_SurfaceOfRevolution,
    Geom_ToroidalSurface,
    Geom_TrimmedCurve,
)
from OCP.GeomConvert import GeomConvert
from OCP.gp import gp_Ax1, gp_Ax3, gp_Circ, gp_Dir

from shapr.converters.shaprfile import blends, curves
from shapr.converters.shaprfile.curves import axes, integers, needed, point, reals, xyz
from shapr.converters.shaprfile.part21 import MM, Part21, logical, numbers, real
from shapr.converters.shaprfile.xb import File, Node
from shapr.errors import Refused

DEEPEST = 8  # surfaces that are made of others
ANALYTIC = frozenset({"PLANE", "CYLINDER", "CONE", "SPHERE", "TORUS"})


def geometry(file: File, surface: Node, depth: int = 0) -> Geom_Surface:
    if depth > DEEPEST:
        raise Refused("corrupt_file", "a surface is made of itself")
    if surface.kind in ANALYTIC:
        return _analytic(surface)
    match surface.kind:
        case "B_SURFACE":
            return _bspline(file, surface)
        case "SWEPT_SURF":
            section = curves.geometry(file, needed(file, surface.section, "a swept surface has no section"))
            return Geom_SurfaceOfLinearExtrusion(section, gp_Dir(*surface.sweep))
        case "SPUN_SURF":
            profile = curves.geometry(file, needed(file, surface.profile, "a spun surface has no profile"))
            return Geom_SurfaceOfRevolution(profile, gp_Ax1(point(surface.base), gp_Dir(*surface.axis)))
        case "OFFSET_SURF":
            return _offset(file, surface, depth)
        case "BLENDED_EDGE":
            return blends.geometry(file, surface)
    raise Refused("unsupported_geometry", f"surfaces of type {surface.kind} are not converted")


def _analytic(surface: Node) -> Geom_Surface:
    match surface.kind:
        case "PLANE":
            return Geom_Plane(gp_Ax3(axes(surface.pvec, surface.normal, surface.x_axis)))
        case "SPHERE":
            place = gp_Ax3(axes(surface.centre, surface.axis, surface.x_axis))
            return Geom_SphericalSurface(place, MM * surface.radius)
        case "TORUS":
            return _torus(surface)
    place = gp_Ax3(axes(surface.pvec, surface.axis, surface.x_axis))
    if surface.kind == "CYLINDER":
        return Geom_CylindricalSurface(place, MM * surface.radius)
    angle = math.atan2(surface.sin_half_angle, surface.cos_half_angle)
    return Geom_ConicalSurface(place, angle, MM * surface.radius)


def _torus(surface: Node) -> Geom_Surface:
    place, major, minor = axes(surface.centre, surface.axis, surface.x_axis), surface.major_radius, surface.minor_radius
    if major > minor:
        return Geom_ToroidalSurface(gp_Ax3(place), MM * major, MM * minor)
    # A lemon (its major radius is negative) or an apple: an arc that ends on the axis it is turned about.
    centre = tuple(c + major * x for c, x in zip(surface.centre, surface.x_axis, strict=True))
    a, x = surface.axis, surface.x_axis
    normal = (x[1] * a[2] - x[2] * a[1], x[2] * a[0] - x[0] * a[2], x[0] * a[1] - x[1] * a[0])
    circle = Geom_Circle(gp_Circ(axes(centre, normal, surface.x_axis), MM * minor))
    half = math.acos(max(-1.0, min(1.0, -major / minor)))
    return Geom_SurfaceOfRevolution(
        Geom_TrimmedCurve(circle, -half, half), gp_Ax1(point(surface.centre), gp_Dir(*surface.axis))
    )


def inverted(file: File, surface: Node) -> bool:
    """Whether Parasolid's normal is the opposite of the kernel's: a spun surface has its parameters the other way."""
    for _ in range(DEEPEST):
        if surface.kind != "OFFSET_SURF":
            break
        surface = needed(file, surface.surface, "an offset surface has no basis")
    return surface.kind == "SPUN_SURF"


def _offset(file: File, surface: Node, depth: int) -> Geom_Surface:
    """The distance is along the normal of the surface below, with its sense."""
    below = needed(file, surface.surface, "an offset surface has no basis")
    basis = geometry(file, below, depth + 1)
    against = (below.sense == "-") != inverted(file, below)
    distance = MM * surface.offset * (-1 if against else 1)
    if isinstance(basis, Geom_BSplineSurface) and basis.Continuity().value < 2:  # GeomAbs_C1 is 2
        raise Refused("unsupported_geometry", "an offset of a surface that is not smooth is not converted")
    made = Geom_OffsetSurface(basis, distance)
    plain = made.Surface()  # of a plane, a cylinder or the like
    return made if plain is None else plain


def _bspline(file: File, surface: Node) -> Geom_BSplineSurface:
    nurbs = needed(file, surface.nurbs, "a B-surface has no data")
    flat = needed(file, nurbs.bspline_vertices, "a B-surface has no poles").vertices
    rows, columns, width = nurbs.n_u_vertices, nurbs.n_v_vertices, nurbs.vertex_dim
    if width not in (3, 4) or rows < 2 or columns < 2 or len(flat) < width * rows * columns:
        raise Refused("corrupt_file", "a B-surface contradicts itself")
    poles, weights = curves.divided(
        [tuple(flat[width * at : width * (at + 1)]) for at in range(rows * columns)], nurbs.rational
    )
    net = Array2_gp_Pnt(1, rows, 1, columns)
    heavy = Array2_double(1, rows, 1, columns)
    for at, pole in enumerate(poles):  # v runs fastest
        net.SetValue(at // columns + 1, at % columns + 1, point(pole))
        heavy.SetValue(at // columns + 1, at % columns + 1, weights[at] if weights else 1.0)
    knots = []
    for set, mult, count in (
        (nurbs.u_knots, nurbs.u_knot_mult, nurbs.n_u_knots),
        (nurbs.v_knots, nurbs.v_knot_mult, nurbs.n_v_knots),
    ):
        knots.append(needed(file, set, "a B-surface has no knots").knots[:count])
        knots.append(needed(file, mult, "a B-surface has no knots").mult[:count])
    u_periodic = bool(nurbs.u_periodic) and sum(knots[1]) != rows + nurbs.u_degree + 1
    v_periodic = bool(nurbs.v_periodic) and sum(knots[3]) != columns + nurbs.v_degree + 1
    shape = (reals(knots[0]), reals(knots[2]), integers(knots[1]), integers(knots[3]))
    degrees = (nurbs.u_degree, nurbs.v_degree, u_periodic, v_periodic)
    made = Geom_BSplineSurface(net, heavy, *shape, *degrees) if weights else Geom_BSplineSurface(net, *shape, *degrees)
    ends = (knots[1][0], knots[1][-1]), (knots[3][0], knots[3][-1])
    if any(min(pair) <= degree for pair, degree in zip(ends, degrees, strict=False)) and not (u_periodic or v_periodic):
        made.Segment(*made.Bounds())  # a periodic one is written with knots beyond its ends
    return made


def written(part: Part21, surface: Geom_Surface) -> str:
    """A surface of the kernel as STEP; the kinds that `geometry` gives."""
    match surface:
        case Geom_Plane():
            return part.new(f"PLANE('',{curves.placed(part, surface.Position())})")
        case Geom_CylindricalSurface():
            return part.new(
                f"CYLINDRICAL_SURFACE('',{curves.placed(part, surface.Position())},{real(surface.Radius())})"
            )
        case Geom_ConicalSurface():
            shape = f"{real(surface.RefRadius())},{real(surface.SemiAngle())}"
            return part.new(f"CONICAL_SURFACE('',{curves.placed(part, surface.Position())},{shape})")
        case Geom_SphericalSurface():
            return part.new(f"SPHERICAL_SURFACE('',{curves.placed(part, surface.Position())},{real(surface.Radius())})")
        case Geom_ToroidalSurface():
            shape = f"{real(surface.MajorRadius())},{real(surface.MinorRadius())}"
            return part.new(f"TOROIDAL_SURFACE('',{curves.placed(part, surface.Position())},{shape})")
        case Geom_SurfaceOfLinearExtrusion():
            section = curves.written(part, surface.BasisCurve())
            along = part.add(f"VECTOR('',{part.direction(xyz(surface.Direction()))},1.)")
            return part.new(f"SURFACE_OF_LINEAR_EXTRUSION('',{section},{along})")
        case Geom_SurfaceOfRevolution():
            profile, axis = curves.written(part, surface.BasisCurve()), surface.Axis()
            where, up = part.point(xyz(axis.Location())), part.direction(xyz(axis.Direction()))
            turned = part.add(f"AXIS1_PLACEMENT('',{where},{up})")
            return part.new(f"SURFACE_OF_REVOLUTION('',{profile},{turned})")
        case Geom_OffsetSurface():
            basis = written(part, surface.BasisSurface())
            return part.new(f"OFFSET_SURFACE('',{basis},{real(surface.Offset())},.F.)")
        case Geom_BSplineSurface():
            return _written(part, surface)
    return _written(part, GeomConvert.SurfaceToBSplineSurface_s(surface))


def _written(part: Part21, surface: Geom_BSplineSurface) -> str:
    if surface.IsUPeriodic():
        surface.SetUNotPeriodic()
    if surface.IsVPeriodic():
        surface.SetVNotPeriodic()
    rows, columns = range(1, surface.NbUPoles() + 1), range(1, surface.NbVPoles() + 1)
    net = ",".join(f"({','.join(part.point(xyz(surface.Pole(u, v))) for v in columns)})" for u in rows)
    u_mult = ",".join(str(surface.UMultiplicity(at)) for at in range(1, surface.NbUKnots() + 1))
    v_mult = ",".join(str(surface.VMultiplicity(at)) for at in range(1, surface.NbVKnots() + 1))
    u_knots = numbers(surface.UKnot(at) for at in range(1, surface.NbUKnots() + 1))
    v_knots = numbers(surface.VKnot(at) for at in range(1, surface.NbVKnots() + 1))
    closed = f"{logical(surface.IsUClosed())},{logical(surface.IsVClosed())}"
    shape = f"{surface.UDegree()},{surface.VDegree()},({net}),.UNSPECIFIED.,{closed},.F."
    tail = f"({u_mult}),({v_mult}),({u_knots}),({v_knots}),.UNSPECIFIED."
    if not (surface.IsURational() or surface.IsVRational()):
        return part.new(f"B_SPLINE_SURFACE_WITH_KNOTS('',{shape},{tail})")
    weights = ",".join(f"({numbers(surface.Weight(u, v) for v in columns)})" for u in rows)
    return part.new(
        f"(BOUNDED_SURFACE()B_SPLINE_SURFACE({shape})B_SPLINE_SURFACE_WITH_KNOTS({tail})"
        f"GEOMETRIC_REPRESENTATION_ITEM()RATIONAL_B_SPLINE_SURFACE(({weights}))REPRESENTATION_ITEM('')SURFACE())"
    )
