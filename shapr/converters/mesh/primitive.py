"""The data of one glTF primitive, plain or in Draco: its triangles, and the attributes of the vertices they use."""

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh.accessors import COMPONENTS, Array, Buffers, decoded, field, normalized, number, shown
from shapr.converters.mesh.glb import Json, corrupt
from shapr.converters.mesh.model import Triangles

DRACO = "KHR_draco_mesh_compression"
COLOUR = "COLOR_0"  # integers of it are fractions (glTF 2.0, 3.7.2.1), also where a file forgets to say so


class Plain:
    """A primitive's data as accessors."""

    def __init__(self, primitive: Json, buffers: Buffers) -> None:
        self.primitive = primitive
        self.attributes = field(primitive, "attributes", dict, {})
        self.buffers = buffers
        self.count = number(buffers.accessor(number(self.attributes, "POSITION")), "count")

    def indices(self) -> Array:
        if "indices" not in self.primitive:
            return np.arange(self.count)
        return scalars(self.buffers.array(number(self.primitive, "indices")))

    def values(self, name: str, rows: Array | None) -> npt.NDArray[np.float64]:
        return _plain(self, name, rows)


class Draco:
    """A primitive's data in one Draco mesh, and beside it."""

    def __init__(self, packed: Json, primitive: Json, buffers: Buffers) -> None:
        import DracoPy

        self.attributes = field(primitive, "attributes", dict, {})
        self.unique = field(packed, "attributes", dict, {})
        self.buffers = buffers
        corners = number(buffers.accessor(number(primitive, "indices")), "count")
        points = number(buffers.accessor(number(self.attributes, "POSITION")), "count")
        buffers.spend(corners + 6 * points)
        data = buffers.view(number(packed, "bufferView"))[0].tobytes()
        self.mesh = decoded(lambda: DracoPy.decode(data), "Draco data cannot be unpacked")
        self.faces = np.asarray(getattr(self.mesh, "faces", ())).ravel()
        self.count = len(self.mesh.points)
        strip = number(primitive, "mode", 4) == 5  # what was a strip is packed as triangles too
        if self.faces.size > (3 * (corners - 2) if strip else corners) or self.count > points:
            raise corrupt("Draco data holds more than announced")

    def indices(self) -> Array:
        return self.faces

    def values(self, name: str, rows: Array | None) -> npt.NDArray[np.float64]:
        if name not in self.unique and name != "POSITION":
            return _plain(self, name, rows)
        wanted = number(self.unique, name, -1) if name in self.unique else -1
        found = next((each["data"] for each in self.mesh.attributes if each["unique_id"] == wanted), None)
        if found is None or len(found) != self.count:
            raise corrupt(f"its Draco data lacks {shown(name)}")
        accessor = self.buffers.accessor(number(self.attributes, name))
        kind = COMPONENTS.get(number(accessor, "componentType"))
        if kind is None:
            raise corrupt("an accessor is of a type that does not exist")
        values = found if rows is None else found[rows]
        return normalized(values.astype(kind), field(accessor, "normalized", bool, False) or name == COLOUR)


def _plain(held: Plain | Draco, name: str, rows: Array | None) -> npt.NDArray[np.float64]:
    at = number(held.attributes, name)
    if number(held.buffers.accessor(at), "count") != held.count:
        raise corrupt("attributes of one primitive differ in length")
    held.buffers.spend(3 * (held.count if rows is None else len(rows)))
    return held.buffers.real(at, rows, name == COLOUR)


def triangles(indices: Array, mode: int) -> npt.NDArray[np.int64]:
    """(m, 3) of a list, a strip or a fan; what is left over at its end is ignored, as the specification says."""
    flat = indices.ravel().astype(np.int64)
    if mode == 4:
        return flat[: len(flat) // 3 * 3].reshape(-1, 3)
    if len(flat) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == 6:
        rows = np.stack([flat[1:-1], flat[2:], np.full(len(flat) - 2, flat[0])], axis=1)
    else:
        rows = np.stack([flat[:-2], flat[1:-1], flat[2:]], axis=1)
        rows[1::2] = rows[1::2][:, [0, 2, 1]]
    a, b, c = rows.T
    kept: npt.NDArray[np.int64] = rows[(a != b) & (b != c) & (c != a)]  # strips turn by triangles without area
    return kept


def used(corners: npt.NDArray[np.int64], count: int) -> tuple[Array | None, Triangles]:
    """The rows that the triangles use, None when they are all, and the triangles over these."""
    if len(corners) and (corners.min() < 0 or corners.max() >= count):
        raise corrupt("a triangle refers to a vertex that is not there")
    if 12 * len(corners) < count:  # a small piece of a large array: do not look at all of it
        rows, local = np.unique(corners, return_inverse=True)
        return rows, local.reshape(-1, 3).astype(np.int32)
    mask = np.zeros(count, bool)
    mask[corners] = True
    if mask.all():
        return None, corners.astype(np.int32)
    return np.flatnonzero(mask), (np.cumsum(mask) - 1)[corners].astype(np.int32)


def scalars(values: Array) -> Array:
    if values.shape[1] != 1 or values.dtype.kind == "f":
        raise corrupt("indices are not whole numbers")
    return values
