"""What triangles enclose."""

import numpy as np
from numpy.typing import NDArray

from shapr.converters.mesh.scene import Points, Triangles
from shapr.errors import Refused

LARGEST = 1e9  # millimetres, a thousand kilometres: a coordinate beyond it is a lie


def volume(vertices: Points, triangles: Triangles) -> float:
    """Signed volume in the cube of the unit, positive when triangles face outwards; by the divergence theorem."""
    if not len(triangles):
        return 0.0
    corners = (vertices - vertices[triangles[0, 0]])[triangles]  # near the origin, for the digits
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def diagonal(vertices: Points) -> float:
    """Of the bounding box."""
    return float(np.linalg.norm(vertices.max(axis=0) - vertices.min(axis=0))) if len(vertices) else 0.0


def edge_keys(triangles: NDArray[np.int32]) -> NDArray[np.uint64]:
    """A number for each edge, in the order ab, bc, ca of every triangle: the same one from both sides."""
    a, b = triangles.ravel().astype(np.uint64), triangles[:, [1, 2, 0]].ravel().astype(np.uint64)
    return np.minimum(a, b) << np.uint64(32) | np.maximum(a, b)


def open_edges(triangles: Triangles) -> int:
    """How many edges do not have exactly two triangles."""
    _, uses = np.unique(edge_keys(triangles), return_counts=True)
    return int((uses != 2).sum())


def check(vertices: Points, triangles: Triangles) -> None:
    """Refuses what is no geometry: no triangle, numbers that are none, no extent."""
    if not len(triangles):
        raise Refused("no_geometry", "the file holds no triangle")
    used = vertices[np.unique(triangles)]
    if not np.isfinite(used).all():
        raise Refused("invalid_geometry", "some coordinates are not finite numbers")
    if np.abs(used).max() > LARGEST:
        raise Refused("invalid_geometry", "some coordinates are beyond all measure")
    if diagonal(used) == 0.0:
        raise Refused("no_geometry", "all triangles are one point")
