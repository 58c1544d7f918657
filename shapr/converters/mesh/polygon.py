"""Polygons in space as triangles: a fan where they are convex, ear clipping where they are not."""

from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh.ears import Budget, clipped
from shapr.converters.mesh.model import Triangles, Vertices
from shapr.converters.progress import Reach, apart, silent, within
from shapr.errors import Refused

Rows = npt.NDArray[np.int64]
TOGETHER = 16  # corners; up to so many, all polygons of one size are clipped at once
BLOCK = 50_000  # polygons
CACHE = 1 << 16  # numbers that the innermost steps keep at hand


def triangulated(counts: Rows, corners: Rows, vertices: Vertices, reach: Reach = silent) -> tuple[Triangles, Rows]:
    """Triangles over the polygons' own corners, with their winding, in their order; and the polygon of each.

    `corners` are the rows of `vertices` of all polygons, one after the other; `counts` (all at least 3) says how many
    belong to each. `limit_exceeded` where clipping them would take minutes.
    """
    if (counts == 3).all():
        return corners.reshape(-1, 3).astype(np.int32), np.arange(len(counts))
    starts = np.cumsum(counts) - counts
    triangles, owners, budget, done = [], [], Budget(), 0.0
    for count in np.unique(counts).tolist():
        alike = np.flatnonzero(counts == count)
        for at in range(0, len(alike), BLOCK):
            some = alike[at : at + BLOCK]
            faces = corners[starts[some][:, None] + np.arange(count)]
            before, done = done, done + faces.size / len(corners)
            triangles.append(_alike(faces, vertices, budget, within(reach, before, done)).reshape(-1, 3))
            owners.append(np.repeat(some, count - 2))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(triangles)[order].astype(np.int32), owner[order]


def checked(
    title: str, sizes: Rows, corners: Rows, vertices: Vertices, reach: Reach = silent
) -> tuple[Triangles, Rows, list[str]]:
    """`triangulated`, of a file's faces as they come: the triangles, the face of each, and what was passed over."""
    if corners.min(initial=0) < 0 or corners.max(initial=-1) >= len(vertices):
        raise Refused("corrupt_file", f"a face of the {title} file refers to a vertex that is not there")
    if not np.isfinite(vertices).all():
        raise Refused("invalid_geometry", "a coordinate is not a number")
    whole = sizes >= 3
    if whole.all() and len(whole):
        return *triangulated(sizes, corners, vertices, reach), []
    if not whole.any():
        raise Refused("no_geometry", f"the {title} file holds no face with three corners")
    lost = int((~whole).sum())
    triangles, owner = triangulated(sizes[whole], corners[np.repeat(whole, sizes)], vertices, reach)
    losses = [f"{lost} faces with less than three corners are passed over"] if lost else []
    return triangles, np.flatnonzero(whole)[owner], losses


def _alike(faces: Rows, vertices: Vertices, budget: Budget, reach: Reach) -> Rows:
    """(f, n) polygons of n corners as (f, n - 2, 3)."""
    count = faces.shape[1]
    fan = np.stack([np.zeros(count - 2, int), np.arange(1, count - 1), np.arange(2, count)], axis=1)
    local = np.broadcast_to(fan, (len(faces), count - 2, 3))
    if count > 3:
        flat = _flattened(vertices[faces])
        dents = _turn(np.roll(flat, 1, axis=1), flat, np.roll(flat, -1, axis=1)) < 0
        hollow = np.flatnonzero(dents.any(axis=1))
        local = local.copy() if len(hollow) else local
        if count <= TOGETHER:
            block = max(1, CACHE // count**2)
            for at in range(0, len(hollow), block):
                some = hollow[at : at + block]
                budget.spend(len(some) * count**3 // 3)
                local[some] = _clipped_together(flat[some])
        else:
            for each, part in apart(hollow.tolist(), reach):
                local[each] = clipped(flat[each], budget, part)
    return np.take_along_axis(faces, local.reshape(len(faces), -1), axis=1).reshape(len(faces), -1, 3)


def _flattened(points: Any) -> Any:
    """(f, n, 3) as (f, n, 2) in the plane of the polygon's normal (Newell's method), counter-clockwise."""
    relative = points - points[:, :1]
    with np.errstate(over="ignore", invalid="ignore"):
        normal = np.cross(relative, np.roll(relative, -1, axis=1)).sum(axis=1)
    drop = np.argmax(np.abs(normal), axis=1)
    axes = np.array([(1, 2), (2, 0), (0, 1)])[drop]
    flat = np.take_along_axis(relative, axes[:, None, :], axis=2)
    turned = np.take_along_axis(normal, drop[:, None], axis=1)[:, 0] < 0
    flat[turned, :, 1] *= -1
    return flat


def _turn(a: Any, b: Any, c: Any) -> Any:
    """Twice the signed area of a-b-c: positive where it turns left."""
    with np.errstate(over="ignore", invalid="ignore"):
        return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])


def _clipped_together(flat: Any) -> Rows:
    """Ears of all polygons at once, one per round; (f, n, 2) to (f, n - 2, 3)."""
    faces, count = flat.shape[:2]
    rest = np.broadcast_to(np.arange(count), (faces, count))
    triangles = np.empty((faces, count - 2, 3), int)
    for step in range(count - 3):
        left = count - step
        corner = np.stack([np.roll(rest, 1, axis=1), rest, np.roll(rest, -1, axis=1)], axis=2)  # (f, left, 3)
        a, b, c = (np.take_along_axis(flat, corner[:, :, at, None], axis=1)[:, :, None] for at in range(3))
        other = np.take_along_axis(flat, rest[:, :, None], axis=1)[:, None]  # (f, 1, left, 2)
        inside = (_turn(a, b, other) >= 0) & (_turn(b, c, other) >= 0) & (_turn(c, a, other) >= 0)
        # One that lies where a corner does is twice there: the end of a bridge to a hole.
        own = (other == a).all(axis=3) | (other == b).all(axis=3) | (other == c).all(axis=3)
        ear = (_turn(a, b, c)[..., 0] > 0) & ~(inside & ~own).any(axis=2)
        at = np.argmax(ear, axis=1)  # the first; 0 where there is none: it crosses itself
        triangles[:, step] = np.take_along_axis(corner, at[:, None, None], axis=1)[:, 0]
        rest = rest[np.arange(left) != at[:, None]].reshape(faces, left - 1)
    triangles[:, -1] = rest
    return triangles
