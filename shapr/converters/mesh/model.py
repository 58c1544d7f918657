"""A mesh: named parts of triangles, in millimetres, z up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Vertices = npt.NDArray[np.float64]  # (n, 3)
Triangles = npt.NDArray[np.int32]  # (m, 3), rows of `Vertices`

# z up to y up is a quarter turn about x.
Y_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=np.float64)


@dataclass(frozen=True)
class Part:
    """A named set of triangles; `corners` are 0-based rows of `vertices`."""

    name: str
    vertices: Vertices
    corners: Triangles

    @classmethod
    def joined(cls, parts: Sequence["Part"]) -> "Part":
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
    parts: tuple[Part, ...]

    @property
    def triangles(self) -> int:
        return sum(len(part.corners) for part in self.parts)

    def turned(self, matrix: npt.NDArray[Any]) -> "Mesh":
        """Every vertex multiplied by a 3x3 matrix."""
        return Mesh(tuple(Part(part.name, part.vertices @ matrix.T, part.corners) for part in self.parts))

    def scaled(self, factor: float) -> "Mesh":
        return self if factor == 1.0 else self.turned(np.eye(3) * factor)
