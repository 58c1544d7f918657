"""Geomview OFF: http://www.geomview.org/docs/html/OFF.html. Points and polygons, with colours of either."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh import colour, polygon, text
from shapr.converters.mesh.model import Colours, Mesh, Part
from shapr.converters.progress import Reach, within
from shapr.errors import Refused

Rows = npt.NDArray[np.int64]
# By the manual ST, C and N in this order; MeshLab writes NCOFF, NCSTOFF, CSTOFF.
HEADER = re.compile(rb"\s*((?:ST|C|N)*)(4)?OFF(?![A-Z])[ \t]*(BINARY)?", re.IGNORECASE)
INDEXED = "numbers beside points and faces that are no colours, but may stand for some of a table, are passed over"
SHORT = Refused("corrupt_file", "the OFF file is cut short: its header announces more than it holds")


def read(path: Path, name: str, reach: Reach) -> Mesh:
    """One part, polygons cut into triangles. The first word may be left out."""
    data = text.lines(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    data = re.sub(rb"#[^\n]*", b"", data) if b"#" in data else data
    header = HEADER.match(data)
    said = b""
    if header is not None:
        said, four, binary = header[1].upper(), *header.groups()[1:]
        if four or binary or header[0].rstrip().endswith(b"nOFF"):  # n: of any number of dimensions
            raise Refused("unsupported_geometry", "OFF is read as text of three dimensions only")
        data = data[header.end() :]
    try:
        starts, per_line, values = text.read(data, within(reach, 0.0, 0.8))
    except ValueError:
        raise Refused("corrupt_file", "a number of the OFF file cannot be read") from None
    if len(values) < 2 or not all(float(each).is_integer() and each >= 0 for each in values[:2]):
        raise Refused("corrupt_file", "the OFF file does not say how much it holds")
    points, faces = int(values[0]), int(values[1])
    if not points or not faces:
        raise Refused("no_geometry", "the OFF file holds no face")
    per_line, lines, at = _laid(values, per_line[per_line > 0], points, faces, said)
    vertices, vertex_colours, beyond, at = _points(values, lines, per_line, at, points, said)
    if at + faces > len(lines):
        raise SHORT
    lines, per_line = lines[at : at + faces], per_line[at : at + faces]
    reach(0.82)
    counts = values[lines]
    if not ((counts >= 0) & (counts < per_line) & (counts == np.floor(counts))).all():
        raise Refused("corrupt_file", "a face of the OFF file has not as many corners as it says")
    sizes = counts.astype(np.int64)
    given = text.taken(values, lines + 1, sizes, within(reach, 0.84, 0.9))
    if ((given < 0) | (given >= points) | (given != np.floor(given))).any():
        raise Refused("corrupt_file", "a face of the OFF file refers to a vertex that is not there")
    reach(0.92)
    triangles, owner, more = polygon.checked("OFF", sizes, given.astype(np.int64), vertices, within(reach, 0.92, 0.98))
    after = per_line - 1 - sizes  # numbers behind the corners
    face_colours = _face_colours(data, starts, values, lines + 1 + sizes, after)
    face_colours = None if face_colours is None else face_colours[owner]
    losses = _aside(said, beyond or bool(((after == 1) | (after == 2)).any()))
    reach(1.0)
    part, both = colour.one_kind(Part(name, vertices, triangles), vertex_colours, face_colours)
    return Mesh((part,), losses=(*losses, *both, *more))


def _aside(said: bytes, beyond: bool) -> list[str]:
    """What the file says beside points, faces and their colours."""
    announced = (("normals", b"N"), ("texture coordinates", b"ST"))
    return [f"{what} are passed over" for what, key in announced if key in said] + [INDEXED] * beyond


def _laid(values: Any, per_line: Rows, points: int, faces: int, said: bytes) -> tuple[Rows, Rows, int]:
    """How many numbers there are on each line, the first of each, and the line of the first point: as the file has
    them, or as it would with a point or a face on each."""
    lines, at = _begun(per_line)
    if _by_lines(values, lines, per_line, at, points, faces):
        return per_line, lines, at
    by_words = _by_words(values, points, faces, said)
    if by_words is not None:
        per_line = by_words
        lines, at = _begun(per_line)
    elif len(per_line) <= points + faces:
        raise SHORT
    return per_line, lines, at


def _begun(per_line: Rows) -> tuple[Rows, int]:
    """The first number of each line; and the line after the counts, of which the third may be left out, and which are
    on one line or on more."""
    lines = np.cumsum(per_line) - per_line
    at = int(np.searchsorted(lines, 2))
    return lines, at + int(at < len(lines) and lines[at] == 2 and per_line[at] == 1)


def _by_lines(values: Any, lines: Rows, per_line: Rows, at: int, points: int, faces: int) -> bool:
    """Has each line a point or a face, as is usual?"""
    if len(per_line) <= points + faces:
        return False
    of_faces = slice(at + points, at + points + faces)
    return bool((per_line[at : at + points] >= 3).all() and (values[lines[of_faces]] < per_line[of_faces]).all())


def _by_words(values: Any, points: int, faces: int, said: bytes) -> Rows | None:
    """How many numbers there would be on each line, of a file that has other lines; None if there are more or less.
    With colours it cannot be known."""
    width = 3 + 3 * (b"N" in said) + 2 * (b"ST" in said)
    at = 3 + points * width
    if b"C" in said or at + faces > len(values):
        return None
    sizes = []
    for _ in range(faces):
        size = float(values[at]) if at < len(values) else -1.0
        if size < 0 or not size.is_integer():
            return None
        sizes.append(1 + int(size))
        at += sizes[-1]
    return None if at != len(values) else np.array([3, *[width] * points, *sizes], np.int64)


def _points(
    values: Any, lines: Rows, per_line: Rows, at: int, count: int, said: bytes
) -> tuple[Any, Colours | None, bool, int]:
    """Coordinates and colours, a point per line; whether there are other numbers; and the line after them. Normals,
    which the header has announced as `said`, stand before the colours; MeshLab, which names them first, writes them
    behind."""
    if at + count > len(lines):
        raise SHORT
    lines, per_line = lines[at : at + count], per_line[at : at + count]
    if per_line.min() < 3:
        raise Refused("corrupt_file", "a vertex of the OFF file has less than three coordinates")
    vertices = values[lines[:, None] + np.arange(3)]
    others = 3 * (b"N" in said) + 2 * (b"ST" in said)
    channels = min(int(per_line.min()) - 3 - others, 4)
    skip = 6 if b"N" in said and not said.startswith(b"NC") else 3
    if b"C" not in said or channels < 3:
        return vertices, None, bool(per_line.max() > 3 + others), at + count
    found = values[(lines + skip)[:, None] + np.arange(channels)]
    return vertices, colour.from_floats(found / (255 if found.max() > 1 else 1)), False, at + count


def _face_colours(data: bytes, starts: Rows, values: Any, at: Rows, count: Rows) -> Colours | None:
    """What stands after the corners: three or four integers of 0..255, or numbers of 0..1. One alone is an index of a
    palette that is not in the file."""
    known = count >= 3
    if not known.any():
        return None
    rows = at[known]
    channels = np.minimum(count[known], 4)
    found = np.ones((len(rows), 4))
    found[:, :3] = values[rows[:, None] + np.arange(3)]
    # `1 0 0` is nearly black, `1.0 0 0` is red: only the spelling says it.
    first, last = int(starts[rows[0]]), int(starts[rows[0] + 2])
    whole = b"." not in data[first : data.index(b"\n", last)] and (found[:, :3] == np.floor(found[:, :3])).all()
    scale = 255.0 if whole else 1.0
    found[:, 3] = scale
    four = channels == 4
    found[four, 3] = values[rows[four] + 3]
    result = np.tile(np.array(colour.NEUTRAL, np.uint8), (len(count), 1))
    result[known] = colour.from_floats(found / scale)
    return result


def write(mesh: Mesh, path: Path, options: dict[str, Any], reach: Reach) -> None:  # noqa: ARG001 - one for all formats
    """Colours by face, or by vertex (COFF) where a part has them so. Names are lost.

    Nine digits give a float32 back exactly.
    """
    parts = mesh.parts
    vertex_colours = face_colours = None
    if any(part.vertex_colours is not None for part in parts):
        painted, own = [], []
        for part in parts:
            vertices, corners, colours = colour.by_vertex(part)
            painted.append(Part(part.name, vertices, corners))
            own.append(np.tile(np.array(colour.NEUTRAL, "u1"), (len(vertices), 1)) if colours is None else colours)
        parts, vertex_colours = tuple(painted), np.concatenate(own)
    elif colour.coloured(mesh):
        face_colours = colour.of_faces(parts)
    whole = Part.joined(parts)
    with path.open("w", encoding="ascii", newline="\n") as out:
        out.write(f"{'OFF' if vertex_colours is None else 'COFF'}\n{len(whole.vertices)} {len(whole.corners)} 0\n")
        points, faces = within(reach, 0.0, 0.4), within(reach, 0.4, 1.0)
        if vertex_colours is None:
            text.rows(out, "%.9g %.9g %.9g\n", whole.vertices, points)
        else:
            both = np.concatenate([whole.vertices, vertex_colours], axis=1)
            text.rows(out, "%.9g %.9g %.9g %d %d %d %d\n", both, points)
        if face_colours is None:
            text.rows(out, "3 %d %d %d\n", whole.corners, faces)
        else:
            both = np.concatenate([whole.corners, face_colours], axis=1)
            text.rows(out, "3 %d %d %d %d %d %d %d\n", both, faces)
