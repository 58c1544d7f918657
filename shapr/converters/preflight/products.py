"""Products of a STEP file that the kernel passes over: one that shares its shape with another one, and one that is part
of an assembly that does not say where. And uses of them in a form of several types, which it does not know: such parts
stood once, and where they were made."""

import re
from collections import defaultdict
from collections.abc import Container

import numpy as np

from shapr.converters.preflight.graph import Graph
from shapr.converters.preflight.hybrid import Inside, inside, numbers, saying
from shapr.converters.preflight.instead import Said

USE = b"NEXT_ASSEMBLY_USAGE_OCCURRENCE"
PLACED = b"CONTEXT_DEPENDENT_SHAPE_REPRESENTATION"
DEFINITION, SHAPE_OF, TIE = b"PRODUCT_DEFINITION", b"PRODUCT_DEFINITION_SHAPE", b"SHAPE_DEFINITION_REPRESENTATION"

SEVERAL = re.compile(
    rb"\(ASSEMBLY_COMPONENT_USAGE\(['$*]+\)NEXT_ASSEMBLY_USAGE_OCCURRENCE\(\)PRODUCT_DEFINITION_RELATIONSHIP"
    rb"\(['$]+,['$]+,['$]+,#\d+,#\d+\)PRODUCT_DEFINITION_USAGE\(\)(?:QUANTIFIED_ASSEMBLY_COMPONENT_USAGE\(#\d+\))?\);"
)
HEAD = int.from_bytes(b"(ASSEMBL", "little")
# Or a string: what stands in one says nothing.
RELATION = re.compile(rb"'[^']*+'|\bPRODUCT_DEFINITION_RELATIONSHIP\s*+\(((?:[^()']|'[^']*+')*+)\)")


def instead(graph: Graph) -> dict[int, Said]:
    """By the number of a use of several types, how it is said as one."""
    rows = np.flatnonzero(graph.heads == HEAD)
    return {int(graph.defined[row]): _use for row in rows if SEVERAL.match(graph.text, int(graph.words[row]))}


def _use(said: bytes) -> bytes:
    relation = next(found[1] for found in RELATION.finditer(said) if found[1])
    return b"%b(%b,$)" % (USE, relation)


def sharing(graph: Graph, instead: Container[int]) -> int:
    """How many roots have no shape but one that another product has too: the kernel gives it to one of them, and to
    each that is part of an assembly. But for those in whose place something else is said (`merged.py`)."""
    shapes = _shapes(graph)
    products = _products(graph, set(shapes))
    used = {ends[1] for ends in inside(graph, numbers(graph, USE)).values() if len(ends) > 1}
    sharers: dict[int, dict[int, bool]] = defaultdict(dict)
    for definition, its in shapes.items():
        if len(set(its)) == 1 and its[0] not in instead and definition in products:
            product = products[definition]
            sharers[its[0]][product] = sharers[its[0]].get(product, False) or definition in used
    return sum(len(each) - max(sum(each.values()), 1) for each in sharers.values())


def unplaced(graph: Graph) -> int:
    """How many uses of products that have a shape are not said to be anywhere."""
    uses = {number: ends for number, ends in inside(graph, numbers(graph, USE)).items() if len(ends) > 1}
    if not uses:
        return 0
    named = inside(graph, numbers(graph, SHAPE_OF))
    placed = {end for ends in inside(graph, saying(graph, PLACED)).values() for end in ends}
    there = {use for shape in placed for use in named.get(shape, ())}
    missing = {use: ends for use, ends in uses.items() if use not in there}
    shapes = _shapes(graph) if missing else {}
    missing = {use: ends for use, ends in missing.items() if ends[1] in shapes}
    mapped = numbers(graph, b"MAPPED_ITEM")
    if missing and mapped:  # it may be the items of the whole's representation that say where
        items = inside(graph, {shape for whole, *_ in missing.values() for shape in shapes.get(whole, ())})
        mapping = {shape for shape, held in items.items() if not mapped.isdisjoint(held)}
        missing = {use: ends for use, ends in missing.items() if mapping.isdisjoint(shapes.get(ends[0], ()))}
    return len(missing)


def _shapes(graph: Graph) -> Inside:
    """Of each product's definition, its representations."""
    definitions, named = numbers(graph, DEFINITION), inside(graph, numbers(graph, SHAPE_OF))
    found: Inside = defaultdict(list)
    for ends in inside(graph, numbers(graph, TIE)).values():
        for definition in definitions.intersection(named.get(ends[0], ())) if len(ends) > 1 else ():
            found[definition].append(ends[1])
    return found


def _products(graph: Graph, definitions: set[int]) -> dict[int, int]:
    """Of each definition, the product that it is a version of."""
    versions = {number: ends[0] for number, ends in inside(graph, definitions).items()}
    products = inside(graph, versions.values())
    return {number: products[version][0] for number, version in versions.items() if products.get(version)}
