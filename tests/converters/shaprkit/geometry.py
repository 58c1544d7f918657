"""Curves and surfaces of the kernel as Parasolid nodes, in metres, by the definitions of the XT format.

Where the two differ: a spun surface has its profile's parameter first and the angle second, so its normal is the
opposite of the kernel's; a cone's second parameter runs along the axis, not along the side.
"""

import math
from collections.abc import Sequence
from typing import Any

from OCP.Geom import (
    Geom_BSplineCurve,
    Geom_BSplineSurface,
    Geom_Circle,
    Geom_ConicalSurface,
    Geom_Curve,
    Geom_CylindricalSurface,
    Geom_Ellipse,
    Geom_Line,
    Geom_OffsetSurface,
    Geom_Plane,
    Geom_RectangularTrimmedSurface,
    Geom_SphericalSurface,
    Geom_Surface,
    Geom_SurfaceOfLinearExtrusion,
    Geom_SurfaceOfRevolution,
    Geom_ToroidalSurface,
    Geom_TrimmedCurve,
)
from OCP.GeomConvert import GeomConvert

from tests.converters.shaprkit.nodes import Nodes

MM = 1000.0


def xyz(of: Any, scale: float = 1.0) -> tuple[float, float, float]:
    return of.X() / scale, of.Y() / scale, of.Z() / scale


def place(position: Any, at: str, up: str) -> dict[str, Any]:
    """Parasolid's frames are right-handed. A plane keeps its normal so, others keep their axis."""
    normal = position.Direction()
    if up == "normal" and hasattr(position, "Direct") and not position.Direct():
        normal = normal.Reversed()
    return {at: xyz(position.Location(), MM), up: xyz(normal), "x_axis": xyz(position.XDirection())}


def mirrored(surface: Geom_Surface) -> bool:
    """Whether the kernel's frame is left-handed where Parasolid's cannot be: the first parameter runs backwards."""
    surface = basis(surface)
    round = isinstance(
        surface, Geom_CylindricalSurface | Geom_ConicalSurface | Geom_SphericalSurface | Geom_ToroidalSurface
    )
    return round and not surface.Position().Direct()


def opposite(surface: Geom_Surface) -> bool:
    """Whether Parasolid's natural normal is the opposite of the kernel's."""
    return spun(surface) != mirrored(surface)


def curve(nodes: Nodes, geometry: Geom_Curve, sense: str = "+", **more: Any) -> int:
    while isinstance(geometry, Geom_TrimmedCurve):
        geometry = geometry.BasisCurve()
    match geometry:
        case Geom_Line():
            line = geometry.Lin()
            told = {"pvec": xyz(line.Location(), MM), "direction": xyz(line.Direction())}
            return nodes.add("LINE", sense=sense, **told, **more)
        case Geom_Circle():
            told = place(geometry.Position(), "centre", "normal") | {"radius": geometry.Radius() / MM}
            return nodes.add("CIRCLE", sense=sense, **told, **more)
        case Geom_Ellipse():
            told = place(geometry.Position(), "centre", "normal")
            radii = {"major_radius": geometry.MajorRadius() / MM, "minor_radius": geometry.MinorRadius() / MM}
            return nodes.add("ELLIPSE", sense=sense, **told, **radii, **more)
        case Geom_BSplineCurve():
            if geometry.IsPeriodic():
                geometry = geometry.Copy()
                geometry.SetNotPeriodic()
            poles = [xyz(geometry.Pole(at), MM) for at in range(1, geometry.NbPoles() + 1)]
            return bcurve(nodes, geometry, poles, sense, **more)
    return curve(nodes, GeomConvert.CurveToBSplineCurve_s(geometry), sense, **more)


def bcurve(nodes: Nodes, spline: Any, poles: Sequence[tuple[float, ...]], sense: str = "+", **more: Any) -> int:
    """Of two or three dimensions; rational poles are homogeneous."""
    rational = spline.IsRational()
    flat = homogeneous(poles, [spline.Weight(at) for at in range(1, len(poles) + 1)] if rational else None)
    knots, mult = knotted(nodes, spline.NbKnots(), spline.Knot, spline.Multiplicity)
    nurbs = nodes.add(
        "NURBS_CURVE",
        degree=spline.Degree(),
        n_vertices=len(poles),
        vertex_dim=len(poles[0]) + rational,
        n_knots=spline.NbKnots(),
        knot_type=3 if spline.NbKnots() > 2 else 2,
        periodic=spline.IsPeriodic(),
        closed=spline.IsClosed(),
        rational=rational,
        curve_form=1,
        bspline_vertices=nodes.add("BSPLINE_VERTICES", vertices=flat),
        knot_mult=mult,
        knots=knots,
    )
    return nodes.add("B_CURVE", sense=sense, nurbs=nurbs, **more)


def homogeneous(poles: Sequence[tuple[float, ...]], weights: Sequence[float] | None) -> list[float]:
    if weights is None:
        return [value for pole in poles for value in pole]
    return [value for pole, w in zip(poles, weights, strict=True) for value in (*(w * x for x in pole), w)]


def knotted(nodes: Nodes, count: int, knot: Any, multiplicity: Any) -> tuple[int, int]:
    knots = nodes.add("KNOT_SET", knots=[knot(at) for at in range(1, count + 1)])
    return knots, nodes.add("KNOT_MULT", mult=[multiplicity(at) for at in range(1, count + 1)])


def spun(surface: Geom_Surface) -> bool:
    """Whether Parasolid's normal is the opposite of the kernel's."""
    if isinstance(surface, Geom_OffsetSurface):
        return spun(surface.BasisSurface())
    return isinstance(basis(surface), Geom_SurfaceOfRevolution)


