"""Products of a STEP file that the kernel passes over since the assembly that they are part of does not say where they
are. And uses of them in forms that it does not know, of several types or of another one: such parts stood once, and
where they were made."""

import re
from collections import defaultdict

import numpy as np

from shapr.converters.preflight.graph import Graph, check_instances
from shapr.converters.preflight.hybrid import Inside, inside, numbers, saying
from shapr.converters.preflight.instead import Said
from shapr.converters.preflight.placed import STRING

USE, LOOSER = (
    b"NEXT_ASSEMBLY_USAGE_OCCURRENCE",
    b"SPECIFIED_HIGHER_USAGE_OCCURRENCE",
)  # that says of others how they look
OTHER_USES = b"ASSEMBLY_COMPONENT_USAGE", b"QUANTIFIED_ASSEMBLY_COMPONENT_USAGE", b"PROMISSORY_USAGE_OCCURRENCE"
PLACED = b"CONTEXT_DEPENDENT_SHAPE_REPRESENTATION"
DEFINITION, SHAPE_OF, TIE = b"PRODUCT_DEFINITION", b"PRODUCT_DEFINITION_SHAPE", b"SHAPE_DEFINITION_REPRESENTATION"

SEVERAL = re.compile(
    rb"\(ASSEMBLY_COMPONENT_USAGE\(['$*]+\)NEXT_ASSEMBLY_USAGE_OCCURRENCE\(\)PRODUCT_DEFINITION_RELATIONSHIP"
    rb"\(['$]+,['$]+,['$]+,#\d+,#\d+\)PRODUCT_DEFINITION_USAGE\(\)(?:QUANTIFIED_ASSEMBLY_COMPONENT_USAGE\(#\d+\))?\);"
)
HEAD = int.from_bytes(b"(ASSEMBL", "little")
ALONE = re.compile(rb"\w+\((?:['$]+,){3}#\d+,#\d+,['$#]")
OTHER = re.compile(rb"\w+\s*+\(((?:%b,){3}\s*+#\d+\s*+,\s*+#\d+)" % STRING)
# Or a string: what stands in one says nothing.
RELATION = re.compile(rb"'[^']*+'|\bPRODUCT_DEFINITION_RELATIONSHIP\s*+\(((?:[^()']|'[^']*+')*+)\)")


def check(graph: Graph) -> None:
    """`decompression_bomb` for what the uses come to that the kernel will hear of."""
    if others := _others(graph):
        uses = inside(graph, saying(graph, USE) | others)
        check_instances((ends[0], ends[1]) for ends in uses.values() if len(ends) > 1)


def instead(graph: Graph) -> dict[int, Said]:
    """By the number of a use of several types or of another one, how it is said as the kernel knows it."""
    rows = np.flatnonzero(graph.heads == HEAD)
    said: dict[int, Said] = dict.fromkeys(_others(graph), _other)
    return said | {int(graph.defined[row]): _use for row in rows if SEVERAL.match(graph.text, int(graph.words[row]))}


def _use(said: bytes) -> bytes:
    relation = next((found[1] for found in RELATION.finditer(said) if found[1]), None)
    return b"%b(%b,$)" % (USE, relation) if relation else said  # a word with an end of line in it is none


def _other(said: bytes) -> bytes:
    found = OTHER.match(said)
    return b"%b(%b,$)" % (USE, found[1]) if found else said


def _others(graph: Graph) -> set[int]:
    """Uses of the types that the kernel does not know, where the file says where they are."""
    if not any(graph.are(kind).any() for kind in OTHER_USES):
        return set()
    rows = np.flatnonzero(np.logical_or.reduce([graph.are(kind) for kind in OTHER_USES]))
    said = {int(graph.defined[row]) for row in rows if ALONE.match(graph.text, int(graph.words[row]))}
    return said & _placed(graph)


def unread(graph: Graph) -> int:
    """How many uses the kernel does not hear of: those types without a place, and others with one."""
    if not graph.are(PLACED).any() and not any(graph.are(kind).any() for kind in OTHER_USES):
        return 0
    heard, simple = {*numbers(graph, USE), *instead(graph)}, numbers(graph, *OTHER_USES)
    others = (simple | _placed(graph)) - heard
    return len(others & saying(graph, b"_USAGE") - saying(graph, LOOSER)) if others else 0


def used(graph: Graph) -> set[int]:
    """The definitions of products that are parts of assemblies."""
    return {ends[1] for ends in _uses(graph)}


def wholes(graph: Graph) -> set[int]:
    """Those of assemblies."""
    return {ends[0] for ends in _uses(graph)}


def _uses(graph: Graph) -> list[list[int]]:
    found = inside(graph, {*numbers(graph, USE), *instead(graph)}).values()
    return [ends for ends in found if len(ends) > 1]


def unplaced(graph: Graph) -> int:
    """How many uses of products that have a shape are not said to be anywhere."""
    uses = {number: ends for number, ends in inside(graph, numbers(graph, USE)).items() if len(ends) > 1}
    if not uses:
        return 0
    there = _placed(graph)
    missing = {use: ends for use, ends in uses.items() if use not in there}
    own = shapes(graph) if missing else {}
    missing = {use: ends for use, ends in missing.items() if ends[1] in own}
    mapped = numbers(graph, b"MAPPED_ITEM")
    if missing and mapped:  # it may be the items of the whole's representation that say where
        items = inside(graph, {shape for whole, *_ in missing.values() for shape in own.get(whole, ())})
        mapping = {shape for shape, held in items.items() if not mapped.isdisjoint(held)}
        missing = {use: ends for use, ends in missing.items() if mapping.isdisjoint(own.get(ends[0], ()))}
    return len(missing)


def _placed(graph: Graph) -> set[int]:
    named = inside(graph, numbers(graph, SHAPE_OF))
    placed = {end for ends in inside(graph, saying(graph, PLACED)).values() for end in ends}
    return {use for shape in placed for use in named.get(shape, ())}


def shapes(graph: Graph) -> Inside:
    """Of each product's definition, its representations."""
    definitions, named = numbers(graph, DEFINITION), inside(graph, numbers(graph, SHAPE_OF))
    found: Inside = defaultdict(list)
    for ends in inside(graph, numbers(graph, TIE)).values():
        for definition in definitions.intersection(named.get(ends[0], ())) if len(ends) > 1 else ():
            found[definition].append(ends[1])
    return found


def products(graph: Graph, definitions: set[int]) -> dict[int, int]:
    """Of each definition, the product that it is a version of."""
    versions = {number: ends[0] for number, ends in inside(graph, definitions).items()}
    found = inside(graph, versions.values())
    return {number: found[version][0] for number, version in versions.items() if found.get(version)}
