"""STL, binary and ASCII. It knows triangles: no units, names or sharing of points."""

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

from shapr.converters import detect
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.mesh.topology import welded
from shapr.converters.progress import Reach
from shapr.errors import Refused

HEADER = 84  # bytes: 80 of comment, a count
FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attributes", "<u2")])  # 50 bytes
VERTEX = re.compile(rb"vertex\s+(\S+)\s+(\S+)\s+(\S+)", re.IGNORECASE)


def read(path: Path, name: str, reach: Reach) -> Mesh:
    """Its triangles with equal points made one. A count that the size contradicts is a damaged file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file_head = file.read(detect.HEAD)
    head = file_head[:HEADER]
    (count,) = struct.unpack_from("<I", head, 80) if len(head) == HEADER else (0,)
    exact = size == HEADER + FACET.itemsize * count
    text = detect.SOLID.match(file_head) is not None
    if not exact and text and (corners := _ascii(path)) is not None:
        points = corners
    elif exact or (not text and HEADER + FACET.itemsize * count <= size):
        facets = np.fromfile(path, FACET, count, offset=HEADER)
        points = facets["corners"].reshape(-1, 3).astype(np.float64)
    else:
        raise Refused("corrupt_file", "the STL file is cut short: it announces more triangles than it holds")
    reach(0.5)
    if not len(points):
        raise Refused("no_geometry", "the STL file holds no triangle")
    if not np.isfinite(points).all():
        raise Refused("invalid_geometry", "a coordinate is not a number")
    corners32 = np.arange(len(points), dtype=np.int32).reshape(-1, 3)
    return Mesh((Part(name, *welded(points, corners32)),))


def _ascii(path: Path) -> np.ndarray | None:
    """The corners of an ASCII file; None when it is none after all, as some binary headers begin with `solid` too."""
    content = path.read_bytes()
    if b"facet" not in content[:4096].lower() and b"endsolid" not in content[-4096:].lower():
        return None
    found = VERTEX.findall(content)
    facets = len(re.findall(rb"endfacet", content, re.IGNORECASE))
    if len(found) != 3 * facets or b"endsolid" not in content[-4096:].lower():
        raise Refused("corrupt_file", "the STL file is cut short, or a facet has not three corners")
    try:
        return np.array(found, dtype="S").astype(np.float64).reshape(-1, 3)
    except ValueError:
        raise Refused("corrupt_file", "a coordinate of the STL file is not a number") from None


def write(mesh: Mesh, path: Path, options: dict[str, Any], reach: Reach) -> None:
    """Coordinates as float32; normals by the right-hand rule, zero for triangles without area."""
    whole = Part.joined(mesh.parts)
    corners = whole.vertices[whole.corners].astype("<f4")
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    if options["encoding"] == "ascii":
        _write_ascii(path, normals, corners)
        return
    facets = np.zeros(len(corners), FACET)
    facets["normal"], facets["corners"] = normals, corners
    with path.open("wb") as out:
        out.write(b"binary STL".ljust(80) + struct.pack("<I", len(facets)))
        facets.tofile(out)
    reach(1.0)


def _write_ascii(path: Path, normals: np.ndarray, corners: np.ndarray, block: int = 20_000) -> None:
    line = (
        "facet normal %.7g %.7g %.7g\n outer loop\n" + "  vertex %.9g %.9g %.9g\n" * 3 + " endloop\nendfacet\n"
    )  # nine digits give a float32 back exactly
    rows = np.concatenate([normals, corners.reshape(-1, 9)], axis=1)
    with path.open("w") as out:
        out.write("solid model\n")
        for at in range(0, len(rows), block):
            some = rows[at : at + block]
            out.write((line * len(some)) % tuple(some.ravel().tolist()))
        out.write("endsolid model\n")