def basis(surface: Geom_Surface) -> Geom_Surface:
    while isinstance(surface, Geom_RectangularTrimmedSurface):
        surface = surface.BasisSurface()
    return surface


def surface(nodes: Nodes, geometry: Geom_Surface, sense: str = "+", below: str = "+", **more: Any) -> int:
    """`below`: the sense of the surface that an offset is an offset of."""
    geometry = basis(geometry)
    match geometry:
        case Geom_Plane():
            return nodes.add("PLANE", sense=sense, **place(geometry.Position(), "pvec", "normal"), **more)
        case Geom_CylindricalSurface():
            told = place(geometry.Position(), "pvec", "axis") | {"radius": geometry.Radius() / MM}
            return nodes.add("CYLINDER", sense=sense, **told, **more)
        case Geom_ConicalSurface():
            return _cone(nodes, geometry, sense, more)
        case Geom_SphericalSurface():
            told = place(geometry.Position(), "centre", "axis") | {"radius": geometry.Radius() / MM}
            return nodes.add("SPHERE", sense=sense, **told, **more)
        case Geom_ToroidalSurface():
            radii = {"major_radius": geometry.MajorRadius() / MM, "minor_radius": geometry.MinorRadius() / MM}
            told = place(geometry.Position(), "centre", "axis") | radii
            return nodes.add("TORUS", sense=sense, **told, **more)
        case Geom_SurfaceOfLinearExtrusion():
            section = curve(nodes, geometry.BasisCurve())
            return nodes.add(
                "SWEPT_SURF", sense=sense, section=section, sweep=xyz(geometry.Direction()), scale=1.0, **more
            )
        case Geom_SurfaceOfRevolution():
            return _spun(nodes, geometry, sense, more)
        case Geom_OffsetSurface():
            # The distance is along the normal of the surface below, whose sense counts.
            turned = spun(geometry.BasisSurface()) != (below == "-")
            under = surface(nodes, geometry.BasisSurface(), below)
            offset = geometry.Offset() / MM * (-1 if turned else 1)
            return nodes.add(
                "OFFSET_SURF",
                sense=sense,
                check="U",
                true_offset=True,
                surface=under,
                offset=offset,
                scale=1.0,
                **more,
            )
        case Geom_BSplineSurface():
            return _bsurface(nodes, geometry, sense, more)
    raise AssertionError(f"no Parasolid surface for {type(geometry).__name__}")


def _cone(nodes: Nodes, geometry: Geom_ConicalSurface, sense: str, more: dict[str, Any]) -> int:
    """The axis points to where the cone is wider; its outward normal stays when the axis is turned around."""
    told, angle = place(geometry.Position(), "pvec", "axis"), geometry.SemiAngle()
    if angle < 0:
        told["axis"] = tuple(-value for value in told["axis"])
    shape = {"sin_half_angle": math.sin(abs(angle)), "cos_half_angle": math.cos(angle)}
    return nodes.add("CONE", sense=sense, radius=geometry.RefRadius() / MM, **told, **shape, **more)


def _spun(nodes: Nodes, geometry: Geom_SurfaceOfRevolution, sense: str, more: dict[str, Any]) -> int:
    profile, axis = geometry.BasisCurve(), geometry.Axis()
    first, last = profile.FirstParameter(), profile.LastParameter()
    start = xyz(profile.Value(first), MM) if math.isfinite(first) and abs(first) < 1e50 else None
    end = xyz(profile.Value(last), MM) if math.isfinite(last) and abs(last) < 1e50 else None
    return nodes.add(
        "SPUN_SURF",
        sense=sense,
        profile=curve(nodes, profile),
        base=xyz(axis.Location(), MM),
        axis=xyz(axis.Direction()),
        start=start,
        end=end,
        start_parm=first,
        end_parm=last,
        scale=1.0,
        **more,
    )


def _bsurface(nodes: Nodes, spline: Geom_BSplineSurface, sense: str, more: dict[str, Any]) -> int:
    spline = spline.Copy()
    if spline.IsUPeriodic():
        spline.SetUNotPeriodic()
    if spline.IsVPeriodic():
        spline.SetVNotPeriodic()
    rows, columns = range(1, spline.NbUPoles() + 1), range(1, spline.NbVPoles() + 1)
    rational = spline.IsURational() or spline.IsVRational()
    poles = [xyz(spline.Pole(u, v), MM) for u in rows for v in columns]  # v runs fastest
    weights = [spline.Weight(u, v) for u in rows for v in columns] if rational else None
    u_knots, u_mult = knotted(nodes, spline.NbUKnots(), spline.UKnot, spline.UMultiplicity)
    v_knots, v_mult = knotted(nodes, spline.NbVKnots(), spline.VKnot, spline.VMultiplicity)
    nurbs = nodes.add(
        "NURBS_SURF",
        u_periodic=spline.IsUPeriodic(),
        v_periodic=spline.IsVPeriodic(),
        u_degree=spline.UDegree(),
        v_degree=spline.VDegree(),
        n_u_vertices=spline.NbUPoles(),
        n_v_vertices=spline.NbVPoles(),
        u_knot_type=3,
        v_knot_type=3,
        n_u_knots=spline.NbUKnots(),
        n_v_knots=spline.NbVKnots(),
        rational=rational,
        u_closed=spline.IsUClosed(),
        v_closed=spline.IsVClosed(),
        surface_form=1,
        vertex_dim=4 if rational else 3,
        bspline_vertices=nodes.add("BSPLINE_VERTICES", vertices=homogeneous(poles, weights)),
        u_knot_mult=u_mult,
        v_knot_mult=v_mult,
        u_knots=u_knots,
        v_knots=v_knots,
    )
    return nodes.add("B_SURFACE", sense=sense, nurbs=nurbs, **more)
