"""Which triangle is seen at each pixel: a depth buffer, filled in batches of numpy.

A pixel is a number of 64 bits, depth before triangle, so that the smallest is the nearest, and of equals the first.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from shapr.converters.picture.scene import Points, finite
from shapr.converters.progress import Reach, silent

TRIANGLES = 1 << 17  # set up at a time
BATCH = 1 << 20  # rows or pixels at a time
BUDGET = 24_000_000  # pixels drawn in all, seen or hidden; an ordinary part is a few millions
THIN = 1.0  # pixels: a triangle that may fall between the pixels' middles is drawn as a line too
LINES = 1 << 19  # pixels of such lines for the triangles set up at a time: of a dense strip, some are enough
BEHIND = 2.0  # pixels that such a line lies behind, so that it does not cover what is beside it
SLACK = 1e-6  # pixels: of two neighbours at least one takes the pixel between them
EMPTY = np.uint64(2**64 - 1)
DEEPEST = 2**32 - 2

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Buffer:
    def __init__(self, size: int, near: float, far: float) -> None:
        self.size = size
        self.near = near
        self.scale = DEEPEST / max(far - near + BEHIND, 1e-9)
        self.nearest = np.full(size * size, EMPTY, np.uint64)

    def put(self, pixels: Ids, depths: Floats, triangles: Ids) -> None:
        """Depths in pixels, between near and far."""
        steps = np.clip((depths - self.near) * self.scale, 0, DEEPEST).astype(np.uint64)
        np.minimum.at(self.nearest, pixels, steps << np.uint64(32) | triangles.astype(np.uint64))


def visible(points: Points, corners: npt.NDArray[np.int32], size: int, reach: Reach = silent) -> Ids:
    """The triangle at each pixel, (size, size); -1 where there is none."""
    placed = finite(points)
    depths = points[:, 2] if placed.all() else points[placed, 2]
    buffer = Buffer(size, depths.min(), depths.max())
    looked = 0
    for some in affordable(points, corners):
        looked += len(some)
        reach(looked / len(corners))
        drawn = some if placed.all() else some[placed[corners[some]].all(axis=1)]
        _draw(buffer, points[corners[drawn]], drawn)
    ids = (buffer.nearest & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return np.where(buffer.nearest == EMPTY, -1, ids).reshape(size, size)


def affordable(points: Points, corners: npt.NDArray[np.int32]) -> Iterator[Ids]:
    """Triangles to draw, some at a time: all of them unless that takes too long.

    Then of those thinner than a pixel only every so-manieth, since others lie beside it, and the nearest of the rest.
    """
    chosen = np.arange(len(corners))
    pieces = [_cost(points[corners[some]]) for some in _pieces(chosen)]
    areas, rows = (np.concatenate([piece[at] for piece in pieces]) for at in (0, 1))
    costs = areas + rows
    if costs.sum() > BUDGET:
        thin = areas < rows
        every = max(math.ceil(2 * costs[thin].sum() / BUDGET), 1)
        chosen = np.sort(np.concatenate([np.flatnonzero(~thin), np.flatnonzero(thin)[::every]]))
        nearest = np.nan_to_num(points[:, 2], nan=np.inf)[corners[chosen]].min(axis=1)
        chosen = chosen[np.argsort(nearest, kind="stable")]
        chosen = chosen[: np.searchsorted(np.cumsum(costs[chosen]), BUDGET)]
    return _pieces(chosen)


def _pieces(triangles: Ids) -> Iterator[Ids]:
    return (triangles[at : at + TRIANGLES] for at in range(0, len(triangles), TRIANGLES))


def _cost(triangles: Floats) -> tuple[Floats, Floats]:
    """How many pixels each covers, about, and how many rows it touches; what is not finite is not drawn."""
    with np.errstate(invalid="ignore"):
        cost = abs(_area(triangles)) / 2, (_highest(triangles) - _lowest(triangles))[:, 1]
    areas, rows = (np.nan_to_num(each, nan=0.0, posinf=0.0) for each in cost)
    return areas, rows


def _area(triangles: Floats) -> Floats:
    """Twice the area on the picture, positive when its corners go clockwise on it."""
    one, two = triangles[:, 1, :2] - triangles[:, 0, :2], triangles[:, 2, :2] - triangles[:, 0, :2]
    area: Floats = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    return area


def _draw(buffer: Buffer, triangles: Floats, ids: Ids) -> None:
    area = _area(triangles)
    edges = np.roll(triangles, -1, axis=1)[:, :, :2] - triangles[:, :, :2]
    lengths = np.hypot(edges[:, :, 0], edges[:, :, 1])
    thin = np.flatnonzero(abs(area) < THIN * np.maximum(np.maximum(lengths[:, 0], lengths[:, 1]), lengths[:, 2]))
    _lines(buffer, triangles, ids, lengths, thin)
    low, high = _lowest(triangles), _highest(triangles)
    first = np.ceil(low[:, :2] - 0.5)
    last = np.floor(high[:, :2] - 0.5)
    spans = (last[:, 0] >= first[:, 0]) & (last[:, 1] >= first[:, 1])
    inside = np.flatnonzero(spans & (abs(area) > 1e-9))
    top = first[inside, 1].astype(np.int64)
    rows = last[inside, 1].astype(np.int64) - top + 1
    for some in _batches(rows):
        _fill(buffer, triangles[inside[some]], ids[inside[some]], area[inside[some]], top[some], rows[some])


def _fill(buffer: Buffer, triangles: Floats, ids: Ids, area: Floats, top: Ids, rows: Ids) -> None:
    """Row by row: between the edges that bound it on the left and on the right."""
    which, step = _repeated(rows)
    line = top[which] + step
    y = line + 0.5
    left, right = np.full(len(which), -np.inf), np.full(len(which), np.inf)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        run, rise = (triangles[:, b] - triangles[:, a])[:, :2].T
        lean = np.divide(run, rise, out=np.zeros_like(run), where=rise != 0)
        crossing = triangles[which, a, 0] + lean[which] * (y - triangles[which, a, 1])
        side = np.sign(rise * area)[which]
        np.copyto(right, np.minimum(right, crossing), where=side > 0)
        np.copyto(left, np.maximum(left, crossing), where=side < 0)
    start = np.clip(np.ceil(left - 0.5 - SLACK), 0, buffer.size).astype(np.int64)
    end = np.clip(np.floor(right - 0.5 + SLACK), -1, buffer.size - 1).astype(np.int64)
    counts = np.maximum(end - start + 1, 0)
    across, down = _gradient(triangles, area)
    slope, of = across[which], ids[which]
    border = triangles[:, 0, 2][which] + down[which] * (y - triangles[which, 0, 1])  # the depth at column 0
    border += slope * (0.5 - triangles[which, 0, 0])
    low, high = _lowest(triangles)[which, 2], _highest(triangles)[which, 2]
    for some in _batches(counts):
        row, step = _repeated(counts[some])
        row += some.start
        column = start[row] + step
        depth = border[row] + slope[row] * column
        np.clip(depth, low[row], high[row], out=depth)  # seen edge-on, its plane is a cliff
        buffer.put((line * buffer.size)[row] + column, depth, of[row])


def _lowest(triangles: Floats) -> Floats:
    return np.minimum(np.minimum(triangles[:, 0], triangles[:, 1]), triangles[:, 2])


def _highest(triangles: Floats) -> Floats:
    return np.maximum(np.maximum(triangles[:, 0], triangles[:, 1]), triangles[:, 2])


def _gradient(triangles: Floats, area: Floats) -> tuple[Floats, Floats]:
    """How depth grows to the right and down, on each triangle's plane."""
    one, two = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    across = (one[:, 2] * two[:, 1] - two[:, 2] * one[:, 1]) / area
    down = (two[:, 2] * one[:, 0] - one[:, 2] * two[:, 0]) / area
    return across, down


