"""STEP files with a part twice: exact, and tessellated or as a drawing beside it (AP242). The kernel would make two
bodies of it."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from shapr.converters.preflight.graph import Graph
from shapr.converters.preflight.references import ASIDE
from shapr.converters.preflight.step import graph_of

SHAPES = (b"TESSELLATED_SHAPE_REPRESENTATION", b"TESSELLATED_SHAPE_REPRESENTATION_WITH_ACCURACY_PARAMETERS")
TESSELLATED = (  # what becomes a body; a set of annotations does not
    *(b"TESSELLATED_SOLID", b"TESSELLATED_SHELL", b"TRIANGULATED_FACE", b"COMPLEX_TRIANGULATED_FACE"),
    *(b"TRIANGULATED_SURFACE_SET", b"COMPLEX_TRIANGULATED_SURFACE_SET", b"CUBIC_BEZIER_TRIANGULATED_FACE"),
)
BODIES = (b"MANIFOLD_SOLID_BREP", b"BREP_WITH_VOIDS", b"FACETED_BREP", b"SHELL_BASED_SURFACE_MODEL")
HOLDERS = (b"TESSELLATED_SOLID", b"TESSELLATED_SHELL")
EXACT = (*BODIES, b"CLOSED_SHELL", b"OPEN_SHELL", b"ADVANCED_FACE", b"FACE_SURFACE")
TIES = (b"SHAPE_REPRESENTATION_RELATIONSHIP", b"SHAPE_DEFINITION_REPRESENTATION")
DRAWING = b"MECHANICAL_DESIGN_AND_DRAUGHTING_RELATIONSHIP"  # ties notes to the shape they are of
TIE = re.compile(rb"#(\d+)\s*=\s*(?=(?:%b)\s*\()|\b(?=%b)" % (b"|".join(TIES), DRAWING))

Inside = dict[int, list[int]]  # by a definition's number, those that it refers to


def exact_alone(path: Path) -> Path:
    """The file itself, or a copy beside it in which no part with an exact shape is said to have another one too."""
    content = path.read_bytes()
    doubles = _doubles(graph_of(content)) if SHAPES[0] in content else set()
    if not doubles and DRAWING not in content:
        return path
    kept, at = bytearray(content), 0
    for aside in (*ASIDE.finditer(content), None):
        for tie in TIE.finditer(content, at, aside.start() if aside else len(content)):
            if tie[1] is None or int(tie[1]) in doubles:
                kept[tie.end()] = ord("X")  # a word that means nothing, and no byte is moved
        at = aside.end() if aside else at
    alone = path.with_name("alone.step")
    alone.write_bytes(kept)
    return alone


def numbers(graph: Graph, *kinds: bytes) -> set[int]:
    """Those of the definitions of these types."""
    return {int(number) for kind in kinds for number in graph.defined[graph.are(kind)]}


def inside(graph: Graph, wanted: Iterable[int]) -> Inside:
    found: Inside = defaultdict(list)
    asked = list(wanted)
    if not asked:
        return found
    rows = np.flatnonzero(np.isin(graph.defined, asked))
    begins, ends = (np.searchsorted(graph.owners, rows, side).tolist() for side in ("left", "right"))
    for owner, begin, end in zip(graph.defined[rows].tolist(), begins, ends, strict=True):
        if end > begin:
            found[owner] += graph.targets[begin:end].tolist()
    return found


def saying(graph: Graph, word: bytes) -> set[int]:
    """The definitions with a word in them, complex ones too."""
    places, at = [], graph.text.find(word)
    while at >= 0:
        places.append(at)
        at = graph.text.find(word, at + 1)
    return {int(graph.defined[each]) for each in graph.holders(places)} if places else set()


def _doubles(graph: Graph) -> set[int]:
    """The statements that tie a tessellated shape to a part that has an exact one."""
    ties, shapes = inside(graph, numbers(graph, *TIES)), numbers(graph, *SHAPES)
    part = parts(ties)
    bodies = numbers(graph, *BODIES)
    items = inside(graph, part)
    exact = {part[each] for each in part if each not in shapes and not bodies.isdisjoint(items[each])}
    spare = {each for each in shapes if part.get(each) in exact}
    spare -= _alone(graph, {each: items[each] for each in spare})
    return {tie for tie, ends in ties.items() if not spare.isdisjoint(ends)}


def parts(ties: Inside) -> dict[int, int]:
    """Of the shapes and products that are tied: for each a number that it has in common with those of the same part."""
    part: dict[int, int] = {}

    def top(each: int) -> int:
        while part.setdefault(each, each) != each:
            part[each] = part[part[each]]
            each = part[each]
        return each

    for ends in ties.values():
        for end in ends[1:]:
            part[top(end)] = top(ends[0])
    return {each: top(each) for each in part}


def _alone(graph: Graph, items: Inside) -> set[int]:
    """The representations that hold a tessellated body that does not say which exact one it is."""
    bodies, exact = numbers(graph, *TESSELLATED) & set().union(*items.values()), numbers(graph, *EXACT)
    within = inside(graph, bodies)
    faces = inside(graph, set().union(*within.values()) - exact)
    saying = exact.union(face for face, ends in faces.items() if not exact.isdisjoint(ends))
    alone = {body for body in bodies if saying.isdisjoint(within[body])}
    return {each for each, held in items.items() if not alone.isdisjoint(held)}
