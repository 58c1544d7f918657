"""Wavefront OBJ: polygons of named groups. Texture, normals, colours, lines and points are passed over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.mesh.polygon import triangulated
from shapr.converters.progress import Reach
from shapr.errors import Refused


def read(path: Path, name: str, reach: Reach) -> Mesh:
    """One part per object or group that has faces; polygons are cut into triangles."""
    points: list[tuple[float, float, float]] = []
    groups: dict[str, list[list[int]]] = {}
    current = groups.setdefault(name, [])
    for number, line in _lines(path):
        words = line.split()
        try:
            match words[0]:
                case "v":
                    x, y, z = words[1:4]
                    points.append((float(x), float(y), float(z)))
                case "f":
                    current.append([_index(word, len(points)) for word in words[1:]])
                case "o" | "g":
                    current = groups.setdefault(" ".join(words[1:]) or name, [])
        except ValueError:
            raise Refused("corrupt_file", f"line {number} of the OBJ file cannot be read") from None
    reach(0.5)
    vertices = np.array(points, dtype=np.float64).reshape(-1, 3)
    if not any(groups.values()):
        raise Refused("no_geometry", "the OBJ file holds no face")
    if not np.isfinite(vertices).all():
        raise Refused("invalid_geometry", "a coordinate is not a number")
    return Mesh(tuple(_part(group, vertices, faces) for group, faces in groups.items() if faces))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their last physical one: a backslash at the end continues a line."""
    pending = ""
    with path.open(encoding="utf-8", errors="replace", newline=None) as file:
        for number, raw in enumerate(file, 1):
            line = pending + raw.rstrip("\r\n")
            if line.endswith("\\"):
                pending = line[:-1] + " "
                continue
            pending = ""
            line = line.partition("#")[0]
            if line and not line.isspace():
                yield number, line


def _index(word: str, count: int) -> int:
    """A 0-based vertex of `7`, `7/1`, `7//2`, `7/1/2`; negative ones count from the last."""
    given = int(word.partition("/")[0])
    index = given - 1 if given > 0 else count + given
    if given == 0 or index < 0:
        raise ValueError(word)
    return index


def _part(name: str, vertices: Any, faces: list[list[int]]) -> Part:
    """The group's own points only, in the order of the file."""
    if max(map(max, filter(None, faces)), default=-1) >= len(vertices):
        raise Refused("corrupt_file", "a face of the OBJ file refers to a vertex that is not there")
    if any(len(face) < 3 for face in faces):
        raise Refused("corrupt_file", "a face of the OBJ file has less than three corners")
    corners = np.array([t for face in faces for t in triangulated(face, vertices)], dtype=np.int32).reshape(-1, 3)
    used, local = np.unique(corners, return_inverse=True)
    return Part(name, vertices[used], local.reshape(-1, 3).astype(np.int32))


def write(mesh: Mesh, path: Path, options: dict[str, Any], reach: Reach, block: int = 50_000) -> None:
    """One object per part; nine digits give a float32 back exactly."""
    offset = 1
    with path.open("w", encoding="utf-8") as out:
        for number, part in enumerate(mesh.parts, 1):
            name = "".join(c if c.isprintable() else "_" for c in part.name).strip() or f"part_{number}"
            out.write(f"o {name}\n")
            _rows(out, "v %.9g %.9g %.9g\n", part.vertices, block)
            _rows(out, "f %d %d %d\n", part.corners + offset, block)
            offset += len(part.vertices)
            reach(number / len(mesh.parts))


def _rows(out: Any, line: str, values: Any, block: int) -> None:
    for at in range(0, len(values), block):
        some = values[at : at + block]
        out.write((line * len(some)) % tuple(some.ravel().tolist()))
