"""Open CASCADE's own BREP, text and binary: the counts that the kernel's reader believes, and where the file ends.

The layouts are those of `GeomTools_*Set.cxx` and `BinTools_*Set.cxx` of Open CASCADE.
"""

import mmap
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from shapr.converters.preflight import shapes
from shapr.converters.progress import Reach, apart, silent, within
from shapr.errors import Refused

SETS = 8  # one, as we know it
PACE = 10_000  # numbers of one surface, after which it says how far it is
PIECE = 4 << 20  # bytes that are looked through before anybody is told
WORDS = 0.15  # of the time of a section: the look for what is no number
NESTED = 50  # a trimmed curve of an offset curve of...
BINARY = b"Open CASCADE Topology"
SECTIONS = (
    rb"Locations|Curve2ds|Curves|Polygon3D|PolygonOnTriangulations|Surfaces|Triangulations|TShapes"  # in their order
)
HEAD = re.compile(rb"(" + SECTIONS + rb") +([-+]?\d+)")
TOKEN = re.compile(rb"\S+")
# What no number is: words, NaN, infinity, and what is larger than the kernel's own infinity of 2e100.
NO_NUMBER = re.compile(rb"[^\s\d.eE+-]|[eE]\+?(?:1[1-9]\d|[2-9]\d\d|\d{4,})")


class Reader(Protocol):
    """Takes the numbers of curves and surfaces in turn; raises `corrupt_file` where there are no more. `reach` is told
    how much is done of what is skipped at once."""

    reach: Reach

    def kind(self) -> int: ...
    def flag(self) -> int: ...
    def degree(self) -> int: ...
    def count(self) -> int: ...
    def skip(self, reals: int) -> None: ...
    def integers(self, count: int) -> None: ...
    def mark(self) -> None: ...
    def knots(self, count: int) -> None: ...


def check(path: Path, reach: Reach = silent) -> tuple[str, ...]:
    content = path.read_bytes()
    binary = BINARY in content[:99]
    heads = _heads(content)
    for name, size in ((b"Curve2ds", 2), (b"Curves", 3), (b"Surfaces", 0)):
        for begin, count in heads.get(name, ()):
            end = _after(heads, begin, content)
            own = within(reach, begin / len(content), end / len(content))
            reader = Binary(content, begin) if binary else Text(content, begin, end, within(own, 0.0, WORDS))
            for _, reader.reach in apart(range(count), within(own, WORDS, 1.0)):
                reader.reach(0.0)
                if size:
                    _curve(reader, size)
                else:
                    _surface(reader)
    normals = (b"Topology V4" if binary else b"Topology V3") in content[:200]
    for name, walk in MESHES.items():
        for begin, count in heads.get(name, ()):
            reader = Binary(content, begin) if binary else Text(content, begin, _after(heads, begin, content))
            for _ in range(count):
                walk(reader, normals)
    if not binary:
        if b"TShapes" not in heads:
            raise Refused("corrupt_file", "the BREP file is cut short: it has no shapes")
        counts = {name: places[0][1] for name, places in heads.items()}
        shapes.check(content, *heads[b"TShapes"][0], counts, reach)
    return ()


def _heads(content: bytes) -> dict[bytes, list[tuple[int, int]]]:
    """Where each section begins after its head, and its count."""
    found: dict[bytes, list[tuple[int, int]]] = {}
    for head in HEAD.finditer(content):
        count = int(head[2]) if len(head[2]) < 12 else len(content)
        if not 0 <= count * 2 <= len(content):
            raise _lie()
        found.setdefault(head[1], []).append((head.end(), count))
        if len(found[head[1]]) > SETS:
            raise Refused("corrupt_file", "the BREP file has the same section again and again")
    return found


def _after(heads: dict[bytes, list[tuple[int, int]]], begin: int, content: bytes) -> int:
    """Where the section ends: where the next one's count is, which no number of this one may reach."""
    return min((at for places in heads.values() for at, _ in places if at > begin), default=len(content))


def in_pieces(content: bytes | mmap.mmap, begin: int, end: int, reach: Reach) -> Iterator[tuple[int, int]]:
    """Some megabytes at a time, from one end of a line to another, both within: no number is cut."""
    start = begin
    while start < end:
        line = content.find(b"\n", min(start + PIECE, end), end)
        stop = line + 1 if line >= 0 else end
        yield start, stop
        reach((stop - begin) / (end - begin))
        start = stop - 1 if stop < end else end


def _numbers(content: bytes, begin: int, end: int, reach: Reach) -> None:
    """Refuses what holds anything else."""
    for start, stop in in_pieces(content, begin, end, reach):
        if bad := NO_NUMBER.search(content, start, stop):
            if bad[0][:1] in b"eE":
                raise Refused("invalid_geometry", "the BREP file holds a number beyond any size")
            raise Refused("corrupt_file", "a curve of the BREP file is not in numbers")


class Text:
    def __init__(self, content: bytes, begin: int, end: int, looking: Reach | None = None) -> None:
        """`looking` is told of a look for what is no number."""
        end = content.rfind(b"\n", begin, end) if end < len(content) else end
        if looking:
            _numbers(content, begin, end, looking)
        self.tokens = TOKEN.finditer(content, begin, max(begin, end))
        self.left = end - begin
        self.reach: Reach = silent

    def kind(self) -> int:
        token = next(self.tokens, None)
        if token is None or len(token[0]) > 10 or not token[0].lstrip(b"+-").isdigit():
            raise _lie()
        return int(token[0])

    flag = degree = count = kind

    def skip(self, reals: int) -> None:
        if not 0 <= reals <= self.left:
            raise _lie()
        whole = reals
        while reals > PACE:
            self._pass(PACE)
            reals -= PACE
            self.reach(1 - reals / whole)
        self._pass(reals)

    def _pass(self, count: int) -> None:
        for _ in range(count):
            if next(self.tokens, None) is None:
                raise _lie()

    integers = skip

    def mark(self) -> None:
        self._pass(1)

    def knots(self, count: int) -> None:
        if not 0 <= count <= self.left:
            raise _lie()
        self._pass(2 * count)


