"""Stanford PLY, ASCII and binary (http://paulbourke.net/dataformats/ply/): points, faces or strips, colours."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh import colour, polygon, text
from shapr.converters.mesh.model import Colours, Mesh, Part, in_float32
from shapr.converters.progress import Reach
from shapr.errors import Refused

Rows = npt.NDArray[np.int64]
HEADER = 1 << 20  # bytes
TYPES = {
    **dict(zip(("char", "uchar", "short", "ushort"), ("i1", "u1", "i2", "u2"), strict=True)),
    **dict(zip(("int", "uint", "float", "double"), ("i4", "u4", "f4", "f8"), strict=True)),
    **{f"{kind}{8 * size}": f"{kind[0]}{size}" for kind in ("int", "uint", "float") for size in (1, 2, 4, 8)},
}
CHANNELS = (("red", "green", "blue", "alpha"), ("r", "g", "b", "a"))
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}

END = re.compile(rb"(?<=[\r\n])end_header[ \t]*(?:\r\n|[\s\S]|\Z)")  # a comment may say it too
COMMENT = re.compile(rb"(?m)^[ \t]*comment\b.*$")


@dataclass(frozen=True)
class _Property:
    name: str
    kind: str  # of numpy
    count: str | None = None  # the kind of a list's length


@dataclass
class _Element:
    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)


@dataclass(frozen=True)
class _Body:
    """The data after the header: bytes, or, of an ASCII file, numbers. A position counts those."""

    data: Any
    order: str  # of bytes; "" for ASCII
    lines: Any = None  # of an ASCII file with a line per row, as is usual: where each begins

    def size(self, kind: str) -> int:
        return np.dtype(kind).itemsize if self.order else 1

    def at(self, positions: Any, kind: str) -> Any:
        """The numbers at these positions; `corrupt_file` beyond the end."""
        size = self.size(kind)
        if len(positions) and int(positions.max()) + size > len(self.data):
            raise Refused("corrupt_file", "the PLY file is cut short: its header announces more than it holds")
        if not self.order:
            return self.data[positions]
        found = self.data[positions[:, None] + np.arange(size)]
        return found.view(self.order + kind).ravel()


class _Table:
    """One element's rows: where each property of each row lies."""

    def __init__(self, body: _Body, element: _Element, start: int, line: int) -> None:
        self.body, self.element = body, element
        self.lines = None if body.lines is None else body.lines[line : line + element.count]
        least = sum(body.size(each.count or each.kind) for each in element.properties)
        if element.count * least > len(body.data) - start:
            raise Refused("corrupt_file", "the PLY file is cut short: its header announces more than it holds")
        self.positions: dict[str, Rows] = {}
        self.lengths: dict[str, Rows] = {}
        self.end = start
        if least and element.count and not self._alike(start):
            self._one_by_one(start)

    def _alike(self, start: int) -> bool:
        """All rows as long as the first?"""
        at, lengths = start, {}
        for each in self.element.properties:
            if each.count:
                lengths[each.name] = length = self._length(at, each)
                at += self.body.size(each.count) + length * self.body.size(each.kind)
            else:
                at += self.body.size(each.kind)
        stride = at - start
        end = start + stride * self.element.count if self.lines is None else int(self.lines[-1]) + stride
        if end > len(self.body.data):
            return False
        rows = start + stride * np.arange(self.element.count) if self.lines is None else self.lines
        offset = 0
        for each in self.element.properties:
            if each.count:
                found = self.body.at(rows + offset, each.count)
                if (found != lengths[each.name]).any():
                    return False
                offset += self.body.size(each.count)
                self.lengths[each.name] = np.full(len(rows), lengths[each.name])
            self.positions[each.name] = rows + offset
            offset += lengths.get(each.name, 1) * self.body.size(each.kind)
        self.end = end
        return True

    def _one_by_one(self, start: int) -> None:
        count, properties = self.element.count, self.element.properties
        self.positions = {each.name: np.empty(count, np.int64) for each in properties}
        self.lengths = {each.name: np.empty(count, np.int64) for each in properties if each.count}
        at = start
        for row in range(count):
            at = at if self.lines is None else int(self.lines[row])
            for each in properties:
                length = 1
                if each.count:
                    length = self._length(at, each)
                    at += self.body.size(each.count)
                    self.lengths[each.name][row] = length
                self.positions[each.name][row] = at
                at += length * self.body.size(each.kind)
        if at > len(self.body.data):
            raise Refused("corrupt_file", "the PLY file is cut short: its header announces more than it holds")
        self.end = at

    def _length(self, at: int, each: _Property) -> int:
        kind = each.count or ""
        if at + self.body.size(kind) > len(self.body.data):
            raise Refused("corrupt_file", "the PLY file is cut short: its header announces more than it holds")
        if self.body.order and kind == "u1":
            return int(self.body.data[at])
        length = self.body.at(np.array([at]), kind)[0]
        if not 0 <= length <= len(self.body.data):
            raise Refused("corrupt_file", "a list of the PLY file has an impossible length")
        return int(length)

    def column(self, name: str) -> Any:
        return self.body.at(self.positions[name], self._kind(name))

    def lists(self, name: str) -> tuple[Rows, Rows]:
        """The lengths of a list property, and all items as integers."""
        lengths, kind = self.lengths[name], self._kind(name)
        size = self.body.size(kind)
        before = np.cumsum(lengths) - lengths
        at = np.repeat(self.positions[name] - size * before, lengths) + size * np.arange(int(lengths.sum()))
        return lengths, self.body.at(at, kind).astype(np.int64)

    def colours(self) -> Colours | None:
        for prefix in ("", "diffuse_"):
            for names in CHANNELS:
                own = [prefix + each for each in names if prefix + each in self.positions]
                if len(own) >= 3 and not any(each in self.lengths for each in own):
                    kind = self._kind(own[0])
                    values = np.stack([self.column(each) for each in own], axis=1).astype(np.float64)
                    most = 1.0 if kind[0] == "f" and values.max(initial=0) <= 1 else 255.0
                    return colour.from_floats(values / (65535.0 if kind == "u2" else most))
        return None

    def _kind(self, name: str) -> str:
        return next(each.kind for each in self.element.properties if each.name == name)


