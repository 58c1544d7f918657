"""A finished GLB made smaller: KHR_draco_mesh_compression or EXT_meshopt_compression.

Nodes, names and materials stay, and what meshes share is packed once. Positions move by at most 1/18000 of the largest
side of their mesh (Draco) or 1/75000 of it (meshopt), of bodies that of their part; equal points stay equal, so a
closed surface stays closed. Normals turn by up to a fifth of a degree.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh import glb
from shapr.converters.mesh.accessors import Array, Buffers
from shapr.converters.mesh.glb import Json
from shapr.converters.progress import Reach, along, silent

DRACO, MESHOPT = "KHR_draco_mesh_compression", "EXT_meshopt_compression"
EXTENSION = {"draco": DRACO, "meshopt": MESHOPT}
POSITION_BITS, NORMAL_BITS = 14, 10
FIRST_OTHER = 16  # unique id of the first Draco attribute that is neither position nor normal
SIDE = 1 << 16  # meshopt: steps of the grid along the largest side, at least
ARRAY, ELEMENTS = 34962, 34963
SHORT, UNSIGNED = 5123, 5125

WRITTEN = 0.4
FULL = 1 << 16  # rows: less than that of small meshes share a buffer view, whose description takes 250 bytes

Kind = Literal["draco", "meshopt"]
Key = tuple[Any, ...]


def share(options: dict[str, Any]) -> float:
    """Of the time, what is over when a file is written that is packed then."""
    return 1.0 if options.get("mesh_compression", "none") == "none" else WRITTEN


def packed(path: Path, options: dict[str, Any], reach: Reach = silent) -> dict[str, Any]:
    """Pack a GLB as `mesh_compression` says; gives the options as they took effect."""
    kind = options.get("mesh_compression", "none")
    return options if kind == "none" else options | {"mesh_compression": pack(path, kind, reach)}


def pack(path: Path, kind: Kind, reach: Reach = silent) -> str:
    """Rewrite a GLB of ours or of the kernel's in place. Gives what took effect: `none` where it would only grow."""
    content, binary = glb.read(path)
    smaller = path.with_name(path.name + ".packed")
    _Packer(content, binary, kind).write(smaller, reach)
    if smaller.stat().st_size >= path.stat().st_size:
        smaller.unlink()
        return "none"
    smaller.replace(path)
    return kind


@dataclass
class _Pool:
    """Rows of the same kind that will be one buffer view, and the accessors that they are of."""

    mode: str
    stride: int
    filter: str
    view: dict[str, int]
    rows: list[Array] = field(default_factory=list)
    accessors: list[Json] = field(default_factory=list)
    count: int = 0