class Binary:
    def __init__(self, content: bytes, begin: int) -> None:
        self.content = content
        self.reach: Reach = silent
        self.at = begin + 1  # after the line's end

    def _take(self, form: str) -> int:
        end = self.at + struct.calcsize(form)
        if end > len(self.content):
            raise _lie()
        (value,) = struct.unpack(form, self.content[self.at : end])
        self.at = end
        return int(value)

    def kind(self) -> int:
        return self._take("<B")

    flag = kind

    def degree(self) -> int:
        return self._take("<H")

    def count(self) -> int:
        return self._take("<i")

    def skip(self, reals: int) -> None:
        self._forward(8 * reals)

    def integers(self, count: int) -> None:
        self._forward(4 * count)

    def mark(self) -> None:
        """Only the text has one."""

    def knots(self, count: int) -> None:
        self._forward(12 * count)

    def _forward(self, size: int) -> None:
        if not 0 <= size <= len(self.content) - self.at:
            raise _lie()
        self.at += size


CURVES = {1: (2, 0), 2: (4, 1), 3: (4, 2), 4: (4, 1), 5: (4, 2)}  # points and directions, then single numbers
CURVES_2D = {1: (2, 0), 2: (3, 1), 3: (3, 2), 4: (3, 1), 5: (3, 2)}
SURFACES = {1: 12, 2: 13, 3: 14, 4: 13, 5: 14}  # numbers of plane, cylinder, cone, sphere, torus


def _curve(reader: Reader, size: int) -> None:
    """One curve in `size` dimensions, with those that it is made of."""
    for _ in range(NESTED):
        kind = reader.kind()
        simple = (CURVES if size == 3 else CURVES_2D).get(kind)
        if simple:
            return reader.skip(simple[0] * size + simple[1])
        if kind == 6:
            rational, degree = reader.flag(), reader.degree()
            return reader.skip((_sound(degree) + 1) * (size + bool(rational)))
        if kind == 7:
            rational, _ = reader.flag(), reader.flag()
            _sound(reader.degree())
            poles, knots = reader.count(), reader.count()
            reader.skip(_sound(poles) * (size + bool(rational)))
            return reader.knots(_sound(knots))
        if kind not in (8, 9):
            raise Refused("corrupt_file", "a curve of the BREP file is of no known type")
        reader.skip(2 if kind == 8 else 1 if size == 2 else 4)
    raise Refused("limit_exceeded", f"curves of the BREP file are nested more than {NESTED} deep")


def _surface(reader: Reader) -> None:
    for _ in range(NESTED):
        kind = reader.kind()
        if kind in SURFACES:
            return reader.skip(SURFACES[kind])
        if kind in (6, 7):  # a curve pushed, or turned
            reader.skip(3 if kind == 6 else 6)
            return _curve(reader, 3)
        if kind == 8:
            rational = reader.flag() | reader.flag()
            u, v = reader.degree(), reader.degree()
            return reader.skip((_sound(u) + 1) * (_sound(v) + 1) * (3 + bool(rational)))
        if kind == 9:
            rational = reader.flag() | reader.flag()
            reader.flag()
            reader.flag()
            _sound(reader.degree())
            _sound(reader.degree())
            u, v, us, vs = (_sound(reader.count()) for _ in range(4))
            reader.skip(u * v * (3 + bool(rational)))
            reader.knots(us)
            return reader.knots(vs)
        if kind not in (10, 11):
            raise Refused("corrupt_file", "a surface of the BREP file is of no known type")
        reader.skip(4 if kind == 10 else 1)
    raise Refused("limit_exceeded", f"surfaces of the BREP file are nested more than {NESTED} deep")


def _polygon(reader: Reader, _: bool) -> None:
    nodes = _sound(reader.count())
    parameters = reader.flag()
    reader.skip(1)
    reader.skip(nodes * (4 if parameters else 3))


def _polygon_on_triangles(reader: Reader, _: bool) -> None:
    nodes = _sound(reader.count())
    reader.integers(nodes)
    reader.mark()
    reader.skip(1)
    if reader.flag():
        reader.skip(nodes)


def _triangles(reader: Reader, with_normals: bool) -> None:
    nodes, triangles = _sound(reader.count()), _sound(reader.count())
    textured = reader.flag()
    normals = reader.flag() if with_normals else 0
    reader.skip(1)
    reader.skip(nodes * (5 if textured else 3))
    reader.integers(3 * triangles)
    if normals:
        reader.integers(3 * nodes)  # numbers of half the size


MESHES: dict[bytes, Callable[[Reader, bool], None]] = {
    b"Polygon3D": _polygon,
    b"PolygonOnTriangulations": _polygon_on_triangles,
    b"Triangulations": _triangles,
}


def _sound(count: int) -> int:
    if count < 0:
        raise _lie()
    return count


def _lie() -> Refused:
    return Refused("corrupt_file", "the BREP file announces more than it holds")
