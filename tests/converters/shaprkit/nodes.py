"""Writes Parasolid neutral binary files node by node, byte for byte as the blobs of a real project are laid out.

The edits of the schema are those that modeller 37.0.173 writes. The layout was checked with an independent reader
(parasolid-kit), which docs/shapr-format.md tells about.
"""

import struct
from typing import Any

from shapr.converters.shaprfile.schema import BASE, VARIABLE, Field, Type

KEY = "SCH_3700173_36001_13006"
PARTITION = ": TRANSMIT FILE (partition) created by modeller version 3700173"
IMPORTED = ": TRANSMIT FILE created by modeller version 3700173"
MESHES = f"{PARTITION} minimum version 2801000"
HIGHEST = 231
NULL_INT, NULL_REAL = -32764, -3.14158e13


def pointer(name: str, target: int) -> tuple[str, int, int, str]:
    return name, target, 0, "p"


def integer(name: str) -> tuple[str, int, int, str]:
    return name, 0, 0, "d"


LATTICE, POLYLINE, MESH_CLASS, MAP = 222, 1008, 1006, 82
# Per type what the file changes: `C` copies, `D` drops, a field is inserted (`I`) or, after the last, appended (`A`).
EDITS: dict[str, list[Any]] = {
    "WORLD": [
        *"CCCCCCC",
        pointer("mesh", MESH_CLASS),
        pointer("polyline", POLYLINE),
        pointer("lattice", LATTICE),
        *"CC",
        pointer("attdef_list", 74),
        *"CC",
        integer("index_map_offset"),
        pointer("index_map", MAP),
        pointer("schema_embedding_map", MAP),
        pointer("mesh_offset_data", 206),
    ],
    "BODY": [
        *"CCC",
        pointer("lattice", LATTICE),
        *"CCC",
        pointer("mesh", MESH_CLASS),
        pointer("polyline", POLYLINE),
        *"CCCCCCCD",
        pointer("owner", 1040),
        *"CCC",
        pointer("boundary_lattice", LATTICE),
        *"CCC",
        pointer("boundary_mesh", MESH_CLASS),
        pointer("boundary_polyline", POLYLINE),
        *"CCC",
        integer("index_map_offset"),
        pointer("index_map", MAP),
        pointer("node_id_index_map", MAP),
        pointer("schema_embedding_map", MAP),
        pointer("child", 12),
        integer("lowest_node_id"),
        pointer("mesh_offset_data", 206),
    ],
    "REGION": [*"CCCCCC", pointer("frame", 230), *"C", pointer("owner", 12)],
    "INTERSECTION": [*"CCCCCCCCCCC", pointer("intersection_data", 204)],
}
# Types that the base does not know, and their whole descriptions: name, class or 0, count (VARIABLE: any), kind.
OWN: dict[str, tuple[int, list[tuple[str, int, int, str]]]] = {
    "INTERSECTION_DATA": (204, [("uv_type", 0, 0, "u"), ("values", 0, VARIABLE, "f")]),
    "PSM_MESH": (
        189,
        [
            pointer("position_pool", 193),
            pointer("normal_pool", 193),
            pointer("position_indices", 191),
            pointer("normal_indices", 191),
        ],
    ),
    "INTEGER_TOOTH": (190, [("integers", 0, VARIABLE, "d")]),
    "INTEGER_COMB": (
        191,
        [
            integer("n_integers"),
            ("bits", 0, 0, "u"),
            ("shift", 0, 0, "u"),
            ("teeth", 190, VARIABLE, "p"),
        ],
    ),
    "VECTOR_TOOTH": (192, [("vectors", 0, VARIABLE, "f")]),
    "VECTOR_COMB": (
        193,
        [
            integer("n_vectors"),
            integer("n_max"),
            ("shift", 0, 0, "u"),
            ("teeth", 192, VARIABLE, "p"),
        ],
    ),
    "MESH": (201, [("node_id", 0, 0, "d"), pointer("mesh_data", 189), ("mesh_box", 0, 0, "b")]),
}
_NUMBERS = {type.name: number for number, type in BASE.items()}


