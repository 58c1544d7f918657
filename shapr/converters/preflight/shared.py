"""Products of a STEP file that are said to have one shape, by themselves or by way of ties of it
(SHAPE_REPRESENTATION_RELATIONSHIP). The kernel gives it to one of them, and to each that is part of an assembly, all
under one name; by way of several ties to one alone, which are said anew for the others."""

from collections import defaultdict
from collections.abc import Container, Iterable

from shapr.converters.preflight import products
from shapr.converters.preflight.graph import Graph
from shapr.converters.preflight.hybrid import Inside, inside, numbers, parts
from shapr.converters.preflight.mapped import Shapes


def tell(graph: Graph, shapes: Shapes) -> None:
    """Each that has nothing near gets the one shape that has something, by a tie that nothing else needs."""
    if len(shapes.products) < 2 or not shapes.ties:
        return
    placing = _placing(graph)
    ties = {tie: ends for tie, ends in shapes.ties.items() if len(ends) == 2 and tie not in placing}
    beside = _beside(ties.values())
    near = {each: (each, *beside[each]) for each in shapes.products & beside.keys()}
    empty = [each for each, these in near.items() if all(map(shapes.bare, these))]
    empty = sorted(set(empty) - _wholes(graph)) if empty else []
    if not empty:
        return
    part, full = parts(ties), defaultdict[int, list[int]](list)
    for each in part:
        if not shapes.bare(each):
            full[part[each]].append(each)
    free = {end: tie for tie, ends in ties.items() if tie not in shapes.direct for end in ends}
    for product in empty:
        tie, found = free.get(product), full[part[product]]
        if tie is not None and tie not in shapes.direct and len(found) == 1:
            shapes.direct[tie] = shapes.ties[tie] = [product, *found]


def sharing(graph: Graph, shapes: Shapes, instead: Container[int]) -> tuple[int, int]:
    """How many roots have no shape but one that another product has too, and get none; and how many parts of assemblies
    are called like another one. But for those in whose place something else is said (`merged.py`)."""
    placing, wholes = _placing(graph), _wholes(graph)
    beside = _beside(ends for tie, ends in shapes.ties.items() if tie not in placing)
    own = products.shapes(graph)
    version_of, used = products.products(graph, set(own)), products.used(graph)
    sharers: dict[frozenset[int], dict[int, bool]] = defaultdict(dict)
    known: dict[int, frozenset[int]] = {}  # by a shape, what is to be seen of it
    for definition, its in own.items():
        if len(set(its)) == 1 and its[0] not in instead and definition in version_of:
            product, shape = version_of[definition], its[0]
            if shape not in known:
                near = [] if shape in wholes or not shapes.bare(shape) else beside.get(shape, [])
                known[shape] = frozenset(each for each in near if not shapes.bare(each)) or frozenset((shape,))
            group = sharers[known[shape]]
            group[product] = group.get(product, False) or definition in used
    there = [(len(each), sum(each.values())) for each in sharers.values()]
    return sum(several - max(parts, 1) for several, parts in there), sum(max(parts - 1, 0) for _, parts in there)


def _placing(graph: Graph) -> set[int]:
    """Ties that place a part in an assembly."""
    return {end for ends in inside(graph, numbers(graph, products.PLACED)).values() for end in ends}


def _wholes(graph: Graph) -> set[int]:
    """The shapes of assemblies."""
    own = products.shapes(graph)
    return {shape for whole in products.wholes(graph) for shape in own.get(whole, ())}


def _beside(ties: Iterable[list[int]]) -> Inside:
    found: Inside = defaultdict(list)
    for ends in ties:
        for one, other in (ends, ends[::-1]) if len(ends) == 2 else ():
            found[one].append(other)
    return found
