"""The bodies of a part in a GLB of the kernel's, which draws a part as one mesh: a mesh and a node for each.

The kernel's data stays where it is. It has the faces of a colour in the order of the part, so that what is a body's
lies together: it gets accessors of its own, and its corners count from its own first point.
"""

import json
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from OCP.TopoDS import TopoDS_Shape

from shapr.converters import progress
from shapr.converters.brep import several, tessellate
from shapr.converters.brep.several import Inside
from shapr.converters.mesh.accessors import COMPONENTS, WIDTHS
from shapr.converters.mesh.gltf import holder
from shapr.converters.mesh.model import MAX_PARTS, Y_UP
from shapr.converters.progress import Reach, along, silent, within

Json = dict[str, Any]
Points = npt.NDArray[np.float32]
Coloured = tuple[TopoDS_Shape, int | None]
NEAR = 1e-6  # of the largest coordinate: how far from our own rounding the kernel's may be


def apart(content: Json, raw: Path, start: int, parts: list[tuple[Json, list[Inside]]], reach: Reach) -> None:
    """`parts`: each node that shows a part of several bodies, and these. `raw`: the kernel's file, whose binary data
    begins at `start`, and which is changed in place."""
    data = np.memmap(raw, np.uint8, "r+", start)
    split = _Splitting(content, np.asarray(data))
    looking, making = within(reach, 0.0, 0.5), within(reach, 0.5, 1.0)
    if sum(split.count(node, inside, own) for (node, inside), own in progress.apart(parts, looking)) > MAX_PARTS:
        return
    for (node, inside), own in progress.apart(parts, making):
        split.node(node, inside, own)
    data.flush()
    split.tidy()


def recolour(content: Json, raw: Path, start: int, parts: list[tuple[Json, list[Coloured]]]) -> None:
    """`parts`: nodes that show a part, and its faces with the materials that they should have, None as they have."""
    data = np.memmap(raw, np.uint8, "r+", start)
    split = _Splitting(content, np.asarray(data))
    if sum(len(split.runs(node, faces)) for node, faces in parts) > MAX_PARTS:
        return
    for node, faces in parts:
        split.recolour(node, faces)
    data.flush()
    split.tidy()


@dataclass
class _Stretch:
    """Points and corners of a primitive that are one body's: from where, up to where."""

    primitive: int
    points: tuple[int, int]
    corners: tuple[int, int]


Run = tuple[_Stretch, int | None]  # and its material, None as it is


