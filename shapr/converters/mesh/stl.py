"""STL, binary and ASCII. It knows triangles: no units or sharing of points; ASCII may hold several named solids."""

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters import detect
from shapr.converters.mesh import colour, text
from shapr.converters.mesh.model import LONGEST_NAME, Colours, Mesh, Part, Vertices, blocks, check_triangles, in_float32
from shapr.converters.mesh.topology import welded
from shapr.converters.progress import Reach, within
from shapr.errors import Refused

HEADER = 84  # bytes: 80 of comment, a count
FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attributes", "<u2")])  # 50 bytes
VERTEX = re.compile(rb"vertex\s+(\S+\s+\S+\s+\S+)")  # of lower case: IGNORECASE takes three times as long
# `solid NAME`, where the name may be left out, hold blanks, or run into the first facet.
SOLID = re.compile(rb"solid\b([^\n]*)")
FACET_BEGINS = re.compile(rb"\bfacet[ \t]+normal")
MAGICS = b"COLOR="
BLOCK = 1 << 18  # facets
OTHER = "attributes of triangles that are no colours are passed over"


def read(path: Path, name: str, reach: Reach) -> Mesh:
    """Its triangles with equal points made one, and the colours that binary ones hide in the attributes of triangles. A
    count that the size contradicts is a damaged file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(detect.HEAD)
        file.seek(max(size - 4096, 0))
        tail = file.read()
    (count,) = struct.unpack_from("<I", head, 80) if len(head) >= HEADER else (0,)
    exact = size == HEADER + FACET.itemsize * count
    solid = detect.SOLID.match(head) is not None
    colours = None
    losses: tuple[str, ...] = ()
    ends = b"endsolid" in tail.lower()
    if not exact and solid and (ends or b"facet" in head[:4096].lower()):
        if not ends:
            raise Refused("corrupt_file", "the STL file is cut short: its solid has no end")
        solids, begun = _ascii(path, name, within(reach, 0.0, 0.8)), 0.8
    elif exact or (not solid and 0 <= size - HEADER - FACET.itemsize * count < FACET.itemsize):  # some pad the end
        check_triangles(count)
        facets = np.fromfile(path, FACET, count, offset=HEADER)
        reach(0.03)
        triangles = np.empty((count, 3, 3))
        for some in blocks(count, within(reach, 0.03, 0.07)):
            triangles[some] = facets["corners"][some]
        solids = [(name, triangles.reshape(-1, 3))]
        colours, losses = _colours(head[:80], facets["attributes"])
        del facets  # what it takes is needed for the welding
        begun = 0.1
    else:
        raise Refused("corrupt_file", "the STL file is damaged: it does not hold the triangles it announces")
    reach(begun)
    parts, seen, total = [], 0, max(sum(len(points) for _, points in solids), 1)
    for each, points in solids:
        welding = within(reach, begun + (1 - begun) * seen / total, begun + (1 - begun) * (seen + len(points)) / total)
        parts += [_part(each, points, colours, welding)] if len(points) else []
        seen += len(points)
    if not parts:
        raise Refused("no_geometry", "the STL file holds no triangle")
    reach(1.0)
    return Mesh(tuple(parts), losses=losses)


def _part(name: str, points: Vertices, colours: Colours | None, reach: Reach) -> Part:
    if not np.isfinite(points).all():
        raise Refused("invalid_geometry", "a coordinate is not a number")
    corners = np.arange(len(points), dtype=np.int32).reshape(-1, 3)
    return Part(name, *welded(points, corners, reach=reach), face_colours=colours)


def _colours(head: bytes, attributes: npt.NDArray[np.uint16]) -> tuple[Colours | None, tuple[str, ...]]:
    """Those of the triangles, and what is to be said. Five bits a channel. VisCAM and SolidView: red on top, bit 15
    marks what is coloured. Magics of Materialise: the model's colour is in the header, blue is on top, bit 15 marks
    what has no colour of its own.
    """
    default, magics = colour.NEUTRAL, head.find(MAGICS)
    if 0 <= magics <= 80 - len(MAGICS) - 4:
        red, green, blue, alpha = head[magics + len(MAGICS) :][:4]
        default = red, green, blue, alpha or 255
    own = (attributes >> 15 == 0) if magics >= 0 else (attributes >> 15 == 1)
    if magics < 0 and not own.any():
        return None, (OTHER,) if attributes.any() else ()
    channels = np.stack([attributes >> shift & 31 for shift in ((0, 5, 10) if magics >= 0 else (10, 5, 0))], axis=1)
    colours = np.tile(np.array(default, np.uint8), (len(attributes), 1))
    colours[own, :3] = np.round(channels[own] * (255 / 31))
    return colours, ()


def _ascii(path: Path, name: str, reach: Reach) -> list[tuple[str, Vertices]]:
    """The name of each solid and its corners; solids of one name that follow each other are one."""
    solids: list[tuple[str, list[Vertices]]] = [(name, [])]
    for chunk in text.chunks(path, reach, ends=b"endfacet"):
        lower = chunk.lower()
        at = 0
        for statement in SOLID.finditer(lower):
            line = lower.rfind(b"\n", 0, statement.start()) + 1
            before = lower[line : statement.start()].strip()
            if before not in (b"", b"end"):
                continue  # a word within a name
            solids[-1][1].append(_corners(lower[at:line]))
            facet = FACET_BEGINS.search(statement[1])
            at = statement.start(1) + (facet.start() if facet else len(statement[1]))
            said = text.said(chunk[statement.start(1) : min(at, statement.start(1) + 4 * LONGEST_NAME)])
            said = said.strip()[:LONGEST_NAME] or name
            if not before and said != solids[-1][0]:
                solids.append((said, []))
        solids[-1][1].append(_corners(lower[at:]))
    return [(each, np.concatenate(points)) for each, points in solids]


def _corners(data: bytes) -> Vertices:
    found = VERTEX.findall(data)
    if len(found) != 3 * data.count(b"endfacet"):
        raise Refused("corrupt_file", "the STL file is cut short, or a facet has not three corners")
    try:
        points: Vertices = text.numbers(b" ".join(found), 3 * len(found)).reshape(-1, 3)
    except ValueError:
        raise Refused("corrupt_file", "a coordinate of the STL file is not a number") from None
    return points


def write(mesh: Mesh, path: Path, options: dict[str, Any], reach: Reach) -> None:
    """Coordinates as float32; normals by the right-hand rule, zero for triangles without area.

    ASCII has a solid per run of parts of one name; binary knows none.
    """
    whole = Part.joined(mesh.parts)
    vertices = in_float32(whole.vertices)
    if options["encoding"] == "ascii":
        _write_ascii(mesh, path, vertices, whole.corners, reach)
        return
    with path.open("wb") as out:
        out.write(b"binary STL".ljust(80) + struct.pack("<I", len(whole.corners)))
        for at in range(0, len(whole.corners), BLOCK):
            corners = vertices[whole.corners[at : at + BLOCK]]
            facets = np.zeros(len(corners), FACET)
            facets["normal"], facets["corners"] = _normals(corners), corners
            facets.tofile(out)
            reach(min(at + BLOCK, len(whole.corners)) / len(whole.corners))


def _normals(corners: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    a, b, c = np.moveaxis(corners.astype(np.float64), 1, 0)
    normals = np.cross(b - a, c - a)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: npt.NDArray[np.float64] = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    return unit


def _write_ascii(mesh: Mesh, path: Path, vertices: Any, corners: Any, reach: Reach, block: int = 20_000) -> None:
    line = (
        "facet normal %.7g %.7g %.7g\n outer loop\n" + "  vertex %.9g %.9g %.9g\n" * 3 + " endloop\nendfacet\n"
    )  # nine digits give a float32 back exactly
    solids: list[tuple[str, int, int]] = []  # name, first and last facet
    end = 0
    for part in mesh.parts:
        begin, end = end, end + len(part.corners)
        name = " ".join("".join(c if c.isprintable() else " " for c in part.name).split()) or "model"
        if solids and solids[-1][0] == name:
            begin = solids.pop()[1]
        solids.append((name, begin, end))
    with path.open("w", encoding="utf-8") as out:
        for name, begin, end in solids:
            out.write(f"solid {name}\n")
            for at in range(begin, end, block):
                some = vertices[corners[at : min(at + block, end)]]
                text.rows(out, line, np.concatenate([_normals(some), some.reshape(-1, 9)], axis=1))
                reach(min(at + block, end) / len(corners))
            out.write(f"endsolid {name}\n")