class _Packer:
    def __init__(self, content: Json, binary: memoryview, kind: Kind) -> None:
        self.content = content
        self.kind = kind
        self.source = Buffers(content, binary, Path())
        self.binary = glb.Binary()
        self.accessors: list[Json] = []
        self.packed: dict[Key, Json] = {}
        self.pools: dict[Key, _Pool] = {}
        self.fallback = 0  # bytes that a buffer of unpacked data would have

    def write(self, path: Path, reach: Reach) -> None:
        meshes = self.content["meshes"]
        for mesh, (low, high) in along(zip(meshes, self._boxes(), strict=True), len(meshes), reach):
            for primitive in mesh["primitives"]:
                self._replace(primitive, low, high)
        for pool in self.pools.values():
            self._meshopt_view(pool)
        content = {**self.content, "accessors": self.accessors, "bufferViews": self.binary.views}
        content["buffers"] = [{"byteLength": self.binary.size}]
        if self.fallback:
            fallback = {"byteLength": self.fallback, "extensions": {MESHOPT: {"fallback": True}}}
            content["buffers"].append(fallback)
        if any(DRACO in str(each.get("extensions", "")) for each in self.packed.values()) or self.fallback:
            for key in ("extensionsUsed", "extensionsRequired"):
                content[key] = sorted({*content.get(key, []), EXTENSION[self.kind]})
        glb.write(path, content, self.binary.chunks)

    def _boxes(self) -> list[tuple[Array, Array]]:
        """Of each mesh; of the bodies of a part the part's: where they touch, their points stay equal."""
        boxes = [self._box(mesh) for mesh in self.content["meshes"]]
        nodes = self.content["nodes"]
        for node in (node for node in nodes if glb.BODIES in node.get("extras", {})):
            inside = [nodes[at]["mesh"] for at in node["children"]]
            low, high = zip(*(boxes[at] for at in inside), strict=True)
            whole = np.min(low, axis=0), np.max(high, axis=0)
            for at in inside:
                boxes[at] = whole
        return boxes

    def _box(self, mesh: Json) -> tuple[Array, Array]:
        points = [self.source.array(each["attributes"]["POSITION"]) for each in mesh["primitives"]]
        return np.min([each.min(axis=0) for each in points], axis=0), np.max(
            [each.max(axis=0) for each in points], axis=0
        )

    def _replace(self, primitive: Json, low: Array, high: Array) -> None:
        """Instances that share their accessors share what is packed."""
        attributes: dict[str, int] = primitive["attributes"]
        grid = (*low.tolist(), *high.tolist())
        key = (*sorted(attributes.items()), primitive.get("indices"), primitive.get("mode", 4), grid)
        if key not in self.packed:
            self.packed[key] = self._pack(primitive, low, high)
        primitive |= self.packed[key]

    def _pack(self, primitive: Json, low: Array, high: Array) -> Json:
        arrays = {name: self.source.array(at) for name, at in primitive["attributes"].items()}
        indices = self.source.array(primitive["indices"]).ravel() if "indices" in primitive else None
        listed = indices is not None and len(indices) and len(indices) % 3 == 0 and primitive.get("mode", 4) == 4
        if listed and np.ptp([low, high], axis=0).max() > 0:
            side = float(np.ptp([low, high], axis=0).max())
            pack = self._draco if self.kind == "draco" else self._meshopt
            if found := pack(primitive["attributes"], arrays, np.asarray(indices), low, side):
                return found
        found = {"attributes": {name: self._plain(primitive["attributes"][name], arrays[name]) for name in arrays}}
        return found | ({} if indices is None else {"indices": self._plain(primitive["indices"], indices[:, None])})

    def _draco(
        self, attributes: dict[str, int], arrays: dict[str, Array], indices: Array, low: Array, side: float
    ) -> Json | None:
        """None where the packed data would be larger, or would not hold the mesh; then its positions move all the same,
        as those of its neighbours do."""
        import DracoPy

        others = {name: at for at, name in enumerate(sorted(arrays.keys() - {"POSITION", "NORMAL"}), FIRST_OTHER)}
        data = DracoPy.encode(
            np.ascontiguousarray(arrays["POSITION"]),
            indices.reshape(-1, 3).astype(np.uint32),
            quantization_bits=POSITION_BITS,
            quantization_range=side,  # one grid for the whole mesh: the seams of its primitives meet
            quantization_origin=low.tolist(),
            compression_level=7,
            normals=arrays["NORMAL"].astype(np.float64) if "NORMAL" in arrays else None,
            normal_quantization_bits=NORMAL_BITS,
            generic_attributes={at: np.ascontiguousarray(arrays[name]) for name, at in others.items()} or None,
        )
        decoded = DracoPy.decode(data)
        points, corners = np.asarray(decoded.points, "<f4"), np.asarray(decoded.faces).size
        if not corners or len(data) >= indices.nbytes + sum(each.nbytes for each in arrays.values()):
            step = side / ((1 << POSITION_BITS) - 1)
            arrays["POSITION"] = _as_decoded(arrays["POSITION"], points, step) if len(points) else arrays["POSITION"]
            return None
        # The encoder numbers its attributes as it likes: only the data says how.
        by_type = {each["attribute_type"]: each["unique_id"] for each in decoded.attributes}
        ids = {"POSITION": by_type[0], **({"NORMAL": by_type[1]} if "NORMAL" in arrays else {}), **others}
        made = {
            name: self._accessor(self._like(attributes[name]), len(points), points if name == "POSITION" else None)
            for name in arrays
        }
        component = SHORT if len(points) < 65535 else UNSIGNED
        corner = self._accessor({"componentType": component, "type": "SCALAR"}, corners)
        packed = {"bufferView": self.binary.view(data), "attributes": ids}
        return {"attributes": made, "indices": corner, "extensions": {DRACO: packed}}

    def _meshopt(
        self, attributes: dict[str, int], arrays: dict[str, Array], indices: Array, _low: Array, side: float
    ) -> Json | None:
        import meshopt

        if any(each.dtype.itemsize * each.shape[1] % 4 for each in arrays.values()):
            return None
        ordered, places, count = meshopt.reorder_mesh(indices.astype(np.uint32), True, True)
        kept = places < count
        made = {}
        for name, values in arrays.items():
            moved = np.zeros((count, values.shape[1]), values.dtype)
            moved[places[kept]] = values[: len(places)][kept]  # later ones are not used
            filter = "NONE"
            if name == "POSITION":
                moved, filtered, filter = _on_grid(moved, side)
            elif name == "NORMAL":
                filtered, filter = meshopt.encode_filter_exp(moved, NORMAL_BITS, "SharedComponent"), "EXPONENTIAL"
            else:
                filtered = moved
            stride = values.dtype.itemsize * values.shape[1]
            points = moved if name == "POSITION" else None
            made[name] = self._accessor({"bufferView": None, **self._like(attributes[name])}, count, points)
            view = {"target": ARRAY, "byteStride": stride}
            self._put(name, _Pool("ATTRIBUTES", stride, filter, view), filtered, made[name])
        size, component = (2, SHORT) if count < 65535 else (4, UNSIGNED)
        described = {"bufferView": None, "componentType": component, "type": "SCALAR"}
        corner = self._accessor(described, len(ordered))
        self._put("", _Pool("TRIANGLES", size, "NONE", {"target": ELEMENTS}), ordered, corner)
        return {"attributes": made, "indices": corner}

    def _put(self, name: str, like: _Pool, rows: Array, accessor: int) -> None:
        """Rows of an accessor into the pool of those like it."""
        key = name, like.mode, like.stride, like.filter, rows.dtype.str, rows.shape[1:]
        pool = self.pools.setdefault(key, like)
        described = self.accessors[accessor]
        if pool.count:
            described["byteOffset"] = pool.count * pool.stride
        pool.rows.append(rows)
        pool.accessors.append(described)
        pool.count += len(rows)
        if pool.count >= FULL:
            self._meshopt_view(self.pools.pop(key))

    def _meshopt_view(self, pool: _Pool) -> None:
        """A view on the buffer that a reader without the extension would need, and on what there is instead."""
        import meshopt

        at = self.binary.view(meshopt.encode_gltf_buffer(np.concatenate(pool.rows), pool.mode))
        packed = {**self.binary.views[at], "byteStride": pool.stride, "count": pool.count, "mode": pool.mode}
        if pool.filter != "NONE":
            packed["filter"] = pool.filter
        length = pool.count * pool.stride
        self.binary.views[at] = {
            "buffer": 1,
            "byteOffset": self.fallback,
            "byteLength": length,
            **pool.view,
            "extensions": {MESHOPT: packed},
        }
        self.fallback += length + -length % 4
        for accessor in pool.accessors:
            accessor["bufferView"] = at

    def _plain(self, at: int, values: Array) -> int:
        accessor = self.source.accessor(at)
        view: dict[str, Any] = {"target": ELEMENTS if accessor["type"] == "SCALAR" else ARRAY}
        made = {**self._like(at), "bufferView": self.binary.view(np.ascontiguousarray(values).tobytes(), **view)}
        return self._accessor(made, len(values), values if "min" in accessor else None)

    def _like(self, at: int) -> Json:
        """What an accessor keeps when its data is packed."""
        accessor = self.source.accessor(at)
        return {key: accessor[key] for key in ("componentType", "type", "normalized") if key in accessor}

    def _accessor(self, described: Json, count: int, points: Array | None = None) -> int:
        box = {} if points is None else {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        self.accessors.append({**described, "count": count, **box})
        return len(self.accessors) - 1


def _as_decoded(points: Array, decoded: Array, step: float) -> Array:
    """The points where Draco would put them, to the last bit, whose floats only it knows: for each number the nearest
    that it gave. What it gave no number for, as nothing uses it, stays."""
    moved = points.copy()
    for axis in range(3):
        given = np.unique(decoded[:, axis])
        places = np.searchsorted((given[1:] + given[:-1]) / 2, points[:, axis], "right")
        nearest = given[places]
        near = np.abs(nearest - points[:, axis]) <= step
        moved[near, axis] = nearest[near]
    return moved


def _on_grid(points: npt.NDArray[np.float32], side: float) -> tuple[Array, Array, str]:
    """The points on a grid whose step is a power of two, so that primitives of one mesh share it; encoded, and the
    filter that decodes it. Far from the origin floats have no digits to spare: they stay as they are."""
    import meshopt

    step = 2.0 ** math.floor(math.log2(side / SIDE))
    largest = float(np.abs(points).max())
    bits = math.ceil(math.log2(max(largest / step, 1.0))) + 2
    if bits > 24 or not math.isfinite(step) or step < 2.0**-100:
        return points, points, "NONE"
    rounded = (np.round(points.astype(np.float64) / step) * step).astype("<f4")
    encoded = meshopt.encode_filter_exp(rounded, bits, "SharedComponent")
    data = meshopt.encode_gltf_buffer(encoded, "ATTRIBUTES")
    decoded = meshopt.decode_gltf_buffer(data, len(points), points.shape[1] * 4, "ATTRIBUTES", "EXPONENTIAL")
    if not np.array_equal(np.ascontiguousarray(decoded).view("<f4"), rounded):
        return points, points, "NONE"
    return rounded, encoded, "EXPONENTIAL"
