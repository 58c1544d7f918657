"""Colours of the pixels: light, the shade of hollows, and the lines of edges."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.picture.scene import Scene
from shapr.converters.picture.smooth import corner_normals, facing, unit

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

SMOOTHED = 250_000  # visible triangles; of more, each is so small that its own normal will do
# Light comes from where the eye's x (right), y (down) and z (away) say, with this strength.
LIGHTS = (((-0.45, -0.8, -0.55), 0.60), ((0.85, 0.0, -0.45), 0.30), ((-0.3, 0.6, -0.6), 0.22))
AMBIENT = 0.36
GLOSS, SHARPNESS = 0.16, 28
PAINT, BRIGHTEST = 0.97, 1.02  # white stays a little below the paper's, which would swallow it
FALL = 0.07  # a little lighter at the top of the picture, so that a flat face is not one dead colour
HOLLOW, REACH = 0.32, 14  # how dark hollows become, and how far (pixels) their edges throw a shade
TURN = np.cos(np.radians(16))  # from one pixel to the next: an edge
STEP = 3.0  # pixels of depth that no slope explains: an edge
OUTLINE, CREASE_LINE = 0.9, 0.72  # how dark lines are
INK = np.array([22, 28, 38], np.float32)


@dataclass(frozen=True)
class Seen:
    """What is at each pixel (size, size): is there anything, how far, turned where, of which colour and part."""

    there: Mask
    depth: Floats
    normal: Floats
    colour: Floats
    part: Ids


def seen(scene: Scene, ids: Ids) -> Seen:
    """The surface behind each pixel, from the triangle that is visible there."""
    there = ids >= 0
    found, which = np.unique(ids[there], return_inverse=True)
    triangles = scene.points[scene.corners[found]]
    if len(found) <= SMOOTHED:
        normals = corner_normals(triangles)
    else:
        normals = np.repeat(unit(facing(triangles))[:, None], 3, axis=1)
    weights = _weights(triangles, which, there)
    parts = scene.part(found)
    colours = scene.colours[found].astype(np.float32)[which]
    if scene.tints is not None:
        mixed = np.einsum("ij,ijk->ik", weights, scene.tints[scene.corners[found]].astype(np.float32)[which])
        colours = np.where(scene.tinted[parts][which][:, None], mixed, colours)
    normal = unit(np.einsum("ij,ijk->ik", weights, normals.astype(np.float32)[which]))
    depth = np.einsum("ij,ij->i", weights, triangles[:, :, 2].astype(np.float32)[which])
    return Seen(
        there,
        _spread(depth, there, np.inf),
        _spread(normal, there, 0),
        _spread(colours, there, 0),
        _spread(parts[which], there, -1),
    )


def picture(seen: Seen) -> npt.NDArray[np.uint8]:
    """Red, green, blue, alpha (size, size, 4)."""
    light = np.full(seen.there.shape, AMBIENT, np.float32)
    for towards, strength in LIGHTS:
        light += strength * np.clip(seen.normal @ unit(np.array(towards)).astype(np.float32), 0, None)
    half = unit(unit(np.array(LIGHTS[0][0])) + np.array([0.0, 0.0, -1.0])).astype(np.float32)
    gloss = GLOSS * np.clip(seen.normal @ half, 0, 1) ** SHARPNESS
    light *= 1 - hollows(seen)
    light *= np.linspace(1 + FALL, 1 - FALL, len(light), dtype=np.float32)[:, None]
    shown = PAINT * seen.colour * np.minimum(light, BRIGHTEST)[..., None] + 255 * gloss[..., None]
    ink = lines(seen)[..., None]
    shown = shown * (1 - ink) + (0.75 * INK + 0.12 * seen.colour) * ink
    result = np.zeros((*seen.there.shape, 4), np.uint8)
    result[..., :3] = np.clip(shown, 0, 255)
    result[..., 3] = np.where(seen.there, 255, 0)
    return result


def hollows(seen: Seen) -> Floats:
    """How much each pixel lies behind what is around it, 0 to HOLLOW: the depth less its blurred self (Luft 2006)."""
    there = seen.there.astype(np.float32)
    depth = np.where(seen.there, seen.depth, 0).astype(np.float32)
    around = _blurred(depth, REACH) / np.maximum(_blurred(there, REACH), 1e-6)
    behind = np.where(seen.there, depth - around, 0)
    return (HOLLOW * np.clip(behind / (2.5 * REACH), 0, 1)).astype(np.float32)


def lines(seen: Seen) -> Floats:
    """How dark a line is at each pixel: outlines, steps of depth, creases, borders of parts and colours."""
    outline, crease = np.zeros(seen.there.shape, bool), np.zeros(seen.there.shape, bool)
    for axis in (0, 1):
        one, two = _pair(axis)
        both = seen.there[one] & seen.there[two]
        outline[one] |= seen.there[one] & ~seen.there[two]
        outline[two] |= seen.there[two] & ~seen.there[one]
        near_one, near_two = _steps(seen, axis)
        outline[one] |= near_one & both
        outline[two] |= near_two & both
        turned = np.einsum("ijk,ijk->ij", seen.normal[one], seen.normal[two]) < TURN
        other = seen.part[one] != seen.part[two]
        painted = abs(seen.colour[one] - seen.colour[two]).max(axis=-1) > 40
        edge = both & (turned | other | painted)
        crease[one] |= edge
        crease[two] |= edge
    ink = np.where(outline, OUTLINE, np.where(crease, CREASE_LINE, 0)).astype(np.float32)
    crowd = _blurred(ink, 6)  # where lines are all there is, they would hide the part
    faded: Floats = ink * np.clip(1.35 - 1.6 * crowd, 0.25, 1).astype(np.float32)
    return faded


def _steps(seen: Seen, axis: int) -> tuple[Mask, Mask]:
    """For each pair of neighbours, whether a step of depth is between them and the one or the other is nearer."""
    one, two = _pair(axis)
    depth = np.where(seen.there, seen.depth, 0)
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


def _weights(triangles: npt.NDArray[np.float64], which: Ids, there: Mask) -> Floats:
    """How near each pixel is to the corners of its triangle: barycentric, kept within it."""
    lines, columns = np.nonzero(there)
    a, b, c = (triangles[:, at, :2][which] for at in range(3))
    x, y = columns + 0.5, lines + 0.5
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    second = (x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (y - a[:, 1])
    third = (b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (x - a[:, 0]) * (b[:, 1] - a[:, 1])
    flat = abs(area) < 1e-9
    safe = np.where(flat, 1, area)
    shares = np.stack([1 - (second + third) / safe, second / safe, third / safe], axis=1)
    shares[flat] = 1 / 3
    shares = np.clip(shares, 0, 1)
    result: Floats = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def _spread(values: npt.NDArray[Any], there: Mask, empty: float) -> npt.NDArray[Any]:
    """Values of the pixels where something is, as an image."""
    image = np.full((*there.shape, *values.shape[1:]), empty, values.dtype)
    image[there] = values
    return image