def read(path: Path, name: str, reach: Reach) -> Mesh:
    """One part, polygons and strips cut into triangles."""
    body, elements = _open(path)
    reach(0.5)
    tables: dict[str, _Table] = {}
    at = line = 0
    for element in elements:
        tables[element.name] = table = _Table(body, element, at, line)
        at, line = table.end, line + (element.count if element.properties else 0)
    reach(0.7)
    vertex = tables.get("vertex")
    if vertex is None or not vertex.element.count:
        raise Refused("no_geometry", "the PLY file holds no vertex")
    if not {"x", "y", "z"} <= set(vertex.positions) - set(vertex.lengths):
        raise Refused("corrupt_file", "the vertices of the PLY file have no x, y and z")
    vertices = np.stack([vertex.column(axis) for axis in "xyz"], axis=1).astype(np.float64)
    sizes, corners, face_colours = _faces(tables)
    if not len(sizes):
        raise Refused("no_geometry", "the PLY file holds points and no face")
    losses = [f"{name} elements are passed over" for name in tables if name not in ("vertex", "face", "tristrips")]
    if "nx" in vertex.positions:
        losses.append("normals are passed over")
    triangles, owner, more = polygon.checked("PLY", sizes, corners, vertices)
    face_colours = None if face_colours is None else face_colours[owner]
    reach(1.0)
    part = Part(name, vertices, triangles, vertex_colours=vertex.colours(), face_colours=face_colours)
    return Mesh((part,), losses=(*losses, *more))


def _faces(tables: dict[str, _Table]) -> tuple[Rows, Rows, Colours | None]:
    """The number of corners of each face, the corners of all, and the faces' colours."""
    for kind in ("face", "tristrips"):
        table = tables.get(kind)
        found = next((each for each in ("vertex_indices", "vertex_index") if table and each in table.lengths), None)
        if table is None or found is None:
            continue
        lengths, items = table.lists(found)
        if kind == "face":
            return lengths, items, table.colours()
        corners = _strips(lengths, items)
        return np.full(len(corners), 3), corners.ravel(), None
    return np.empty(0, np.int64), np.empty(0, np.int64), None


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


def _open(path: Path) -> tuple[_Body, list[_Element]]:
    with path.open("rb") as file:
        head = file.read(HEADER)
    end = END.search(head)
    if not head.startswith(b"ply") or end is None:
        raise Refused("corrupt_file", "the header of the PLY file has no end")
    start = end.end()
    elements, format = _header(head[: end.start()].decode("latin-1"))
    if order := ORDERS[format]:
        return _Body(np.fromfile(path, np.uint8, offset=start) if start < path.stat().st_size else b"", order), elements
    data = path.read_bytes()[start:].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\n"
    if b"comment" in data:  # they belong into the header; some write them between the rows
        data = COMMENT.sub(b"", data)
    try:
        starts, per_line = text.words(data)
        per_line = per_line[per_line > 0]
        rows = np.cumsum(per_line) - per_line
        by_line = len(rows) == sum(each.count for each in elements if each.properties)
        return _Body(text.numbers(data, len(starts)), order, rows if by_line else None), elements
    except ValueError:
        raise Refused("corrupt_file", "a number of the PLY file cannot be read") from None


def _header(header: str) -> tuple[list[_Element], str]:
    elements: list[_Element] = []
    format = ""
    for line in header.splitlines():
        try:
            match line.split():
                case ["format", format, "1.0"] if format in ORDERS:
                    pass
                case ["element", name, count] if int(count) >= 0:
                    elements.append(_Element(name, int(count)))
                case ["property", "list", count, kind, name]:
                    elements[-1].properties.append(_Property(name, TYPES[kind], TYPES[count]))
                case ["property", kind, name]:
                    elements[-1].properties.append(_Property(name, TYPES[kind]))
                case [] | ["ply"] | ["comment" | "obj_info", *_]:
                    pass
                case _:
                    raise ValueError(line)
        except (ValueError, KeyError, IndexError):
            raise Refused("corrupt_file", "the header of the PLY file cannot be read") from None
    if format not in ORDERS:
        raise Refused("corrupt_file", "the PLY file does not say how it is written")
    return elements, format


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
        for done, columns in ((0.4, points), (1.0, faces)):
            _columns(out, columns, ascii)
            reach(done)


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


def _columns(out: Any, columns: list[Any], ascii: bool, block: int = 100_000) -> None:
    for at in range(0, len(columns[0][3]), block):
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
