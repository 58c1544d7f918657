"""Assemblies of a STEP file that have one representation, though they are not the same: so do those of files whose
equal entities were made one, as LibrePCB makes them. Of two, the kernel gives both the parts of one; where one is in
the other, it follows the shape into itself until its stack ends. It is told that each has one of its own."""

from collections import Counter, defaultdict
from typing import NamedTuple

from shapr.converters.preflight import products
from shapr.converters.preflight.graph import Graph
from shapr.converters.preflight.hybrid import inside, numbers, saying
from shapr.converters.preflight.instead import Said
from shapr.errors import Refused

PLACE = (
    b"%b(#%%d,#%%d);\n#%%d=(REPRESENTATION_RELATIONSHIP('','',#%%d,#%%d)REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION"
    b"(#%%d)SHAPE_REPRESENTATION_RELATIONSHIP())" % products.PLACED
)

COPIED = 1_000_000  # items of representations that are said again

Edges = set[tuple[int, int]]


class Place(NamedTuple):
    """A statement of where a part is in a whole: the definitions of both, and the representations that it names."""

    part: int
    whole: int
    shape: int
    frame: int
    shape_of_use: int
    transform: int


def instead(graph: Graph) -> dict[int, Said]:
    """What to say in place of those, by their numbers. `corrupt_file` for a shape that is in itself all the same,
    `limit_exceeded` for one that very many have that holds very much."""
    if products.PLACED not in graph.text:
        return {}
    places = _places(graph)
    frames = {(place.frame, place.whole) for place in places.values()}
    shared = {frame for frame, wholes in Counter(frame for frame, _ in frames).items() if wholes > 1}
    shared |= around({(place.frame, place.shape) for place in places.values()})
    if not shared:
        return {}
    said: dict[int, Said] = {}
    own: dict[tuple[int, int], int] = {}
    copies: dict[int, list[int]] = defaultdict(list)
    wholes, sharers = {whole for _, whole in frames}, _sharers(graph)
    for shape in sorted(shared):
        # What is said to be of that shape besides is the part's, if one of them has no parts.
        first, *others = sorted(sharers.get(shape, [(0, 0, 0)]), key=lambda sharer: sharer[0] in wholes)
        own[first[0], shape] = shape
        for definition, tie, shape_of in others:
            if (definition, shape) not in own:
                own[definition, shape] = next(graph.free)
                copies[shape].append(own[definition, shape])
            said[tie] = products.TIE + b"(#%d,#%d)" % (shape_of, own[definition, shape])
    apart: Edges = set()
    for number, place in places.items():
        shape, frame = (own.get(key, key[1]) for key in ((place.part, place.shape), (place.whole, place.frame)))
        apart.add((frame, shape))
        if not shared.isdisjoint((place.shape, place.frame)):
            relation = next(graph.free)
            said[number] = PLACE % (relation, place.shape_of_use, relation, shape, frame, place.transform)
    if around(apart):
        raise Refused("corrupt_file", "the STEP file places a shape in itself")
    items = inside(graph, copies)
    if sum(len(items[shape]) * len(others) for shape, others in copies.items()) > COPIED:
        raise Refused("limit_exceeded", f"assemblies of the STEP file have more than {COPIED} items in common")
    return said | {shape: _again(others) for shape, others in copies.items()}


def _again(numbers: list[int]) -> Said:
    return lambda said: b";\n".join([said, *(b"#%d=%b" % (number, said) for number in numbers)])


def _places(graph: Graph) -> dict[int, Place]:
    uses, named = inside(graph, saying(graph, products.USE)), inside(graph, numbers(graph, products.SHAPE_OF))
    relations = inside(graph, saying(graph, b"REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION"))
    found = {}
    for number, ends in inside(graph, numbers(graph, products.PLACED)).items():
        relation, use = relations.get(ends[0], ()), named.get(ends[-1], (0,))[0]
        if len(ends) == 2 and len(relation) == 3 and len(uses.get(use, ())) > 1:
            (shape, frame, transform), (whole, part, *_) = relation, uses[use]
            found[number] = Place(part, whole, shape, frame, ends[1], transform)
    return found


def _sharers(graph: Graph) -> dict[int, list[tuple[int, int, int]]]:
    """Of each representation the definitions of products that have it; for each the statement, and what that is of."""
    named, found = inside(graph, numbers(graph, products.SHAPE_OF)), defaultdict(list)
    for tie, ends in sorted(inside(graph, numbers(graph, products.TIE)).items()):
        if len(ends) == 2 and ends[0] in named:
            found[ends[1]].append((named[ends[0]][0], tie, ends[0]))
    return found


def around(edges: Edges) -> set[int]:
    """What holds itself, by way of others too, or holds such."""
    holders, left = defaultdict[int, list[int]](list), Counter(holder for holder, _ in edges)
    for holder, held in edges:
        holders[held].append(holder)
    settled = [held for held in holders if held not in left]
    while settled:
        for holder in holders[settled.pop()]:
            left[holder] -= 1
            if not left[holder]:
                settled.append(holder)
    return set(+left)
