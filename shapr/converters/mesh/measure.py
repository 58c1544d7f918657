"""What a mesh measures."""

from itertools import groupby

import numpy as np
import numpy.typing as npt

from shapr.converters.measure import Measured
from shapr.converters.mesh import colour
from shapr.converters.mesh.model import Mesh, Part, blocks
from shapr.converters.mesh.topology import cornered, edge_keys, surfaces, volumes, welded
from shapr.converters.progress import Reach, apart, silent, within
from shapr.errors import Refused

OBJECTS = 20_000  # that are looked at one by one


def measured(mesh: Mesh, reach: Reach = silent) -> Measured:
    """Bodies are surfaces that hang together once equal points are one.

    Where bodies touch along faces, edges have more than two triangles: then every body of an object that has several,
    or else every object, is looked at by itself, if that closes all of them. The volume is None unless along every edge
    as many triangles run one way as the other.
    """
    if not mesh.triangles:
        raise Refused("no_geometry", "it holds no triangle")
    whole = Part.joined(mesh.parts)
    bodies, watertight, balanced = _bodies(whole, within(reach, 0.0, 0.4))
    if not watertight and (found := _apart(mesh, within(reach, 0.4, 0.6))) is not None:
        bodies, watertight, balanced = found, True, True
    reach(0.6)
    cornering = np.zeros(len(whole.vertices), bool)
    cornering[whole.corners] = True
    used = whole.vertices[cornering]
    reach(0.7)
    low, high = used.min(axis=0), used.max(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        area = float(_doubled_areas(whole, within(reach, 0.7, 0.85)).sum() / 2)
        volume = float(volumes(whole.vertices, whole.corners, (low + high) / 2, within(reach, 0.85, 1.0)).sum())
    if not np.isfinite([*low, *high, area, volume]).all():
        raise Refused("invalid_geometry", "a coordinate is not a number, or too large to measure with")
    labels = frozenset({name for part in mesh.parts for name in (part.name, part.inner)} - {""})
    seen: set[int] = set().union(*(_colours(part) for part in mesh.parts))
    return Measured(
        bodies=bodies,
        solids=None,
        faces=None,
        triangles=mesh.triangles,
        low=(float(low[0]), float(low[1]), float(low[2])),
        high=(float(high[0]), float(high[1]), float(high[2])),
        volume=volume if balanced else None,
        area=area,
        watertight=watertight,
        units=mesh.units,
        up_axis=mesh.up_axis,
        names=len(labels),
        labels=labels,
        colours=len(seen),
        translucent=sum(each >> 24 < 255 for each in seen),
    )


def _doubled_areas(part: Part, reach: Reach) -> npt.NDArray[np.float64]:
    """Of each triangle, in blocks: what is small at a time tells, and takes little memory."""
    result = np.empty(len(part.corners))
    for some in blocks(len(part.corners), reach):
        a, b, c = (part.vertices[part.corners[some, at]] for at in range(3))
        result[some] = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    return result


def _apart(mesh: Mesh, reach: Reach) -> int | None:
    """How many bodies there are, if each object is closed by itself, or each of those within them."""
    objects = [list(some) for _, some in groupby(mesh.parts, key=lambda part: part.name)]
    inside = [list(some) for _, some in groupby(mesh.parts, key=lambda part: (part.name, part.body))]
    tries = [inside, objects] if len(inside) > len(objects) else [objects]
    for each, own in apart(tries, reach):
        found = closed([Part.joined(parts) for parts in each], own) if 1 < len(each) < OBJECTS else None
        if found is not None:
            return found
    return None


def closed(objects: list[Part], reach: Reach) -> int | None:
    """How many bodies there are in objects that are closed by themselves, all of them; else None."""
    count = seen = 0
    total = sum(len(each.corners) for each in objects)
    for each in objects:
        bodies, watertight, _ = _bodies(each, silent)
        if not watertight:
            return None
        count, seen = count + bodies, seen + len(each.corners)
        reach(seen / total)
    return count


def _bodies(part: Part, reach: Reach) -> tuple[int, bool, bool]:
    """How many; whether each is closed and wound alike; whether all edges together are balanced."""
    _, triangles = welded(part.vertices, part.corners, reach=within(reach, 0.0, 0.4))
    triangles = triangles[cornered(triangles)]  # one that is an edge or a point closes nothing and opens nothing
    found = surfaces(triangles, within(reach, 0.4, 1.0))
    watertight = bool(len(found) and (found.closed & found.oriented).all())
    return max(len(found), 1), watertight, watertight or bool(len(found) and _balanced(triangles))


def _balanced(triangles: np.ndarray) -> bool:
    keys = edge_keys(triangles).ravel()
    start, end = triangles.ravel(), triangles[:, [1, 2, 0]].ravel()
    order = np.argsort(keys)
    begins = np.flatnonzero(np.concatenate([[True], keys[order][1:] != keys[order][:-1]]))
    way = np.sign(end.astype(np.int64) - start)
    return not np.add.reduceat(way[order], begins).any()


def _colours(part: Part) -> set[int]:
    """Red in the lowest byte, alpha in the highest."""
    own = part.vertex_colours if part.vertex_colours is not None else part.face_colours
    if own is not None:
        return set(np.unique(np.ascontiguousarray(own).view("<u4")).tolist())
    if part.colour is None:
        return set()
    return {int.from_bytes(bytes(colour.as_bytes(part.colour)), "little")}
