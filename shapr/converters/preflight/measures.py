"""Units of a STEP file that the kernel does not understand, and takes for its own without a word: those that are said
in a unit that is said in another one itself (a foot in inches), and those whose measure is of several types."""

import re

import numpy as np

from shapr.converters.preflight.graph import Graph
from shapr.errors import Refused

UNIT = b"CONVERSION_BASED_UNIT("
KINDS = {b"LENGTH_UNIT(": b"LENGTH_MEASURE", b"PLANE_ANGLE_UNIT(": b"PLANE_ANGLE_MEASURE"}
SAID = re.compile(rb"CONVERSION_BASED_UNIT\((?:[#*]\d*,)?'+,#(\d+)\)")
MEASURE = re.compile(rb"MEASURE_WITH_UNIT\((?:\w+\()?\+?(\d+\.?\d*(?:[Ee][-+]?\d{1,2})?)\)?,#(\d+)\)")
SEVERAL, CONVERTED = re.compile(rb"#\d+=\("), re.compile(re.escape(UNIT))
DEEPEST = 10  # units said in each other


def instead(graph: Graph) -> dict[int, bytes]:
    """By the number of the measure of each such unit: how many of one of the SI it is."""
    if UNIT not in graph.text:
        return {}
    texts = Texts(graph)
    found: dict[int, bytes] = {}
    for row in graph.holders([each.start() for each in CONVERTED.finditer(graph.text)]):
        unit = graph.text[graph.begins[row] : graph.ends(row)]
        measured = next((measure for kind, measure in KINDS.items() if kind in unit), None)
        said = SAID.search(unit)
        if measured and said and texts.strange(int(said[1])):
            factor, base = texts.resolved(int(said[1]))
            found[int(said[1])] = b"%b_WITH_UNIT(%b(%b),#%d)" % (measured, measured, b"%.16E" % factor, base)
    return found


class Texts:
    """What entities say, by their numbers."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        ordered = bool((np.diff(graph.defined) > 0).all())
        self._order = np.arange(len(graph.defined)) if ordered else np.argsort(graph.defined, kind="stable")
        self._sorted = graph.defined[self._order]
        self._known: dict[tuple[re.Pattern[bytes], int], tuple[bytes, ...] | None] = {}

    def said(self, pattern: re.Pattern[bytes], number: int) -> tuple[bytes, ...] | None:
        """The groups of a pattern where it is found in an entity: looked for once, for all may refer to a large one."""
        key = pattern, number
        if key not in self._known:
            found = pattern.search(self._of(number))
            self._known[key] = found.groups() if found else None
        return self._known[key]

    def has(self, pattern: re.Pattern[bytes], number: int) -> bool:
        return self.said(pattern, number) is not None

    def _of(self, number: int) -> bytes:
        at = int(np.searchsorted(self._sorted, number))
        if at == len(self._sorted) or self._sorted[at] != number:
            return b""
        row = int(self._order[at])
        return self._graph.text[self._graph.begins[row] : self._graph.ends(row)]

    def strange(self, measure: int) -> bool:
        said = self.said(MEASURE, measure)
        return said is not None and (self.has(SEVERAL, measure) or self.has(CONVERTED, int(said[1])))

    def resolved(self, measure: int) -> tuple[float, int]:
        """How many of which unit of the SI."""
        factor = 1.0
        for _ in range(DEEPEST):
            said = self.said(MEASURE, measure)
            if not said:
                break
            factor *= float(said[0])
            further = self.said(SAID, int(said[1]))
            if not further:
                return factor, int(said[1])
            measure = int(further[0])
        raise Refused("corrupt_file", "a unit of the STEP file is said in no other one")
