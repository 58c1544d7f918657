"""How triangles hang together: welding, components, closed or open."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh.model import Triangles, Vertices


@dataclass(frozen=True)
class Component:
    """Triangles that share vertices. `members` are rows of the triangle array; `volume` is signed, in mm³."""

    members: npt.NDArray[np.int64]
    closed: bool  # every edge belongs to two triangles
    oriented: bool  # and they run along it in opposite directions
    volume: float
    low: Vertices
    high: Vertices

    def holds(self, other: "Component") -> bool:
        """By bounding boxes."""
        return bool((self.low <= other.low).all() and (self.high >= other.high).all())


def welded(vertices: Vertices, triangles: Triangles, tolerance: float = 0.0) -> tuple[Vertices, Triangles]:
    """Equal points made one, or those in one cell of a grid as wide as `tolerance` (mm).

    Keeps the order in which points first occur, so the result repeats.
    """
    keys = vertices if tolerance == 0.0 else np.round(vertices / tolerance)
    rows = np.ascontiguousarray(keys + 0.0).view("V24").ravel()  # + 0.0 makes -0.0 equal to 0.0
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return vertices[first[order]], rank[inverse.ravel()][triangles].astype(np.int32)


def cleaned(vertices: Vertices, triangles: Triangles, tolerance: float = 0.0) -> tuple[Vertices, Triangles]:
    """Welded, without triangles that have no area and without a second copy of a triangle."""
    vertices, triangles = welded(vertices, triangles, tolerance)
    a, b, c = triangles.T
    triangles = without_slivers(vertices, triangles[(a != b) & (b != c) & (c != a)])
    _, once = np.unique(np.sort(triangles, axis=1), axis=0, return_index=True)
    return vertices, triangles[np.sort(once)]


def flat(vertices: Vertices, triangles: Triangles) -> npt.NDArray[np.bool_]:
    """Which triangles have no area to speak of: three corners on a line."""
    a, b, c = (vertices[triangles[:, at]] for at in range(3))
    doubled = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    longest = np.max([np.linalg.norm(each, axis=1) for each in (b - a, c - b, a - c)], axis=0, initial=0)
    result: npt.NDArray[np.bool_] = doubled <= 1e-9 * longest**2
    return result


def without_slivers(vertices: Vertices, triangles: Triangles) -> Triangles:
    """Flat triangles taken out without tearing the surface.

    A flat triangle A-B-C, with B on the line between A and C, closes the gap between the neighbour across AC and those
    across AB and BC. The neighbour across AC is split at B instead. Flat ones in a row are taken from the outside in.
    """
    for _ in range(50):  # the longest row of flat triangles that is taken apart
        is_flat = flat(vertices, triangles)
        slivers = np.flatnonzero(is_flat)
        if not len(slivers):
            break
        rows: list[list[int] | None] = list(triangles.tolist())
        across: dict[tuple[int, int], list[int]] = {}
        for at, row in enumerate(triangles.tolist()):
            for edge in _edges(row):
                across.setdefault(edge, []).append(at)
        touched: set[int] = set()
        for at in slivers.tolist():
            row = rows[at]
            if row is None or at in touched:
                continue
            (start, end), middle = _longest(vertices, row)
            neighbours = [other for other in across[min(start, end), max(start, end)] if other != at]
            if touched.intersection(neighbours) or any(is_flat[other] for other in neighbours):
                continue  # in a later round
            rows[at] = None
            if len(neighbours) == 1 and (other := rows[neighbours[0]]) is not None:
                rows[neighbours[0]] = [middle if corner == start else corner for corner in other]
                rows.append([middle if corner == end else corner for corner in other])
                touched |= {at, neighbours[0]}
        triangles = np.array([row for row in rows if row is not None and len(set(row)) == 3], np.int32).reshape(-1, 3)
    return triangles[~flat(vertices, triangles)]


def _edges(row: list[int]) -> list[tuple[int, int]]:
    return [(min(pair), max(pair)) for pair in zip(row, (row[1], row[2], row[0]), strict=True)]


def _longest(vertices: Vertices, row: list[int]) -> tuple[tuple[int, int], int]:
    """The ends of the longest edge, and the corner between them."""
    sides = [(row[at], row[(at + 1) % 3], row[(at + 2) % 3]) for at in range(3)]
    start, end, middle = max(sides, key=lambda side: float(np.sum((vertices[side[0]] - vertices[side[1]]) ** 2)))
    return (start, end), middle


def components(vertices: Vertices, triangles: Triangles) -> tuple[Triangles, list[Component]]:
    """The surfaces, in the order of their first triangle: triangles that share an edge with one other only.

    Two cubes that touch along an edge are two. The triangles come back wound alike within each closed surface.
    """
    pairs = _neighbours(triangles)
    labels = _labels(len(triangles), pairs)
    order = np.argsort(labels, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    wound = triangles.copy()
    found = []
    for members in sorted(groups, key=lambda group: int(group[0])):
        closed, oriented = closure(wound[members])
        if closed and not oriented:
            wound[members] = _wound(wound[members])
            oriented = closure(wound[members])[1]
        found.append(_component(vertices, wound[members], members, closed, oriented))
    return wound, found


def _neighbours(triangles: Triangles) -> npt.NDArray[np.int64]:
    """(k, 2): the two triangles of every edge that has two."""
    keys = _keys(triangles).ravel()
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0])
    counts = np.diff(np.r_[starts, len(keys)])
    twos = starts[counts == 2]
    return np.stack([order[twos], order[twos + 1]], axis=1) // 3


def _keys(triangles: Triangles) -> npt.NDArray[np.uint64]:
    """(m, 3): a number per undirected edge."""
    start, end = triangles.astype(np.uint64), triangles[:, [1, 2, 0]].astype(np.uint64)
    return np.minimum(start, end) << np.uint64(32) | np.maximum(start, end)


def _labels(count: int, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For every triangle the smallest triangle it is connected with."""
    labels = np.arange(count)
    while True:
        smaller = labels.copy()
        least = labels[pairs].min(axis=1)
        np.minimum.at(smaller, pairs[:, 0], least)
        np.minimum.at(smaller, pairs[:, 1], least)
        smaller = np.minimum(smaller, smaller[smaller])
        if (smaller == labels).all():
            return labels
        labels = smaller


