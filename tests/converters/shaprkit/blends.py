"""Fillets as Parasolid keeps them where they are no cylinder or torus: a ball that rolls along a spine."""

from typing import Any

import numpy as np
from OCP.BRepTools import BRepTools
from OCP.Geom import Geom_CylindricalSurface, Geom_ToroidalSurface
from OCP.gp import gp_Pnt, gp_Vec

from tests.converters.shaprkit import geometry
from tests.converters.shaprkit.geometry import MM, xyz
from tests.converters.shaprkit.nodes import Nodes


def rolls(kernel: Any) -> bool:
    return isinstance(geometry.basis(kernel), Geom_CylindricalSurface | Geom_ToroidalSurface)


def surface(nodes: Nodes, face: Any, kernel: Any, sense: str) -> int:
    """Of a cylinder or a torus: the axis or the middle circle is the spine, the supports are planes that touch."""
    kernel = geometry.basis(kernel)
    bounds = BRepTools.UVBounds_s(face)
    axis, place = kernel.Position().Axis(), kernel.Position()
    if isinstance(kernel, Geom_CylindricalSurface):
        radius, ends = kernel.Radius(), [(bounds[0], bounds[2]), (bounds[1], bounds[2])]
        spine = nodes.add("LINE", sense="+", pvec=xyz(axis.Location(), MM), direction=xyz(axis.Direction()))
    else:
        radius, ends = kernel.MinorRadius(), [(bounds[0], bounds[2]), (bounds[0], bounds[3])]
        told = geometry.place(place, "centre", "normal") | {"radius": kernel.MajorRadius() / MM}
        spine = nodes.add("CIRCLE", sense="+", **told)
    supports = [_touching(nodes, kernel, u, v) for u, v in ends]
    return blend(nodes, supports, spine, radius, sense)


def blend(nodes: Nodes, supports: list[int], spine: int, radius: float, sense: str = "+") -> int:
    return nodes.add(
        "BLENDED_EDGE",
        sense=sense,
        blend_type="R",
        surface=supports,
        spine=spine,
        range=[radius / MM, -radius / MM],
        thumb_weight=[1.0, 1.0],
        boundary=[None, None],
    )


def _touching(nodes: Nodes, kernel: Any, u: float, v: float) -> int:
    at, along_u, along_v = gp_Pnt(), gp_Vec(), gp_Vec()
    kernel.D1(u, v, at, along_u, along_v)
    normal, across = np.cross(xyz(along_u), xyz(along_v)), np.array(xyz(along_u))
    unit = [tuple(float(value) for value in each / np.linalg.norm(each)) for each in (normal, across)]
    return nodes.add("PLANE", sense="+", pvec=xyz(at, MM), normal=unit[0], x_axis=unit[1])
