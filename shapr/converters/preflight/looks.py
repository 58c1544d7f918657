"""Looks of a STEP file that the kernel has nothing for: lines and patterns on surfaces, and all but one of several
colours of a thing. Of the sides of a surface it hears the outer one; else the last colour that is said."""

import re
from collections.abc import Iterable

import numpy as np

from shapr.converters.preflight.graph import Graph
from shapr.converters.preflight.hybrid import Inside, inside, numbers

ITEM, OVER, USAGE = b"STYLED_ITEM", b"OVER_RIDING_STYLED_ITEM", b"SURFACE_STYLE_USAGE"
ASSIGNMENTS = b"PRESENTATION_STYLE_ASSIGNMENT", b"PRESENTATION_STYLE_BY_CONTEXT"
SIDE: tuple[bytes, ...] = (b"SURFACE_SIDE_STYLE",)
FILLS = b"SURFACE_STYLE_FILL_AREA", b"SURFACE_STYLE_RENDERING", b"SURFACE_STYLE_RENDERING_WITH_PROPERTIES"
# From what an item has to the colours.
WAY: tuple[tuple[bytes, ...], ...] = (
    ASSIGNMENTS,
    (USAGE,),
    SIDE,
    FILLS,
    (b"FILL_AREA_STYLE",),
    (b"FILL_AREA_STYLE_COLOUR",),
)
COLOURS = b"COLOUR_RGB", b"DRAUGHTING_PRE_DEFINED_COLOUR"
# What is on surfaces beside their colour.
PATTERNS = b"FILL_AREA_STYLE_HATCHING", b"FILL_AREA_STYLE_TILES"
DRAWN = (
    *(b"SURFACE_STYLE_BOUNDARY", b"SURFACE_STYLE_SILHOUETTE", b"SURFACE_STYLE_SEGMENTATION_CURVE"),
    *(b"SURFACE_STYLE_CONTROL_GRID", b"SURFACE_STYLE_PARAMETER_LINE"),
)
NUMBER = re.compile(rb"(?:\d+\.?\d*|\.\d+)(?:[Ee][-+]?\d{1,3})?")

Colours = frozenset[bytes]
NONE: Colours = frozenset()


def on_surfaces(graph: Graph) -> int:
    """How many patterns and lines surfaces have."""
    return len(numbers(graph, *PATTERNS, *DRAWN))


def coloured(graph: Graph) -> int:
    """How many things have several colours that are not the same, as far as they are numbers."""
    styled = _suspects(graph)
    if not styled:
        return 0
    wanted, levels = set().union(*(styles for styles in styled.values())), list[Inside]()
    for kinds in WAY:
        levels.append(inside(graph, wanted & numbers(graph, *kinds)))
        wanted |= set().union(*levels[-1].values())
    found = _colours(graph, wanted)
    for kinds, level in zip(WAY[::-1], levels[::-1], strict=True):
        for number, ends in level.items():
            own = [found.get(end, NONE) for end in ends]
            # A side that is filled and rendered has one colour, which is said twice.
            found[number] = next(filter(None, own), NONE) if kinds is SIDE else _two(own)
    return sum(len(_two(found.get(style, NONE) for style in styles)) > 1 for styles in styled.values())


def _colours(graph: Graph, wanted: set[int]) -> dict[int, Colours]:
    """What each of them says; names are left out of the graph's text."""
    rows = np.flatnonzero(np.isin(graph.defined, list(wanted)) & np.logical_or.reduce([*map(graph.are, COLOURS)]))
    said = (graph.text[int(graph.words[row]) : graph.ends(row)].partition(b";")[0] for row in rows.tolist())
    values = (NUMBER.sub(lambda found: b"%.6f" % float(found[0]), each) for each in said)
    return {number: frozenset((each,)) for number, each in zip(graph.defined[rows].tolist(), values, strict=True)}


def _two(colours: Iterable[Colours]) -> Colours:
    """Two of them, if there are: how many there are is all the same."""
    found = NONE
    for each in colours:
        found |= each
        if len(found) > 1:
            return frozenset(sorted(found)[:2])
    return found


def _suspects(graph: Graph) -> Inside:
    """The styles of what may have several colours: in all but a few files nothing does."""
    usages, over = graph.are(USAGE), graph.are(OVER)
    if np.count_nonzero(usages) < 2:
        return {}
    items = np.flatnonzero(graph.are(ITEM) | over)
    first, last = (np.searchsorted(graph.owners, items, side) for side in ("left", "right"))
    last -= 1 + over[items]  # the item, and what is overridden
    items, first, last = (each[last > first] for each in (items, first, last))
    things = np.where(over[items], graph.defined[items], graph.targets[last])  # what overrides goes by its own number
    counts = np.unique(things, return_counts=True)[1]
    assigned = np.logical_or.reduce([graph.are(kind) for kind in ASSIGNMENTS])[graph.owners]
    assigned[assigned] = np.isin(graph.targets[assigned], graph.defined[usages])
    several = graph.defined[np.bincount(graph.owners[assigned], minlength=len(graph.defined)) > 1]
    if not ((last - first > 1).any() or len(several) or (counts > 1).any()):
        return {}
    styles: Inside = {}
    for thing, begin, end in zip(things.tolist(), first.tolist(), last.tolist(), strict=True):
        styles.setdefault(thing, []).extend(graph.targets[begin:end].tolist())
    odd = set(several.tolist())
    return {thing: own for thing, own in styles.items() if len(own) > 1 or not odd.isdisjoint(own)}
