"""What a glTF document's buffers hold: accessors as arrays, every count and offset checked before it is used.

Most arrays are views on the buffers, so that a file cannot make us hold much more than it holds itself.
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh.beside import Companions
from shapr.converters.mesh.glb import Json, corrupt
from shapr.errors import Refused

COMPONENTS: dict[int, str] = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
MAX_VALUES = 100_000_000  # numbers that are unpacked of one file, where they are not simply there
MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")

Array = npt.NDArray[Any]


def field(holder: Any, key: str, kind: type, default: Any) -> Any:
    """A field of a JSON object, of that type; its default when it is absent."""
    value = holder.get(key, default)
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        raise corrupt(f"'{key}' is not what it must be")
    return value


def number(holder: Any, key: str, default: int | None = None) -> int:
    """A whole number, not negative."""
    value: int = field(holder, key, int, default)
    if value < 0:
        raise corrupt(f"'{key}' is negative")
    return value


def listed(holder: Any, key: str, kind: type = dict) -> list[Any]:
    """An array of items of one type; empty when absent."""
    items: list[Any] = field(holder, key, list, [])
    if not all(isinstance(item, kind) and not isinstance(item, bool) for item in items):
        raise corrupt(f"'{key}' holds something else than it must")
    return items


def floats(holder: Any, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """As many numbers as the default has."""
    values = field(holder, key, list, list(default))
    if len(values) != len(default) or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise corrupt(f"'{key}' is not {len(default)} numbers")
    try:
        return tuple(map(float, values))
    except OverflowError:
        raise corrupt(f"'{key}' holds a number without measure") from None


def extension(holder: Any, *names: str) -> Json | None:
    """The object's extension of the first of these names that it has."""
    extensions = field(holder, "extensions", dict, {})
    return next((field(extensions, name, dict, {}) for name in names if name in extensions), None)


class Buffers:
    """The accessors of one document. Each is unpacked once; `Refused` when it lies."""

    def __init__(self, content: Json, binary: bytes | memoryview, folder: Path) -> None:
        self._buffers = listed(content, "buffers")
        self._views = listed(content, "bufferViews")
        self._accessors = listed(content, "accessors")
        self._binary = binary
        self._companions = Companions(folder)
        self._loaded: dict[int, Array] = {}
        self._unpacked: dict[int, Array] = {}
        self._known: dict[int, Array] = {}
        self._values = 0

    def accessor(self, at: int) -> Json:
        """Its description."""
        if not 0 <= at < len(self._accessors):
            raise corrupt("it refers to an accessor that is not there")
        found: Json = self._accessors[at]
        return found

    def array(self, at: int) -> Array:
        """(count, width) in the component type of the file. Read only."""
        if at not in self._known:
            self._known[at] = self._array(self.accessor(at))
        return self._known[at]

    def real(self, at: int, rows: Array | None = None, fractions: bool = False) -> npt.NDArray[np.float64]:
        """The same as real numbers, or those rows of it; integers that are normalized, or nothing but `fractions`, as
        what they mean."""
        values = self.array(at) if rows is None else self.array(at)[rows]
        return normalized(values, field(self.accessor(at), "normalized", bool, False) or fractions)

    def spend(self, values: int) -> None:
        """Account for numbers that are about to be unpacked."""
        self._values += values
        if self._values > MAX_VALUES:
            raise Refused("limit_exceeded", f"it unpacks to more than {MAX_VALUES} numbers")

    def view(self, at: int) -> tuple[Array, int]:
        """The bytes of a buffer view, and its stride: 0 when packed densely."""
        if not 0 <= at < len(self._views):
            raise corrupt("it refers to a buffer view that is not there")
        view = self._views[at]
        if packed := extension(view, *MESHOPT):
            if at not in self._unpacked:
                self._unpacked[at] = self._meshopt(packed)
            return self._unpacked[at], number(view, "byteStride", 0)
        return self._slice(view), number(view, "byteStride", 0)

    def _array(self, accessor: Json) -> Array:
        component, count = number(accessor, "componentType"), number(accessor, "count")
        width = WIDTHS.get(field(accessor, "type", str, ""))
        if component not in COMPONENTS or width is None:
            raise corrupt("an accessor is of a type that does not exist")
        kind = np.dtype(COMPONENTS[component])
        if "bufferView" in accessor:
            offset = number(accessor, "byteOffset", 0)
            values = _strided(*self.view(number(accessor, "bufferView")), kind, width, offset, count)
        else:
            values = np.broadcast_to(np.zeros(1, kind), (count, width))
        return self._sparse(values, field(accessor, "sparse", dict, {})) if "sparse" in accessor else values

    def _sparse(self, values: Array, sparse: Json) -> Array:
        """Some of the rows replaced."""
        count = number(sparse, "count")
        where, what = field(sparse, "indices", dict, None), field(sparse, "values", dict, None)
        component = number(where, "componentType")
        if component not in COMPONENTS or count > len(values):
            raise corrupt("a sparse accessor lies about itself")
        index_kind = np.dtype(COMPONENTS[component])
        rows = _strided(*self.view(number(where, "bufferView")), index_kind, 1, number(where, "byteOffset", 0), count)
        given = _strided(
            *self.view(number(what, "bufferView")), values.dtype, values.shape[1], number(what, "byteOffset", 0), count
        )
        rows = rows.ravel().astype(np.int64)
        if count and not (rows.min() >= 0 and rows.max() < len(values)):
            raise corrupt("a sparse accessor replaces what is not there")
        self.spend(values.size)
        changed = values.copy()
        changed[rows] = given
        return changed

    def _slice(self, view: Json) -> Array:
        offset, length = number(view, "byteOffset", 0), number(view, "byteLength")
        buffer = self._buffer(number(view, "buffer"))
        if offset + length > len(buffer):
            raise corrupt("a buffer view reaches beyond its buffer")
        return buffer[offset : offset + length]

    def _meshopt(self, packed: Json) -> Array:
        import meshopt

        stride, count = number(packed, "byteStride"), number(packed, "count")
        self.spend(stride * count)
        source = self._slice(packed).tobytes()
        mode, filter = field(packed, "mode", str, ""), field(packed, "filter", str, "NONE")
        try:
            decoded = meshopt.decode_gltf_buffer(source, count, stride, mode, filter)
        except (ValueError, RuntimeError):
            raise corrupt("meshopt data cannot be unpacked") from None
        return np.ascontiguousarray(decoded).view(np.uint8).ravel()

    def _buffer(self, at: int) -> Array:
        if not 0 <= at < len(self._buffers):
            raise corrupt("it refers to a buffer that is not there")
        if at not in self._loaded:
            data = self._load(at, self._buffers[at])
            length = number(self._buffers[at], "byteLength")
            if length > len(data):
                raise corrupt("a buffer is shorter than announced")
            self._loaded[at] = np.frombuffer(data, np.uint8)[:length]
        return self._loaded[at]

    def _load(self, at: int, buffer: Json) -> bytes | memoryview:
        if "uri" not in buffer:
            if at or not self._binary:
                raise corrupt("a buffer has no data")
            return self._binary
        uri = field(buffer, "uri", str, "")
        if uri[:5].lower() == "data:":  # RFC 3986: the case of a scheme says nothing
            return embedded(uri)
        return companion(self._companions, uri).read_bytes()


