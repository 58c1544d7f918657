"""Colours of the pixels: light, the shade of hollows, and the lines of edges."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from shapr.converters.picture.scene import Scene
from shapr.converters.picture.smooth import corner_normals, facing, unit

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Which = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Components = tuple[Floats, ...]
Value = TypeVar("Value", bound=np.generic)

SMOOTHED = 250_000  # visible triangles; of more, each is so small that its own normal will do
# Light comes from where the eye's x (right), y (down) and z (away) say, with this strength.
LIGHTS = (((-0.45, -0.8, -0.55), 0.60), ((0.85, 0.0, -0.45), 0.30), ((-0.3, 0.6, -0.6), 0.22))
AMBIENT = 0.36
GLOSS, SHARPNESS = 0.16, 28
PAINT, BRIGHTEST = 0.97, 1.02  # white stays a little below the paper's, which would swallow it
DARKEST = 72  # of 255: what is blacker shows neither light nor lines, and is drawn as if it were this bright
FALL = 0.07  # a little lighter at the top of the picture, so that a flat face is not one dead colour
HOLLOW, REACH = 0.32, 14  # how dark hollows become, and how far (pixels) their edges throw a shade
TURN = np.cos(np.radians(16))  # from one pixel to the next: an edge
PAINTED = 40  # of 255, from one pixel to the next: a border of colours
STEP = 3.0  # pixels of depth that no slope explains: an edge
OUTLINE, CREASE_LINE = 0.9, 0.72  # how dark lines are
INK = np.array([22, 28, 38], np.float32)


@dataclass(frozen=True)
class Seen:
    """What is seen at the pixels where there is anything, and where those are on the picture (size, size).

    A value per pixel, of vectors an array per component: how far, turned where, of which colour and part.
    """

    size: int
    pixels: Ids
    depth: Floats
    normal: Components
    colour: Components
    part: npt.NDArray[np.int32]

    def image(self, values: npt.NDArray[Value], empty: float = 0) -> npt.NDArray[Value]:
        """Values of the pixels, as an image."""
        image = np.full(self.size * self.size, empty, values.dtype)
        image[self.pixels] = values
        return image.reshape(self.size, self.size)


def seen(scene: Scene, ids: Ids) -> Seen:
    """The surface behind each pixel, from the triangle that is visible there."""
    pixels = np.flatnonzero(ids >= 0)
    hit = ids.ravel()[pixels]
    used = np.zeros(len(scene.corners), bool)
    used[hit] = True
    found = np.flatnonzero(used)
    which = (np.cumsum(used, dtype=np.int32) - 1)[hit]
    triangles = scene.points[scene.corners[found]]
    if len(found) <= SMOOTHED:
        normals = corner_normals(triangles)
    else:
        normals = np.repeat(unit(facing(triangles))[:, None], 3, axis=1)
    weights = _weights(triangles, which, pixels, len(ids))
    parts = scene.part(found).astype(np.int32)
    colour = tuple(scene.colours[found, at].astype(np.float32)[which] for at in range(3))
    if scene.tints is not None:
        tinted = scene.tinted[parts][which]
        tints = scene.tints[scene.corners[found]].astype(np.float32)
        mixed = (_mixed(weights, tints[:, :, at], which) for at in range(3))
        colour = tuple(np.where(tinted, one, other) for one, other in zip(mixed, colour, strict=True))
    normal = tuple(_mixed(weights, normals[:, :, at], which) for at in range(3))
    depth = _mixed(weights, triangles[:, :, 2], which)
    return Seen(len(ids), pixels, depth, _of_length_one(normal), colour, parts[which])


def picture(seen: Seen) -> npt.NDArray[np.uint8]:
    """Red, green, blue, alpha (size, size, 4)."""
    light = np.full(len(seen.pixels), AMBIENT, np.float32)
    for towards, strength in LIGHTS:
        light += strength * np.maximum(_towards(seen.normal, unit(np.array(towards))), 0)
    light *= 1 - hollows(seen)
    light *= np.linspace(1 + FALL, 1 - FALL, seen.size, dtype=np.float32)[seen.pixels // seen.size]
    np.minimum(light, BRIGHTEST, out=light)
    half = unit(unit(np.array(LIGHTS[0][0])) + np.array([0.0, 0.0, -1.0]))
    gloss = 255 * GLOSS * np.clip(_towards(seen.normal, half), 0, 1) ** SHARPNESS
    ink = lines(seen)
    result = np.zeros((seen.size * seen.size, 4), np.uint8)
    lift = np.maximum(DARKEST - np.maximum.reduce(seen.colour), 0)
    for at, colour in enumerate(each + lift for each in seen.colour):
        shown = PAINT * colour * light + gloss
        shown += ink * (0.75 * INK[at] + 0.12 * colour - shown)
        result[seen.pixels, at] = np.clip(shown, 0, 255)
    result[seen.pixels, 3] = 255
    return result.reshape(seen.size, seen.size, 4)


def hollows(seen: Seen) -> Floats:
    """How much each pixel lies behind what is around it, 0 to HOLLOW: the depth less its blurred self (Luft 2006)."""
    there = seen.image(np.ones_like(seen.depth))
    around = _blurred(seen.image(seen.depth), REACH) / np.maximum(_blurred(there, REACH), 1e-6)
    behind = seen.depth - around.ravel()[seen.pixels]
    return (HOLLOW * np.clip(behind / (2.5 * REACH), 0, 1)).astype(np.float32)


def lines(seen: Seen) -> Floats:
    """How dark a line is at each pixel: outlines, steps of depth, creases, borders of parts and colours."""
    there, depth = seen.image(np.ones(len(seen.pixels), bool)), seen.image(seen.depth)
    outline, crease = np.zeros(there.shape, bool), np.zeros(there.shape, bool)
    normals = [seen.image(each) for each in seen.normal]
    colours = [seen.image(each) for each in seen.colour if np.ptp(each) > PAINTED]
    parts = [seen.image(seen.part, -1)] if seen.part.any() else []
    for axis in (0, 1):
        one, two = _pair(axis)
        both = there[one] & there[two]
        outline[one] |= there[one] & ~there[two]
        outline[two] |= there[two] & ~there[one]
        near_one, near_two = _steps(depth, axis)
        outline[one] |= near_one & both
        outline[two] |= near_two & both
        edge = sum((each[one] * each[two] for each in normals[1:]), start=normals[0][one] * normals[0][two]) < TURN
        for part in parts:
            edge |= part[one] != part[two]
        for colour in colours:
            edge |= abs(colour[one] - colour[two]) > PAINTED
        edge &= both
        crease[one] |= edge
        crease[two] |= edge
    ink = np.where(outline, np.float32(OUTLINE), np.where(crease, np.float32(CREASE_LINE), np.float32(0)))
    crowd = _blurred(ink, 6).ravel()[seen.pixels]  # where lines are all there is, they would hide the part
    faded: Floats = ink.ravel()[seen.pixels] * np.clip(1.35 - 1.6 * crowd, 0.25, 1).astype(np.float32)
    return faded


def _steps(depth: Floats, axis: int) -> tuple[Mask, Mask]:
    """For each pair of neighbours, whether a step of depth is between them and the one or the other is nearer."""
    one, two = _pair(axis)
    step = depth[two] - depth[one]
    before, after = np.roll(step, 1, axis), np.roll(step, -1, axis)
    unexplained = np.minimum(abs(step - before), abs(step - after)) > STEP  # by the slope on either side
    return unexplained & (step > 0), unexplained & (step < 0)


def _pair(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    whole = slice(None)
    return ((slice(-1), whole), (slice(1, None), whole)) if axis == 0 else ((whole, slice(-1)), (whole, slice(1, None)))


def _blurred(values: Floats, reach: int) -> Floats:
    """The mean of the square around each pixel, twice, which is nearly a bell; of every other pixel, as it is soft."""
    half, reach = values[::2, ::2], reach // 2
    width = 2 * reach + 1
    for axis in (0, 1, 0, 1):
        padded = np.pad(half, [(reach + 1, reach) if at == axis else (0, 0) for at in (0, 1)])
        sums = np.cumsum(padded, axis=axis, dtype=np.float64)
        upper = sums[width:] if axis == 0 else sums[:, width:]
        lower = sums[:-width] if axis == 0 else sums[:, :-width]
        half = ((upper - lower) / width).astype(np.float32)
    return half.repeat(2, axis=0).repeat(2, axis=1)


def _weights(triangles: npt.NDArray[np.float64], which: Which, pixels: Ids, size: int) -> Components:
    """How near each pixel is to the corners of its triangle: barycentric, kept within it."""
    a = triangles[:, 0, :2]
    to_second, to_third = triangles[:, 1, :2] - a, triangles[:, 2, :2] - a
    area = to_second[:, 0] * to_third[:, 1] - to_third[:, 0] * to_second[:, 1]
    flat = abs(area) < 1e-9
    area[flat] = np.inf  # their weights are the first corner's
    slopes = (to_third[:, 1] / area, -to_third[:, 0] / area, -to_second[:, 1] / area, to_second[:, 0] / area)
    second_x, second_y, third_x, third_y = (each.astype(np.float32)[which] for each in slopes)
    line, column = np.divmod(pixels, size)
    x = (column + 0.5).astype(np.float32) - a[:, 0].astype(np.float32)[which]
    y = (line + 0.5).astype(np.float32) - a[:, 1].astype(np.float32)[which]
    second, third = x * second_x + y * second_y, x * third_x + y * third_y
    shares = [np.clip(each, 0, 1) for each in (1 - second - third, second, third)]
    whole = shares[0] + shares[1] + shares[2]
    return tuple(share / whole for share in shares)


def _mixed(weights: Components, corners: npt.NDArray[Any], which: Which) -> Floats:
    """A value at each pixel from those at its triangle's corners (m, 3)."""
    first, second, third = (w * corners[:, at].astype(np.float32)[which] for at, w in enumerate(weights))
    total: Floats = first + second + third
    return total


def _of_length_one(vectors: Components) -> Components:
    """What has no length faces the viewer."""
    x, y, z = vectors
    length = np.sqrt(x * x + y * y + z * z)
    none = length <= 0
    length[none] = 1
    return x / length, y / length, z / length - none.astype(np.float32)


def _towards(vectors: Components, direction: npt.NDArray[np.float64]) -> Floats:
    """The cosine of each vector's angle to a direction."""
    x, y, z = (each * np.float32(share) for each, share in zip(vectors, direction, strict=True))
    cosine: Floats = x + y + z
    return cosine
