"""Normals that are smooth where the surface is: across edges at which two triangles meet at a small angle."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

CREASE = np.cos(np.radians(32))  # a draft tessellation turns by 20 degrees from one facet to the next
CELLS = 1 << 20  # a side of the grid in which points that fall together are one
ROUNDS = 64  # for labels to go around a point; at each they go twice as far


def facing(triangles: Floats) -> Floats:
    """Normals of triangles (m, 3, 3) as long as twice their area, turned to the viewer: z leads away from him."""
    normals: Floats = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return np.where(normals[:, 2:] > 0, -normals, normals)


def unit(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Of length one along the last axis; what has no length faces the viewer."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    result[..., 2] -= lengths[..., 0] <= 0
    return cast(npt.NDArray[Any], result)


def corner_normals(triangles: Floats) -> Floats:
    """A unit normal for each corner (m, 3, 3): the mean of the triangles that are joined there without a crease."""
    areas = facing(triangles)
    flat = unit(areas)
    points = _welded(triangles)
    one, two = _joined(points, flat)
    labels = _labels(3 * len(triangles), one, two)
    weights = np.repeat(areas, 3, axis=0)
    sums = np.stack([np.bincount(labels, weights[:, axis], minlength=len(labels)) for axis in range(3)], axis=1)
    return unit(sums[labels]).reshape(-1, 3, 3)


def _welded(triangles: Floats) -> Ids:
    """The number of the point at each corner (m, 3)."""
    points = triangles.reshape(-1, 3)
    low = points.min(axis=0)
    cells = ((points - low) * (CELLS / max(np.ptp(points, axis=0).max(), 1e-300))).round().astype(np.int64)
    keys = cells[:, 0] << 42 | cells[:, 1] << 21 | cells[:, 2]
    return np.unique(keys, return_inverse=True)[1].reshape(-1, 3)


def _joined(points: Ids, flat: Floats) -> tuple[Ids, Ids]:
    """Pairs of corners, at both ends of each edge that two triangles share without a crease."""
    begin, end = points.ravel(), np.roll(points, -1, axis=1).ravel()
    at = np.arange(points.size)
    following = np.roll(at.reshape(-1, 3), -1, axis=1).ravel()
    forward = begin < end
    low, high = np.where(forward, at, following), np.where(forward, following, at)  # the corner at its lower point
    keys = np.minimum(begin, end) * (points.size + 1) + np.maximum(begin, end)
    order = np.argsort(keys, kind="stable")
    same = keys[order][1:] == keys[order][:-1]
    alone = same & ~np.append(same[1:], False) & ~np.append(False, same[:-1])  # two triangles, not three
    one, two = order[:-1][alone], order[1:][alone]
    smooth = np.einsum("ij,ij->i", flat[one // 3], flat[two // 3]) > CREASE
    one, two = one[smooth], two[smooth]
    return np.concatenate([low[one], high[one]]), np.concatenate([low[two], high[two]])


def _labels(count: int, one: Ids, two: Ids) -> Ids:
    """The smallest number among those that each is joined with, also by others."""
    labels = np.arange(count)
    for _ in range(ROUNDS):
        before = labels.copy()
        lowest = np.minimum(labels[one], labels[two])
        np.minimum.at(labels, one, lowest)
        np.minimum.at(labels, two, lowest)
        np.minimum.at(labels, before, labels)  # whoever bore this label learns of the smaller one
        labels = labels[labels]
        if np.array_equal(labels, before):
            break
    return labels
