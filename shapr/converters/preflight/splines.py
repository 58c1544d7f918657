"""Curves and surfaces of STEP that are of several types, of which the kernel knows each and not all together: rational
ones of Bezier's, and curves on surfaces that are said to have ends. It gets the same in words that it does know."""

import re
from collections.abc import Iterator

import numpy as np

from shapr.converters.preflight.graph import Graph

BEZIER = re.compile(rb"BEZIER_(CURVE|SURFACE)\(\)")
BOUNDED = re.compile(
    rb"\(BOUNDED_CURVE\(\)BOUNDED_SURFACE_CURVE\(\)CURVE\(\)GEOMETRIC_REPRESENTATION_ITEM\(\)"
    rb"REPRESENTATION_ITEM\('*\)SURFACE_CURVE\(([^;]*)\)\);"
)
ENDED = b"BOUNDED_SURFACE_CURVE()"
HEADS = int.from_bytes(b"(BEZIER_", "little"), int.from_bytes(b"(BOUNDED", "little")  # the types are in order
POLES = {
    b"CURVE": re.compile(rb"B_SPLINE_CURVE\((\d{1,4}),\((#[#\d,]*)\)[^()]*\)"),
    b"SURFACE": re.compile(rb"B_SPLINE_SURFACE\((\d{1,4}),(\d{1,4}),\(((?:\(#[#\d,]*\),?)+)\)[^()]*\)"),
}
TEXT = re.compile(rb"'+")


def instead(graph: Graph) -> dict[int, bytes]:
    """By the number of each: the same as the kernel knows it."""
    bezier, bounded = (graph.heads == head for head in HEADS)
    rows = np.flatnonzero(bezier | bounded if bounded.any() and ENDED in graph.text else bezier)
    found: dict[int, bytes] = {}
    for row in rows.tolist():
        said = graph.text[int(graph.words[row]) : graph.ends(row)]
        if said := _knotted(said) or _unbounded(said):
            found[int(graph.defined[row])] = TEXT.sub(b"''", said)
    return found


def _unbounded(said: bytes) -> bytes:
    whole = BOUNDED.match(said)
    return b"SURFACE_CURVE('',%b)" % whole[1] if whole else b""


def _knotted(said: bytes) -> bytes:
    """With knots: those that a spline of one or more of Bezier's has."""
    kind = BEZIER.search(said)
    poles = POLES[kind[1]].search(said) if kind else None
    if not kind or not poles or not said.startswith(b"("):
        return b""
    knots = list(_knots(poles))
    if not all(knots):
        return b""
    lists = [b"(%b)" % b",".join(b"%d" % times for times in multiplicities) for multiplicities in knots]
    lists += [b"(%b)" % b",".join(b"%d." % at for at in range(len(multiplicities))) for multiplicities in knots]
    more = b"B_SPLINE_%b_WITH_KNOTS(%b,.UNSPECIFIED.)" % (kind[1], b",".join(lists))
    whole = said[: poles.end()] + more + said[poles.end() :]
    return whole.replace(kind[0], b"", 1).partition(b";")[0]


def _knots(poles: re.Match[bytes]) -> Iterator[list[int]]:
    """For each direction, how often each knot is there; none where degree and poles do not fit together."""
    *degrees, listed = poles.groups()
    rows = listed.count(b"(")
    counts = [listed.count(b"#")] if len(degrees) == 1 else [rows, listed.count(b"#") // rows]
    for degree, count in zip(map(int, degrees), counts, strict=True):
        fits = 0 < degree < count and (count - 1) % degree == 0
        yield [degree + 1, *[degree] * ((count - 1) // degree - 1), degree + 1] if fits else []