def _strided(data: Array, stride: int, kind: np.dtype[Any], width: int, offset: int, count: int) -> Array:
    """(count, width) of some bytes, without copying them if they lie right."""
    size = kind.itemsize * width
    stride = stride or size
    if stride < size or (count and offset + stride * (count - 1) + size > len(data)):
        raise corrupt("an accessor reaches beyond its data")
    if not count:
        return np.zeros((0, width), kind)
    return np.ndarray((count, width), kind, data, offset, (stride, kind.itemsize))  # unaligned ones are read as well


def normalized(values: Array, fractions: bool) -> npt.NDArray[np.float64]:
    """glTF 2.0, section 3.6.2.2: signed ones are clamped at -1."""
    real = values.astype(np.float64)
    if not fractions or values.dtype.kind == "f":
        return real
    real /= np.iinfo(values.dtype).max
    return np.maximum(real, -1.0)


def embedded(uri: str) -> bytes:
    """The bytes of a `data:` URI."""
    head, comma, text = uri.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise corrupt("a data URI is not base64")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise corrupt("a data URI is not base64") from None


def companion(files: Companions, uri: str) -> Path:
    """The file of that name in the upload; `external_reference` if it is elsewhere or not there. Some programs write
    names as they are, with a percent sign that means itself."""
    name = unquote(uri)
    told = shown(name)
    if not name or name.startswith("/") or any(c in name for c in "\\:\0"):
        raise Refused("external_reference", f"'{told}' lies outside of the upload")
    path = files.find(PurePosixPath(name)) or files.find(PurePosixPath(uri))
    if path is None:
        raise Refused("external_reference", f"'{told}' is not in the upload: put it in a ZIP with the file")
    return path


def shown(text: str, length: int = 60) -> str:
    """A foreign name, fit to be shown."""
    return "".join(c if c.isprintable() else "_" for c in text[:length])


def some(names: Iterable[str], most: int = 5) -> str:
    """A few of these foreign names, fit to be shown."""
    found = sorted(map(shown, set(names)))
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")


def decoded(decode: Callable[[], Any], why: str) -> Any:
    """What a decoder makes of foreign data, or that it is damaged."""
    try:
        return decode()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a library's own exceptions have no ancestor in common
        raise corrupt(why) from None