class _Splitting:
    def __init__(self, content: Json, data: npt.NDArray[np.uint8]) -> None:
        self.content = content
        self.data = data
        self.known: dict[str, list[list[_Stretch]]] = {}  # of each body, by what the primitives of a mesh refer to
        self.made: dict[str, list[list[Json]]] = {}  # what these refer to then
        self.cut: dict[str, list[tuple[int, Json, int | None]]] = {}  # likewise: primitive, its part, material
        self.meshes: dict[int, list[tuple[int, int]]] = {}  # by mesh: bodies, and the mesh of each

    def count(self, node: Json, inside: list[Inside], reach: Reach) -> int:
        """How many primitives its bodies will have."""
        return sum(map(len, self._stretches(self._mesh(node)["primitives"], inside, reach)))

    def node(self, node: Json, inside: list[Inside], reach: Reach) -> None:
        """Give a node the bodies of its part as children."""
        mesh = self._mesh(node)
        if node["mesh"] not in self.meshes:
            self.meshes[node["mesh"]] = self._meshes(mesh, inside, reach)
        if not (found := self.meshes[node["mesh"]]):
            return
        names, nodes = several.called(node["name"], inside), self.content["nodes"]
        first = len(nodes)
        nodes += [{"name": names[body], "mesh": at} for body, at in found]
        node |= holder(node["name"], list(range(first, len(nodes))))
        del node["mesh"]

    def runs(self, node: Json, faces: list[Coloured]) -> list[Run]:
        """The primitives that a node's mesh will have, where they are cut as the material changes."""
        each = self._stretches(self._mesh(node)["primitives"], [Inside(face, "") for face, _ in faces], silent)
        return _runs([(one, at) for some, (_, at) in zip(each, faces, strict=False) for one in some])

    def recolour(self, node: Json, faces: list[Coloured]) -> None:
        mesh = self._mesh(node)
        drawn = mesh["primitives"]
        if (referred := _referred(drawn)) not in self.cut:
            runs = self.runs(node, faces)
            self.cut[referred] = [(run.primitive, self._own(drawn[run.primitive], run), at) for run, at in runs]
        if cut := self.cut[referred]:
            mesh["primitives"] = [
                {**drawn[primitive], **own, **({} if at is None else {"material": at})} for primitive, own, at in cut
            ]

    def _mesh(self, node: Json) -> Json:
        mesh: Json = self.content["meshes"][node["mesh"]]
        return mesh

    def _meshes(self, mesh: Json, inside: list[Inside], reach: Reach) -> list[tuple[int, int]]:
        """Meshes of the bodies, as many as have triangles."""
        drawn = mesh["primitives"]
        stretches = self._stretches(drawn, inside, silent)
        if (referred := _referred(drawn)) not in self.made:
            bodies = along(stretches, len(stretches), reach)
            self.made[referred] = [[self._own(drawn[each.primitive], each) for each in some] for some in bodies]
        names, meshes = several.called(mesh["name"], inside), self.content["meshes"]
        found = []
        for body, (some, made) in enumerate(zip(stretches, self.made[referred], strict=True)):
            if some:
                found.append((body, len(meshes)))
                primitives = [{**drawn[each.primitive], **own} for each, own in zip(some, made, strict=True)]
                meshes.append({"name": names[body], "primitives": primitives})
        return found

    def _stretches(self, drawn: list[Json], inside: list[Inside], reach: Reach) -> list[list[_Stretch]]:
        """Nothing where the kernel has put the faces in another order than expected: then the part stays one mesh."""
        if (referred := _referred(drawn)) not in self.known:
            places = [self._array(each["attributes"]["POSITION"]) for each in drawn]
            corners = [self._accessor(each["indices"])["count"] for each in drawn]
            self.known[referred] = _stretches(places, corners, inside, reach)
        return self.known[referred]

    def _own(self, primitive: Json, stretch: _Stretch) -> Json:
        attributes = {name: self._part(at, *stretch.points) for name, at in primitive["attributes"].items()}
        position = self.content["accessors"][attributes["POSITION"]]
        points = self._array(attributes["POSITION"])
        position |= {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        indices = self._part(primitive["indices"], *stretch.corners)
        corners = self._array(indices)
        corners -= corners.dtype.type(stretch.points[0])
        return {"attributes": attributes, "indices": indices}

    def _part(self, at: int, begin: int, end: int) -> int:
        """The number of a new accessor of some rows of another."""
        accessor = self._accessor(at)
        offset = accessor.get("byteOffset", 0) + begin * _size(accessor)
        self.content["accessors"].append({**accessor, "byteOffset": offset, "count": end - begin})
        return len(self.content["accessors"]) - 1

    def _accessor(self, at: int) -> Json:
        accessor: Json = self.content["accessors"][at]
        return accessor

    def _array(self, at: int) -> npt.NDArray[Any]:
        """The rows of an accessor, in place."""
        accessor = self._accessor(at)
        view = self.content["bufferViews"][accessor["bufferView"]]
        begin = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        end = begin + accessor["count"] * _size(accessor)
        return self.data[begin:end].view(COMPONENTS[accessor["componentType"]]).reshape(accessor["count"], -1)

    def tidy(self) -> None:
        """Meshes and accessors that nobody refers to any more go."""
        content = self.content
        meshes, places = _kept(content["meshes"], {each["mesh"] for each in content["nodes"] if "mesh" in each})
        for node in content["nodes"]:
            if "mesh" in node:
                node["mesh"] = places[node["mesh"]]
        primitives = [each for mesh in meshes for each in mesh["primitives"]]
        used = {at for each in primitives for at in each["attributes"].values()}
        used |= {each["indices"] for each in primitives if "indices" in each}
        content["meshes"], (content["accessors"], places) = meshes, _kept(content["accessors"], used)
        for each in primitives:
            each["attributes"] = {name: places[at] for name, at in each["attributes"].items()}
            if "indices" in each:
                each["indices"] = places[each["indices"]]


def _referred(primitives: list[Json]) -> str:
    """Meshes of other materials refer to the same data."""
    return json.dumps([[each["attributes"], each["indices"]] for each in primitives])


def _kept(items: list[Json], used: set[int]) -> tuple[list[Json], dict[int, int]]:
    kept = sorted(used)
    return [items[at] for at in kept], {old: new for new, old in enumerate(kept)}


def _size(accessor: Json) -> int:
    """Bytes of a row: the kernel leaves no room between them."""
    return int(np.dtype(COMPONENTS[accessor["componentType"]]).itemsize * WIDTHS[accessor["type"]])


def _stretches(places: list[Points], corners: list[int], inside: list[Inside], reach: Reach) -> list[list[_Stretch]]:
    """What each body has of the primitives, which are told apart by where their next points are."""
    points, seen = [0] * len(places), [0] * len(places)  # how far each primitive is
    last = 0

    def take(pieces: list[tessellate.Piece], found: dict[int, _Stretch]) -> bool:
        nonlocal last
        expected = _expected(pieces)
        for at in sorted(range(len(places)), key=lambda at: at != last):
            begin, end = points[at], points[at] + len(expected)
            if not _near(places[at][begin:end], expected):
                continue
            first = found.get(at) or _Stretch(at, (begin, begin), (seen[at], seen[at]))
            last, points[at] = at, end
            seen[at] += 3 * sum(piece.counts[1] for piece in pieces)
            found[at] = _Stretch(at, (first.points[0], end), (first.corners[0], seen[at]))
            return True
        return False

    made = []
    for body in along(inside, len(inside), reach):
        pieces = [piece for _, piece in tessellate.pieces(body.shape)]
        found: dict[int, _Stretch] = {}
        if pieces and not take(pieces, found) and not all(take([piece], found) for piece in pieces):
            return []
        made.append([found[at] for at in sorted(found)])
    whole = points == [len(each) for each in places] and seen == corners
    return made if whole else []


def _runs(faces: list[Run]) -> list[Run]:
    """What follows each other in a primitive and has one material, as one."""
    runs = []
    alike = groupby(sorted(faces, key=lambda each: (each[0].primitive, each[0].points)), _kind)
    for (primitive, material), some in alike:
        (first, _), *_, (last, _) = 2 * list(some)
        points, corners = (first.points[0], last.points[1]), (first.corners[0], last.corners[1])
        runs.append((_Stretch(primitive, points, corners), material))
    return runs


def _kind(face: Run) -> tuple[int, int | None]:
    return face[0].primitive, face[1]


def _expected(pieces: list[tessellate.Piece]) -> Points:
    """The points as the kernel writes them: metres, y up."""
    nodes = np.frombuffer(b"".join(piece.nodes for piece in pieces)).reshape(-1, 3)
    return (nodes @ (Y_UP.T * 0.001)).astype(np.float32)


def _near(found: Points, expected: Points) -> bool:
    if len(found) != len(expected):
        return False
    slack = NEAR * float(np.abs(expected).max(initial=0.0))
    return bool((np.abs(found - expected) <= slack).all())
