"""Vertices that lie on the same point become one."""

import numpy as np
from numpy.typing import NDArray

from shapr.converters.mesh.scene import Points, Triangles


def weld(points: NDArray[np.floating]) -> tuple[Points, NDArray[np.int32]]:
    """The distinct points (float64), in order of first appearance, and the index of each given one among them.

    Equal means equal bit for bit, but for the sign of zero. By hash: sorting rows costs several times as much.
    """
    points = np.ascontiguousarray(points) + points.dtype.type(0)  # -0.0 + 0.0 is 0.0
    if not len(points):
        return points.astype(np.float64), np.zeros(0, np.int32)
    words = points.view(np.uint32 if points.itemsize == 4 else np.uint64).astype(np.uint64)
    key = np.zeros(len(points), np.uint64)
    for column in range(3):
        key = (key ^ words[:, column]) * np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio
        key ^= key >> np.uint64(29)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    if not np.array_equal(points[first][inverse], points):  # two points with one hash
        _, first, inverse = np.unique(points, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(first), np.int32)
    place[order] = np.arange(len(first), dtype=np.int32)
    return points[first[order]].astype(np.float64), place[inverse.ravel()]


def welded(vertices: Points, triangles: Triangles) -> tuple[Points, Triangles]:
    """Triangles over distinct points; those that have lost a corner are gone."""
    points, index = weld(vertices)
    return points, proper(index[triangles])


def proper(triangles: Triangles) -> Triangles:
    """Without those that have two corners on one vertex: they have no area and no edge that would be missed."""
    a, b, c = triangles.T
    sound = (a != b) & (b != c) & (c != a)
    return triangles if sound.all() else triangles[sound]
