"""3MF written by lib3mf: an object per part, with its name and its colours, in the units asked for. A part of several
bodies is an object of components, one for each.

The library gives everything a random UUID unless told one, and no date: counted UUIDs make the bytes repeat.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lib3mf
import numpy as np
import numpy.typing as npt

from shapr.conversion import UNIT_MM
from shapr.converters.mesh.gltf import objects, pieces, plain
from shapr.converters.mesh.measure import closed
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.mesh.threemf_arrays import PROPERTIES, kept_locale, set_geometry, set_properties, told, wrapper
from shapr.converters.mesh.topology import welded
from shapr.converters.progress import Reach, silent, within
from shapr.errors import Refused

UNITS = {"mm": "MilliMeter", "cm": "CentiMeter", "m": "Meter", "in": "Inch", "ft": "Foot"}
LARGEST = 1e9  # the library writes no coordinate beyond it
MAX_OBJECTS = 5000  # the library adds each in a time that grows with their number: 60,000 would take half an hour
DIGITS = 8  # of the largest coordinate that are written: what a float32 holds
GATHERED = 0.15  # of the time of a million triangles, before the library writes
WHITE = (1.0, 1.0, 1.0, 1.0)

Named = tuple[str, list[Part]]


def write(mesh: Mesh, path: Path, options: dict[str, Any], reach: Reach) -> None:
    """`units` of the options. Points that are equal become one: the format wants closed surfaces closed."""
    units = options["units"]
    mesh = mesh.scaled(1 / UNIT_MM[units])
    parts = [part for part in mesh.parts if len(part.corners)]
    if not parts:
        raise Refused("no_geometry", "there is no triangle to write")
    largest = max(float(np.abs(part.vertices).max()) for part in parts)
    if not largest < LARGEST:
        raise Refused("invalid_geometry", f"a coordinate is too large for 3MF: {LARGEST:g} {units} is its end here")
    writer = _Writer(units)
    whole = _few(objects(parts))
    done, total, gathering = 0, sum(map(len, whole)), within(reach, 0.0, GATHERED)
    for inside in whole:
        made = []
        for name, each in inside:
            made.append(writer.mesh(name, each, within(gathering, done / total, (done + 1) / total)))
            done += 1
        writer.build(inside[0][1][0].name, [each for each in made if each is not None])
    expected = 17 * sum(len(part.corners) for part in parts)  # bytes, of millions
    with kept_locale():
        saving = within(reach, GATHERED, 0.99)
        writer.save(path, largest, lambda: saving(min(path.stat().st_size / expected, 1.0)))
    reach(1.0)


def _few(whole: list[list[Part]]) -> list[list[Named]]:
    """As many objects as the library takes in seconds, each as its bodies: beyond it those are not told apart, then
    neighbours share one object, under the first one's name."""
    inside = [_bodies(parts) for parts in whole]
    if sum(len(each) + (len(each) > 1) for each in inside) <= MAX_OBJECTS:
        return inside
    each = -(-len(whole) // MAX_OBJECTS)
    shared = (list(itertools.chain(*whole[at : at + each])) for at in range(0, len(whole), each))
    return [[(parts[0].name, parts)] for parts in shared]


def _bodies(parts: list[Part]) -> list[Named]:
    """The bodies of an object by name, or its groups where they close: the format wants objects closed."""
    inside = pieces(parts)
    whole = [(parts[0].name, parts)]
    if len(inside) < 2 and not inside[0][0]:
        return whole
    if not all(part.body for part in parts) and closed([Part.joined(some) for _, some in inside], silent) is None:
        return whole
    return inside


class _Writer:
    def __init__(self, units: str) -> None:
        self.model = wrapper().CreateModel()
        self.model.SetUnit(getattr(lib3mf.ModelUnit, UNITS[units]))
        self.uuids = _counted()
        self.model.SetBuildUUID(next(self.uuids))
        self.materials: Any = None
        self.known: dict[tuple[str, tuple[int, ...]], int] = {}

    def mesh(self, name: str, parts: Sequence[Part], reach: Reach) -> Any | None:
        """One object of several materials; None if no triangle of it has an area."""
        whole = Part.joined(parts)
        points = whole.vertices.astype(np.float32).astype(np.float64)
        vertices, corners = welded(points, whole.corners, reach=within(reach, 0.0, 0.7))
        a, b, c = corners.T
        solid = (a != b) & (b != c) & (c != a)  # the format has no triangle with two equal corners
        if not solid.any():
            return None
        each = self.model.AddMeshObject()
        each.SetName(plain(name))
        each.SetUUID(next(self.uuids))
        set_geometry(each, vertices, corners[solid])
        reach(0.9)
        self._colour(each, parts, solid)
        reach(1.0)
        return each

    def build(self, name: str, inside: list[Any]) -> None:
        """Objects as one: by a build item, or as its components. One body of several has its own name too."""
        if not inside:
            return
        here = wrapper().GetIdentityTransform()
        whole = inside[0]
        if len(inside) > 1 or whole.GetName() != plain(name):
            whole = self.model.AddComponentsObject()
            whole.SetName(plain(name))
            whole.SetUUID(next(self.uuids))
            for each in inside:
                whole.AddComponent(each, here).SetUUID(next(self.uuids))
        self.model.AddBuildItem(whole, here).SetUUID(next(self.uuids))

    def save(self, path: Path, largest: float, hear: Callable[[], None]) -> None:
        if not self.model.GetMeshObjects().Count():
            raise Refused("no_geometry", "there is no triangle with an area to write")
        writer = self.model.QueryWriter("3mf")
        writer.SetDecimalPrecision(min(max(DIGITS - math.ceil(math.log10(largest or 1.0)), 3), 16))
        told(writer, lambda _: hear())
        writer.WriteToFile(str(path))

    def _colour(self, each: Any, parts: Sequence[Part], solid: npt.NDArray[np.bool_]) -> None:
        given = [_of_corners(part) for part in parts]
        if any(colours is not None for colours in given):
            white = np.array([255, 255, 255, 255], np.uint8)
            filled = [
                np.broadcast_to(white if part.colour is None else _bytes(part.colour), (len(part.corners), 3, 4))
                if colours is None
                else colours
                for part, colours in zip(parts, given, strict=True)
            ]
            set_properties(each, self._colour_group(np.concatenate(filled)[solid]))
            return
        materials = [self._material(part) for part in parts]
        if None in materials and any(materials):  # a triangle of no material would take that of the object
            bare = self._material(replace(parts[0], material="", colour=WHITE))
            materials = [bare if at is None else at for at in materials]
        if (first := next((at for at in materials if at is not None), None)) is None:
            return
        each.SetObjectLevelProperty(self.materials.GetResourceID(), first)
        if len(set(materials)) > 1:
            properties = np.zeros(len(solid), PROPERTIES)
            lengths = [len(part.corners) for part in parts]
            used = np.repeat([0 if at is None else at for at in materials], lengths)
            properties["resource"] = np.where(used > 0, self.materials.GetResourceID(), 0)
            properties["corners"] = used[:, None]
            set_properties(each, properties[solid])

    def _material(self, part: Part) -> int | None:
        """The number of the part's base material; None if it has none."""
        if part.colour is None and not part.material:
            return None
        if self.materials is None:
            self.materials = self.model.AddBaseMaterialGroup()
        colour = tuple(_bytes(part.colour or WHITE).tolist())
        key = (plain(part.material) or "#" + "".join(f"{channel:02X}" for channel in colour), colour)
        if key not in self.known:
            self.known[key] = self.materials.AddMaterial(key[0], wrapper().RGBAToColor(*colour))
        return self.known[key]

    def _colour_group(self, colours: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """A group of the different ones of (m, 3, 4) colours, and the properties that refer to it."""
        group = self.model.AddColorGroup()
        keys = np.ascontiguousarray(colours).view("<u4").reshape(-1)
        distinct, inverse = np.unique(keys, return_inverse=True)
        ids = [group.AddColor(wrapper().RGBAToColor(*key.tobytes())) for key in distinct.astype("<u4")]
        properties = np.zeros(len(colours), PROPERTIES)
        properties["resource"] = group.GetResourceID()
        properties["corners"] = np.array(ids, np.uint32)[inverse.reshape(-1, 3)]
        return properties


def _of_corners(part: Part) -> npt.NDArray[np.uint8] | None:
    """(m, 3, 4); None where one colour does for all."""
    if part.face_colours is not None:
        return np.repeat(part.face_colours[:, None], 3, axis=1)
    return None if part.vertex_colours is None else part.vertex_colours[part.corners]


def _bytes(colour: tuple[float, ...]) -> npt.NDArray[np.uint8]:
    return np.round(np.clip(colour, 0, 1) * 255).astype(np.uint8)


def _counted() -> Iterator[str]:
    return (f"00000000-0000-4000-8000-{number:012x}" for number in itertools.count(1))
