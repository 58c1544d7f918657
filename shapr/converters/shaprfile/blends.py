"""Rolling-ball blends: the tube that a ball leaves between two surfaces, and the curves along which it touches them.

Of a cliff-edge blend one of the two is an edge: a blend of no radius, whose spine is the edge.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from OCP.Geom import (
    Geom_Circle,
    Geom_Curve,
    Geom_CylindricalSurface,
    Geom_Line,
    Geom_Surface,
    Geom_ToroidalSurface,
    Geom_TrimmedCurve,
)
from OCP.GeomAPI import GeomAPI_ProjectPointOnCurve
from OCP.GeomFill import GeomFill_Pipe
from OCP.gp import gp_Ax2, gp_Ax3, gp_Circ, gp_Dir, gp_Pnt, gp_Vec

from shapr.converters.shaprfile import curves, surfaces, traced
from shapr.converters.shaprfile.curves import needed, xyz
from shapr.converters.shaprfile.part21 import MM
from shapr.converters.shaprfile.xb import File, Node
from shapr.errors import Refused

Vector = npt.NDArray[np.float64]

REACH = 2.6  # radians to both sides of the middle of a blend: a ball touches over less than half a turn
CLOSE = 1e-4  # mm that a tube may be off the ball


def geometry(file: File, blend: Node) -> Geom_Surface:
    """The tube, whose normal points away from the spine."""
    radius = _radius(blend)
    spine = spine_of(file, blend)
    if isinstance(spine, Geom_Line):
        line, out = spine.Lin(), _middle(file, blend, spine, 0.0)
        place = gp_Ax3(line.Location(), line.Direction(), gp_Dir(*-out))  # its seam is where no face is
        return Geom_CylindricalSurface(place, radius)
    if isinstance(spine, Geom_Circle) and spine.Radius() > radius:
        return Geom_ToroidalSurface(gp_Ax3(spine.Position()), spine.Radius(), radius)
    return _tube(file, blend, spine, radius)


def _tube(file: File, blend: Node, spine: Geom_Curve, radius: float) -> Geom_Surface:
    first = spine.FirstParameter()
    at, along = gp_Pnt(), gp_Vec()
    spine.D1(first, at, along)
    out = _middle(file, blend, spine, first)
    arc = Geom_Circle(gp_Circ(gp_Ax2(at, gp_Dir(along), gp_Dir(*out)), radius))
    pipe = GeomFill_Pipe(spine, Geom_TrimmedCurve(arc, -REACH, REACH))
    pipe.GenerateParticularCase(True)
    pipe.Perform(CLOSE / 10, False)
    made = pipe.Surface()
    bounds = made.Bounds()
    analysed = GeomAPI_ProjectPointOnCurve()
    for u_part, v_part in ((0.2, 0.1), (0.5, 0.37), (0.8, 0.5), (0.5, 0.81)):
        u, v = (bounds[n] + (bounds[n + 1] - bounds[n]) * part for n, part in ((0, u_part), (2, v_part)))
        analysed.Init(made.Value(u, v), spine)
        if not analysed.NbPoints() or abs(analysed.LowerDistance() - radius) > CLOSE:
            raise Refused("unsupported_geometry", "a blend along such a curve is not converted")
    u, v = (bounds[0] + bounds[1]) / 2, (bounds[2] + bounds[3]) / 2
    foot, normal = traced.normal_at(made, u, v)
    analysed.Init(gp_Pnt(*foot), spine)
    if normal @ (foot - np.array(xyz(analysed.NearestPoint()))) < 0:
        made.UReverse()
    return made


def spine_of(file: File, blend: Node) -> Geom_Curve:
    """The way of the ball's centre."""
    spine = needed(file, blend.spine, "a blend has no spine")
    while spine.kind == "TRIMMED_CURVE":
        spine = needed(file, spine.basis_curve, "a trimmed curve has no basis")
    return traced.geometry(file, spine) if spine.kind == "INTERSECTION" else curves.geometry(file, spine)


def contact(file: File, bound: Node, support: Node) -> Callable[[Vector, Vector], Vector]:
    """What moves a point to where the ball of a blend boundary touches a surface: below its centre."""
    spine = spine_of(file, needed(file, bound.blend, "a blend boundary has no blend"))
    surface = traced.analysed(surfaces.geometry(file, support))

    def moved(near: Vector, _: Vector) -> Vector:
        found = GeomAPI_ProjectPointOnCurve(gp_Pnt(*near), spine)
        if not found.NbPoints():
            return near
        foot, _ = traced.touching(surface, np.array(xyz(found.NearestPoint())))
        return foot

    return moved


def _radius(blend: Node) -> float:
    radii = {abs(value) for value in blend.range or () if value}
    if blend.blend_type not in ("R", "E") or len(radii) != 1:
        raise Refused("unsupported_geometry", "a blend of no radius, or of several, is not converted")
    return float(MM * radii.pop())


def _middle(file: File, blend: Node, spine: Geom_Curve, at: float) -> Vector:
    """From the spine to the middle of the blend: between the points where the ball touches."""
    centre = np.array(xyz(spine.Value(at)))
    out = np.zeros(3)
    for index in blend.surface:
        foot = _touched(file, needed(file, index, "a blend lacks a surface"), centre)
        away = float(np.linalg.norm(foot - centre))
        if blend.blend_type == "E" and abs(away - _radius(blend)) > CLOSE:
            raise Refused("unsupported_geometry", "a cliff-edge blend whose ball does not touch its edge")
        out += (foot - centre) / (away or 1.0)
    if not np.linalg.norm(out) > 1e-6:
        raise Refused("unsupported_geometry", "a blend of half a turn is not converted")
    return out / np.linalg.norm(out)


def _touched(file: File, support: Node, centre: Vector) -> Vector:
    """Where a ball with this centre touches what it rolls on."""
    if support.kind != "BLENDED_EDGE" or list(support.range or ()) != [0.0, 0.0]:
        foot, _ = traced.touching(traced.analysed(surfaces.geometry(file, support)), centre)
        return foot
    found = GeomAPI_ProjectPointOnCurve(gp_Pnt(*centre), spine_of(file, support))
    if not found.NbPoints():
        raise Refused("unsupported_geometry", "a cliff-edge blend whose ball does not touch its edge")
    return np.array(xyz(found.NearestPoint()))