class Nodes:
    """Collects nodes; pointers are indices, known as soon as a node is added."""

    def __init__(self) -> None:
        self._nodes: list[tuple[str, dict[str, Any]]] = []

    def add(self, kind: str, **fields: Any) -> int:
        self._nodes.append((kind, fields))
        return len(self._nodes)

    def set(self, index: int, **fields: Any) -> None:
        self._nodes[index - 1][1].update(fields)

    def get(self, index: int) -> dict[str, Any]:
        return self._nodes[index - 1][1]

    def kind(self, index: int) -> str:
        return self._nodes[index - 1][0]

    def chain(self, indices: list[int], previous: str = "previous", next: str = "next") -> int | None:
        """Links nodes into a list; gives its head."""
        for before, after in zip(indices, indices[1:], strict=False):
            self.set(before, **{next: after})
            if previous:
                self.set(after, **{previous: before})
        return indices[0] if indices else None

    def data(self, title: str = PARTITION, key: str = KEY) -> bytes:
        out = [b"PS\0\0", struct.pack(">h", len(title)), title.encode()]
        out += [struct.pack(">i", len(key)), key.encode(), struct.pack(">hi", HIGHEST, 0)]
        seen: dict[str, Type] = {}
        for index, (kind, fields) in enumerate(self._nodes, 1):
            number = OWN[kind][0] if kind in OWN else _NUMBERS[kind]
            out.append(struct.pack(">h", number))
            if kind not in seen:
                described, seen[kind] = _described(kind)
                out.append(described)
            out.append(_node(seen[kind], index, fields))
        out.append(struct.pack(">h", 1) + count(0))
        return b"".join(out)


def _described(kind: str) -> tuple[bytes, Type]:
    """What precedes the first node of a type, and the type as it then is."""
    if kind in OWN:
        number, descriptions = OWN[kind]
        own = [Field(name, letter, size) for name, _, size, letter in descriptions]
        head = bytes([len(descriptions)]) + short(kind) + short(kind.lower().replace("_", " "))
        return head + b"".join(map(_field, descriptions)), Type(number, kind, tuple(own))
    base = BASE[_NUMBERS[kind]]
    if kind not in EDITS:
        return b"\xff", base
    old, fields, script = list(base.fields), [], b""
    for edit in EDITS[kind]:
        if isinstance(edit, str):
            field = old.pop(0)
            fields += [field] if edit == "C" else []
            script += edit.encode()
        else:
            name, _, size, letter = edit
            fields.append(Field(name, letter, size))
            script += (b"I" if old else b"A") + _field(edit)
    return bytes([len(fields)]) + script + b"Z", Type(base.number, kind, tuple(fields))


def _field(description: tuple[str, int, int, str]) -> bytes:
    name, target, size, letter = description
    written = short(name) + struct.pack(">h", target) + count({VARIABLE: 1}.get(size, size))
    if not target:
        written += short(letter)
    return written + (b"\x01" if size == VARIABLE else b"")


def _node(type: Type, index: int, fields: dict[str, Any]) -> bytes:
    unknown = set(fields) - {field.name for field in type.fields}
    assert not unknown, f"{type.name} has no {unknown}"
    out = [struct.pack(">i", len(fields.get(type.fields[-1].name) or ()))] if type.variable else []
    out.append(count(index))
    for field in type.fields:
        value = fields.get(field.name)
        values = [value] if field.count == 0 else list(value if value is not None else [None] * max(field.count, 0))
        out += [_value(field.kind, each) for each in values]
    return b"".join(out)


def _value(kind: str, value: Any) -> bytes:
    if kind == "p":
        return count(value or 0)
    if kind in "ul":
        return bytes([int(value or 0)])
    if kind == "c":
        return (value or "?").encode("latin-1")
    if kind in "nwdt":
        form = {"n": ">h", "w": ">H"}.get(kind, ">i")
        return struct.pack(form, 0 if value is None else value)
    size = {"f": 1, "i": 2, "v": 3, "h": 3, "b": 6}[kind]
    row = [NULL_REAL] * size if value is None else ([value] if kind == "f" else list(value))
    return struct.pack(f">{size}d", *row)


def count(value: int) -> bytes:
    """An index or a count: one more than it is; large ones in base 32767, the lower digit negative and first."""
    if value + 1 < 32768:
        return struct.pack(">h", value + 1)
    high, low = divmod(value, 32767)  # the lower digit is 1 to 32767: a nought would have no sign
    low += 1
    return struct.pack(">hh", -low, high)


def short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()
