"""Healing a mesh, only when asked for: points made one, useless triangles taken out, surfaces wound outwards."""

from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from shapr.converters.mesh.model import Mesh, Part, Triangles, Vertices, over_used
from shapr.converters.mesh.slivers import without_slivers
from shapr.converters.mesh.topology import Rows, cornered, same_points, single, surfaces, volumes, wound
from shapr.converters.progress import Reach, apart, silent, within
from shapr.errors import Refused

# Exporters round: points that were one differ in the last digits. Fractions of the diagonal, finest first.
WELDS = (0.0, 1e-7, 1e-6, 1e-5)
BOXES = 50_000_000  # comparisons of two surfaces' boxes at most


def healed(mesh: Mesh, reach: Reach = silent) -> tuple[Mesh, dict[str, Any]]:
    """The mesh mended, and how much of what was done. Parts keep their names and colours; parts of one name that
    follow each other are mended as one object, or body by body. `no_geometry` if every triangle is degenerate."""
    whole = Part.joined(mesh.parts)
    diagonal = float(np.linalg.norm(np.ptp(whole.vertices, axis=0))) if len(whole.vertices) else 0.0
    told = dict.fromkeys(("welded_vertices", "degenerate_triangles", "duplicate_triangles", "turned_triangles"), 0)
    tolerance = 0.0
    parts: list[Part] = []
    seen, total = 0, max(mesh.triangles, 1)
    for _, some in groupby(mesh.parts, key=lambda part: (part.name, part.body)):
        own = list(some)
        end = seen + sum(len(part.corners) for part in own)
        used = _object(own, diagonal, told, parts, within(reach, seen / total, end / total))
        tolerance, seen = max(tolerance, used), end
    if not parts:
        raise Refused("no_geometry", "every triangle of the mesh is degenerate")
    return replace(mesh, parts=tuple(parts)), {**told, "weld_tolerance": tolerance}


def _object(own: list[Part], diagonal: float, told: dict[str, int], parts: list[Part], reach: Reach) -> float:
    """Mends one object: adds to `told` and `parts`; gives the tolerance (mm) that closed most of it."""
    joined = Part.joined(own)
    best: tuple[int, float, tuple[Any, ...]] | None = None
    points = -1
    for at, fraction in enumerate(WELDS):
        this = within(reach, 0.9 * at / len(WELDS), 0.9 * (at + 1) / len(WELDS))
        welding = _welding(joined.vertices, fraction * diagonal, within(this, 0.0, 0.2))
        if len(welding[0]) == points:
            continue  # no more points became one
        points = len(welding[0])
        attempt = _cleaned(joined.vertices, joined.corners, *welding, within(this, 0.2, 0.4))
        triangles, turned = wound(attempt[1], within(this, 0.4, 0.8))
        found = surfaces(triangles, within(this, 0.8, 1.0))
        closed = int(found.closed[found.labels].sum())
        if len(triangles) and (best is None or closed > best[0]):
            best = closed, fraction * diagonal, (*attempt, triangles, turned, found)
        if closed == len(triangles) and closed:
            break
    if best is None:
        told["degenerate_triangles"] += len(joined.corners)
        return 0.0
    vertices, before, origin, inverse, lost, repeated, triangles, _, found = best[2]
    reach(0.9)
    triangles = _outwards(vertices, triangles, found, before, within(reach, 0.9, 0.95))
    reach(0.95)
    told["welded_vertices"] += len(joined.vertices) - len(vertices)
    told["degenerate_triangles"] += lost
    told["duplicate_triangles"] += repeated
    told["turned_triangles"] += int((triangles != before).any(axis=1).sum())
    parts += _parts_again(own, vertices, triangles, origin, inverse, within(reach, 0.96, 1.0))
    return best[1]


def _welding(vertices: Vertices, tolerance: float, reach: Reach) -> tuple[Rows, Rows]:
    return same_points(vertices if tolerance == 0.0 else np.round(vertices / tolerance), reach)


def _cleaned(vertices: Vertices, corners: Triangles, first: Rows, inverse: Rows, reach: Reach) -> tuple[Any, ...]:
    """Vertices, triangles, where each comes from, the welding, and how many were degenerate or repeated."""
    triangles = inverse.astype(np.int32)[corners]
    good = np.flatnonzero(cornered(triangles))
    kept, origin = without_slivers(vertices[first], triangles[good], reach=within(reach, 0.0, 0.5))
    origin = good[origin]
    kept_some = np.zeros(len(corners), bool)
    kept_some[origin] = True
    lost = len(corners) - int(np.count_nonzero(kept_some))
    once = single(kept, within(reach, 0.5, 1.0))
    reach(1.0)
    return vertices[first], kept[once], origin[once], inverse, lost, len(kept) - len(once)


def _outwards(vertices: Vertices, triangles: Triangles, found: Any, before: Triangles, reach: Reach) -> Triangles:
    """Closed surfaces with their volume positive, but for voids: those that came wound inwards, within another."""
    if not len(triangles):
        return triangles
    labels = found.labels
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    signed = np.bincount(labels, volumes(vertices, triangles, middle, reach), len(found))
    inward = found.closed & found.oriented & (signed < 0)
    came = np.bincount(labels, (triangles == before).all(axis=1), len(found)) == np.bincount(labels, None, len(found))
    candidates = np.flatnonzero(inward & came)
    outer = np.flatnonzero(found.closed & found.oriented & (signed > 0))
    if 0 < len(candidates) * len(outer) <= BOXES:
        low, high = _boxes(vertices, triangles, labels, len(found))
        for at in candidates.tolist():
            around = (low[outer] <= low[at]).all(axis=1) & (high[outer] >= high[at]).all(axis=1)
            inward[at] = not (around & (signed[outer] > -signed[at])).any()
    turned = inward[labels]
    result = triangles.copy()
    result[turned] = result[turned][:, [0, 2, 1]]
    return result


def _boxes(vertices: Vertices, triangles: Triangles, labels: Rows, count: int) -> tuple[Vertices, Vertices]:
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(count))
    corners = vertices[triangles[order]]
    return np.minimum.reduceat(corners.min(axis=1), starts), np.maximum.reduceat(corners.max(axis=1), starts)


def _parts_again(
    own: list[Part], vertices: Vertices, triangles: Triangles, origin: Rows, inverse: Rows, reach: Reach
) -> list[Part]:
    """The object's triangles under the names, materials and colours that they had."""
    made = []
    triangle = vertex = 0
    for part, one in apart(own, reach):
        mine = np.arange(*np.searchsorted(origin, [triangle, triangle + len(part.corners)]))  # origins ascend
        used, corners = over_used(triangles[mine], one)
        vertex_colours = face_colours = None
        if part.vertex_colours is not None:
            spread = np.zeros((len(vertices), 4), np.uint8)
            spread[inverse[vertex : vertex + len(part.vertices)]] = part.vertex_colours
            vertex_colours = spread[used]
        if part.face_colours is not None:
            face_colours = part.face_colours[origin[mine] - triangle]
        if len(mine):
            made.append(
                replace(
                    part,
                    vertices=vertices[used],
                    corners=corners,
                    vertex_colours=vertex_colours,
                    face_colours=face_colours,
                )
            )
        triangle += len(part.corners)
        vertex += len(part.vertices)
    return made