def _wound(triangles: Triangles) -> Triangles:
    """A closed surface with every triangle wound like the first, so that each edge runs both ways; then outwards."""
    rows = triangles.tolist()
    across: dict[tuple[int, int], list[int]] = {}
    for at, row in enumerate(rows):
        for edge in _edges(row):
            across.setdefault(edge, []).append(at)
    seen, waiting = {0}, [0]
    while waiting:
        row = rows[waiting.pop()]
        directed = set(zip(row, (row[1], row[2], row[0]), strict=True))
        for edge in _edges(row):
            for other in across[edge]:
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
                    a, b, c = rows[other]
                    if directed & {(a, b), (b, c), (c, a)}:
                        rows[other] = [a, c, b]
    return np.array(rows, dtype=np.int32)


def _component(
    vertices: Vertices, mine: Triangles, members: npt.NDArray[np.int64], closed: bool, oriented: bool
) -> Component:
    points = vertices[np.unique(mine)]
    a, b, c = (vertices[mine[:, at]] - points.mean(axis=0) for at in range(3))
    volume = float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)
    return Component(members, closed, oriented, volume, points.min(axis=0), points.max(axis=0))


def closure(triangles: Triangles) -> tuple[bool, bool]:
    """Whether every edge has two triangles, and whether no directed edge occurs twice."""
    _, shared = np.unique(_keys(triangles), return_counts=True)
    start, end = triangles.astype(np.uint64), triangles[:, [1, 2, 0]].astype(np.uint64)
    directed = np.unique(start << np.uint64(32) | end)
    return bool((shared == 2).all()), len(directed) == triangles.size
