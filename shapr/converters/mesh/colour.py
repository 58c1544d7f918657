"""Colours of a mesh for formats that know them by vertex or by face only, or the other way round."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from shapr.converters.mesh.model import Colour, Colours, Mesh, Part, Triangles, Vertices
from shapr.converters.mesh.srgb import Real, linear, of_linear

Layer = Sequence[int]

NEUTRAL = (192, 192, 192, 255)  # what has no colour, in a file that gives one to everything
BOTH = "colours of faces are passed over: those of points are taken"
POINTS_ALIKE = "the one colour of all points is passed over: those of faces are taken"


def as_bytes(colour: Colour) -> tuple[int, int, int, int]:
    red, green, blue, alpha = (round(255 * min(max(value, 0.0), 1.0)) for value in colour)
    return red, green, blue, alpha


def from_floats(values: Any) -> Colours:
    """(n, 3) or (n, 4) of 0..1 as 0..255; what is not a number becomes 0."""
    bounded = np.clip(np.nan_to_num(values, nan=0.0), 0.0, 1.0)
    result = np.full((len(values), 4), 255, np.uint8)
    result[:, : bounded.shape[1]] = np.round(255 * bounded)
    return result


def coloured(mesh: Mesh) -> bool:
    return any(
        part.colour is not None or part.vertex_colours is not None or part.face_colours is not None
        for part in mesh.parts
    )


def one_kind(part: Part, of_points: Colours | None, of_faces: Colours | None) -> tuple[Part, list[str]]:
    """The part with its colours, and what is to be said where a file has both, as no other format does. MeshLab writes
    all points in one colour beside faces of several: then those of the faces are meant."""
    if of_points is None or of_faces is None:
        return replace(part, vertex_colours=of_points, face_colours=of_faces), []
    if (of_points == of_points[0]).all() and (of_faces != of_faces[0]).any():
        return replace(part, face_colours=of_faces), [POINTS_ALIKE]
    return replace(part, vertex_colours=of_points), [BOTH]


def shaded(part: Part) -> bool:
    """Has a triangle of it corners of several colours?"""
    if part.vertex_colours is None:
        return False
    one, two, three = np.ascontiguousarray(part.vertex_colours).view("<u4").ravel()[part.corners.T]
    return bool((one != two).any() or (two != three).any())


def of_faces(parts: Sequence[Part]) -> Colours:
    """The colour of every triangle of parts that have none by vertex."""
    return np.concatenate([_faces(part) for part in parts])


def _faces(part: Part) -> Colours:
    if part.face_colours is not None:
        return part.face_colours
    own = NEUTRAL if part.colour is None else as_bytes(part.colour)
    return np.tile(np.array(own, np.uint8), (len(part.corners), 1))


def by_vertex(part: Part) -> tuple[Vertices, Triangles, Colours | None]:
    """The part with a colour per vertex, None if it has none. Vertices between faces of two colours are doubled."""
    if part.vertex_colours is not None:
        return part.vertices, part.corners, part.vertex_colours
    if part.face_colours is not None:
        palette, number = distinct(part.face_colours)
        keys = part.corners.astype(np.int64) * len(palette) + number[:, None]
        used, corners = np.unique(keys, return_inverse=True)
        return (
            part.vertices[used // len(palette)],
            corners.reshape(-1, 3).astype(np.int32),
            palette[used % len(palette)],
        )
    if part.colour is None:
        return part.vertices, part.corners, None
    return part.vertices, part.corners, np.tile(np.array(as_bytes(part.colour), np.uint8), (len(part.vertices), 1))


def layered(surface: Layer | None, layers: Sequence[tuple[Layer, bool]]) -> tuple[int, ...]:
    """Layers of red, green, blue and alpha, 0..255, as one colour; those that say so multiply what is below, others are
    mixed with it as far as they are opaque. The lowest counts as opaque. A material's `surface` shows as far as all
    of them together let it (3MF Materials and Properties Extension 1.2.1, chapter 5, in linear light)."""
    (lowest, multiplied), *others = layers
    seen = linear(np.array(lowest) / 255)
    if surface is None or multiplied:
        seen[3] = 1.0
    for top, multiplied in others:
        light = linear(np.array(top) / 255)
        seen = seen * light if multiplied else _mixed(seen, light)
    if surface is not None:
        seen = _mixed(linear(np.array([*surface[:3], 255]) / 255), seen)
    return tuple(of_linear(seen).tolist())


def _mixed(below: Real, top: Real) -> Real:
    alpha = top[3] + below[3] * (1 - top[3])
    return np.append(top[:3] * top[3] + below[:3] * (1 - top[3]), alpha)


def distinct(colours: Colours) -> tuple[Colours, Any]:
    """The different colours, and which one each is."""
    values, number = np.unique(np.ascontiguousarray(colours).view("<u4").ravel(), return_inverse=True)
    return values.astype("<u4").view(np.uint8).reshape(-1, 4), number
