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
    used &= np.isfinite(vertices).all(axis=1)
    if not used.any():
        return None
    low, high = vertices[used].min(axis=0), vertices[used].max(axis=0)
    extent = float((high / 2 - low / 2).max())  # halves: the whole may not fit a float
    if not 0 < extent < np.inf:
        return None
    away = -EYE / np.linalg.norm(EYE)
    right = np.cross(away, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    with np.errstate(invalid="ignore", over="ignore"):
        centred = (vertices - (low / 2 + high / 2)) / extent  # first of all: far from the origin digits are few
        seen = centred @ np.stack([right, np.cross(away, right), away], axis=1)
    lowest, highest = seen[used].min(axis=0), seen[used].max(axis=0)
    span = float((highest - lowest)[:2].max())
    if span <= 0:
        return None
    seen -= (lowest + highest) / 2
    seen *= size * (1 - 2 * MARGIN) / span
    seen[:, :2] += size / 2
    return seen


def _faces(part: Part) -> Bytes:
    if part.face_colours is not None:
        return part.face_colours[:, :3]
    given = NEUTRAL if part.colour is None else tuple(round(255 * min(max(v, 0.0), 1.0)) for v in part.colour[:3])
    return np.broadcast_to(np.array(given, np.uint8), (len(part.corners), 3))


def _vertices(part: Part) -> Bytes:
    if part.vertex_colours is not None:
        return part.vertex_colours[:, :3]
    return np.zeros((len(part.vertices), 3), np.uint8)
