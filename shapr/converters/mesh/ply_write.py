"""PLY from a mesh, ASCII or binary: see `ply.py`."""

from pathlib import Path
from typing import Any

import numpy as np

from shapr.converters.mesh import colour
from shapr.converters.mesh.model import Colours, Mesh, Part, in_float32
from shapr.converters.mesh.ply_table import CHANNELS
from shapr.converters.progress import Reach, within


def write(mesh: Mesh, path: Path, options: dict[str, Any], reach: Reach) -> None:
    """Coordinates as float32; colours by face, or by vertex where a part has them so. Names are lost."""
    parts = mesh.parts
    by_vertex = any(part.vertex_colours is not None for part in parts)
    vertex_colours: list[Colours] = []
    face_colours = None
    if by_vertex:
        painted = []
        for part in parts:
            vertices, corners, own = colour.by_vertex(part)
            painted.append(Part(part.name, vertices, corners))
            vertex_colours.append(np.tile(np.array(colour.NEUTRAL, "u1"), (len(vertices), 1)) if own is None else own)
        parts = tuple(painted)
    elif colour.coloured(mesh):
        face_colours = colour.of_faces(parts)
    whole = Part.joined(parts)
    points: list[Any] = [("xyz", "<f4", 3, in_float32(whole.vertices))]
    faces: list[Any] = [("count", "u1", 1, np.full(len(whole.corners), 3)), ("corners", "<i4", 3, whole.corners)]
    for columns, colours in ((points, np.concatenate(vertex_colours) if by_vertex else None), (faces, face_colours)):
        if colours is not None:
            channels = 3 if (colours[:, 3] == 255).all() else 4
            columns.append(("colour", "u1", channels, colours[:, :channels]))
    ascii = options["encoding"] == "ascii"
    with path.open("wb") as out:
        out.write(_heading(points, faces, "ascii" if ascii else "binary_little_endian").encode())
        _columns(out, points, ascii, within(reach, 0.0, 0.4))
        _columns(out, faces, ascii, within(reach, 0.4, 1.0))


def _heading(points: list[Any], faces: list[Any], format: str) -> str:
    def colours(columns: list[Any]) -> str:
        channels = next((width for name, _, width, _ in columns if name == "colour"), 0)
        return "".join(f"property uchar {each}\n" for each in CHANNELS[0][:channels])

    return (
        f"ply\nformat {format} 1.0\nelement vertex {len(points[0][3])}\n"
        + "".join(f"property float {axis}\n" for axis in "xyz")
        + colours(points)
        + f"element face {len(faces[0][3])}\nproperty list uchar int vertex_indices\n"
        + colours(faces)
        + "end_header\n"
    )


def _columns(out: Any, columns: list[Any], ascii: bool, reach: Reach, block: int = 50_000) -> None:
    count = len(columns[0][3])
    for at in range(0, count, block):
        reach(at / count)
        some = [(name, kind, width, values[at : at + block]) for name, kind, width, values in columns]
        if ascii:
            line = " ".join("%.9g" if kind == "<f4" else "%d" for _, kind, width, _ in some for _ in range(width))
            table = np.concatenate([np.reshape(values, (-1, width)) for _, _, width, values in some], 1, dtype="f8")
            out.write(((line + "\n") * len(table) % tuple(table.ravel().tolist())).encode())
            continue
        record = np.empty(len(some[0][3]), [(name, kind, (width,)) for name, kind, width, _ in some])
        for name, _, width, values in some:
            record[name] = np.reshape(values, (-1, width))
        out.write(record.tobytes())
    reach(1.0)
