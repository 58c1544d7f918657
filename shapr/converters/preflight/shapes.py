"""The shapes of a BREP text file: what each refers to. The kernel's reader follows any number, and where it does not
find one it asks for ever.

The layout is that of `TopTools_ShapeSet.cxx` and `BRepTools_ShapeSet.cxx` of Open CASCADE.
"""

import re
from collections.abc import Iterator

from shapr.converters.progress import Reach, along, silent, within
from shapr.errors import Refused

# Its kind, its geometry, seven flags, and its parts: orientation and number, then location.
SHAPE = re.compile(rb"\s*+(Ve|Ed|Wi|Fa|Sh|So|CS|Co)\b([^*]*?)\s([01]{7})\s++((?:[-+ie]\d++ ++\d++\s++)*+)\*")
ROOT = re.compile(rb"\s*+([-+ie]\d{1,9})\s++(\d{1,9})\b")
NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
SPLIT = re.compile(rb"(C[0123N]|G[12])")
# r: a number. Others count in a section: c curves, p curves in a surface, s surfaces, l locations, o polygons, g those
# on triangles, t triangulations; k is a continuity.
SECTIONS = {
    "c": b"Curves",
    "p": b"Curve2ds",
    "s": b"Surfaces",
    "l": b"Locations",
    "o": b"Polygon3D",
    "g": b"PolygonOnTriangulations",
    "t": b"Triangulations",
}
EDGE = {b"1": "clrr", b"2": "pslrr", b"3": "ppkslrr", b"4": "kslsl", b"5": "ol", b"6": "gtl", b"7": "ggtl"}
VERTEX = {b"1": "cl", b"2": "psl", b"3": "rsl"}
BOOLEAN = (b"0", b"1")


def check(content: bytes, begin: int, count: int, counts: dict[bytes, int], reach: Reach = silent) -> None:
    """`counts` by section. A shape is made of those before it; `corrupt_file` for anything else."""
    at = begin
    limits = {letter: counts.get(name, 0) for letter, name in SECTIONS.items()}
    with_points = b"Topology V2" in content[:200]
    for number in along(range(count), count, within(reach, begin / len(content), 1.0)):
        shape = SHAPE.match(content, at)
        if not shape:
            raise Refused("corrupt_file", "the BREP file is cut short or damaged: a shape of it cannot be read")
        at = shape.end()
        parts = shape[4].split()
        # They are numbered from the last to the first.
        for part, location in zip(parts[::2], parts[1::2], strict=True):
            if not count - number < _number(part[1:]) <= count or _number(location) > limits["l"]:
                raise Refused("corrupt_file", "a shape of the BREP file is made of what is not there")
        _geometry(shape[1], shape[2], limits, with_points=with_points)
    root = ROOT.match(content, at)
    if not root:
        raise Refused("corrupt_file", "the BREP file is cut short: it does not say which shape is its own")
    if not 1 <= int(root[1][1:]) <= count or int(root[2]) > limits["l"]:
        raise Refused("corrupt_file", "the shape of the BREP file is not there")


def _geometry(kind: bytes, said: bytes, limits: dict[str, int], *, with_points: bool) -> None:
    words = iter(SPLIT.sub(rb" \1 ", said).split() if kind == b"Ed" else said.split())
    if kind == b"Ve":
        _take(words, "rrrr", limits)
        while True:
            _take(words, "r", limits)
            if (each := next(words, None)) == b"0":
                break
            _take(words, VERTEX.get(each or b""), limits)
    elif kind == b"Ed":
        _take(words, "rbbb", limits)
        while (each := next(words, None)) != b"0":
            _take(words, EDGE.get(each or b""), limits)
            if with_points and each in (b"2", b"3"):
                _take(words, "rrrr", limits)
    elif kind == b"Fa":
        _take(words, "brsl", limits)
        if next(words, None) == b"2":
            _take(words, "t", limits)
    if next(words, None) is not None:
        raise _damaged()


def _take(words: Iterator[bytes], layout: str | None, limits: dict[str, int]) -> None:
    """The next words, of these kinds."""
    for kind in layout or "!":
        word = next(words, b"")
        if kind == "r":
            sound = NUMBER.fullmatch(word) is not None
        elif kind == "b":
            sound = word in BOOLEAN
        elif kind == "k":
            sound = SPLIT.fullmatch(word) is not None
        else:
            sound = word.isdigit() and _number(word) <= limits.get(kind, -1)
        if not sound:
            raise _damaged()


def _number(digits: bytes) -> int:
    return int(digits) if len(digits) < 12 else 10**12


def _damaged() -> Refused:
    return Refused("corrupt_file", "a vertex, edge or face of the BREP file is not what it must be")
