"""Stanford PLY, ASCII and binary (http://paulbourke.net/dataformats/ply/): points, faces or strips, colours."""

import re
from pathlib import Path

import numpy as np

from shapr.converters.mesh import colour, ply_aside, polygon, text
from shapr.converters.mesh.model import Colours, Mesh, Part
from shapr.converters.mesh.ply_table import Body, Element, Property, Rows, Table
from shapr.converters.progress import Reach, within
from shapr.errors import Refused

HEADER = 1 << 20  # bytes
TYPES = {
    **dict(zip(("char", "uchar", "short", "ushort"), ("i1", "u1", "i2", "u2"), strict=True)),
    **dict(zip(("int", "uint", "float", "double"), ("i4", "u4", "f4", "f8"), strict=True)),
    **{f"{kind}{8 * size}": f"{kind[0]}{size}" for kind in ("int", "uint", "float") for size in (1, 2, 4, 8)},
}
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}

END = re.compile(rb"(?<=[\r\n])end_header[ \t]*(?:\r\n|[\s\S]|\Z)")  # a comment may say it too
COMMENT = re.compile(rb"(?m)^[ \t]*comment\b.*$")


def read(path: Path, name: str, reach: Reach) -> Mesh:
    """One part, polygons and strips cut into triangles."""
    header, body, elements = _open(path, within(reach, 0.0, 0.8))
    looking = within(reach, 0.8, 0.9)
    tables: dict[str, Table] = {}
    at = line = 0
    for number, element in enumerate(elements):
        own = within(looking, number / len(elements), (number + 1) / len(elements))
        tables[element.name] = table = Table(body, element, at, line, own)
        at, line = table.end, line + (element.count if element.properties else 0)
    vertex = tables.get("vertex")
    if vertex is None or not vertex.element.count:
        raise Refused("no_geometry", "the PLY file holds no vertex")
    if not {"x", "y", "z"} <= set(vertex.positions) - set(vertex.lengths):
        raise Refused("corrupt_file", "the vertices of the PLY file have no x, y and z")
    vertices = np.stack([vertex.column(axis) for axis in "xyz"], axis=1).astype(np.float64)
    reach(0.92)
    kind, sizes, corners, face_colours = _faces(tables, within(reach, 0.92, 0.96))
    if not len(sizes):
        raise Refused("no_geometry", "the PLY file holds points and no face")
    losses = ply_aside.losses(header, tables, kind)
    triangles, owner, more = polygon.checked("PLY", sizes, corners, vertices, within(reach, 0.96, 0.98))
    face_colours = None if face_colours is None else face_colours[owner]
    reach(1.0)
    part, both = colour.one_kind(Part(name, vertices, triangles), vertex.colours(), face_colours)
    return Mesh((part,), losses=(*losses, *both, *more))


def _faces(tables: dict[str, Table], reach: Reach) -> tuple[str, Rows, Rows, Colours | None]:
    """The element that has them; the number of corners of each, the corners of all, and the faces' colours."""
    for kind in ("face", "tristrips"):
        table = tables.get(kind)
        found = next((each for each in ("vertex_indices", "vertex_index") if table and each in table.lengths), None)
        if table is None or found is None or not table.element.count:
            continue
        lengths, items = table.lists(found, reach)
        if kind == "face":
            return kind, lengths, items, table.colours()
        corners = _strips(lengths, items)
        return kind, np.full(len(corners), 3), corners.ravel(), None
    return "", np.empty(0, np.int64), np.empty(0, np.int64), None


def _strips(lengths: Rows, items: Rows) -> Rows:
    """(m, 3): every other triangle of a strip is turned; -1 begins another strip."""
    begins = np.zeros(len(items) + 1, bool)
    begins[np.cumsum(lengths)] = True
    begins[0] = True
    begins[1:] |= items == -1
    at = np.arange(len(items))
    strip = np.maximum.accumulate(np.where(begins[:-1], at, 0))
    three = at[:-2][(strip[:-2] == strip[2:]) & (items[:-2] != -1) & (items[1:-1] != -1) & (items[2:] != -1)]
    corners: Rows = items[three[:, None] + np.arange(3)]
    odd = (three - strip[three]) % 2 == 1
    corners[odd] = corners[odd][:, [1, 0, 2]]
    return corners


def _open(path: Path, reach: Reach) -> tuple[str, Body, list[Element]]:
    """Its header, what follows it, and what that is."""
    with path.open("rb") as file:
        head = file.read(HEADER)
    end = END.search(head)
    if head[:3].lower() != b"ply" or end is None:
        raise Refused("corrupt_file", "the header of the PLY file has no end")
    start = end.end()
    header = head[: end.start()].decode("latin-1")
    elements, format = _header(header)
    if order := ORDERS[format]:
        data = np.fromfile(path, np.uint8, offset=start) if start < path.stat().st_size else b""
        return header, Body(data, order), elements
    written = text.lines(path.read_bytes()[start:])
    if b"comment" in written:  # they belong into the header; some write them between the rows
        written = COMMENT.sub(b"", written)
    try:
        _, per_line, values = text.read(written, reach)
        per_line = per_line[per_line > 0]
        rows = np.cumsum(per_line) - per_line
        by_line = len(rows) == sum(each.count for each in elements if each.properties)
        return header, Body(values, order, rows if by_line else None), elements
    except ValueError:
        raise Refused("corrupt_file", "a number of the PLY file cannot be read") from None


def _header(header: str) -> tuple[list[Element], str]:
    elements: list[Element] = []
    format = ""
    for line in header.splitlines():
        try:
            match line.split():
                case ["format", format, "1.0"] if format in ORDERS:
                    pass
                case ["element", name, count] if int(count) >= 0:
                    elements.append(Element(name, int(count)))
                case ["property", "list", count, kind, name]:
                    elements[-1].properties.append(Property(name, TYPES[kind], TYPES[count]))
                case ["property", kind, name]:
                    elements[-1].properties.append(Property(name, TYPES[kind]))
                case [magic] if magic.lower() == "ply":
                    pass
                case [] | ["comment" | "obj_info", *_] | ["Created", "by", "Blender3D", *_]:
                    pass  # the last is a comment that Blender 2.4 forgot to call one
                case _:
                    raise ValueError(line)
        except (ValueError, KeyError, IndexError):
            raise Refused("corrupt_file", "the header of the PLY file cannot be read") from None
    if format not in ORDERS:
        raise Refused("corrupt_file", "the PLY file does not say how it is written")
    return elements, format
