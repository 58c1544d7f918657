"""Triangles without an area to speak of, taken out without tearing the surface."""

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh.model import Triangles, Vertices, blocks
from shapr.converters.mesh.topology import Rows, cornered, edge_keys, single
from shapr.converters.progress import Reach, silent

FLAT = 1e-9  # heights of triangles without an area to speak of, as fractions of their longest side


def cleaned(vertices: Vertices, triangles: Triangles, flatness: float = FLAT) -> Triangles:
    """Those of welded points, without triangles that have no area and without a second copy of a triangle."""
    triangles = without_slivers(vertices, triangles[cornered(triangles)], flatness=flatness)[0]
    return triangles[single(triangles)]


def flat(
    vertices: Vertices, triangles: Triangles, flatness: float = FLAT, reach: Reach = silent
) -> npt.NDArray[np.bool_]:
    """Which triangles have no area to speak of: three corners on a line."""
    result = np.empty(len(triangles), bool)
    for some in blocks(len(triangles), reach):
        a, b, c = (vertices[triangles[some, at]] for at in range(3))
        doubled = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        longest = np.max([np.linalg.norm(each, axis=1) for each in (b - a, c - b, a - c)], axis=0, initial=0)
        result[some] = doubled <= flatness * longest**2
    return result


def without_slivers(
    vertices: Vertices, triangles: Triangles, most: int = 20_000, flatness: float = FLAT, reach: Reach = silent
) -> tuple[Triangles, Rows]:
    """Flat triangles taken out without tearing the surface; and which triangle each of the result was, or is part of.

    A flat triangle A-B-C, with B on the line between A and C, closes the gap between the neighbour across AC and those
    across AB and BC. The neighbour across AC is split at B instead. Flat ones in a row are taken from the outside in.
    More than `most` are only left out: such a mesh is not one surface with a few bad spots.
    """
    origin = np.arange(len(triangles))
    is_flat = flat(vertices, triangles, flatness, reach)
    for _ in range(50):  # the longest row of flat triangles that is taken apart
        if not is_flat.any() or is_flat.sum() > most:
            break
        keys = edge_keys(triangles)
        near = np.isin(keys, keys[is_flat]).any(axis=1)  # the only ones that change
        rows, origins = _round(vertices, triangles[near], is_flat[near], origin[near])
        triangles = np.concatenate([triangles[~near], rows])
        origin = np.concatenate([origin[~near], origins])
        is_flat = flat(vertices, triangles, flatness)
    order = np.argsort(origin[~is_flat], kind="stable")
    return triangles[~is_flat][order], origin[~is_flat][order]


def _round(
    vertices: Vertices, triangles: Triangles, is_flat: npt.NDArray[np.bool_], origin: Rows
) -> tuple[Triangles, Rows]:
    rows: list[list[int] | None] = list(triangles.tolist())
    origins = origin.tolist()
    across: dict[tuple[int, int], list[int]] = {}
    for at, row in enumerate(triangles.tolist()):
        for edge in _edges(row):
            across.setdefault(edge, []).append(at)
    touched: set[int] = set()
    for at in np.flatnonzero(is_flat).tolist():
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
            origins.append(origins[neighbours[0]])
            touched |= {at, neighbours[0]}
    kept = [at for at, row in enumerate(rows) if row is not None and len(set(row)) == 3]
    return np.array([rows[at] for at in kept], np.int32).reshape(-1, 3), np.array([origins[at] for at in kept], int)


def _edges(row: list[int]) -> list[tuple[int, int]]:
    return [(min(pair), max(pair)) for pair in zip(row, (row[1], row[2], row[0]), strict=True)]


def _longest(vertices: Vertices, row: list[int]) -> tuple[tuple[int, int], int]:
    """The ends of the longest edge, and the corner between them."""
    sides = [(row[at], row[(at + 1) % 3], row[(at + 2) % 3]) for at in range(3)]
    start, end, middle = max(sides, key=lambda side: float(np.sum((vertices[side[0]] - vertices[side[1]]) ** 2)))
    return (start, end), middle
