"""The GLB container: a JSON chunk and a binary one. glTF 2.0, section 4.4."""

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shapr.errors import Refused

HEADER, CHUNK = struct.Struct("<4sII"), struct.Struct("<I4s")
LARGEST = (1 << 32) - 1  # bytes: the header's length is a 32-bit number
BODIES = "bodies"  # in the `extras` of a node: how many of its children are bodies or groups of what it is

Json = dict[str, Any]


def read(path: Path) -> tuple[Json, memoryview]:
    """The document and the binary chunk, empty when there is none; `corrupt_file` when lengths lie."""
    data = memoryview(path.read_bytes())
    if len(data) < HEADER.size + CHUNK.size:
        raise corrupt("the file is cut short")
    magic, version, length = HEADER.unpack_from(data)
    if magic != b"glTF":
        raise corrupt("it does not begin like a GLB file")
    if version != 2:
        raise Refused("unsupported_format", f"glTF version {version} is not read, only 2")
    if length > len(data):
        raise corrupt("the file is cut short")
    chunks: list[tuple[bytes, memoryview]] = []
    at = HEADER.size
    while at + CHUNK.size <= length and len(chunks) < 2:  # what comes after the first two belongs to extensions
        size, kind = CHUNK.unpack_from(data, at)
        at += CHUNK.size
        if size > length - at:
            raise corrupt("a chunk is longer than the file")
        chunks.append((kind, data[at : at + size]))
        at += size
    if not chunks or chunks[0][0] != b"JSON":
        raise corrupt("the first chunk is not JSON")
    binary = len(chunks) > 1 and chunks[1][0] == b"BIN\0"
    return parsed(bytes(chunks[0][1])), chunks[1][1] if binary else memoryview(b"")


def parsed(text: bytes) -> Json:
    """A JSON object; `corrupt_file` for anything else, with NaN and nesting without end among it."""
    try:
        content = json.loads(text.removeprefix(b"\xef\xbb\xbf").decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise corrupt("its JSON cannot be read") from None
    if not isinstance(content, dict):
        raise corrupt("its JSON is not an object")
    return content


def write(path: Path, content: Json, chunks: Sequence[bytes]) -> None:
    """The same content gives the same bytes. `chunks` follow each other in the binary chunk, at multiples of four."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary = sum(map(len, chunks))
    total = HEADER.size + CHUNK.size + len(text) + (CHUNK.size + binary if binary else 0)
    if total > LARGEST:
        raise Refused("limit_exceeded", "a GLB file holds at most 4 GB")
    with path.open("wb") as out:
        out.write(HEADER.pack(b"glTF", 2, total))
        out.write(CHUNK.pack(len(text), b"JSON") + text)
        if binary:
            out.write(CHUNK.pack(binary, b"BIN\0"))
            out.writelines(chunks)


class Binary:
    """The binary chunk while it is put together, with its buffer views."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.views: list[Json] = []
        self.size = 0

    def view(self, data: bytes, **more: Any) -> int:
        """The number of a new view on this data."""
        self.views.append({"buffer": 0, "byteOffset": self.size, "byteLength": len(data), **more})
        self.chunks.append(data + bytes(-len(data) % 4))
        self.size += len(self.chunks[-1])
        return len(self.views) - 1


def corrupt(why: str) -> Refused:
    return Refused("corrupt_file", f"the glTF file is damaged: {why}")


def _refuse(constant: str) -> None:
    raise ValueError(constant)
