"""Meshes for tests, made as they are needed."""

from pathlib import Path

import numpy as np
import trimesh
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shapr.converters.mesh import files
from shapr.converters.mesh.model import Mesh, Part

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
coordinates = st.floats(-1e6, 1e6, width=32)


@st.composite
def meshes(draw: st.DrawFn) -> Mesh:
    vertices = draw(arrays.arrays(np.float64, (draw(st.integers(3, 30)), 3), elements=coordinates))
    corners = draw(arrays.arrays(np.int32, (draw(st.integers(1, 20)), 3), elements=st.integers(0, len(vertices) - 1)))
    colours = {
        "colour": {"colour": (*(draw(st.integers(0, 255)) / 255 for _ in range(3)), 1.0)},
        "vertices": {"vertex_colours": np.concatenate([draw(_bytes(len(vertices))), opaque(len(vertices))], 1)},
        "faces": {"face_colours": np.concatenate([draw(_bytes(len(corners))), opaque(len(corners))], 1)},
        "none": {},
    }
    return Mesh((Part("part", vertices, corners, **colours[draw(st.sampled_from(sorted(colours)))]),))  # type: ignore[arg-type]


def _bytes(count: int) -> st.SearchStrategy[np.ndarray]:
    return arrays.arrays(np.uint8, (count, 3))


def opaque(count: int) -> np.ndarray:
    return np.full((count, 1), 255, np.uint8)


def soup(mesh: Mesh) -> np.ndarray:
    """The corners of all triangles, (n, 3, 3), in single precision."""
    return np.concatenate([part.vertices[part.corners] for part in mesh.parts]).astype("f4")


def paint(mesh: Mesh) -> np.ndarray | None:
    """The colour of every corner, (n, 3, 4)."""
    painted = []
    for part in mesh.parts:
        if part.vertex_colours is not None:
            painted.append(part.vertex_colours[part.corners])
        elif part.face_colours is not None:
            painted.append(np.repeat(part.face_colours[:, None], 3, axis=1))
        elif part.colour is not None:
            painted.append(np.tile(np.round(255 * np.array(part.colour)).astype("u1"), (len(part.corners), 3, 1)))
    return np.concatenate(painted) if painted else None


def cube(at: tuple[float, float, float] = (0, 0, 0), size: float = 1.0, name: str = "cube") -> Part:
    made = trimesh.creation.box((size, size, size))
    return Part(name, made.vertices + np.array(at), made.faces.astype(np.int32))


def read(path: Path) -> Mesh:
    return files.read(path.suffix[1:], path, "a", lambda _: None)


def there_and_back(mesh: Mesh, path: Path, **options: str) -> Mesh:
    files.WRITERS[path.suffix[1:]](mesh, path, options, lambda _: None)
    return read(path)
