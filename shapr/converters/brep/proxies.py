"""What the kernel makes of a file whose lists of triangles were put aside (`preflight/tessellated.py`): faces of one
triangle, each for a list. They are gathered as parts of a mesh, and taken out of the document."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from OCP.BRep import BRep_Tool
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Face, TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from shapr.converters.brep import body_names, colours, document, tree
from shapr.converters.brep.measure import Extent, area_of, extent
from shapr.converters.brep.several import Names
from shapr.converters.mesh.model import MAX_TRIANGLES, Colour, Part, Triangles, Vertices
from shapr.converters.preflight.facets import Facets, Rows, used
from shapr.converters.preflight.tessellated import Aside
from shapr.converters.progress import Reach, along
from shapr.errors import Refused

ALIKE = 0.25  # of its area: how far a triangulation may be from what it presents; a ball in a box has half of it
NEAR = 0.01  # of the diagonal: how far a triangulation may be from the box of what it presents
FACE, SHELL, SOLID = TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_SHELL, TopAbs_ShapeEnum.TopAbs_SOLID


@dataclass(frozen=True)
class Proxy:
    """A face of a part: which item it is for, millimetres in the file's unit, where it stands in the part (3x4, None
    where it was made), whether that turns it round, and its colour."""

    item: int
    unit: float
    place: tree.Matrix | None
    reversed: bool
    colour: Colour | None


@dataclass(frozen=True)
class Body:
    """A solid or a shell of a part, or its faces that belong to none."""

    name: str
    solid: bool
    proxies: list[Proxy]


@dataclass(frozen=True)
class Gathered:
    """Of every use of a part, its bodies in millimetres, with names and colours; the items that they show; and how many
    bodies were left out, as they lie where an exact one does."""

    parts: list[Part]
    shown: set[int]
    again: int


def gathered(model: TDocStd_Document, aside: Aside, reach: Reach) -> Gathered:
    left_out = aside.doubles if exact(model) else frozenset[int]()
    leaves = list(tree.leaves(model))
    bodies: dict[tuple[tuple[int, ...], Colour | None], list[Body]] = {}
    for leaf in leaves:
        if (leaf.key, leaf.colour) not in bodies:
            bodies[leaf.key, leaf.colour] = _bodies(leaf.part, leaf.colour, left_out)
    shown = {proxy.item for some in bodies.values() for body in some for proxy in body.proxies}
    lists = {item: aside.lists.facets(item) for item in along(sorted(shown), len(shown), lambda at: reach(0.7 * at))}
    uses = Counter((leaf.key, leaf.colour) for leaf in leaves)
    _check_size(sum(uses[key] * _triangles(some, lists) for key, some in bodies.items()))
    making = _Making(aside, lists)
    made = {key: [making.parts(body) for body in some] for key, some in bodies.items()}
    there = Boxes(leaves) if shown and exact(model) else None
    called, result, again = Names(), list[Part](), 0
    for leaf in along(leaves, len(leaves), lambda at: reach(0.7 + 0.3 * at)):
        for body in _used(made[leaf.key, leaf.colour], leaf):
            if there and there.hold(body):
                again += 1
                continue
            name = called.once(body[0].name)
            result += [replace(part, name=name) for part in body]
    return Gathered(result, shown, again)


def take_out(model: TDocStd_Document) -> None:
    """Leave what has surfaces, or is made of curves."""
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    for part in document.labels(tool.GetShapes):
        shape = XCAFDoc_ShapeTool.GetShape_s(part)
        if document.components(part) or not any(map(_is_bare, document.explore(shape, FACE))):
            continue
        kept = [*_pieces(shape), *document.free_edges(shape)]
        if not kept:
            _remove(model, part)
            continue
        alive = {hash(face) for piece in kept for face in document.explore(piece, FACE)}
        for label in document.sublabels(part):
            faces = document.explore(XCAFDoc_ShapeTool.GetShape_s(label), FACE)
            if not all(hash(face) in alive for face in faces):
                label.ForgetAllAttributes(True)
        tool.SetShape(part, document.compound(kept))
    tool.UpdateAssemblies()


def _pieces(shape: TopoDS_Shape) -> Iterator[TopoDS_Shape]:
    """The solids, shells and single faces that have surfaces."""
    for kind, above in ((SOLID, None), (SHELL, SOLID), (FACE, SHELL)):
        found = document.explore(shape, kind) if above is None else document.outside(shape, kind, above)
        for each in found:
            if not any(map(_is_bare, document.explore(each, FACE))):
                yield each


def _remove(model: TDocStd_Document, part: TDF_Label) -> None:
    """A part with all its uses, and the assemblies that hold nothing then."""
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    uses = document.labels(lambda found: XCAFDoc_ShapeTool.GetUsers_s(part, found))
    assemblies = {document.entry(use.Father()): use.Father() for use in uses}
    for use in uses:
        tool.RemoveComponent(use)
    tool.RemoveShape(part, True)
    for assembly in assemblies.values():
        if not document.components(assembly):
            _remove(model, assembly)


def exact(model: TDocStd_Document) -> bool:
    """Whether a face of it has a surface."""
    return not all(map(_is_bare, document.explore(document.shape(model), FACE)))


def _is_bare(face: TopoDS_Shape) -> bool:
    return BRep_Tool.Surface_s(TopoDS.Face(face)) is None


def _bodies(part: TDF_Label, base: Colour | None, left_out: frozenset[int]) -> list[Body]:
    shape = XCAFDoc_ShapeTool.GetShape_s(part)
    own, names = colours.faces(part), body_names.of_faces(part)
    wholes = [*document.explore(shape, SOLID), *document.outside(shape, SHELL, SOLID)]
    groups = [list(document.explore(each, FACE)) for each in wholes]
    groups.append(list(document.outside(shape, FACE, SHELL)))
    found = []
    for at, faces in enumerate(groups):
        bare = [TopoDS.Face(face) for face in faces if _is_bare(face)]
        proxies = [each for face in bare if (each := _proxy(face, own.get(hash(face), base))) is not None]
        proxies = [each for each in proxies if each.item not in left_out]
        if proxies:
            solid = at < len(wholes) and wholes[at].ShapeType() == SOLID
            found.append(Body(names.get(hash(bare[0]), ""), solid, proxies))
    return found


class Boxes:
    """Those of the exact bodies, where they are used; and their areas, by which a ball is told from its box."""

    def __init__(self, leaves: list[tree.Leaf]) -> None:
        shapes = ((XCAFDoc_ShapeTool.GetShape_s(leaf.part), leaf.location) for leaf in leaves)
        self.bodies = [piece.Moved(location) for shape, location in shapes for piece in _pieces(shape)]
        self.rough = np.array([extent(body) for body in self.bodies]).reshape(-1, 6)  # too large, and quick
        self.exact: dict[int, Extent] = {}
        self.areas: dict[int, float] = {}

    def hold(self, body: list[Part]) -> bool:
        """Whether it fills one of them, and is as large as what is in it."""
        points = np.concatenate([part.vertices for part in body])
        own = np.concatenate([points.max(axis=0), -points.min(axis=0)])
        near = NEAR * float(np.linalg.norm(own[:3] + own[3:]))
        for at in np.flatnonzero((own <= self.rough + near).all(axis=1)).tolist():
            if at not in self.exact:
                self.exact[at] = extent(self.bodies[at], exact=True)
            if (np.abs(own - self.exact[at]) <= near).all() and self._alike(body, at):
                return True
        return False

    def _alike(self, body: list[Part], at: int) -> bool:
        if at not in self.areas:
            self.areas[at] = sum(area_of(face, None) for face in document.explore(self.bodies[at], FACE))
        return abs(sum(map(_area, body)) - self.areas[at]) <= ALIKE * self.areas[at]


def _proxy(face: TopoDS_Face, colour: Colour | None) -> Proxy | None:
    where = TopLoc_Location()
    triangulation = BRep_Tool.Triangulation_s(face, where)
    if triangulation is None:
        return None
    first = triangulation.Node(1)
    place = None if where.IsIdentity() else tree.matrix(where)
    turned = face.Orientation() == TopAbs_Orientation.TopAbs_REVERSED
    return Proxy(round(first.X() / first.Y()), first.Y(), place, turned, colour)


def _triangles(bodies: list[Body], lists: dict[int, Facets]) -> int:
    return sum(len(lists[proxy.item].triangles) for body in bodies for proxy in body.proxies)


def _check_size(triangles: int) -> None:
    if triangles > MAX_TRIANGLES:
        raise Refused("decompression_bomb", f"it expands to {triangles} triangles; {MAX_TRIANGLES} are allowed")


class _Making:
    """Bodies as parts of a mesh. Strips and fans without normals are turned like most of those that have some; where no
    strip has, so that solids have a volume."""

    def __init__(self, aside: Aside, lists: dict[int, Facets]) -> None:
        self.aside, self.lists = aside, lists
        sides = sum(each.side * len(each.triangles) for each in lists.values() if each.strips)
        self.side = int(np.sign(sides))

    def parts(self, body: Body) -> list[Part]:
        """One of each colour."""
        pieces: dict[Colour | None, list[tuple[Vertices, Triangles]]] = defaultdict(list)
        for proxies in _alike(body.proxies, self.lists, self.aside).values():
            first, facets = proxies[0], [self.lists[proxy.item] for proxy in proxies]
            turned = [self._turned(each, proxy) for each, proxy in zip(facets, proxies, strict=True)]
            vertices, corners = used(self.aside.lists.points(facets[0].coordinates), np.concatenate(turned))
            pieces[first.colour].append((self._placed(vertices, first), corners))
        made = [_part(body.name, colour, some) for colour, some in pieces.items()]
        open_sides = not self.side and all(
            self.lists[proxy.item].strips and not self.lists[proxy.item].side for proxy in body.proxies
        )
        if body.solid and open_sides and _volume(made) < 0:
            made = [replace(each, corners=_round(each.corners)) for each in made]
        return made

    def _turned(self, facets: Facets, proxy: Proxy) -> Rows:
        side = facets.side or self.side or 1
        return _round(facets.triangles) if (side < 0) != proxy.reversed else facets.triangles

    def _placed(self, vertices: Vertices, proxy: Proxy) -> Vertices:
        place = self.aside.places.get(proxy.item)
        if place is not None and not np.array_equal(place, np.eye(4)):
            vertices = vertices @ place[:3, :3].T + place[:3, 3]
        vertices = vertices * proxy.unit
        return _moved(vertices, proxy.place)


def _alike(proxies: list[Proxy], lists: dict[int, Facets], aside: Aside) -> dict[tuple[object, ...], list[Proxy]]:
    """Those that share points, places and colours, so that the points are shared after all."""
    found: dict[tuple[object, ...], list[Proxy]] = defaultdict(list)
    for proxy in proxies:
        places = (each if each is None else each.tobytes() for each in (aside.places.get(proxy.item), proxy.place))
        found[lists[proxy.item].coordinates, proxy.colour, proxy.unit, *places].append(proxy)
    return found


def _part(name: str, colour: Colour | None, pieces: list[tuple[Vertices, Triangles]]) -> Part:
    whole = Part.joined([Part(name, vertices, corners) for vertices, corners in pieces])
    return Part(name, whole.vertices, whole.corners, "", colours.text(colour) if colour else "", colour)


def _used(made: list[list[Part]], leaf: tree.Leaf) -> Iterator[list[Part]]:
    """The bodies of a leaf, where it stands."""
    where = None if leaf.location.IsIdentity() else leaf.matrix
    for body in made:
        name = body[0].name or leaf.name
        yield [replace(part, name=name, vertices=_moved(part.vertices, where)) for part in body]


def _moved(vertices: Vertices, matrix: tree.Matrix | None) -> Vertices:
    return vertices if matrix is None else vertices @ matrix[:, :3].T + matrix[:, 3]


def _round(triangles: Any) -> Any:
    """The other way round."""
    return np.ascontiguousarray(triangles[:, [0, 2, 1]])


def _area(part: Part) -> float:
    a, b, c = np.moveaxis(part.vertices[part.corners], 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2


def _volume(parts: list[Part]) -> float:
    total = 0.0
    centre = parts[0].vertices.mean(axis=0)
    for part in parts:
        a, b, c = np.moveaxis(part.vertices[part.corners] - centre, 1, 0)
        total += float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())
    return total
