"""Mesh bodies: Parasolid keeps their points and corners in pools cut into teeth."""

import numpy as np

from shapr.converters.mesh.model import Part
from shapr.converters.shaprfile.curves import needed
from shapr.converters.shaprfile.part21 import MM
from shapr.converters.shaprfile.xb import File, Node
from shapr.errors import Refused


def part(file: File, name: str) -> Part | None:
    """The mesh of a file, in millimetres; None when it holds none."""
    mesh = next(file.of("PSM_MESH"), None)
    if mesh is None:
        return None
    flat = _pooled(file, needed(file, mesh.position_pool, "a mesh has no points"), "n_vectors", 3)
    corners = _pooled(file, needed(file, mesh.position_indices, "a mesh has no corners"), "n_integers", 1)
    vertices = np.array(flat, dtype=np.float64).reshape(-1, 3) * MM
    triangles = np.array(corners, dtype=np.int64)
    triangles = triangles[: 3 * (len(triangles) // 3)].reshape(-1, 3)
    triangles = triangles[(triangles > 0).all(axis=1)] - 1  # zeros pad the end
    if not len(triangles) or triangles.max(initial=0) >= len(vertices):
        raise Refused("corrupt_file", "a mesh body has corners without points")
    return Part(name, vertices, triangles.astype(np.int32))


def _pooled(file: File, comb: Node, counted: str, width: int) -> list[float]:
    """What the teeth of a comb hold, in the order of the comb."""
    values: list[float] = []
    for index in comb.teeth:
        tooth = file.nodes.get(index or 0)
        if tooth is not None:
            values += _values(tooth)
    return values[: width * getattr(comb, counted)]


def _values(tooth: Node) -> list[float]:
    """The one field of a tooth that is a row of numbers."""
    rows = [value for value in tooth.fields.values() if isinstance(value, list)]
    if len(rows) != 1:
        raise Refused("unsupported_geometry", "a mesh body is written in a way not known here")
    flat: list[float] = []
    for each in rows[0]:
        flat += each if isinstance(each, tuple) else (each,)
    return flat
