"""Wavefront OBJ: polygons by object, group and material, with colours of materials or vertices."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh import colour, mtl, polygon, text
from shapr.converters.mesh.model import (
    LONGEST_NAME,
    MAX_PARTS,
    Colour,
    Colours,
    Mesh,
    Part,
    Triangles,
    Vertices,
    over_used,
)
from shapr.converters.progress import Reach, apart, within
from shapr.errors import Refused

Rows = npt.NDArray[np.int64]
SPACE = np.zeros(256, bool)
SPACE[list(b" \t\n\v\f")] = True
PASSED_OVER = {
    "vt": "texture coordinates",
    "vn": "normals",
    "s": "smoothing groups",
    "l": "lines",
    "p": "points",
    # The last four are of an older form; so are `fo` for faces, and textures beside materials.
    **dict.fromkeys(("curv", "curv2", "surf", "cdc", "cdp", "bsp", "bzp"), "curves and free-form surfaces"),
    **dict.fromkeys(("maplib", "usemap"), "textures"),
}
STATEMENTS = 3  # that a group with faces may take: object, group and material; what is between them has none
TOO_MANY = Refused("limit_exceeded", f"it has more than {MAX_PARTS} groups")
UNSMOOTHED = {("s", b"off"), ("s", b"0")}


@dataclass
class _Content:
    """What the lines of the file say so far."""

    name: str  # of what has no name in the file
    points: list[Vertices] = field(default_factory=list)
    colours: list[npt.NDArray[np.float64]] = field(default_factory=list)  # (n, 3), not a number where there is none
    count: int = 0  # of points
    sizes: list[Rows] = field(default_factory=list)  # corners of each face
    corners: list[Rows] = field(default_factory=list)
    owners: list[Rows] = field(default_factory=list)  # of each face, a number of `groups`
    groups: dict[tuple[str, str, str], int] = field(default_factory=dict)  # object, group, material
    current: tuple[str, str, str] = ("", "", "")
    by_group: bool = False  # the last thing that was said of these is the group
    grouped: bool = False  # a face was in an object when its group was said
    libraries: dict[str, None] = field(default_factory=dict)
    passed_over: Counter[str] = field(default_factory=Counter)


def read(path: Path, name: str, reach: Reach) -> Mesh:
    """One part per object, group and material that has faces; polygons are cut into triangles."""
    content = _Content(name)
    pending = b""
    for chunk in text.chunks(path, lambda done: reach(0.7 * done)):
        if chunk.endswith(b"\\\n"):
            pending += chunk  # the line goes on
            continue
        _take(content, pending + chunk)
        pending = b""
    _take(content, pending)
    if not content.sizes and content.passed_over["surf"]:
        raise Refused("unsupported_geometry", "the OBJ file holds free-form surfaces, and no face")
    if not content.sizes:
        raise Refused("no_geometry", "the OBJ file holds no face")
    vertices = np.concatenate(content.points) if content.points else np.empty((0, 3))
    colours = _colours(content)
    content.points, content.colours = [], []
    of_faces = apart((content.sizes, content.corners, content.owners), within(reach, 0.7, 0.8))
    sizes, corners, owners = (text.joined(pieces, own) for pieces, own in of_faces)
    if corners.max() >= len(vertices):
        raise Refused("corrupt_file", "a face of the OBJ file refers to a vertex that is not there")
    if not np.isfinite(vertices).all():
        raise Refused("invalid_geometry", "a coordinate is not a number")
    triangles, faces = polygon.triangulated(sizes, corners, vertices, within(reach, 0.8, 0.9))
    del sizes, corners
    reach(0.9)
    materials, losses = _materials(content, path.parent)
    parts = []
    groups = _split(content, owners[faces])
    if len(groups) > MAX_PARTS:
        raise TOO_MANY
    holding = _holding(content, [key for key, _ in groups])
    for (key, members), own in apart(groups, within(reach, 0.92, 1.0)):
        made = _part(key, vertices, colours, triangles[members], name, holding, own)
        parts.append(replace(made, colour=materials.get(key[2])))
    reach(1.0)
    losses += dict.fromkeys(f"{PASSED_OVER[each]} are passed over" for each in PASSED_OVER if content.passed_over[each])
    if content.passed_over["dot"]:
        losses.append(f"{content.passed_over['dot']} faces with less than three corners are passed over")
    return Mesh(tuple(parts), losses=tuple(dict.fromkeys(losses)))


NO_MTL = "materials are named, but no MTL file that describes them"


def _materials(content: _Content, folder: Path) -> tuple[dict[str, Colour | None], list[str]]:
    materials, losses = mtl.read(folder, content.libraries)
    used = {material for (_, _, material) in content.groups if material}
    if used and not content.libraries:
        losses.append(NO_MTL)
    elif used - set(materials) and not losses:
        losses.append(f"{len(used - set(materials))} of {len(used)} materials are described nowhere")
    return materials, losses


def _take(content: _Content, chunk: bytes) -> None:
    """Whole lines. Points and faces are read all at once, the few others one by one."""
    if not chunk:
        return
    if b"\\\n" in chunk:
        chunk = chunk.replace(b"\\\n", b" ").removesuffix(b"\n") + b"\n"  # the file may end in a backslash
    if b"fo " in chunk or b"fo\t" in chunk:
        chunk = re.sub(rb"(?m)^fo(?=[ \t])", b"f", chunk)
    data = np.frombuffer(chunk, np.uint8)
    ends = np.flatnonzero(data == 10)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if SPACE[data[starts[starts < ends]]].any():
        _take(content, re.sub(rb"(?m)^[ \t\v\f]+", b"", chunk))
        return
    first, second = data[starts], data[np.minimum(starts + 1, ends)]
    plain = SPACE[second]
    points, faces = plain & (first == ord("v")), plain & (first == ord("f"))
    content.passed_over["vt"] += int(((first == ord("v")) & (second == ord("t"))).sum())
    content.passed_over["vn"] += int(((first == ord("v")) & (second == ord("n"))).sum())
    before = content.count + np.cumsum(points)
    _points(content, _lines(data, starts, ends, points))
    rest = ~points & ~faces & (first != ord("v")) & (first != ord("#")) & (first != 10)
    states = _statements(content, chunk, np.flatnonzero(rest), starts, ends)
    numbers = np.flatnonzero(faces)
    rows, owners, grouped = np.array(states).T
    of_face = np.searchsorted(rows, numbers, side="right") - 1
    content.grouped |= bool(grouped[of_face].any())
    _faces(content, _lines(data, starts, ends, faces), before[numbers], owners[of_face])


def _lines(data: text.Bytes, starts: Rows, ends: Rows, wanted: npt.NDArray[np.bool_]) -> bytes:
    """These lines without their first letter and without comments."""
    chosen = data[np.repeat(wanted, ends - starts + 1)]
    lengths = (ends - starts + 1)[wanted]
    chosen[np.cumsum(lengths) - lengths] = 32
    found = chosen.tobytes()
    return re.sub(rb"#[^\n]*", b"", found) if b"#" in found else found


def _points(content: _Content, lines: bytes) -> None:
    """`v x y z`, with w, or with red, green and blue."""
    values, counts = text.table(lines, "OBJ")
    if not len(counts):
        return
    if counts.min() < 3:
        raise Refused("corrupt_file", "a vertex of the OBJ file has less than three coordinates")
    at = np.cumsum(counts) - counts
    content.points.append(values[at[:, None] + np.arange(3)])
    colours = np.full((len(counts), 3), np.nan)
    has = counts >= 6
    colours[has] = values[at[has][:, None] + np.arange(3, 6)]
    content.colours.append(colours)
    content.count += len(counts)


def _faces(content: _Content, lines: bytes, before: Rows, owner: Rows) -> None:
    """`f 7 7/1 7//2 7/1/2`: the vertex is the first number; negative ones count from the last point above."""
    if b"/" in lines:
        lines = re.sub(rb"/\S*", b"", lines)
    given, counts = text.table(lines, "OBJ", np.int64)
    above = np.repeat(before, counts)
    corners = np.where(given > 0, given - 1, above + given)
    if (given == 0).any() or (corners < 0).any():
        raise Refused("corrupt_file", "a face of the OBJ file refers to a vertex that is not there")
    whole = counts >= 3
    content.passed_over["dot"] += int((~whole).sum())
    if whole.any():
        content.sizes.append(counts[whole])
        content.corners.append(corners[np.repeat(whole, counts)])
        content.owners.append(owner[whole])


def _statements(content: _Content, chunk: bytes, rows: Rows, starts: Rows, ends: Rows) -> list[tuple[int, int, bool]]:
    """From which line on which group is the current one, and whether that was said of an object."""

    def state(row: int) -> tuple[int, int, bool]:
        number = content.groups.setdefault(content.current, len(content.groups))
        return row, number, content.by_group and all(content.current[:2])

    states = [state(-1)]
    for row, start, end in zip(rows.tolist(), starts[rows].tolist(), ends[rows].tolist(), strict=True):
        key, _, said = chunk[start : min(end, start + 8 * LONGEST_NAME)].replace(b"\t", b" ").partition(b" ")
        if key in (b"o", b"g", b"usemtl"):
            words = text.said(said).strip()[:LONGEST_NAME]
            object, group, material = content.current
            match key:
                case b"o":
                    object = words
                case b"g":
                    group = words
                case _:
                    material = words
            content.current = object, group, material
            content.by_group = key == b"g" or (content.by_group and key != b"o")
            if len(content.groups) > STATEMENTS * MAX_PARTS + 1:
                raise TOO_MANY
            states.append(state(row))
        else:
            _other(content, key, said)
    return states


def _other(content: _Content, key: bytes, said: bytes) -> None:
    """A statement that says nothing of groups."""
    if key == b"mtllib":
        if len(content.libraries) < mtl.MOST:
            content.libraries[text.said(said).strip()] = None
    elif key == b"call":
        raise Refused("external_reference", "geometry of the OBJ file is in other files that it calls")
    elif (word := key.decode("ascii", "replace")) in PASSED_OVER and (word, said.strip()) not in UNSMOOTHED:
        content.passed_over[word] += 1


def _colours(content: _Content) -> Colours | None:
    """Of every vertex, if any has one; alpha is 0 where one has none. Some programs count to 255."""
    colours = np.concatenate(content.colours) if content.colours else np.empty((0, 3))
    known = np.isfinite(colours).all(axis=1)
    if not known.any():
        return None
    found = colour.from_floats(colours / (255 if colours[known].max() > 1 else 1))
    found[~known] = 0
    return found


def _split(content: _Content, owners: Rows) -> list[tuple[tuple[str, str, str], Rows]]:
    """The triangles of each group that has any, in the order of the file."""
    order = np.argsort(owners, kind="stable")
    ordered = owners[order]
    bounds = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]]))
    keys = list(content.groups)
    return [
        (keys[int(ordered[start])], order[start:end])
        for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]


def _holding(content: _Content, keys: list[tuple[str, str, str]]) -> bool:
    """Whether groups hold objects, as we write the bodies of a part, and not objects groups: then each is said after
    its group."""
    inside = {(object, group) for object, group, _ in keys if object and group}
    return not content.grouped and len({group for _, group in inside}) < len(inside)


def _part(
    key: tuple[str, str, str],
    vertices: Vertices,
    colours: Colours | None,
    corners: Triangles,
    name: str,
    holding: bool,
    reach: Reach,
) -> Part:
    """The group's own points only, in the order of the file."""
    object, group, material = key
    rows, local = over_used(corners, reach)
    own = None if colours is None else colours[rows]
    if own is not None and not own[:, 3].all():
        if not own[:, 3].any():
            own = None
        else:
            own[own[:, 3] == 0] = colour.NEUTRAL
    body = holding and bool(object and group)
    return Part(
        group if body else object or group or name,
        vertices[rows],
        local,
        body=object if body else "",
        group="" if body else group,
        material=material,
        vertex_colours=own,
    )
