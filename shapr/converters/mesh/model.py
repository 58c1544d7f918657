"""A mesh: named parts of triangles with their colours, in millimetres, z up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.errors import Refused

Vertices = npt.NDArray[np.float64]  # (n, 3)
Triangles = npt.NDArray[np.int32]  # (m, 3), rows of `Vertices`
Colour = tuple[float, float, float, float]  # sRGB red, green, blue, and alpha: 0..1. glTF and the kernel are linear.
Colours = npt.NDArray[np.uint8]  # (n, 4): the same per vertex or face, 0..255

# z up to y up is a quarter turn about x.
Y_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=np.float64)


@dataclass(frozen=True)
class Part:
    """Triangles of one name, group and material; `corners` are 0-based rows of `vertices`.

    Parts of the same `name` that follow each other are one object in several materials. Colours are those of the part,
    or, where the file has them, of each vertex or each triangle.
    """

    name: str
    vertices: Vertices
    corners: Triangles
    group: str = ""
    material: str = ""
    colour: Colour | None = None
    vertex_colours: Colours | None = None  # (n, 4)
    face_colours: Colours | None = None  # (m, 4)

    @classmethod
    def joined(cls, parts: Sequence["Part"]) -> "Part":
        """One part without colours."""
        if len(parts) == 1:
            return parts[0]
        offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
        return cls(
            parts[0].name,
            np.concatenate([part.vertices for part in parts]),
            np.concatenate([part.corners + offset for part, offset in zip(parts, offsets, strict=False)]).astype("i4"),
        )


@dataclass(frozen=True)
class Mesh:
    """`units` and `up_axis` are what the file says, None where its format has none; `losses` are sentences on what the
    reader had to pass over."""

    parts: tuple[Part, ...]
    units: str | None = None
    up_axis: str | None = None
    losses: tuple[str, ...] = ()

    @property
    def triangles(self) -> int:
        return sum(len(part.corners) for part in self.parts)

    def turned(self, matrix: npt.NDArray[Any]) -> "Mesh":
        """Every vertex multiplied by a 3x3 matrix."""
        return replace(self, parts=tuple(replace(part, vertices=part.vertices @ matrix.T) for part in self.parts))

    def scaled(self, factor: float) -> "Mesh":
        if factor == 1.0:
            return self
        return replace(self, parts=tuple(replace(part, vertices=part.vertices * factor) for part in self.parts))


def in_float32(vertices: Vertices) -> npt.NDArray[np.float32]:
    """Coordinates for a format of single precision; `invalid_geometry` where they are too large for it."""
    if np.abs(vertices).max(initial=0) > np.finfo(np.float32).max:
        raise Refused("invalid_geometry", "a coordinate is too large for single precision")
    return vertices.astype("<f4")
