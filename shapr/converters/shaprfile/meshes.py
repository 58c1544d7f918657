"""Mesh bodies: Parasolid keeps their points and corners in pools cut into teeth."""

import numpy as np

from shapr.converters.mesh.model import Part
from shapr.converters.shaprfile.curves import needed
from shapr.converters.shaprfile.history import Matrix
from shapr.converters.shaprfile.part21 import MM
from shapr.converters.shaprfile.xb import File, Node, contradictions
from shapr.errors import Refused


def part(file: File, name: str, matrix: Matrix | None = None) -> Part | None:
    """The mesh of a file, in millimetres, moved by a matrix in metres; None when it holds none.

    `unsupported_geometry` when that is not all of it: nobody has seen such a body.
    """
    found = list(file.of("PSM_MESH"))
    if not found:
        return None
    carriers = [file.nodes.get(face.surface or 0) for face in file.of("FACE")]
    if len(found) > 1 or any(each is not None and each.kind != "MESH" for each in carriers):
        raise Refused("unsupported_geometry", "a body of several meshes, or of meshes and surfaces, is not converted")
    with contradictions():
        return _part(file, found[0], name, matrix)


def _part(file: File, mesh: Node, name: str, matrix: Matrix | None) -> Part:
    flat = _pooled(file, needed(file, mesh.position_pool, "a mesh has no points"), "n_vectors", 3)
    corners = _pooled(file, needed(file, mesh.position_indices, "a mesh has no corners"), "n_integers", 1)
    if len(flat) % 3 or any(value is None for value in flat):
        raise Refused("corrupt_file", "a mesh body has points that are none")
    vertices = np.array(flat, dtype=np.float64).reshape(-1, 3)
    if matrix is not None:
        vertices = vertices @ matrix[:3, :3].T + matrix[:3, 3]
    vertices *= MM
    if not np.isfinite(vertices).all():
        raise Refused("corrupt_file", "a mesh body has points that are none")
    triangles = np.array(corners, dtype=np.int64)
    triangles = triangles[: 3 * (len(triangles) // 3)].reshape(-1, 3)
    triangles = triangles[(triangles > 0).all(axis=1)] - 1  # zeros pad the end
    if not len(triangles) or triangles.max(initial=0) >= len(vertices):
        raise Refused("corrupt_file", "a mesh body has corners without points")
    if matrix is not None and np.linalg.det(matrix[:3, :3]) < 0:
        triangles = triangles[:, ::-1]  # a mirror turns them inside out
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
