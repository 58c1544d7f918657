"""Curves and surfaces of IGES: numbers, as many as they announce, that make sense to the kernel's reader."""

import math
import re

from shapr.errors import Refused

WORD = re.compile(rb"[A-CF-Za-cf-z]")  # in numbers only E and D have a meaning
SAME = 1e-9
HYPERBOLA, PARABOLA = 2, 3
UNEVEN = 0.01
FLAT = 1e-6  # of a parabola, whose numbers may be rounded
NARROW = 1e-12  # of a hyperbola: one axis against the other, squared
BEYOND = re.compile(rb"[EeDd]\+?[1-9]\d\d+")


def check(kind: int, form: int, text: bytes) -> None:
    """`text` is the parameters of an entity, its type first."""
    text = text.partition(b";")[0]
    if WORD.search(text):
        raise Refused("corrupt_file", f"an IGES entity of type {kind} holds a word instead of a number")
    if BEYOND.search(text):
        raise Refused("invalid_geometry", "the IGES file holds a number beyond any size")
    fields = text.split(b",", 6)[1:5]
    if kind == 180 and not 0 < integer(fields[0] if fields else b"") < text.count(b","):  # a tree of solids
        raise lie(kind)
    if kind == 123 and not any(map(_value, fields[:3])):
        raise Refused("invalid_geometry", "a direction of the IGES file is none")
    if kind == 104:
        _conic(form, text)
    if kind in (106, 112, 114, 126, 128):
        _counts(kind, text, fields)


def _conic(form: int, text: bytes) -> None:
    """A hyperbola (2) and a parabola (3) have to be one: the kernel goes round in others for ever."""
    a, b, c, *_ = (*map(_value, text.split(b",", 4)[1:4]), 0.0, 0.0, 0.0)
    kind = (a * c - b * b / 4) / (max(abs(a), abs(b), abs(c)) ** 2 or 1.0)  # above 0 for an ellipse
    if (form == HYPERBOLA and kind > -NARROW) or (form == PARABOLA and abs(kind) > FLAT):
        raise Refused("corrupt_file", "a conic of the IGES file is of another form than it says")


def _counts(kind: int, text: bytes, fields: list[bytes]) -> None:
    counts = 2 if kind == 106 else 4  # coordinates come next
    if len(fields) < counts:
        raise lie(kind)
    n = [*map(integer, fields[:counts]), 0, 0]
    if min(n) < 0:
        raise lie(kind)
    needed = {
        106: 2 + n[1] * {1: 2, 2: 3, 3: 6}.get(n[0], 6),
        112: 4 + 13 * n[3],
        114: 4 + n[2] + n[3] + 48 * n[2] * n[3],
        126: 6 + n[0] + n[1] + 2 + 4 * (n[0] + 1),
        128: 9 + n[0] + n[1] + n[2] + n[3] + 4 + 4 * (n[0] + 1) * (n[1] + 1),
    }[kind]
    if text.count(b",") < needed:
        raise lie(kind)
    if kind == 126:
        _knots(kind, text, 6, [(n[0], n[1])])
    elif kind == 128:
        _knots(kind, text, 9, [(n[0], n[2]), (n[1], n[3])])


def _knots(kind: int, text: bytes, first: int, directions: list[tuple[int, int]]) -> None:
    """Of each direction (its last pole, its degree): they must not fall, be it by 1e-12, and enclose something."""
    values = text.split(b",", first + sum(last + degree + 2 for last, degree in directions) + 1)[1:-1]
    for last, degree in directions:
        knots = [_value(value) for value in values[first : first + last + degree + 2]]
        first += len(knots)
        if not 1 <= degree <= last or sorted(knots) != knots or knots[degree] >= knots[last + 1]:
            raise Refused("corrupt_file", f"the degree or the knots of an IGES entity of type {kind} make no sense")


def uneven(arc: bytes) -> bool:
    """Whether the ends of a circular arc (100) are not as far from its centre as each other: 1 % and more."""
    x, y, *ends = (*map(_value, arc.partition(b";")[0].split(b",")[2:8]), *[0.0] * 6)
    begin, end = math.hypot(ends[0] - x, ends[1] - y), math.hypot(ends[2] - x, ends[3] - y)
    return abs(begin - end) > UNEVEN * max(begin, end)


def identity(matrix: bytes) -> bool:
    """Whether this one (124) moves nothing by more than it can say."""
    values = [_value(field) for field in matrix.partition(b";")[0].split(b",")[1:13]]
    return len(values) == 12 and all(abs(value - (at % 5 == 0)) < SAME for at, value in enumerate(values))


def _value(field: bytes) -> float:
    try:
        return float(field.upper().replace(b"D", b"E").strip() or 0)
    except ValueError:
        raise Refused("corrupt_file", "a number of the IGES file cannot be read") from None


def integer(field: bytes) -> int:
    field = field.strip()
    if not field:
        return 0
    if len(field) > 12 or not field.lstrip(b"+-").isdigit():
        raise Refused("corrupt_file", "a count or a pointer of the IGES file is not a number")
    return int(field)


def lie(kind: int) -> Refused:
    return Refused("corrupt_file", f"an IGES entity of type {kind} announces more than it holds")
