"""A mesh: named parts of triangles with their colours, in millimetres, z up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.progress import Reach, silent, within
from shapr.errors import Refused

Vertices = npt.NDArray[np.float64]  # (n, 3)
Triangles = npt.NDArray[np.int32]  # (m, 3), rows of `Vertices`
Colour = tuple[float, float, float, float]  # sRGB red, green, blue, and alpha: 0..1. glTF and the kernel are linear.
Colours = npt.NDArray[np.uint8]  # (n, 4): the same per vertex or face, 0..255

# What no model has, and a hostile file would: more would only cost time and memory, ours and that of who opens it.
MAX_TRIANGLES = 20_000_000
MAX_PARTS = 100_000
LARGEST = 1e12  # millimetres from the origin: no drawing is as far away as the moon
LONGEST_NAME = 200  # characters
BLOCK = 1 << 18  # rows of a large array that are worked on at a time

# z up to y up is a quarter turn about x.
Y_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=np.float64)


@dataclass(frozen=True)
class Part:
    """Triangles of one name, group and material; `corners` are 0-based rows of `vertices`.

    Parts of the same `name` that follow each other are one object in several materials, or of several bodies: `body` is
    the name of the one it belongs to. Groups are any triangles of an object, and need not close. Colours are those of
    the part, or, where the file has them, of each vertex or each triangle.
    """

    name: str
    vertices: Vertices
    corners: Triangles
    group: str = ""
    material: str = ""
    colour: Colour | None = None
    vertex_colours: Colours | None = None  # (n, 4)
    face_colours: Colours | None = None  # (m, 4)
    body: str = ""

    @property
    def inner(self) -> str:
        """What it is called within its object; empty where it is all of it."""
        own = self.body or self.group
        return "" if own == self.name else own

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
    reader had to pass over; `tree`: the file had its parts in groups, which they are not any more."""

    parts: tuple[Part, ...]
    units: str | None = None
    up_axis: str | None = None
    losses: tuple[str, ...] = ()
    tree: bool = False

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


def check(mesh: Mesh) -> None:
    """Refuses what is no model: a size that is not finite or beyond any, or nothing but points and lines.

    Codes: `invalid_geometry`, `no_geometry`, `limit_exceeded`.
    """
    if len(mesh.parts) > MAX_PARTS:
        raise Refused("limit_exceeded", f"it has {len(mesh.parts)} parts; {MAX_PARTS} are allowed")
    check_triangles(mesh.triangles)
    for part in mesh.parts:
        if not np.abs(part.vertices).max(initial=0) < LARGEST:  # a NaN is not less either
            raise Refused("invalid_geometry", "a coordinate is not a number, or beyond any size")
    if mesh.triangles and not any(map(_spreads, mesh.parts)):
        raise Refused("no_geometry", "no triangle of it has an area")


def check_triangles(count: int) -> None:
    """Before they are held in memory, where that is possible."""
    if count > MAX_TRIANGLES:
        raise Refused("limit_exceeded", f"it has {count} triangles; {MAX_TRIANGLES} are allowed")


def _spreads(part: Part, block: int = 1 << 16) -> bool:
    """Has a triangle of it an area? Nearly always the first."""
    for at in range(0, len(part.corners), block):
        a, b, c = np.moveaxis(part.vertices[part.corners[at : at + block]], 1, 0)
        if np.cross(b - a, c - a).any():
            return True
    return False


def in_float32(vertices: Vertices) -> npt.NDArray[np.float32]:
    """Coordinates for a format of single precision; `invalid_geometry` where they are too large for it."""
    if np.abs(vertices).max(initial=0) > np.finfo(np.float32).max:
        raise Refused("invalid_geometry", "a coordinate is too large for single precision")
    return vertices.astype("<f4")


def blocks(count: int, reach: Reach = silent) -> Iterator[slice]:
    """So many rows, some at a time: what is done on all at once tells nobody for seconds, and holds what is between."""
    for at in range(0, count, BLOCK):
        end = min(at + BLOCK, count)
        yield slice(at, end)
        reach(end / count)


def over_used(corners: Triangles, reach: Reach = silent) -> tuple[npt.NDArray[np.int64], Triangles]:
    """The rows that triangles use, in order, and the triangles over these alone."""
    low, high = (int(corners.min()), int(corners.max())) if len(corners) else (0, 0)
    if high - low >= 4 * corners.size:  # a few of a large array: do not look at all of it
        rows, local = np.unique(corners, return_inverse=True)
        return rows.astype(np.int64), local.reshape(-1, 3).astype(np.int32)
    used = np.zeros(high - low + 1, bool)
    used[corners - low] = True
    numbers, made = np.cumsum(used) - 1, np.empty((len(corners), 3), np.int32)
    for some in blocks(len(corners), within(reach, 0.2, 1.0)):
        made[some] = numbers[corners[some] - low]
    return np.flatnonzero(used) + low, made
