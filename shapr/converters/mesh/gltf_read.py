"""glTF 2.0, `.glb` and `.gltf`: the triangles of its scene, as parts in millimetres, z up.

Skins and morph targets shape it as the file stands. They, lines and points are passed over and named in the losses, as
is all that `gltf_aside.py` finds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh import glb, gltf_aside
from shapr.converters.mesh.accessors import (
    Buffers,
    extension,
    field,
    floats,
    listed,
    number,
    shown,
)
from shapr.converters.mesh.glb import Json, corrupt
from shapr.converters.mesh.model import LONGEST_NAME, MAX_PARTS, MAX_TRIANGLES, Y_UP, Colour, Mesh, Part, Triangles
from shapr.converters.mesh.pose import Bones, Skin, bones, morphed, weights
from shapr.converters.mesh.primitive import COLOUR, DRACO, Draco, Plain, triangles, used
from shapr.converters.mesh.scene import Placed, placed
from shapr.converters.mesh.srgb import of_linear
from shapr.converters.progress import Reach, within
from shapr.errors import Refused

MILLIMETRES = 1000 * Y_UP.T
SPECULAR = "KHR_materials_pbrSpecularGlossiness"

BLOCK = 100_000  # colours
# Required extensions that we read, or that do not touch the shape.
KNOWN = {
    DRACO,
    "EXT_meshopt_compression",
    "KHR_meshopt_compression",
    "KHR_mesh_quantization",
    "EXT_mesh_gpu_instancing",
    "KHR_lights_punctual",
    "KHR_xmp_json_ld",
    gltf_aside.VISIBILITY,
}
HARMLESS = ("KHR_materials_", "KHR_texture_", "EXT_texture_", "MSFT_texture_", "KHR_animation_", "EXT_lights_")
NAMES = {0: "points", 1: "lines", 2: "lines", 3: "lines", 4: "triangles", 5: "triangles", 6: "triangles"}


def read_glb(path: Path, name: str, reach: Reach) -> Mesh:
    return Reader(*glb.read(path), path.parent).mesh(name, reach)


def read_gltf(path: Path, name: str, reach: Reach) -> Mesh:
    return Reader(glb.parsed(path.read_bytes()), b"", path.parent).mesh(name, reach)


@dataclass(frozen=True)
class Piece:
    """A primitive's triangles in its own coordinates; `vertices` holds only those that are used."""

    vertices: npt.NDArray[np.float64]
    corners: Triangles
    colour: Colour | None
    vertex_colours: npt.NDArray[np.uint8] | None
    material: str
    bones: Bones | None


