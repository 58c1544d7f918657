"""How triangles hang together: welding, surfaces, closed or open, winding."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh.model import Triangles, Vertices, blocks
from shapr.converters.progress import Reach, along, silent, within

Rows = npt.NDArray[np.int64]
MANY, LEADING = 1 << 20, 4  # rows that are put in order in parts; the bits of their keys by which
MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))  # of xxHash


@dataclass(frozen=True)
class Component:
    """Triangles that share vertices. `members` are rows of the triangle array; `volume` is signed, in mm³."""

    members: Rows
    closed: bool  # every edge belongs to two triangles
    oriented: bool  # and they run along it in opposite directions
    volume: float
    low: Vertices
    high: Vertices


@dataclass(frozen=True)
class Surfaces:
    """Triangles that hang together by edges that two of them share; numbered in the order of their first triangle."""

    labels: Rows  # (m,): the surface of every triangle
    closed: npt.NDArray[np.bool_]  # (k,): every edge belongs to two of its triangles
    oriented: npt.NDArray[np.bool_]  # (k,): no edge is run along twice in one direction

    def __len__(self) -> int:
        return len(self.closed)


def same_points(points: Vertices, reach: Reach = silent) -> tuple[Rows, Rows]:
    """The first row of each different point, in their order, and for every row which of those it is."""
    mixed = np.empty(len(points), np.uint64)
    for some in blocks(len(points), within(reach, 0.0, 0.2)):
        mixed[some] = _mixed(_bits(points[some]))
    order = in_order(mixed, within(reach, 0.2, 0.6))
    first, inverse = _alike(order, mixed, within(reach, 0.6, 0.9))
    found = points[first]
    for some in blocks(len(points), within(reach, 0.9, 1.0)):
        if (_bits(found[inverse[some]]) != _bits(points[some])).any():
            return _same_exactly(points)
    return first, inverse


def _same_exactly(points: Vertices) -> tuple[Rows, Rows]:
    """Where two points have one hash: three times as slow."""
    keys = _bits(points)
    order = np.lexsort(keys.T)
    changes = (keys[order][1:] != keys[order][:-1]).any(axis=1)
    number = np.empty(len(keys), np.int64)
    number[order] = np.concatenate([[0], np.cumsum(changes)])
    return _alike(order, number)


def _bits(points: Vertices) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(points + 0.0).view(np.uint64)  # + 0.0 makes -0.0 equal to 0.0


def _mixed(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    mixed = np.zeros(len(keys), np.uint64)
    for axis in range(3):
        mixed = (mixed ^ keys[:, axis]) * MIX[axis]
        mixed ^= mixed >> np.uint64(29)
    return mixed


def in_order(keys: npt.NDArray[np.uint64], reach: Reach = silent) -> Rows:
    """The rows as their keys rise; in whatever order where these are equal. Of many, one part after the other by the
    keys' leading bits: no single call takes seconds then."""
    bits = int(keys.max(initial=0)).bit_length()
    if len(keys) < MANY or bits <= LEADING:
        return np.argsort(keys)
    leading = (keys >> np.uint64(bits - LEADING)).astype(np.uint8)
    order, end = np.empty(len(keys), np.int64), 0
    for part in range(1 << LEADING):
        rows = np.flatnonzero(leading == part)
        begin, end = end, end + len(rows)
        order[begin:end] = rows[np.argsort(keys[rows])]
        reach(end / len(keys))
    return order


