"""A polygon in space as triangles: a fan where it is convex, ear clipping where it is not."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from shapr.converters.mesh.model import Vertices

Triangle = tuple[int, int, int]


def triangulated(face: Sequence[int], vertices: Vertices) -> list[Triangle]:
    """Triangles over the same corners, with the polygon's winding."""
    if len(face) == 3:
        return [(face[0], face[1], face[2])]
    flat = _flattened(vertices[list(face)])
    rest = list(range(len(face)))
    triangles: list[Triangle] = []
    while len(rest) > 3:
        at = next((at for at in range(len(rest)) if _is_ear(flat, rest, at)), 0)  # 0: it crosses itself
        before, here, after = rest[at - 1], rest[at], rest[(at + 1) % len(rest)]
        triangles.append((face[before], face[here], face[after]))
        rest.pop(at)
    triangles.append((face[rest[0]], face[rest[1]], face[rest[2]]))
    return triangles


def _flattened(points: Vertices) -> Any:
    """In the plane of the polygon's normal (Newell's method), counter-clockwise."""
    following = np.roll(points, -1, axis=0)
    normal = np.cross(points - points[0], following - points[0]).sum(axis=0)
    if not np.linalg.norm(normal):
        return points[:, :2]
    drop = int(np.argmax(np.abs(normal)))
    axes = [(1, 2), (2, 0), (0, 1)][drop]
    flat = points[:, axes]
    return flat if normal[drop] > 0 else flat * np.array([1.0, -1.0])


def _is_ear(flat: Any, rest: list[int], at: int) -> bool:
    """The corner turns left, and no other corner lies in its triangle."""
    a, b, c = flat[rest[at - 1]], flat[rest[at]], flat[rest[(at + 1) % len(rest)]]
    if _turn(a, b, c) <= 0:
        return False
    corners = {rest[at - 1], rest[at], rest[(at + 1) % len(rest)]}
    others = (flat[other] for other in rest if other not in corners)
    return not any(_turn(a, b, p) >= 0 and _turn(b, c, p) >= 0 and _turn(c, a, p) >= 0 for p in others)


def _turn(a: Any, b: Any, c: Any) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