class Reader:
    def __init__(self, content: Json, binary: bytes | memoryview, folder: Path) -> None:
        self.content = content
        check(content)
        self.buffers = Buffers(content, binary, folder)
        self.meshes = listed(content, "meshes")
        self.materials = listed(content, "materials")
        self.losses: dict[str, None] = {}  # in the order in which they are met
        self.others: set[str] = set()  # attributes of vertices that are passed over
        self.pieces: dict[tuple[int, tuple[float, ...] | None], list[Piece]] = {}  # by mesh, and weights of its node
        self.skins: dict[int, Skin | None] = {}
        self.worlds: dict[int, npt.NDArray[np.float64]] = {}  # of the joints of skins

    def mesh(self, name: str, reach: Reach) -> Mesh:
        """Every mesh of the scene, where its nodes put it."""
        places = list(placed(self.content, self.buffers, self.worlds))
        self._count(places)
        parts: list[Part] = []
        for done, place in enumerate(places, 1):
            parts += self._parts(place, name, within(reach, (done - 1) / len(places), done / len(places)))
            reach(done / len(places))
        if not parts:
            raise Refused("no_geometry", "the glTF file holds no triangles")
        self._lose(*gltf_aside.of_file(self.content, {place.mesh for place in places}, self.others))
        tree = len(places) > 1 and any(place.depth for place in places)
        return Mesh(tuple(parts), units="m", up_axis="y", losses=tuple(self.losses), tree=tree)

    def _count(self, places: list[Placed]) -> None:
        """How many triangles it is when every instance is drawn, before any is."""
        of_mesh: dict[int, int] = {}
        total = parts = 0
        for place in places:
            primitives = self._primitives(place.mesh)
            if place.mesh not in of_mesh:
                of_mesh[place.mesh] = sum(map(self._triangles, primitives))
            total += of_mesh[place.mesh]
            parts += len(primitives)
            if parts > MAX_PARTS:
                raise Refused("limit_exceeded", f"it has more than {MAX_PARTS} primitives, with every instance counted")
        if sum(of_mesh.values()) > MAX_TRIANGLES:
            raise Refused("limit_exceeded", f"it has more than {MAX_TRIANGLES} triangles")
        if total > MAX_TRIANGLES:
            raise Refused("decompression_bomb", f"it expands to {total} triangles; {MAX_TRIANGLES} are allowed")

    def _primitives(self, mesh: int) -> list[Json]:
        if not 0 <= mesh < len(self.meshes):
            raise corrupt("a node refers to a mesh that is not there")
        return listed(self.meshes[mesh], "primitives")

    def _triangles(self, primitive: Json) -> int:
        mode, attributes = number(primitive, "mode", 4), field(primitive, "attributes", dict, {})
        if mode not in NAMES:
            raise corrupt(f"there is no mode {mode}")
        if mode < 4 or "POSITION" not in attributes:
            return 0
        counted = number(primitive, "indices") if "indices" in primitive else number(attributes, "POSITION")
        count = number(self.buffers.accessor(counted), "count")
        return count // 3 if mode == 4 else max(count - 2, 0)

    def _parts(self, place: Placed, name: str, reach: Reach) -> Iterator[Part]:
        key = place.mesh, weights(place.node) if "weights" in place.node else None
        if key not in self.pieces:
            self.pieces[key] = [*self._read(*key, within(reach, 0.0, 0.6))]
        named = place.name or shown(field(self.meshes[place.mesh], "name", str, ""), LONGEST_NAME) or name
        with np.errstate(all="ignore"):
            for piece in self.pieces[key]:
                vertices, mirrored = self._placed(piece, place)
                if not np.isfinite(vertices).all():
                    raise Refused("invalid_geometry", "a coordinate is not a number")
                corners = piece.corners[:, [0, 2, 1]] if mirrored else piece.corners
                yield Part(
                    place.part or named,
                    vertices,
                    corners,
                    body=named if place.part else "",
                    material=piece.material,
                    colour=piece.colour,
                    vertex_colours=piece.vertex_colours,
                )

    def _placed(self, piece: Piece, place: Placed) -> tuple[npt.NDArray[np.float64], bool]:
        """In millimetres, z up: by the joints where it has a skin, else by the node; and whether it is mirrored."""
        skin = self._skin(place.node) if piece.bones else None
        if skin and piece.bones:
            vertices, mirrored = skin.placed(piece.vertices, piece.bones)
            return vertices @ MILLIMETRES.T, mirrored
        matrix = MILLIMETRES @ place.matrix[:, :3]
        return piece.vertices @ matrix.T + MILLIMETRES @ place.matrix[:, 3], bool(np.linalg.det(matrix) < 0)

    def _skin(self, node: Json) -> Skin | None:
        if "skin" not in node:
            return None
        at = number(node, "skin")
        if at not in self.skins:
            self.skins[at] = Skin.of(self.content, self.buffers, at, self.worlds)
        return self.skins[at]

    def _read(self, mesh: int, given: tuple[float, ...] | None, reach: Reach) -> Iterator[Piece]:
        primitives = self._primitives(mesh)
        shares = weights(self.meshes[mesh]) if given is None else given
        for at, primitive in enumerate(primitives):
            reach(at / len(primitives))
            mode, attributes = number(primitive, "mode", 4), field(primitive, "attributes", dict, {})
            if mode < 4:
                self._lose(f"{NAMES[mode]} are passed over")
                continue
            if "POSITION" not in attributes:
                continue
            if "targets" in primitive:
                self._lose("morph targets are passed over: the shape is the one at rest")
            draco = extension(primitive, DRACO)
            source = Draco(draco, primitive, self.buffers) if draco else Plain(primitive, self.buffers)
            rows, corners = used(triangles(source.indices(), 4 if draco else mode), source.count)
            if not len(corners):
                continue
            vertices = morphed(source.values("POSITION", rows), primitive, shares, rows, source)
            if vertices.shape[1] != 3:
                raise corrupt("positions have not three numbers")
            if not np.isfinite(vertices).all():
                raise Refused("invalid_geometry", "a coordinate is not a number")
            self._lose(*gltf_aside.of_vertices(attributes))
            self.others.update(gltf_aside.unshaping(attributes))
            factor, material, opaque = self._material(primitive)
            colours = None
            if COLOUR in attributes:
                light = source.values(COLOUR, rows)
                if light.shape[1] > 4:
                    raise corrupt("colours have more than four numbers")
                light = light[:, :3] if opaque else light
                colours = _bytes(light, factor, within(reach, (at + 0.2) / len(primitives), (at + 1) / len(primitives)))
            flat = cast(Colour, tuple((of_linear(np.array([factor])) / 255.0)[0].tolist())) if factor else None
            yield Piece(
                vertices,
                corners,
                None if colours is not None else flat,
                colours,
                material,
                bones(source, rows) if self.worlds else None,
            )

    def _material(self, primitive: Json) -> tuple[tuple[float, ...] | None, str, bool]:
        """The linear colour, None without a material, the material's name, and whether all alpha is to be ignored."""
        if "material" not in primitive:
            return None, "", True
        at = number(primitive, "material")
        if at >= len(self.materials):
            raise corrupt("it refers to a material that is not there")
        material = self.materials[at]
        surface = field(material, "pbrMetallicRoughness", dict, {})
        factor = floats(surface, "baseColorFactor", (1.0, 1.0, 1.0, 1.0))
        if (glossy := extension(material, SPECULAR)) is not None:
            factor = floats(glossy, "diffuseFactor", factor)
        self._lose(*gltf_aside.of_material(material, surface, glossy))
        if opaque := field(material, "alphaMode", str, "OPAQUE") == "OPAQUE":
            factor = (*factor[:3], 1.0)
        return factor, shown(field(material, "name", str, ""), LONGEST_NAME), opaque

    def _lose(self, *what: str) -> None:
        self.losses |= dict.fromkeys(what)


