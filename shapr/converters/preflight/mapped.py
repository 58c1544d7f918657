"""STEP representations that are placed by mapped items (ISO 10303-43). The kernel places what they hold, and what is
said to be of their shape besides (SHAPE_REPRESENTATION_RELATIONSHIP) only where they hold a shape themselves: elsewhere
it stands once, and where it was made. So it is told to place the other one. From the shape of a product it goes to what
is said to be the same, and no further: so it is told that what is further is the same too."""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from shapr.converters.mentions import mentions
from shapr.converters.preflight.graph import Graph, check_instances
from shapr.converters.preflight.hybrid import BODIES, Inside, inside, numbers, parts
from shapr.converters.preflight.references import uncommented
from shapr.converters.preflight.step import graph_of
from shapr.errors import Refused

MAP, TIE = b"REPRESENTATION_MAP", b"SHAPE_REPRESENTATION_RELATIONSHIP"
ITEM, SHAPE_OF, PLACE = b"MAPPED_ITEM", b"SHAPE_DEFINITION_REPRESENTATION", b"AXIS2_PLACEMENT_3D"
TARGET = re.compile(rb"'[^']*'|(\bREPRESENTATION_MAP\s*\(\s*#\d+\s*,\s*#)(\d+)(?=\s*\))")


class Shapes:
    """Representations: what each holds, which are said to be of the same shape, and which each mapped item places."""

    def __init__(self, graph: Graph) -> None:
        maps = {number: ends[1] for number, ends in inside(graph, numbers(graph, MAP)).items() if len(ends) > 1}
        uses = inside(graph, numbers(graph, ITEM))
        self.placed = {item: maps[ends[0]] for item, ends in uses.items() if ends[0] in maps}
        self.ties = inside(graph, numbers(graph, TIE))
        self.products = {ends[1] for ends in inside(graph, numbers(graph, SHAPE_OF)).values() if len(ends) > 1}
        tied = {end for ends in self.ties.values() for end in ends}
        self.items = inside(graph, {*self.products, *tied, *self.placed.values()})
        self.places = numbers(graph, PLACE)
        self._bare: dict[int, bool] = {}
        self.direct = self._direct(numbers(graph, *BODIES))
        self.ties |= self.direct

    def check(self) -> None:
        part = parts(self.ties)
        check_instances(
            (part.get(shape, shape), part.get(placed, placed))
            for shape, items in self.items.items()
            for placed in self._placed_in(items)
        )

    def instead(self) -> dict[int, int]:
        """By what is placed and holds nothing but places: the one of its shape that does hold something."""
        part, found = parts(self.ties), dict[int, int]()
        full: dict[int, list[int]] = defaultdict(list)
        for each in part:
            if not self.bare(each):
                full[part[each]].append(each)
        for shape in {each for each in self.placed.values() if each in part and self.bare(each)}:
            others = full[part[shape]]
            if len(others) > 1:
                raise Refused("unsupported_geometry", "the STEP file places a shape that is said in several pieces")
            found |= dict.fromkeys([shape] * len(others), *others)
        return found

    def unseen(self, bodies: set[int]) -> set[int]:
        """Those that no product shows, as the kernel goes from one to the next: it follows one tie, not several."""
        instead, tied = self.instead(), defaultdict[int, set[int]](set)
        for tie, ends in self.ties.items():
            for end in ends:
                tied[end].add(tie)
        left, looked, followed, waiting = set(bodies), set[int](), set[int](), [*self.products]
        while waiting and left:
            shape = waiting.pop()
            ties = tied.pop(shape, set()) - followed  # what those that were followed lead to was looked at
            followed |= ties
            for each in {shape}.union(*(self.ties[tie] for tie in ties)) - looked:
                looked.add(each)
                items = self.items.get(each, [])
                left.difference_update(items)
                waiting += (instead.get(placed, placed) for placed in self._placed_in(items))
        return left

    def _direct(self, bodies: set[int]) -> Inside:
        """Ties by way of several shapes, said anew: as of the shape of a product, and the one that has something."""
        if not any(self.products.isdisjoint(ends) for ends in self.ties.values()):
            return {}
        beside: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for tie, ends in self.ties.items():
            for one, other in (ends, ends[::-1]) if len(ends) == 2 else ():
                beside[one].append((tie, other))
        found, known, seen = dict[int, list[int]](), set(self.products), bodies | self.placed.keys()
        waiting = deque((product, product) for product in sorted(known))
        while waiting:
            shape, product = waiting.popleft()
            for tie, other in beside[shape]:
                if other not in known:
                    known.add(other)
                    waiting.append((other, product))
                    if shape != product and not seen.isdisjoint(self.items.get(other, ())):
                        found[tie] = [product, other]
        return found

    def _placed_in(self, items: Iterable[int]) -> Iterator[int]:
        return (self.placed[item] for item in items if item in self.placed)

    def bare(self, shape: int) -> bool:
        if shape not in self._bare:
            items = self.items.get(shape, ())[:-1]  # the last one is the context
            self._bare[shape] = self.places.issuperset(items)
        return self._bare[shape]


def check(shapes: Shapes) -> None:
    """`corrupt_file` for a shape that is placed in itself, `unsupported_geometry` for what cannot be placed."""
    if shapes.placed and shapes.ties:
        shapes.check()
        shapes.instead()


def instead(shapes: Shapes) -> dict[int, bytes]:
    """What to say in place of ties that the kernel does not come to, by their numbers."""
    return {tie: TIE + b"('','',#%d,#%d)" % tuple(ends) for tie, ends in shapes.direct.items()}


def unseen(graph: Graph, shapes: Shapes) -> int:
    """How many bodies of a file that has products are in none of them, where the kernel looks."""
    return len(shapes.unseen(numbers(graph, *BODIES))) if shapes.products else 0


def placed(path: Path) -> Path:
    """The file itself, or a copy beside it in which what is placed holds what is to be seen."""
    if not mentions(path, MAP) or not mentions(path, TIE):
        return path
    content = uncommented(path.read_bytes())
    instead = Shapes(graph_of(content)).instead()
    if not instead:
        return path

    def said(found: re.Match[bytes]) -> bytes:
        return b"%b%d" % (found[1], instead.get(int(found[2]), int(found[2]))) if found[1] else found[0]

    made = path.with_name("placed.step")
    made.write_bytes(TARGET.sub(said, content))
    return made
