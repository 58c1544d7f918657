"""GLB (glTF 2.0 binary) from a mesh: metres and y-up, a node per object, a primitive per material.

An object of several bodies or groups has a node for each of them under its own.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh import glb
from shapr.converters.mesh.glb import BODIES, Json
from shapr.converters.mesh.model import Y_UP, Colours, Mesh, Part
from shapr.converters.mesh.srgb import linear
from shapr.converters.progress import Reach
from shapr.errors import Refused

FLOAT, SHORT, UNSIGNED = 5126, 5123, 5125  # component types of the specification
ARRAY, ELEMENTS = 34962, 34963  # buffer view targets
WHITE = (1.0, 1.0, 1.0, 1.0)


def write(mesh: Mesh, path: Path, options: dict[str, Any], reach: Reach) -> None:  # noqa: ARG001 - packing.py
    """Positions as float32 metres; without normals a viewer shades flat, which is what a faceted model is."""
    Writer().write(mesh, path, reach)


def objects(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts that are one object, in several materials or bodies: they follow each other and bear one name."""
    found: list[list[Part]] = []
    looks: set[tuple[Any, ...]] = set()
    for part in parts:
        look = (part.body, part.group, part.material, part.colour)
        if not found or found[-1][-1].name != part.name or look in looks:
            found.append([])
            looks = set()
        found[-1].append(part)
        looks.add(look)
    return found


def pieces(parts: Sequence[Part]) -> list[tuple[str, list[Part]]]:
    """The bodies or groups of an object by name; one without a name where it has none."""
    if not any(part.inner for part in parts):
        return [("", list(parts))]
    return [(name, list(some)) for name, some in groupby(parts, key=lambda part: part.inner or part.name)]


class Writer:
    def __init__(self) -> None:
        self.binary = glb.Binary()
        self.accessors: list[Json] = []
        self.materials: dict[tuple[str, tuple[float, ...]], int] = {}
        self.nodes: list[Json] = []
        self.meshes: list[Json] = []

    def write(self, mesh: Mesh, path: Path, reach: Reach) -> None:
        whole = objects([part for part in mesh.turned(Y_UP * 0.001).parts if len(part.corners)])
        if not whole:
            raise Refused("no_geometry", "there is no triangle to write")
        roots = []
        for done, each in enumerate(whole, 1):
            roots.append(self._object(each))
            reach(0.9 * done / len(whole))
        content: Json = {
            "asset": {"version": "2.0", "generator": "Shapr3D Conversion Service"},
            "scene": 0,
            "scenes": [{"nodes": roots}],
            "nodes": self.nodes,
            "meshes": self.meshes,
            "materials": [_material(name, colour) for name, colour in self.materials],
            "accessors": self.accessors,
            "bufferViews": self.binary.views,
            "buffers": [{"byteLength": self.binary.size}],
        }
        if not self.materials:
            del content["materials"]
        glb.write(path, content, self.binary.chunks)
        reach(1.0)

    def _object(self, parts: Sequence[Part]) -> int:
        """The number of its node."""
        name, inside = plain(parts[0].name), pieces(parts)
        if len(inside) == 1 and not inside[0][0]:
            return self._drawn(name, parts)
        return self._node(holder(name, [self._drawn(plain(inner), some) for inner, some in inside]))

    def _drawn(self, name: str, parts: Sequence[Part]) -> int:
        self.meshes.append({"name": name, "primitives": [self._primitive(part) for part in parts]})
        return self._node({"name": name, "mesh": len(self.meshes) - 1})

    def _node(self, node: Json) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _primitive(self, part: Part) -> Json:
        vertices, corners, colours = part.vertices, part.corners, part.vertex_colours
        if part.face_colours is not None:  # each triangle gets corners of its own
            vertices, colours = vertices[corners.ravel()], np.repeat(part.face_colours, 3, axis=0)
            corners = np.arange(3 * len(corners), dtype=np.int32).reshape(-1, 3)
        with np.errstate(over="ignore"):
            points = np.ascontiguousarray(vertices, "<f4")
        if not np.isfinite(points).all():
            raise Refused("invalid_geometry", "a coordinate is too large for GLB")
        box = {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        attributes = {"POSITION": self._accessor(points, "VEC3", FLOAT, ARRAY, **box)}
        if colours is not None:  # 16 bits: eight of linear light would lose the dark tones
            attributes["COLOR_0"] = self._accessor(_light(colours), "VEC4", SHORT, ARRAY, normalized=True)
        kind, component = ("<u2", SHORT) if len(points) < 65535 else ("<u4", UNSIGNED)  # the last number is reserved
        indices = self._accessor(np.ascontiguousarray(corners, kind).ravel(), "SCALAR", component, ELEMENTS)
        primitive: Json = {"attributes": attributes, "indices": indices, "mode": 4}
        translucent = WHITE if colours is None or (colours[:, 3] == 255).all() else (1.0, 1.0, 1.0, 0.0)
        colour = translucent if colours is not None else part.colour
        if colour is not None or part.material:
            key = (plain(part.material), tuple(colour or WHITE))
            primitive["material"] = self.materials.setdefault(key, len(self.materials))
        return primitive

    def _accessor(self, values: npt.NDArray[Any], kind: str, component: int, target: int, **more: Any) -> int:
        view = self.binary.view(values.tobytes(), target=target)
        self.accessors.append(
            {"bufferView": view, "componentType": component, "count": len(values), "type": kind, **more}
        )
        return len(self.accessors) - 1


def holder(name: str, inside: list[int]) -> Json:
    """The node of an object whose bodies or groups are the nodes `inside`. That they are, and no parts of an assembly,
    only its `extras` tell."""
    return {"name": name, "children": inside, "extras": {BODIES: len(inside)}}


def _light(colours: Colours) -> npt.NDArray[np.uint16]:
    """Linear, as 0..65535. By a table: a power per colour would take seconds for a million triangles."""
    bytes_ = np.arange(256)[:, None] / 255.0
    of_light, of_alpha = (np.round(each.ravel() * 65535).astype("<u2") for each in (linear(bytes_), bytes_))
    light: npt.NDArray[np.uint16] = of_light[colours]
    light[:, 3] = of_alpha[colours[:, 3]]
    return light


def plain(name: str) -> str:
    """A name that is text: no control characters, nothing that UTF-8 cannot hold."""
    return "".join(c if c.isprintable() else "_" for c in name)


def _material(name: str, colour: tuple[float, ...]) -> Json:
    """`colour` is sRGB. Alpha 0 with white stands for vertex colours that are translucent."""
    blended = colour[3] < 1
    factor = list(WHITE) if colour == (1.0, 1.0, 1.0, 0.0) else [round(float(c), 9) for c in linear(colour)]
    return {
        **({"name": name} if name else {}),
        "pbrMetallicRoughness": {"baseColorFactor": factor, "metallicFactor": 0, "roughnessFactor": 0.5},
        **({"alphaMode": "BLEND"} if blended else {}),
        "doubleSided": True,
    }
