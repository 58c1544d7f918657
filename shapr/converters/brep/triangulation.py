"""The kernel's triangulations as arrays, without a loop in Python."""

import ctypes

import numpy as np
import numpy.typing as npt
from OCP.collections import Vec3_float
from OCP.gp import gp_Pnt
from OCP.Poly import Poly_Triangle, Poly_Triangulation

from shapr.converters.brep.symbols import address
from shapr.converters.mesh.model import Triangles, Vertices

NODE, CORNERS = 24, 12  # bytes of three doubles, of three integers
TWO, THREE = ctypes.c_int32 * 2, ctypes.c_int64 * 3  # here: each time that one is multiplied, it is a new type

Normals = npt.NDArray[np.float32]  # (n, 3)


def content(triangulation: Poly_Triangulation) -> tuple[bytes, bytes]:
    """A triangulation's nodes and 1-based corners, copied."""
    if places := _places(triangulation):
        nodes, corners = places
        return ctypes.string_at(*nodes), ctypes.string_at(*corners)
    vertices, triangles = _copied(triangulation)
    return vertices.tobytes(), triangles.tobytes()


def arrays(triangulation: Poly_Triangulation) -> tuple[Vertices, Triangles]:
    """Views on a triangulation's nodes (n, 3) and 1-based corners (m, 3); copies where the wheel hides them."""
    places = _places(triangulation)
    if places is None:
        return _copied(triangulation)
    (nodes, nodes_size), (corners, corners_size) = places
    return (
        np.asarray(_View(nodes, nodes_size // NODE, "<f8")),
        np.asarray(_View(corners, corners_size // CORNERS, "<i4")),
    )


def made(vertices: Vertices, corners: Triangles, normals: Normals | None = None) -> Poly_Triangulation:
    """A triangulation of nodes (n, 3) and 1-based corners (m, 3), with a normal for each node if they are given."""
    new = Poly_Triangulation(len(vertices), len(corners), False, normals is not None)
    if _places(new) is None:
        for at, point in enumerate(vertices.tolist(), 1):
            new.SetNode(at, gp_Pnt(*point))
        for at, corner in enumerate(corners.tolist(), 1):
            new.SetTriangle(at, Poly_Triangle(*corner))
    else:
        nodes, triangles = arrays(new)
        nodes[:], triangles[:] = vertices, corners
    if normals is not None:
        _set_normals(new, normals)
    return new


def _set_normals(triangulation: Poly_Triangulation, given: Normals) -> None:
    place = _normals(triangulation)
    if place is not None:
        np.asarray(_View(place, len(given), "<f4"))[:] = given
        return
    for at, normal in enumerate(given.tolist(), 1):
        triangulation.SetNormal(at, Vec3_float(*normal))


def normals(triangulation: Poly_Triangulation) -> Normals:
    """A view on the normals of its nodes; a copy where the wheel hides them."""
    count, place = triangulation.NbNodes(), _normals(triangulation)
    if place is not None:
        return np.asarray(_View(place, count, "<f4"))
    each = (triangulation.Normal(at) for at in range(1, count + 1))
    return np.array([(n.X(), n.Y(), n.Z()) for n in each], dtype=np.float32)


def _normals(triangulation: Poly_Triangulation) -> int | None:
    """Where they are in memory, checked like the rest."""
    lower, length, first = THREE.from_address(_pointer(triangulation.InternalNormals()) + 8)
    return first if (lower, length) == (1, triangulation.NbNodes()) else None


def _places(triangulation: Poly_Triangulation) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Where the nodes and the corners are in memory, and how many bytes they take.

    That is the wheel's private layout, checked each time; None where it is another one.
    """
    n, m = triangulation.NbNodes(), triangulation.NbTriangles()
    nodes, corners = map(_pointer, (triangulation.InternalNodes(), triangulation.InternalTriangles()))
    stride, size = TWO.from_address(nodes + 8)
    lower, length, first = THREE.from_address(corners + 8)
    if (size, stride, lower, length) != (n, NODE, 1, m):
        return None
    return (ctypes.c_void_p.from_address(nodes).value or 0, n * NODE), (first, m * CORNERS)


def _pointer(wrapped: object) -> int:
    return address(wrapped).value or 0


class _View:
    """Rows of three numbers somewhere in memory, as numpy takes them. A ctypes array would be a new type for each n."""

    def __init__(self, address: int, rows: int, kind: str) -> None:
        self.__array_interface__ = {"data": (address, False), "shape": (rows, 3), "typestr": kind, "version": 3}


def _copied(triangulation: Poly_Triangulation) -> tuple[Vertices, Triangles]:
    points = (triangulation.Node(at) for at in range(1, triangulation.NbNodes() + 1))
    corners = (triangulation.Triangle(at).Get() for at in range(1, triangulation.NbTriangles() + 1))
    return (
        np.array([(p.X(), p.Y(), p.Z()) for p in points], dtype=np.float64),
        np.array([corner[-3:] for corner in corners], dtype=np.int32),
    )
