"""GLB (glTF 2.0 binary) from a mesh: metres and y-up, one node and one mesh per part."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from shapr.converters.mesh.model import Y_UP, Mesh
from shapr.converters.progress import Reach

FLOAT, UNSIGNED = 5126, 5125  # component types of the specification
ARRAY, ELEMENTS = 34962, 34963  # buffer view targets


def write(mesh: Mesh, path: Path, options: dict[str, Any], reach: Reach) -> None:
    """Positions as float32 metres; without normals a viewer shades flat, which is what a faceted model is."""
    chunks: list[bytes] = []
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []

    def accessor(values: Any, kind: str, component: int, target: int, **more: Any) -> int:
        data = values.tobytes()
        offset = sum(map(len, chunks))
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": len(data), "target": target})
        chunks.append(data)  # four-byte components: always aligned
        count = values.size if kind == "SCALAR" else len(values)
        accessors.append(
            {"bufferView": len(views) - 1, "componentType": component, "count": count, "type": kind, **more}
        )
        return len(accessors) - 1

    meshes = []
    for part in mesh.turned(Y_UP * 0.001).parts:
        points = np.ascontiguousarray(part.vertices, "<f4")
        box = {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        position = accessor(points, "VEC3", FLOAT, ARRAY, **box)
        indices = accessor(np.ascontiguousarray(part.corners, "<u4").ravel(), "SCALAR", UNSIGNED, ELEMENTS)
        primitive = {"attributes": {"POSITION": position}, "indices": indices, "mode": 4}
        meshes.append({"name": part.name, "primitives": [primitive]})
    binary = b"".join(chunks)
    nodes = [{"name": each["name"], "mesh": at} for at, each in enumerate(meshes)]
    content = {
        "asset": {"version": "2.0", "generator": "Shapr3D Conversion Service"},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(nodes)))}],
        "nodes": nodes,
        "meshes": meshes,
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    text = json.dumps(content, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    with path.open("wb") as out:
        out.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(binary)))
        out.write(struct.pack("<I4s", len(text), b"JSON") + text)
        out.write(struct.pack("<I4s", len(binary), b"BIN\0") + binary)
    reach(1.0)