def _alike(order: Rows, keys: npt.NDArray[np.uint64] | Rows, reach: Reach = silent) -> tuple[Rows, Rows]:
    """`order` sorts the keys. The first row of each different key, in their order, and which one each row is."""
    if not len(order):
        return order, order
    ordered = keys[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    first = np.minimum.reduceat(order, np.flatnonzero(begins))
    reach(0.4)
    by_first = np.argsort(first)
    rank = np.empty_like(by_first)
    rank[by_first] = np.arange(len(by_first))
    inverse, before = np.empty_like(order), 0
    for some in blocks(len(order), within(reach, 0.6, 1.0)):
        numbers = before + np.cumsum(begins[some])
        inverse[order[some]] = rank[numbers - 1]
        before = numbers[-1]
    return first[by_first], inverse


def welded(
    vertices: Vertices, triangles: Triangles, tolerance: float = 0.0, reach: Reach = silent
) -> tuple[Vertices, Triangles]:
    """Equal points made one, or those in one cell of a grid as wide as `tolerance` (mm).

    Keeps the order in which points first occur, so the result repeats.
    """
    points = vertices if tolerance == 0.0 else np.round(vertices / tolerance)
    first, inverse = same_points(points, within(reach, 0.0, 0.95))
    return vertices[first], inverse.astype(np.int32)[triangles]


def cornered(triangles: Triangles) -> npt.NDArray[np.bool_]:
    """Which triangles have three different corners."""
    a, b, c = triangles.T
    result: npt.NDArray[np.bool_] = (a != b) & (b != c) & (c != a)
    return result


def single(triangles: Triangles, reach: Reach = silent) -> Rows:
    """The first triangle over each three corners, however they are wound."""
    low, middle, high = np.sort(triangles, axis=1).astype(np.uint64).T
    edges = low << np.uint64(32) | middle
    reach(0.2)
    order = np.argsort(high, kind="stable")
    reach(0.5)
    order = order[np.argsort(edges[order], kind="stable")]
    reach(0.8)
    repeats = (edges[order][1:] == edges[order][:-1]) & (high[order][1:] == high[order][:-1])
    groups = np.flatnonzero(np.concatenate([[True], ~repeats]))
    return np.sort(np.minimum.reduceat(order, groups)) if len(order) else order


def edge_keys(triangles: Triangles, reach: Reach = silent) -> npt.NDArray[np.uint64]:
    """(m, 3): a number per undirected edge."""
    keys = np.empty((len(triangles), 3), np.uint64)
    for some in blocks(len(triangles), reach):
        start, end = triangles[some].astype(np.uint64), triangles[some][:, [1, 2, 0]].astype(np.uint64)
        keys[some] = np.minimum(start, end) << np.uint64(32) | np.maximum(start, end)
    return keys


def surfaces(triangles: Triangles, reach: Reach = silent) -> Surfaces:
    """Two cubes that touch along an edge are two surfaces: there four triangles meet, and none is connected by it."""
    keys = edge_keys(triangles, within(reach, 0.0, 0.08)).ravel()
    forward = (triangles < triangles[:, [1, 2, 0]]).ravel()
    reach(0.1)
    order = in_order(keys, within(reach, 0.1, 0.4))
    ordered = keys[order]
    reach(0.45)
    starts, counts = _runs(ordered)
    reach(0.5)
    pairs = _pairs(order, starts, counts)
    reach(0.6)
    _, labels = _alike_labels(connected(len(triangles), pairs // 3, within(reach, 0.6, 0.9)))
    reach(0.9)
    count = int(labels.max(initial=-1)) + 1
    closed, oriented = np.ones(count, bool), np.ones(count, bool)
    closed[labels[order[starts[counts == 1]] // 3]] = False
    oriented[labels[pairs[forward[pairs[:, 0]] == forward[pairs[:, 1]], 0] // 3]] = False
    many = order[np.repeat(counts > 2, counts)]  # where surfaces touch: two of one surface?
    again = np.lexsort((keys[many], labels[many // 3]))
    many = many[again]
    differ = (keys[many][1:] != keys[many][:-1]) | (labels[many // 3][1:] != labels[many // 3][:-1])
    starts = np.flatnonzero(np.concatenate([[True], differ])) if len(many) else many
    counts = np.diff(starts, append=len(many))
    closed[labels[many[starts[counts != 2]] // 3]] = False
    pairs = _pairs(many, starts, counts)
    oriented[labels[pairs[forward[pairs[:, 0]] == forward[pairs[:, 1]], 0] // 3]] = False
    return Surfaces(labels, closed, oriented)


def _runs(ordered: npt.NDArray[np.uint64]) -> tuple[Rows, Rows]:
    """Where each run of equal keys starts, and how long it is."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else np.empty(0, int)
    return starts, np.diff(starts, append=len(ordered))


def _pairs(order: Rows, starts: Rows, counts: Rows) -> Rows:
    """(k, 2): the two half-edges of every edge that has two."""
    twos = starts[counts == 2]
    return np.stack([order[twos], order[twos + 1]], axis=1)


def _alike_labels(labels: Rows) -> tuple[Rows, Rows]:
    """Labels that are the first member's row, renumbered 0, 1, ... ; and those rows."""
    firsts = np.flatnonzero(labels == np.arange(len(labels)))
    number = np.empty(len(labels), np.int64)
    number[firsts] = np.arange(len(firsts))
    return firsts, number[labels]


def connected(count: int, pairs: Rows, reach: Reach = silent) -> Rows:
    """For every one of `count` the smallest that it is connected with.

    Each tree hangs itself on its smallest neighbour, trees become stars, edges within a star go: few rounds, whatever
    the shape (a strip of a million triangles takes ten).
    """
    labels = np.arange(count)
    one, other = pairs[:, 0], pairs[:, 1]
    left = 1.0  # a round takes half of the time that is left, or more
    while len(one):
        low, high = np.minimum(one, other), np.maximum(one, other)
        for some in blocks(len(one), within(reach, 1 - left, 1 - 0.7 * left)):
            np.minimum.at(labels, high[some], low[some])
        while (labels[labels] != labels).any():
            labels = labels[labels]
        one, other = labels[one], labels[other]
        apart = one != other
        one, other = one[apart], other[apart]
        left /= 2
        reach(1 - left)
    return labels


def wound(triangles: Triangles, reach: Reach = silent) -> tuple[Triangles, int]:
    """Every surface wound like its first triangle where it can be, so that each edge runs both ways; how many turned.

    By the surface's double cover: each triangle as it is and turned over, connected with the side of its neighbour
    that agrees. What is connected with the first triangle as it is stays so.
    """
    count = len(triangles)
    keys = edge_keys(triangles).ravel()
    forward = (triangles < triangles[:, [1, 2, 0]]).ravel()
    order = in_order(keys, within(reach, 0.0, 0.2))
    runs = _runs(keys[order])
    reach(0.25)
    pairs = _pairs(order, *runs)
    reach(0.3)
    alike = (forward[pairs[:, 0]] != forward[pairs[:, 1]]).astype(np.int64)
    one, other = pairs.T // 3
    reach(0.33)
    sides, half = np.empty((2 * len(pairs), 2), np.int64), len(pairs)
    sides[:half, 0], sides[:half, 1] = one, other + count * (1 - alike)
    reach(0.36)
    sides[half:, 0], sides[half:, 1] = one + count, other + count * alike
    reach(0.4)
    labels = connected(2 * count, sides, within(reach, 0.4, 0.8))
    turned = labels[:count] != connected(count, pairs // 3, within(reach, 0.8, 1.0))
    result = triangles.copy()
    result[turned] = result[turned][:, [0, 2, 1]]
    return result, int(turned.sum())


def components(vertices: Vertices, triangles: Triangles, reach: Reach = silent) -> tuple[Triangles, list[Component]]:
    """The surfaces, in the order of their first triangle.

    The triangles come back wound alike within each closed surface.
    """
    before = surfaces(triangles)
    again = (before.closed & ~before.oriented)[before.labels]
    result, found = triangles.copy(), before
    if again.any():
        result[again] = wound(triangles[again])[0]
        found = surfaces(result)
    order = np.argsort(found.labels, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(found.labels[order])) + 1) if len(order) else []
    oriented = found.oriented.tolist()
    closed = found.closed.tolist()
    return result, [
        _component(vertices, result[members], members, closed[at], oriented[at])
        for at, members in along(enumerate(groups), len(groups), reach)
    ]


def _component(vertices: Vertices, mine: Triangles, members: Rows, closed: bool, oriented: bool) -> Component:
    points = vertices[np.unique(mine)]
    volume = float(volumes(vertices, mine, points.mean(axis=0)).sum())
    return Component(members, closed, oriented, volume, points.min(axis=0), points.max(axis=0))


def volumes(
    vertices: Vertices, triangles: Triangles, about: Vertices, reach: Reach = silent
) -> npt.NDArray[np.float64]:
    """(m,): the signed volume of each triangle's tetrahedron with the point `about`; their sum is that of a closed
    surface."""
    result = np.empty(len(triangles))
    for some in blocks(len(triangles), reach):
        a, b, c = (vertices[triangles[some, at]] - about for at in range(3))
        result[some] = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
    return result
