"""Other frames for the same surface: where its seam and its poles are is nobody's business but the kernel's, which goes
wrong where edges run through them."""

import math

from OCP.Geom import (
    Geom_ConicalSurface,
    Geom_CylindricalSurface,
    Geom_SphericalSurface,
    Geom_Surface,
    Geom_SurfaceOfRevolution,
    Geom_ToroidalSurface,
)
from OCP.GeomConvert import GeomConvert
from OCP.gp import gp_Ax1, gp_Dir

ROUND = frozenset({"CYLINDER", "CONE", "SPHERE", "TORUS", "SPUN_SURF"})
TURNS = 3  # that are tried
STEP = math.pi * (3 - math.sqrt(5))  # radians: the golden angle, whose multiples keep away from each other
TILT = 1.1  # radians


def turned(surface: Geom_Surface, turn: int) -> Geom_Surface:
    """The surface as it is for turn 0; else with its seam elsewhere, and the poles of a sphere. What is turned about an
    axis has its profile there, so it becomes a NURBS, exactly."""
    if not turn:
        return surface
    if isinstance(surface, Geom_SurfaceOfRevolution):
        return GeomConvert.SurfaceToBSplineSurface_s(surface) if _bounded(surface) else surface
    if not isinstance(
        surface, Geom_CylindricalSurface | Geom_ConicalSurface | Geom_SphericalSurface | Geom_ToroidalSurface
    ):
        return surface
    made = surface.Copy()
    place = made.Position()
    if isinstance(made, Geom_SphericalSurface):
        place.Rotate(gp_Ax1(place.Location(), place.XDirection()), TILT)
    place.Rotate(gp_Ax1(place.Location(), place.Direction()), turn * STEP)
    if isinstance(made, Geom_SphericalSurface):
        place.Rotate(gp_Ax1(place.Location(), gp_Dir(0.3, 0.5, 0.8)), turn * STEP)
    made.SetPosition(place)
    return made


def _bounded(surface: Geom_SurfaceOfRevolution) -> bool:
    return all(abs(bound) < 1e50 for bound in surface.Bounds())