def _lines(buffer: Buffer, triangles: Floats, ids: Ids, lengths: Floats, thin: Ids) -> None:
    """The longest edge of each thin triangle, a point per pixel; one point of those that are smaller than that."""
    longest = lengths[thin].argmax(axis=1)
    begin, end = triangles[thin, longest], triangles[thin, (longest + 1) % 3]
    counts = np.ceil(lengths[thin, longest]).astype(np.int64).clip(1)
    if (total := int(counts.sum())) > LINES:
        every = -(-total // LINES)
        thin, begin, end, counts = thin[::every], begin[::every], end[::every], counts[::every]
    for some in _batches(counts):
        which, step = _repeated(counts[some])
        share = (step + 0.5) / counts[some][which]
        point = begin[some][which] + share[:, None] * (end[some] - begin[some])[which]
        column, line = point[:, :2].astype(np.int64).clip(0, buffer.size - 1).T
        buffer.put(line * buffer.size + column, point[:, 2] + BEHIND, ids[thin[some]][which])


def _repeated(counts: Ids) -> tuple[Ids, Ids]:
    """Each index as often as it counts, and the number of each repetition: [2, 1] gives [0, 0, 1] and [0, 1, 0]."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)


def _batches(counts: Ids) -> Iterator[slice]:
    """Slices whose counts come to about a batch each."""
    total = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = total[start - 1] if start else 0
        end = max(int(np.searchsorted(total, done + BATCH, side="right")), start + 1)
        yield slice(start, end)
        start = end
