"""3MF read by lib3mf: the objects of its build, with their places, names and colours, in millimetres.

The archive and its XML are checked first. Textures, composites, lattices, slices and implicit shapes are passed over
and named in the losses.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lib3mf
import numpy as np
import numpy.typing as npt

from shapr.converters import archive
from shapr.converters.mesh import threemf_aside, threemf_kinds, threemf_text, threemf_tree
from shapr.converters.mesh.accessors import shown
from shapr.converters.mesh.colour import layered
from shapr.converters.mesh.model import LONGEST_NAME, MAX_TRIANGLES, Colour, Colours, Mesh, Part
from shapr.converters.mesh.threemf_arrays import geometry, kept_locale, properties, told, wrapper
from shapr.converters.mesh.threemf_parts import Matrix, after, bodies, components, each_of, matrix, objects
from shapr.converters.progress import Reach, within
from shapr.errors import Refused

# The units of the specification: their names here, and millimetres.
UNITS = {0: ("um", 0.001), 1: ("mm", 1.0), 2: ("cm", 10.0), 3: ("in", 25.4), 4: ("ft", 304.8), 5: ("m", 1000.0)}
LATTICES, IMPLICIT = "beam lattices are passed over", "implicit shapes are passed over"
# Warnings of the library: two models, no known units, a composite without its ratios, layers without what they are of.
# The others, of metadata among them, concern nothing that we read.
OPEN = frozenset({32785, 32798, 32983, 32990})
REQUIRED = 32914  # a warning: the file requires an extension that the library does not know
REQUIRES = "the 3MF file requires an extension that is not supported"
PLAIN = (lib3mf.PropertyType.BaseMaterial, lib3mf.PropertyType.Colors)
MULTIPLY = 1  # of layers, as the library numbers it; its binding calls this `Mix`
WHITE = (255, 255, 255, 255)
LOOKED, BUILT = 0.65, 0.95  # of the time of a million triangles: as the text is looked through, as the library is done


def read(path: Path, name: str, reach: Reach) -> Mesh:
    entries = archive.verified(path, within(reach, 0.0, 0.06))
    path = threemf_text.readable(path)
    unprinted, unread, said = threemf_tree.check(path, within(reach, 0.06, LOOKED))
    model = wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(False)
    highest = 0.0

    def hear(done: float) -> None:  # it begins again with every part of the package
        nonlocal highest
        highest = max(highest, min(done, 1.0))
        reach(LOOKED + (BUILT - LOOKED) * highest)

    told(reader, hear)
    try:
        with kept_locale():
            reader.ReadFromFile(str(path))
        if REQUIRED in _warned(reader):
            raise Refused("unsupported_geometry", REQUIRES)
        if _warned(reader) & OPEN:
            raise Refused("corrupt_file", "the 3MF file leaves open which model, units or materials it means")
        reach(BUILT)
        mesh = Reader(model).mesh(name, reach)
        aside = threemf_aside.losses(entries, unread, model, threemf_aside.TEXTURES in mesh.losses)
        return replace(mesh, losses=(*mesh.losses, *said, *threemf_kinds.unprinted(unprinted), *aside))
    except lib3mf.ELib3MFException:
        if REQUIRED in _warned(reader):  # what it cannot make out may be of the extension
            raise Refused("unsupported_geometry", REQUIRES) from None
        raise Refused("corrupt_file", "the 3MF file breaks the rules of its format") from None
    except RecursionError:
        raise Refused("limit_exceeded", "the components are nested too deeply") from None
    except UnicodeDecodeError:  # the library passes on what it has read
        raise Refused("corrupt_file", "a name in the 3MF file is no UTF-8") from None


def _warned(reader: Any) -> set[int]:
    return {reader.GetWarning(at)[0] for at in range(reader.GetWarningCount())}


@dataclass(frozen=True)
class Placed:
    mesh: Any
    name: str
    matrix: Matrix
    body: str = ""


class Reader:
    def __init__(self, model: Any) -> None:
        self.model = model
        self.shapes: dict[int, Part | None] = {}
        self.groups: dict[int, dict[int, tuple[tuple[int, ...], str]]] = {}
        self.losses: dict[str, None] = {}

    def mesh(self, name: str, reach: Reach) -> Mesh:
        items = list(each_of(self.model.GetBuildItems()))
        self._count(items)
        units, millimetres = UNITS[int(self.model.GetUnit())]
        found: list[tuple[threemf_kinds.Kind, Part]] = []
        for done, item in enumerate(items, 1):
            place = matrix(item.GetObjectTransform()) if item.HasObjectTransform() else np.eye(4, 3)
            for placed in self._placed(item.GetObjectResource(), place, item.GetPartNumber()):
                kind = threemf_kinds.Kind(int(placed.mesh.GetType()))
                found += ((kind, part) for part in self._part(placed, name, millimetres))
            reach(BUILT + (1 - BUILT) * done / len(items))
        self._whole()
        parts, other_kinds = threemf_kinds.chosen(found)
        if not parts:
            if other := [loss for loss in self.losses if loss in (LATTICES, IMPLICIT)]:
                raise Refused("unsupported_geometry", f"the 3MF file builds no triangles: {'; '.join(other)}")
            raise Refused("no_geometry", "the 3MF file builds no triangles")
        built = [item.GetObjectResource() for item in items]
        tree = len(parts) > 1 and any(each.IsComponentsObject() and not bodies(each) for each in built)
        return Mesh(parts, units=units, losses=(*self.losses, *other_kinds), tree=tree)

    def _count(self, items: list[Any]) -> None:
        """Instances and triangles when all are drawn, before any is; a component that contains itself is damage."""
        known: dict[int, tuple[int, int] | None] = {}

        def inside(each: Any) -> tuple[int, int]:
            id = each.GetUniqueResourceID()
            if id not in known:
                known[id] = None
                if each.IsMeshObject():
                    known[id] = (1, each.GetTriangleCount())
                else:
                    counts = [inside(part.GetObjectResource()) for part in components(each)]
                    known[id] = (1 + sum(one for one, _ in counts), sum(many for _, many in counts))
            found = known[id]
            if found is None:
                raise Refused("corrupt_file", "a component contains itself")
            return found

        counts = [inside(item.GetObjectResource()) for item in items]
        if unbuilt := sum(each.GetUniqueResourceID() not in known for each in objects(self.model)):
            self._lose(f"objects that are not built are not converted: {unbuilt}")
        instances, triangles = (sum(each[at] for each in counts) for at in (0, 1))
        if instances > threemf_tree.MAX_INSTANCES:
            raise Refused(
                "decompression_bomb", f"it expands to {instances} parts; {threemf_tree.MAX_INSTANCES} are allowed"
            )
        if triangles > MAX_TRIANGLES:
            once = sum(each.GetTriangleCount() for each in each_of(self.model.GetMeshObjects()))
            code = "limit_exceeded" if once > MAX_TRIANGLES else "decompression_bomb"
            raise Refused(code, f"it expands to {triangles} triangles; {MAX_TRIANGLES} are allowed")

    def _placed(self, each: Any, place: Matrix, given: str) -> Iterator[Placed]:
        """The mesh objects of an object."""
        named = shown(each.GetName() or given, LONGEST_NAME)
        if {each.GetPartNumber(), given} - {"", each.GetName() or given}:
            self._lose("part numbers are passed over")
        if each.HasSlices(False):
            self._lose("slices are passed over")
        if each.IsMeshObject():
            yield Placed(each, named, place)
        elif each.IsComponentsObject():
            if inside := bodies(each):
                yield from (Placed(body, named, place, name) for name, body in inside.items())
                return
            for part in components(each):
                own = matrix(part.GetTransform()) if part.HasTransform() else np.eye(4, 3)
                yield from self._placed(part.GetObjectResource(), after(own, place), named)
        else:
            self._lose(IMPLICIT)

    def _part(self, placed: Placed, name: str, millimetres: float) -> Iterator[Part]:
        id = placed.mesh.GetUniqueResourceID()
        if id not in self.shapes:
            self.shapes[id] = self._shape(placed.mesh)
        shape = self.shapes[id]
        if shape is None:
            return
        with np.errstate(all="ignore"):
            vertices = (shape.vertices @ placed.matrix[:3] + placed.matrix[3]) * millimetres
            if not np.isfinite(vertices).all():
                raise Refused("invalid_geometry", "a coordinate is not a number")
            mirrored = np.linalg.det(placed.matrix[:3]) < 0
        corners = shape.corners[:, [0, 2, 1]] if mirrored else shape.corners
        yield replace(shape, name=placed.name or name, body=placed.body, vertices=vertices, corners=corners)

    def _shape(self, mesh: Any) -> Part | None:
        """In its own units and place; None without triangles."""
        if mesh.BeamLattice().GetBeamCount():
            self._lose(LATTICES)
        vertices, corners = geometry(mesh)
        if not len(corners):
            return None
        if corners.max() >= len(vertices):
            raise Refused("corrupt_file", "a triangle refers to a vertex that is not there")
        part = Part("", vertices.astype(np.float64), corners.astype(np.int32))
        return self._coloured(part, mesh)

    def _coloured(self, part: Part, mesh: Any) -> Part:
        """With the colours of its triangles' properties: one for all, one per triangle, or one per corner."""
        given = properties(mesh)
        resource, property, has = mesh.GetObjectLevelProperty()
        if has:
            bare = given["resource"] == 0
            given["resource"][bare], given["corners"][bare] = resource, property
        if not given["resource"].any():
            return part
        keys = given["resource"].astype(np.uint64)[:, None] << np.uint64(32) | given["corners"]
        distinct, inverse = np.unique(keys, return_inverse=True)
        if len(distinct) == 1:
            colour, material = self._look(int(distinct[0]) >> 32, int(distinct[0]) & 0xFFFFFFFF)
            if colour is None:
                return part
            return replace(part, colour=_fractions(colour), material=material)
        looks = [self._look(int(key) >> 32, int(key) & 0xFFFFFFFF)[0] for key in distinct]
        if not any(looks):
            return part
        colours = np.array([look or WHITE for look in looks], np.uint8)[inverse.reshape(-1, 3)]  # (m, 3, 4)
        if (colours == colours[0, 0]).all():
            return replace(part, colour=_fractions(colours[0, 0]))
        if (colours == colours[:, :1]).all():
            return replace(part, face_colours=np.ascontiguousarray(colours[:, 0]))
        return _by_vertex(part, colours)

    def _look(self, resource: int, property: int) -> tuple[tuple[int, ...] | None, str]:
        """The sRGB colour of a property and its material's name; None where it has no plain colour."""
        if not resource:
            return None, ""
        if resource not in self.groups:
            try:
                self.groups[resource] = self._group(resource)
            except lib3mf.ELib3MFException:  # some that the library has read it does not give
                self._lose("a group of materials is passed over")
                self.groups[resource] = {}
        return self.groups[resource].get(property, (None, ""))

    def _group(self, id: int) -> dict[int, tuple[tuple[int, ...], str]]:
        kind = self.model.GetPropertyTypeByID(id)
        if kind == lib3mf.PropertyType.BaseMaterial:
            group = self.model.GetBaseMaterialGroupByID(id)
            return {
                each: (_rgba(group.GetDisplayColor(each)), shown(group.GetName(each), LONGEST_NAME))
                for each in group.GetAllPropertyIDs()
            }
        if kind == lib3mf.PropertyType.Colors:
            group = self.model.GetColorGroupByID(id)
            return {each: (_rgba(group.GetColor(each)), "") for each in group.GetAllPropertyIDs()}
        if kind == lib3mf.PropertyType.Multi:
            return self._layered(self.model.GetMultiPropertyGroupByID(id))
        self._lose(threemf_aside.TEXTURES if kind == lib3mf.PropertyType.TexCoord else "composites are passed over")
        return {}

    def _layered(self, group: Any) -> dict[int, tuple[tuple[int, ...], str]]:
        """What layers that are plain colours or materials look like together; the material is the lowest."""
        self._lose("layers of materials became one colour")
        layers = [group.GetLayer(at) for at in range(group.GetLayerCount())]
        kinds = [self.model.GetPropertyTypeByID(each.ResourceID) for each in layers]
        if not all(kind in PLAIN for kind in kinds):
            self._lose(threemf_aside.TEXTURES)
        found = {}
        for each in group.GetAllPropertyIDs():
            chosen = group.GetMultiProperty(each, [0] * len(layers))  # with no place for them it is refused
            looks = [
                (*self._look(layer.ResourceID, property), layer.TheBlendMethod == MULTIPLY)
                for layer, property, kind in zip(layers, chosen, kinds, strict=True)
                if kind in PLAIN
            ]
            material = kinds[:1] == [lib3mf.PropertyType.BaseMaterial]
            surface, name, _ = looks.pop(0) if material else (None, "", False)
            if colours := [(look, multiplied) for look, _, multiplied in looks if look]:
                found[each] = (layered(surface, colours), name)
            elif surface:
                found[each] = (surface, name)
        return found

    def _whole(self) -> None:
        if self.model.GetTexture2Ds().Count():
            self._lose(threemf_aside.TEXTURES)

    def _lose(self, what: str) -> None:
        self.losses[what] = None


def _by_vertex(part: Part, colours: npt.NDArray[np.uint8]) -> Part:
    """Colours per vertex, where all triangles agree about each; else every triangle gets corners of its own."""
    flat = part.corners.ravel()
    of_vertex: Colours = np.tile(np.array(WHITE, np.uint8), (len(part.vertices), 1))
    of_vertex[flat] = colours.reshape(-1, 4)
    if (of_vertex[flat] == colours.reshape(-1, 4)).all():
        return replace(part, vertex_colours=of_vertex)
    corners = np.arange(len(flat), dtype=np.int32).reshape(-1, 3)
    return replace(part, vertices=part.vertices[flat], corners=corners, vertex_colours=colours.reshape(-1, 4).copy())


def _fractions(colour: Iterable[int]) -> Colour:
    red, green, blue, alpha = (int(channel) / 255 for channel in colour)
    return red, green, blue, alpha


def _rgba(colour: Any) -> tuple[int, ...]:
    """Nobody means an object that is not there to be seen: some write alpha 0 for a solid colour."""
    return (colour.Red, colour.Green, colour.Blue, colour.Alpha or 255)
