"""The lists of tessellated items of AP242 (ISO 10303-42): coordinates, and triangles over them.

The layouts: COORDINATES_LIST (name, count, points); TRIANGULATED_FACE (name, coordinates, highest index, normals, link,
indices into the coordinates, triangles); COMPLEX_TRIANGULATED_FACE the same, with strips and fans for triangles; their
SURFACE_SETs without a link. Where there are no indices into them, triangles are over the coordinates.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh import primitive
from shapr.converters.mesh.model import Triangles, Vertices
from shapr.converters.mesh.text import numbers
from shapr.converters.preflight.graph import Graph
from shapr.errors import Refused

Rows = npt.NDArray[np.int64]

COORDINATES = b"COORDINATES_LIST"
TRIANGLES = {b"TRIANGULATED_FACE": True, b"TRIANGULATED_SURFACE_SET": False}  # and whether they have a link
COMPLEX = {b"COMPLEX_TRIANGULATED_FACE": True, b"COMPLEX_TRIANGULATED_SURFACE_SET": False}
LETTERS = b"0123456789+-.Ee,()"
SPACED = bytes.maketrans(b"(),", b"   ")
OPEN, CLOSE, COMMA = b"(),"[0], b"(),"[1], b"(),"[2]


@dataclass(frozen=True)
class Facets:
    """An item: the number of its COORDINATES_LIST, and triangles over the rows of that. `side`: how those of strips and
    fans are turned, by their normals: 1 as the first three points run, -1 the other way, 0 if there are no normals."""

    coordinates: int
    triangles: Rows
    strips: bool
    side: int


class Lists:
    """Those of a file, each read when it is asked for."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._at: dict[int, tuple[bytes, int]] = {}
        for kind in (COORDINATES, *TRIANGLES, *COMPLEX):
            found = np.flatnonzero(graph.are(kind))
            self._at |= {int(graph.defined[at]): (kind, at) for at in found.tolist()}
        self._points: dict[int, Vertices] = {}

    def points(self, number: int) -> Vertices:
        """(n, 3) of a COORDINATES_LIST, in the units of the file."""
        if number not in self._points:
            said = self._said(number, (COORDINATES,))
            count, rows = said.whole(), said.rows(3, np.float64)
            if count != len(rows):
                raise _damaged("a list of coordinates does not hold as many as it says")
            if not np.isfinite(rows).all():
                raise Refused("invalid_geometry", "a coordinate of the STEP file is not a number, or infinite")
            self._points[number] = rows
        return self._points[number]

    def facets(self, number: int) -> Facets:
        """Of an item."""
        said = self._said(number, (*TRIANGLES, *COMPLEX))
        coordinates, highest, normals = said.reference(), said.whole(), said.rows(3, np.float64)
        points = self.points(coordinates)
        if (TRIANGLES | COMPLEX)[said.kind]:
            said.argument()
        indices = said.row()
        _check(indices, len(points))
        count = len(indices) or len(points)
        if highest > count:
            raise _damaged("a tessellated face announces points that it has not")
        strips = said.kind in COMPLEX
        corners = np.concatenate([strip(said), fan(said)]) if strips else said.rows(3, np.int64)
        _check(corners, count)
        if strips:  # they turn by some without area
            corners = corners[(corners != np.roll(corners, 1, axis=1)).all(axis=1)]
        rows = indices[corners - 1] - 1 if len(indices) else corners - 1
        side = _side(points[rows], corners - 1, normals, count) if strips else 1
        return Facets(coordinates, rows, strips, side)

    def _said(self, number: int, kinds: tuple[bytes, ...]) -> "Said":
        kind, at = self._at.get(number, (b"", 0))
        if kind not in kinds:
            raise _damaged("a tessellated face has no list of coordinates")
        return Said(self.graph.text, kind, int(self.graph.words[at]) + len(kind) + 1, self.graph.ends(at))


