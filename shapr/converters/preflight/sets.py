"""Representations that hold sets of tessellated items (TESSELLATED_GEOMETRIC_SET), which may be in each other, each
placed anew: opened, for the kernel knows none. Those that draw notes are left alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from shapr.converters.preflight.graph import Graph
from shapr.converters.preflight.hybrid import Inside, inside, saying
from shapr.errors import Refused

SET = b"TESSELLATED_GEOMETRIC_SET("
LOCATION = re.compile(rb"REPOSITIONED_TESSELLATED_(?:ITEM\((?:['$]+,)?|GEOMETRIC_SET\(['$]+,\([^()]*\),)#(\d+)\)")
DRAWN = b"ANNOTATION_OCCURRENCE"
REPRESENTATION = re.compile(rb"\w*REPRESENTATION\w*\(['$]+,\(([#\d,]*)\)")
AXES = re.compile(rb"AXIS2_PLACEMENT_3D\(['$]+,#(\d+),(?:#(\d+)|\$),(?:#(\d+)|\$)\)")
TRIPLE = re.compile(rb"(?:CARTESIAN_POINT|DIRECTION)\(['$]+,\(([^()]*)\)\)")
MOST = 1_000_000  # steps in opening sets, which may all be in each other

Matrix = npt.NDArray[np.float64]
UNMOVED = np.eye(4)


@dataclass
class Sets:
    """`own`: by a set's number, the items that it holds itself. `opened`: by the number of a representation that holds
    sets or items, what it holds with every set for what is in it. `places`: by an item's number, where sets put it.
    `drawn`: the items of notes. `again`: how often something is placed that stands elsewhere already."""

    graph: Graph
    items: set[int]
    holders: Inside  # and their items
    held: Inside = field(default_factory=dict)
    own: dict[int, list[int]] = field(default_factory=dict)
    opened: dict[int, list[int]] = field(default_factory=dict)
    places: dict[int, Matrix] = field(default_factory=dict)
    drawn: set[int] = field(default_factory=set)
    again: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        found = saying(self.graph, SET) - self.items - self.holders.keys()
        self.held = inside(self.graph, found)
        self._leave_notes(found)
        self.own = {each: [item for item in self.held.get(each, ()) if item in self.items] for each in found}
        owners = self.graph.owners[np.isin(self.graph.targets, list(found | self.items))]
        for at in np.unique(owners).tolist():
            if listed := REPRESENTATION.match(self.graph.text, int(self.graph.words[at])):
                held = [int(each) for each in listed[1].replace(b"#", b"").split(b",") if each]
                self.opened[int(self.graph.defined[at])] = list(dict.fromkeys(self._within(held, UNMOVED, set())))

    def _leave_notes(self, found: set[int]) -> None:
        waiting = [end for ends in inside(self.graph, saying(self.graph, DRAWN)).values() for end in ends]
        while waiting:
            each = waiting.pop()
            if each in self.items:
                self.drawn.add(each)
            elif each in found:
                found.discard(each)
                waiting += self.held.get(each, ())

    def _within(self, held: list[int], moved: Matrix, seen: set[int]) -> Iterator[int]:
        for each in held:
            self.steps += 1 + len(self.holders.get(each, ()))
            if self.steps > MOST + len(self.graph.targets):
                raise Refused("limit_exceeded", f"sets of tessellated shapes are in each other more than {MOST} times")
            if each in self.own:
                if each in seen:
                    self.again += 1
                    continue
                seen.add(each)
                place = moved @ self._place(each)
                if self.own[each] and self._put(self.own[each], place):
                    yield each
                inner = [inside for inside in self.held.get(each, ()) if inside in self.holders or inside in self.own]
                yield from self._within(inner, place, seen)
            elif each in self.items:
                if self._put([each], moved):
                    yield each
            elif self._put(self.holders.get(each, []), moved):
                yield each

    def _put(self, items: list[int], place: Matrix) -> bool:
        """Whether these can stand there: what stands elsewhere already cannot."""
        if not self.own:  # all stand where they are made
            return True
        if any(not np.array_equal(self.places.setdefault(each, place), place) for each in items):
            self.again += 1
            return False
        return True

    def _place(self, number: int) -> Matrix:
        found = LOCATION.search(*self._text(number))
        if found is None:
            return UNMOVED
        axes = AXES.match(*self._text(int(found[1])))
        if axes is None:
            raise _damaged()
        origin = self._triple(int(axes[1]))
        z, x = (self._triple(int(each)) if each else None for each in axes.groups()[1:])
        z = np.array([0.0, 0.0, 1.0]) if z is None else z
        x = np.eye(3)[int(abs(z[0]) > abs(z[2]) + abs(z[1]))] if x is None else x
        with np.errstate(all="ignore"):
            z = z / np.linalg.norm(z)
            x = x - (x @ z) * z
            x = x / np.linalg.norm(x)
        made = UNMOVED.copy()
        made[:3] = np.stack([x, np.cross(z, x), z, origin], axis=1)
        if not np.isfinite(made).all():
            raise _damaged()
        return made

    def _triple(self, number: int) -> Matrix:
        said = TRIPLE.match(*self._text(number))
        try:
            values = np.array([float(each) for each in said[1].split(b",")]) if said else np.empty(0)
        except ValueError:
            values = np.empty(0)
        if len(values) != 3:
            raise _damaged()
        return values

    def _text(self, number: int) -> tuple[bytes, int, int]:
        at = int(np.searchsorted(self.graph.defined, number, sorter=self._order))
        found = int(self._order[min(at, len(self._order) - 1)])
        if self.graph.defined[found] != number:
            raise _damaged()
        return self.graph.text, int(self.graph.words[found]), self.graph.ends(found)

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self.graph.defined, kind="stable")


def _damaged() -> Refused:
    return Refused("corrupt_file", "a set of tessellated shapes of the STEP file does not say where it is")
