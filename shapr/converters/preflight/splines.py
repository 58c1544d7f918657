"""Curves and surfaces of STEP that the kernel makes something else of, or nothing. Of several types it knows each and
not all together: rational ones of Bezier's, and curves on surfaces that are said to have ends. It crashes on uniform
ones whose types are not in the order of the alphabet, and takes those of Bezier's in several pieces for one. It gets
the same in words that it does know."""

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
    b"CURVE": re.compile(rb"(?:B_SPLINE|BEZIER)_CURVE\((?:['$*]+,)?(\d{1,4}),\((#[#\d,]*)\)[^()]*\)"),
    b"SURFACE": re.compile(
        rb"(?:B_SPLINE|BEZIER)_SURFACE\((?:['$*]+,)?(\d{1,4}),(\d{1,4}),\(((?:\(#[#\d,]*\),?)+)\)[^()]*\)"
    ),
}
ALONE, BEZIER_ALONE = (b"BEZIER_CURVE", b"BEZIER_SURFACE"), re.compile(rb"BEZIER_(CURVE|SURFACE)\(")  # of one type
WORDS = tuple(map(re.compile, (rb"UNIFORM_(?:CURVE|SURFACE)\(\)", BEZIER.pattern)))  # of what has to be in order
TYPES = re.compile(rb"\w+\((?:[^()]++|\((?:[^()]++|\([^()]*+\))*+\))*+\)")
TEXT = re.compile(rb"'+")


def instead(graph: Graph) -> dict[int, bytes]:
    """By the number of each: the same as the kernel knows it."""
    bezier, bounded = (graph.heads == head for head in HEADS)
    rows = set(np.flatnonzero(bezier | bounded if bounded.any() and ENDED in graph.text else bezier).tolist())
    rows.update(*(np.flatnonzero(graph.are(kind)).tolist() for kind in ALONE))
    rows.update(graph.holders([found.start() for word in WORDS for found in word.finditer(graph.text)]))
    found: dict[int, bytes] = {}
    for row in sorted(rows):
        given = graph.text[int(graph.words[row]) : graph.ends(row)]
        said = _ordered(given)
        said = _knotted(said) or _unbounded(said) or said.partition(b";")[0]
        if not given.startswith(said + b";"):
            found[int(graph.defined[row])] = TEXT.sub(b"''", said)
    return found


def _ordered(said: bytes) -> bytes:
    """With its types in the order of the alphabet."""
    whole, end, rest = said.partition(b";")
    types = TYPES.findall(whole) if whole.startswith(b"(") else []
    if b"(%b)" % b"".join(types) != whole:
        return said
    return b"(%b)" % b"".join(sorted(types, key=lambda each: bytes(each).partition(b"(")[0])) + end + rest


def _unbounded(said: bytes) -> bytes:
    whole = BOUNDED.match(said)
    return b"SURFACE_CURVE('',%b)" % whole[1] if whole else b""


def _knotted(said: bytes) -> bytes:
    """With knots: those that a spline of one or more of Bezier's has."""
    several = said.startswith(b"(")
    kind = (BEZIER.search if several else BEZIER_ALONE.match)(said)
    poles = POLES[kind[1]].search(said) if kind else None
    if not kind or not poles:
        return b""
    knots = list(_knots(poles))
    if not all(knots):
        return b""
    lists = [b"(%b)" % b",".join(b"%d" % times for times in multiplicities) for multiplicities in knots]
    lists += [b"(%b)" % b",".join(b"%d." % at for at in range(len(multiplicities))) for multiplicities in knots]
    knotted, given = b"B_SPLINE_%b_WITH_KNOTS(" % kind[1], b"%b,.UNSPECIFIED.)" % b",".join(lists)
    if not several:
        return knotted + said[kind.end() : poles.end() - 1] + b"," + given
    whole = said[: poles.end()] + knotted + given + said[poles.end() :]
    return whole.replace(kind[0], b"", 1).partition(b";")[0]


def _knots(poles: re.Match[bytes]) -> Iterator[list[int]]:
    """For each direction, how often each knot is there; none where degree and poles do not fit together."""
    *degrees, listed = poles.groups()
    rows = listed.count(b"(")
    counts = [listed.count(b"#")] if len(degrees) == 1 else [rows, listed.count(b"#") // rows]
    for degree, count in zip(map(int, degrees), counts, strict=True):
        fits = 0 < degree < count and (count - 1) % degree == 0
        yield [degree + 1, *[degree] * ((count - 1) // degree - 1), degree + 1] if fits else []