class Said:
    """What stands between the parentheses of a definition, argument by argument; the name, which comes first, is passed
    over."""

    def __init__(self, text: bytes, kind: bytes, at: int, end: int) -> None:
        self.text, self.kind, self.at, self.end = text, kind, at, end
        while text[self.at : self.at + 1] in (b"'", b"$", b"*"):  # of a string its quotes are left
            self.at += 1
        self.at += 1

    def argument(self) -> bytes:
        begin = self.at
        if self.text[begin : begin + 1] == b"(":
            closing = b"))" if self.text[begin + 1 : begin + 2] == b"(" else b")"
            stop = self.text.find(closing, begin, self.end) + len(closing)
        else:
            ends = (self.text.find(sign, begin, self.end) for sign in (b",", b")"))
            stop = min((end for end in ends if end >= 0), default=0)
        if stop <= begin:
            raise _damaged("a tessellated face lacks what belongs to it")
        self.at = stop + 1
        return self.text[begin:stop]

    def reference(self) -> int:
        said = self.argument()
        if not said[1:].isdigit() or said[:1] != b"#":
            raise _damaged("a tessellated face has no list of coordinates")
        return int(said[1:])

    def whole(self) -> int:
        said = self.argument()
        if not said.isdigit() or len(said) > 10:
            raise _damaged("a tessellated face does not say how many points it has")
        return int(said)

    def row(self) -> Rows:
        """Whole numbers in one list."""
        said = self.argument()
        if said in (b"$", b"()"):
            return np.empty(0, np.int64)
        if said[:2] == b"((":
            raise _damaged("a list of a tessellated face is one of lists")
        found: Rows = self._numbers(said, said.count(b",") + 1, np.int64)
        return found

    def rows(self, width: int, kind: type) -> Any:
        """Lists of so many numbers in one list."""
        values, lengths = self.lists(kind)
        if (lengths != width).any():
            raise _damaged(f"a list of a tessellated face has not {width} numbers in each row")
        return values.reshape(-1, width)

    def lists(self, kind: type) -> tuple[Any, Rows]:
        """The numbers of the lists in one, and how many each has."""
        said = self.argument()
        if said in (b"$", b"()"):
            return np.empty(0, kind), np.empty(0, np.int64)
        content = np.frombuffer(said, np.uint8)
        signs = content[(content == OPEN) | (content == CLOSE) | (content == COMMA)][1:-1]
        opens, closes = np.flatnonzero(signs == OPEN), np.flatnonzero(signs == CLOSE)
        if (
            len(opens) != len(closes)
            or not len(opens)
            or (opens[0], closes[-1]) != (0, len(signs) - 1)
            or (opens[1:] != closes[:-1] + 2).any()  # one comma between
        ):
            raise _damaged("a list of a tessellated face is not closed")
        lengths = closes - opens
        return self._numbers(said, int(lengths.sum()), kind), lengths

    @staticmethod
    def _numbers(said: bytes, count: int, kind: type) -> Any:
        try:
            if said.translate(None, LETTERS):
                raise ValueError
            return numbers(said.translate(SPACED), count, kind)
        except ValueError:
            raise _damaged("a number of a tessellated face cannot be read") from None


def strip(said: Said) -> Rows:
    """Triangles of strips, each turned like the first."""
    values, lengths = said.lists(np.int64)
    first = _starts(lengths)
    rows: Rows = np.stack([values[first], values[first + 1], values[first + 2]], axis=1)
    odd = (first - np.repeat(np.cumsum(lengths) - lengths, np.maximum(lengths - 2, 0))) % 2 == 1
    rows[odd] = rows[odd][:, [0, 2, 1]]
    return rows


def fan(said: Said) -> Rows:
    values, lengths = said.lists(np.int64)
    first = _starts(lengths)
    middle = np.repeat(np.cumsum(lengths) - lengths, np.maximum(lengths - 2, 0))
    rows: Rows = np.stack([values[middle], values[first + 1], values[first + 2]], axis=1)
    return rows


def _starts(lengths: Rows) -> Rows:
    """In lists laid end to end, where each three that follow each other begin."""
    if (lengths < 3).any():
        raise _damaged("a strip or a fan of a tessellated face has no three points")
    total = int(lengths.sum())
    kept = np.ones(total, bool)
    ends = np.cumsum(lengths)
    kept[ends - 1] = kept[ends - 2] = False
    return np.flatnonzero(kept)


def _side(corners: Vertices, rows: Rows, normals: Vertices, count: int) -> int:
    """How most of the area of triangles, (m, 3, 3), is turned: 1 as the normals say, -1 the other way."""
    if len(normals) not in (1, count):
        return 0
    a, b, c = np.moveaxis(corners, 1, 0)
    said = normals[0] if len(normals) == 1 else normals[rows].sum(axis=1)
    with np.errstate(all="ignore"):
        return int(np.nan_to_num(np.sign((np.cross(b - a, c - a) * said).sum())))


def used(points: Vertices, triangles: Rows) -> tuple[Vertices, Triangles]:
    """The points that these use, and the triangles over them."""
    rows, corners = primitive.used(triangles, len(points))
    return points if rows is None else points[rows], corners


def _check(rows: Rows, count: int) -> None:
    """1-based indices of so many."""
    if len(rows) and not (rows.min() >= 1 and rows.max() <= count):
        raise _damaged("a tessellated face refers to a point that is not there")


def _damaged(why: str) -> Refused:
    return Refused("corrupt_file", f"{why}: the STEP file is damaged")
