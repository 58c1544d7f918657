"""What is to be drawn: all parts of a mesh in one piece, with their colours, seen from the front, right and above."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh.model import Mesh, Part

NEUTRAL = (139, 160, 186)  # sRGB: a blue-grey that stands out from white and from black
EYE = np.array([0.62, -1.0, 0.66])  # where the viewer is; a little off the isometric, where edges would coincide
MARGIN = 0.05  # of the picture, on each side

Points = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """Triangles on a square of pixels: x to the right, y down, z away from the viewer, all in pixels.

    `colours` are those of the triangles, (m, 3); `tints` those of the points, (n, 3), which count for the triangles
    from `tinted` parts. `first` is each part's first triangle.
    """

    points: Points
    corners: npt.NDArray[np.int32]
    colours: Bytes
    tints: Bytes | None
    tinted: npt.NDArray[np.bool_]
    first: npt.NDArray[np.int64]

    def part(self, triangles: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The part that each of these triangles belongs to."""
        return np.searchsorted(self.first, triangles, side="right") - 1


def scene(mesh: Mesh, size: int) -> Scene | None:
    """The mesh as it is seen on a square of `size` pixels; None when no triangle has a finite place and an extent."""
    parts = [part for part in mesh.parts if len(part.corners)]
    if not parts:
        return None
    whole = Part.joined(parts)
    seen = projected(whole.vertices, whole.corners, size)
    if seen is None:
        return None
    tinted = np.array([part.vertex_colours is not None for part in parts])
    return Scene(
        points=seen,
        corners=whole.corners,
        colours=np.concatenate([_faces(part) for part in parts]),
        tints=np.concatenate([_vertices(part) for part in parts]) if tinted.any() else None,
        tinted=tinted,
        first=np.cumsum([0, *(len(part.corners) for part in parts)])[:-1],
    )


def projected(vertices: Points, corners: npt.NDArray[np.int32], size: int) -> Points | None:
    """Parallel projection of the vertices, fitted to what the triangles use. What is not finite stays so."""
    used = np.zeros(len(vertices), bool)
    used[corners.ravel()] = True
    used &= finite(vertices)
    if not used.any():
        return None
    columns = [vertices[:, axis] for axis in range(3)]
    low, high = _box(columns, used)
    extent = float((high / 2 - low / 2).max())  # halves: the whole may not fit a float
    if not 0 < extent < np.inf:
        return None
    away = -EYE / np.linalg.norm(EYE)
    right = np.cross(away, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    with np.errstate(invalid="ignore", over="ignore"):
        # Centred first of all: far from the origin digits are few.
        columns = [(column - middle) / extent for column, middle in zip(columns, low / 2 + high / 2, strict=True)]
        seen = [
            sum((share * column for share, column in zip(axis, columns, strict=True)), start=np.zeros(len(vertices)))
            for axis in (right, np.cross(away, right), away)
        ]
        lowest, highest = _box(seen, used)
        span = float((highest - lowest)[:2].max())
        if span <= 0:
            return None
        scale, middle = size * (1 - 2 * MARGIN) / span, (lowest + highest) / 2
        shifts = (size / 2, size / 2, 0.0)
        return np.stack([(each - m) * scale + s for each, m, s in zip(seen, middle, shifts, strict=True)], axis=1)


def finite(points: Points) -> npt.NDArray[np.bool_]:
    """Which points have a place; one whose coordinates' sum does not fit a float has none."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.isfinite(points[:, 0] + points[:, 1] + points[:, 2])


def _box(columns: list[Points], used: npt.NDArray[np.bool_]) -> tuple[Points, Points]:
    some = columns if used.all() else [column[used] for column in columns]
    return np.array([each.min() for each in some]), np.array([each.max() for each in some])


def _faces(part: Part) -> Bytes:
    if part.face_colours is not None:
        return part.face_colours[:, :3]
    given = NEUTRAL if part.colour is None else tuple(round(255 * min(max(v, 0.0), 1.0)) for v in part.colour[:3])
    return np.broadcast_to(np.array(given, np.uint8), (len(part.corners), 3))


def _vertices(part: Part) -> Bytes:
    if part.vertex_colours is not None:
        return part.vertex_colours[:, :3]
    return np.zeros((len(part.vertices), 3), np.uint8)
