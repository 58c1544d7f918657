"""Parasolid's neutral binary transmit file (X_B): a stream of nodes, which point at each other by index.

Published "Parasolid XT Format Reference": big-endian; each node is its type, its length where the type has a field of
variable length, its index, and its fields. The first node of a type is preceded by what the file's schema changed
against the base (`schema.py`). Nothing here knows what a body is.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from shapr.converters.shaprfile.schema import BASE, VARIABLE, Field, Type
from shapr.errors import Refused

KEY = re.compile(r"SCH_(\d{5,7})_(\d{5})_13006")
UNCHANGED = 255
END = 1  # the type that closes the stream
BYTES = {
    "u": "B",
    "c": "s",
    "l": "?",
    "n": "h",
    "w": "H",
    "d": "i",
    "t": "i",
    "f": "d",
    "i": "2d",
    "v": "3d",
    "h": "3d",
    "b": "6d",
}
NULL_INT, NULL_REAL = -32764, -3.14158e13


@dataclass
class Node:
    """One node: the name of its type (`kind`), its index, its fields by name. A null is None, a pointer an index."""

    kind: str
    index: int
    fields: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(f"{self.kind} has no {name}") from None


@dataclass(frozen=True)
class File:
    key: str
    modeller: str
    nodes: dict[int, Node]
    rest: int = 0  # bytes after the node that ends it

    def of(self, *types: str) -> Iterator[Node]:
        return (node for node in self.nodes.values() if node.kind in types)


@contextmanager
def contradictions() -> Iterator[None]:
    """Wrong nodes, pointers and numbers lead anywhere: `corrupt_file`. A `StopIteration` is an edge without fins."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError, StopIteration) as error:
        raise Refused("corrupt_file", "its geometry contradicts itself") from error


def parse(data: bytes) -> File:
    """`corrupt_file` when it breaks the rules, `unsupported_geometry` for a schema that is not read here."""
    stream = _Stream(data)
    try:
        return _file(stream)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise Refused("corrupt_file", "the geometry of a body is cut short") from error


def _file(stream: "_Stream") -> File:
    if stream.take(4) != b"PS\0\0":
        raise Refused("corrupt_file", "the geometry of a body is no Parasolid transmit file")
    modeller = stream.text(stream.int16())
    key = stream.text(stream.int32())
    if not KEY.fullmatch(key):
        raise Refused("unsupported_geometry", f"Parasolid schema {key[:40]!r} is not read")
    stream.int16()  # the highest node type
    user_fields = stream.int32()
    if user_fields:
        raise Refused("unsupported_geometry", "Parasolid user fields are not read")
    types: dict[int, Type] = {}
    nodes: dict[int, Node] = {}
    while (number := stream.int16()) != END:
        if number not in types:
            types[number] = _changed(stream, number)
        node = _node(stream, types[number])
        if node.index in nodes:
            raise Refused("corrupt_file", "two nodes of the geometry of a body have one index")
        nodes[node.index] = node
    return File(key, modeller.rpartition(" ")[2], nodes, stream.left)


def _changed(stream: "_Stream", number: int) -> Type:
    """The type as this file has it: the base's, edited, or its own."""
    base, count = BASE.get(number), stream.byte()
    if base is None:
        name = stream.short_text()
        stream.short_text()  # a description
        return Type(number, name, tuple(_own_field(stream) for _ in range(count)))
    if count == UNCHANGED:
        return base
    old, fields = list(base.fields), []
    while (edit := stream.take(1)) != b"Z":
        if edit == b"C":
            fields.append(old.pop(0))
        elif edit == b"D":
            old.pop(0)
        elif edit in (b"I", b"A"):
            fields.append(_own_field(stream))
        else:
            raise Refused("corrupt_file", "the schema of the geometry of a body cannot be read")
    if len(fields) != count:
        raise Refused("corrupt_file", "the schema of the geometry of a body contradicts itself")
    return Type(number, base.name, tuple(fields))


def _own_field(stream: "_Stream") -> Field:
    name, pointer_class, count = stream.short_text(), stream.int16(), stream.number()
    kind = "p" if pointer_class else stream.short_text()
    if kind not in BYTES and kind != "p":
        raise Refused("unsupported_geometry", f"a field of kind {kind[:8]!r} in the geometry of a body")
    if count == 1:
        stream.byte()  # whether it is transmitted
        return Field(name, kind, VARIABLE)
    return Field(name, kind, count)


def _node(stream: "_Stream", type: Type) -> Node:
    length = stream.int32() if type.variable else 0
    node = Node(type.name, stream.number())
    for each in type.fields:
        count = length if each.count == VARIABLE else each.count
        node.fields[each.name] = stream.values(each.kind, count) if each.count else stream.values(each.kind, 1)[0]
    return node


class _Stream:
    """Reads forward; whatever is not there raises."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size < 0 or self._at + size > len(self._data):
            raise IndexError(size)
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def int16(self) -> int:
        return int.from_bytes(self.take(2), "big", signed=True)

    def int32(self) -> int:
        return int.from_bytes(self.take(4), "big", signed=True)

    def text(self, size: int) -> str:
        return self.take(size).decode("ascii", "replace")

    def short_text(self) -> str:
        return self.text(self.byte())

    def number(self) -> int:
        """An index or a count: one less than what is written; a large one in base 32767, its lower digit negative."""
        low = self.int16()
        value = low - 1 if low >= 0 else self.int16() * 32767 - low - 1
        if value < 0:
            raise Refused("corrupt_file", "an index in the geometry of a body is negative")
        return value

    def values(self, kind: str, count: int) -> list[Any]:
        if kind == "p":
            return [self.number() or None for _ in range(self._bounded(count, 2))]
        code = BYTES[kind]
        if kind == "c":
            return [chr(byte) for byte in self.take(count)]
        single = struct.calcsize(f">{code}")
        width = int(code[0]) if code[0].isdigit() else 1
        flat = struct.unpack(f">{width * count}{code[-1]}", self.take(single * self._bounded(count, single)))
        if kind in "ivhb":
            return [_known(flat[at : at + width]) for at in range(0, len(flat), width)]
        return [None if _null(kind, value) else value for value in flat]

    def _bounded(self, count: int, size: int) -> int:
        if count < 0 or count * size > len(self._data) - self._at:
            raise IndexError(count)
        return count


def _null(kind: str, value: Any) -> bool:
    return (kind in "dtn" and value == NULL_INT) or (kind == "f" and value == NULL_REAL)


def _known(values: tuple[float, ...]) -> tuple[float, ...] | None:
    return None if NULL_REAL in values else values