def check(content: Json) -> None:
    """glTF 2.x, and nothing required that we do not know."""
    asset = field(content, "asset", dict, {})
    if isinstance(asset.get("version"), int | float):  # drafts of 1.0 have a number
        asset = {**asset, "version": str(asset["version"])}
    version, needed = field(asset, "version", str, ""), field(asset, "minVersion", str, "2.0")
    if not version.startswith("2.") or needed != "2.0":
        said = version if needed == "2.0" else needed
        raise Refused("unsupported_format", f"glTF {shown(said, 10) or 'without a version'} is not read, only 2.0")
    for name in listed(content, "extensionsRequired", str):
        if name not in KNOWN and not name.startswith(HARMLESS):
            raise Refused("unsupported_geometry", f"it requires the extension {shown(name)}, which is not supported")


def _bytes(given: npt.NDArray[np.float64], factor: tuple[float, ...] | None, reach: Reach) -> npt.NDArray[np.uint8]:
    """Linear colours (n, 3) or (n, 4) with the material's as sRGB."""
    made = np.empty((len(given), 4), np.uint8)
    for at in range(0, len(given), BLOCK):
        some = given[at : at + BLOCK]
        opaque = np.ones((len(some), 4 - given.shape[1]))
        made[at : at + BLOCK] = of_linear(np.concatenate([some, opaque], axis=1) * (factor or (1.0, 1.0, 1.0, 1.0)))
        reach(min(at + BLOCK, len(given)) / len(given))
    return made
