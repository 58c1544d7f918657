"""The elements of a PLY file: rows of numbers and lists, found without a loop where all rows are alike."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh import colour
from shapr.converters.mesh.model import Colours, blocks
from shapr.converters.progress import Reach
from shapr.errors import Refused

Rows = npt.NDArray[np.int64]
CHANNELS = (("red", "green", "blue", "alpha"), ("r", "g", "b", "a"))
OFTEN = 20_000  # rows looked at one by one between two words of progress
SHORT = Refused("corrupt_file", "the PLY file is cut short: its header announces more than it holds")


@dataclass(frozen=True)
class Property:
    name: str
    kind: str  # of numpy
    count: str | None = None  # the kind of a list's length


@dataclass
class Element:
    name: str
    count: int
    properties: list[Property] = field(default_factory=list)


@dataclass(frozen=True)
class Body:
    """The data after the header: bytes, or, of an ASCII file, numbers. A position counts those."""

    data: Any
    order: str  # of bytes; "" for ASCII
    lines: Any = None  # of an ASCII file with a line per row, as is usual: where each begins

    def size(self, kind: str) -> int:
        return np.dtype(kind).itemsize if self.order else 1

    def at(self, positions: Any, kind: str) -> Any:
        """The numbers at these positions; `corrupt_file` beyond the end."""
        size = self.size(kind)
        if len(positions) and int(positions.max()) + size > len(self.data):
            raise SHORT
        if not self.order:
            return self.data[positions]
        found = self.data[positions[:, None] + np.arange(size)]
        return found.view(self.order + kind).ravel()

    def alike(self, start: int, stride: int, count: int, length: int, kind: str) -> Any:
        """(count, length): so many numbers of each of rows that are `stride` apart. They lie within the data."""
        stored, unit = (np.dtype(self.order + kind), 1) if self.order else (self.data.dtype, self.data.itemsize)
        return np.ndarray((count, length), stored, self.data, start * unit, (stride * unit, stored.itemsize))


class Table:
    """One element's rows: where each property of each row lies."""

    def __init__(self, body: Body, element: Element, start: int, line: int, reach: Reach) -> None:
        self.body, self.element = body, element
        self.lines = None if body.lines is None else body.lines[line : line + element.count]
        least = sum(body.size(each.count or each.kind) for each in element.properties)
        if element.count * least > len(body.data) - start:
            raise SHORT
        self.stride = 0  # from row to row, where that is the same for all
        self.positions: dict[str, Rows | int] = {}  # in each row; in the first, where there is a stride
        self.lengths: dict[str, Rows] = {}
        self.end = start
        if least and element.count and not self._alike(start):
            self._one_by_one(start, reach)
        reach(1.0)

    def _alike(self, start: int) -> bool:
        """All rows as long as the first?"""
        at, lengths = start, {}
        for each in self.element.properties:
            if each.count:
                lengths[each.name] = length = self._length(at, each)
                at += self.body.size(each.count) + length * self.body.size(each.kind)
            else:
                at += self.body.size(each.kind)
        stride = at - start
        end = start + stride * self.element.count if self.lines is None else int(self.lines[-1]) + stride
        if end > len(self.body.data):
            return False
        count = self.element.count
        rows = self.lines if self.lines is not None and (np.diff(self.lines) != stride).any() else None
        self.stride = stride if rows is None else 0
        at = start if self.lines is None else int(self.lines[0])
        for each in self.element.properties:
            position = at if rows is None else rows + (at - int(rows[0]))
            if each.count:
                if (self._numbers(position, each.count).ravel() != lengths[each.name]).any():
                    return False
                at += self.body.size(each.count)
                position = position + self.body.size(each.count)
                self.lengths[each.name] = np.full(count, lengths[each.name])
            self.positions[each.name] = position
            at += lengths.get(each.name, 1) * self.body.size(each.kind)
        self.end = end
        return True

    def _numbers(self, position: Rows | int, kind: str, length: int = 1) -> Any:
        """(rows, length) of them at a position in each row; more than one only of rows with a stride."""
        if isinstance(position, int):
            return self.body.alike(position, self.stride, self.element.count, length, kind)
        return self.body.at(position, kind)

    def _one_by_one(self, start: int, reach: Reach) -> None:
        count, properties = self.element.count, self.element.properties
        positions = {each.name: np.empty(count, np.int64) for each in properties}
        self.lengths = {each.name: np.empty(count, np.int64) for each in properties if each.count}
        at = start
        for row in range(count):
            if row % OFTEN == 0:
                reach(row / count)
            at = at if self.lines is None else int(self.lines[row])
            for each in properties:
                length = 1
                if each.count:
                    length = self._length(at, each)
                    at += self.body.size(each.count)
                    self.lengths[each.name][row] = length
                positions[each.name][row] = at
                at += length * self.body.size(each.kind)
        if at > len(self.body.data):
            raise SHORT
        self.positions = {**positions}
        self.end = at

    def _length(self, at: int, each: Property) -> int:
        kind = each.count or ""
        if at + self.body.size(kind) > len(self.body.data):
            raise SHORT
        if self.body.order and kind == "u1":
            return int(self.body.data[at])
        length = self.body.at(np.array([at]), kind)[0]
        if not 0 <= length <= len(self.body.data):
            raise Refused("corrupt_file", "a list of the PLY file has an impossible length")
        return int(length)

    def column(self, name: str) -> Any:
        return self._numbers(self.positions[name], self._kind(name)).ravel()

    def lists(self, name: str, reach: Reach) -> tuple[Rows, Rows]:
        """The lengths of a list property, and all items as integers."""
        lengths, positions, kind = self.lengths[name], self.positions[name], self._kind(name)
        if isinstance(positions, int):
            given = self._numbers(positions, kind, int(lengths[0]))
            rows = np.empty(given.shape, np.int64)
            for some in blocks(len(rows), reach):
                rows[some] = given[some]
            return lengths, rows.ravel()
        size = self.body.size(kind)
        items, end = np.empty(int(lengths.sum()), np.int64), 0
        for some in blocks(len(lengths), reach):
            own = lengths[some]
            begin, end = end, end + int(own.sum())
            first = positions[some] - size * (np.cumsum(own) - own)
            items[begin:end] = self.body.at(np.repeat(first, own) + size * np.arange(end - begin), kind)
        return lengths, items

    def colours(self) -> Colours | None:
        for prefix in ("", "diffuse_"):
            for names in CHANNELS:
                own = [prefix + each for each in names if prefix + each in self.positions]
                if len(own) >= 3 and not any(each in self.lengths for each in own):
                    kind = self._kind(own[0])
                    values = np.stack([self.column(each) for each in own], axis=1).astype(np.float64)
                    most = 1.0 if kind[0] == "f" and values.max(initial=0) <= 1 else 255.0
                    return colour.from_floats(values / (65535.0 if kind == "u2" else most))
        return None

    def _kind(self, name: str) -> str:
        return next(each.kind for each in self.element.properties if each.name == name)
