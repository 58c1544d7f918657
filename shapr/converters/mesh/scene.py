"""Triangles, between readers and writers: numpy arrays in millimetres, z-up."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (n, 3)
Triangles = NDArray[np.int32]  # (n, 3), counter-clockwise from outside
Matrix = NDArray[np.float64]  # (4, 4), for column vectors
Colour = tuple[float, float, float, float]  # linear RGB and alpha, 0..1


@dataclass(frozen=True)
class Mesh:
    """Triangles over shared vertices, as a mesh file holds them. `group` says to which of `names` each belongs."""

    vertices: Points
    triangles: Triangles
    group: NDArray[np.int32]
    names: tuple[str, ...]

    @classmethod
    def plain(cls, vertices: Points, triangles: Triangles) -> "Mesh":
        return cls(vertices, triangles, np.zeros(len(triangles), np.int32), ("",))

    def scaled(self, factor: float) -> "Mesh":
        return self if factor == 1.0 else Mesh(self.vertices * factor, self.triangles, self.group, self.names)


@dataclass(frozen=True)
class Primitive:
    """Triangles of one colour."""

    vertices: Points
    triangles: Triangles
    colour: Colour | None = None


@dataclass(frozen=True)
class Part:
    """One body or named mesh, in its own coordinates."""

    name: str
    primitives: tuple[Primitive, ...]


@dataclass(frozen=True)
class Node:
    """A place in the assembly: a part (an index of `Scene.parts`), or other nodes, or both."""

    name: str
    matrix: Matrix = field(default_factory=lambda: np.eye(4))
    part: int | None = None
    children: tuple["Node", ...] = ()


@dataclass(frozen=True)
class Scene:
    """An assembly of triangulated parts. `smooth`: no two faces of a body share a vertex, so averaged normals hold."""

    parts: tuple[Part, ...]
    roots: tuple[Node, ...]
    smooth: bool = False

    @classmethod
    def of(cls, mesh: Mesh, name: str) -> "Scene":
        """A part for each named group that has triangles."""
        parts = []
        for group, own in enumerate(mesh.names):
            triangles = mesh.triangles[mesh.group == group] if len(mesh.names) > 1 else mesh.triangles
            if len(triangles):
                used, inverse = np.unique(triangles, return_inverse=True)
                corners = inverse.reshape(-1, 3).astype(np.int32)
                parts.append(Part(own or name, (Primitive(mesh.vertices[used], corners),)))
        return cls(tuple(parts), tuple(Node(part.name, part=at) for at, part in enumerate(parts)))

    def placed(self) -> Iterator[tuple[str, Points, Triangles]]:
        """Every instance of every part: its name, vertices where they are in the whole, and triangles."""
        waiting = [(node, np.eye(4)) for node in reversed(self.roots)]
        while waiting:
            node, outer = waiting.pop()
            matrix = outer @ node.matrix
            if node.part is not None:
                part = self.parts[node.part]
                vertices, triangles = joined(part)
                yield node.name or part.name, *transformed(vertices, triangles, matrix)
            waiting.extend((child, matrix) for child in reversed(node.children))


def joined(part: Part) -> tuple[Points, Triangles]:
    """The primitives of a part as one."""
    starts = np.cumsum([0, *(len(primitive.vertices) for primitive in part.primitives)])
    vertices = np.concatenate([primitive.vertices for primitive in part.primitives])
    triangles = [primitive.triangles + start for primitive, start in zip(part.primitives, starts, strict=False)]
    return vertices, np.concatenate(triangles).astype(np.int32)


def transformed(vertices: Points, triangles: Triangles, matrix: Matrix) -> tuple[Points, Triangles]:
    """Where a matrix takes them. One that mirrors also turns the triangles around, so that outside stays outside."""
    if np.array_equal(matrix, np.eye(4)):
        return vertices, triangles
    if np.linalg.det(matrix[:3, :3]) < 0:
        triangles = np.ascontiguousarray(triangles[:, ::-1])
    return vertices @ matrix[:3, :3].T + matrix[:3, 3], triangles
