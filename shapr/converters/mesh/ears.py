"""One large polygon as triangles: its ears, cut off one by one, in time that grows little faster than its corners.

A corner that is no ear stays none until a neighbour of it is cut off, or the dent that lies in its triangle is no dent
any more (in a polygon that touches or crosses itself). So each corner is asked about three times, not after every cut;
and a tree of boxes over the dents answers.
"""

import numpy as np
import numpy.typing as npt

from shapr.converters.progress import Reach, along, silent
from shapr.errors import Refused

Rows = npt.NDArray[np.int64]
TESTS = 600_000_000  # some seconds
ASKING, VISITING = 500, 100  # whether a corner is an ear; a box of the tree, with the dents in it
LEAF = 16  # dents in the smallest boxes
BLUR = 1e-12  # of the polygon's size: by how much boxes are larger, for rounding


class Budget:
    """A polygon that crosses itself everywhere has no ears to find: what may be spent on the polygons of one file.

    In tests of one point against one triangle, some 10 ns each where numpy does them.
    """

    def __init__(self) -> None:
        self.left = TESTS

    def spend(self, tests: int) -> None:
        self.left -= tests
        if self.left < 0:
            raise Refused("limit_exceeded", "its faces have too many corners to be cut into triangles")


def clipped(flat: npt.NDArray[np.float64], budget: Budget, reach: Reach = silent) -> Rows:
    """(n, 2), counter-clockwise, to (n - 2, 3)."""
    with np.errstate(over="ignore", invalid="ignore"):
        polygon = Polygon(flat, budget)
    cuts = len(flat) - 3
    triangles = [polygon.cut() for _ in along(range(cuts), cuts, reach)]
    return np.array([*triangles, polygon.rest()])


class Polygon:
    """Corners in a ring, by their numbers. `open`: 1 for each that may be an ear as far as is known."""

    def __init__(self, flat: npt.NDArray[np.float64], budget: Budget) -> None:
        count = len(flat)
        self.x: list[float]
        self.y: list[float]
        self.x, self.y = flat.T.tolist()
        self.before = [count - 1, *range(count - 1)]
        self.after = [*range(1, count), 0]
        self.budget = budget
        self.open = bytearray(b"\x01" * count)
        dents = [at for at in range(count) if self._turn(*self._around(at)) <= 0]
        self.dents = Dents(np.array(dents, int), flat)
        self.blocked: dict[int, list[int]] = {}  # corners whose triangle has this dent in it
        self.here = 0

    def cut(self) -> tuple[int, int, int]:
        """The next ear. It is the next corner where there is none, as the polygon crosses itself."""
        self.budget.spend(ASKING + len(self.open) // 300)  # which is what looking through `open` takes
        ear = self._ear()
        a, b, c = self._around(self.after[self.here] if ear is None else ear)
        self.after[a], self.before[c] = c, a
        self.open[b] = 0
        self._smooth(b)
        for corner in (a, c):
            self.open[corner] = 1
            if self.dents.kept(corner) and self._turn(*self._around(corner)) > 0:
                self._smooth(corner)
        self.here = a  # then c: where one ear was, the next is near
        return a, b, c

    def rest(self) -> tuple[int, int, int]:
        return self._around(self.here)

    def _around(self, corner: int) -> tuple[int, int, int]:
        return self.before[corner], corner, self.after[corner]

    def _turn(self, a: int, b: int, c: int) -> float:
        """Twice the signed area of a-b-c: positive where it turns left."""
        x, y = self.x, self.y
        return (x[b] - x[a]) * (y[c] - y[a]) - (y[b] - y[a]) * (x[c] - x[a])

    def _ear(self) -> int | None:
        at = self.open.find(1, self.here)
        while at >= 0 or (at := self.open.find(1)) >= 0:
            corners = self._around(at)
            if self._turn(*corners) > 0:
                dent = self._dent_in(*corners)
                if dent is None:
                    return at
                self.blocked.setdefault(dent, []).append(at)
            self.open[at] = 0
            at = self.open.find(1, at)
        return None

    def _smooth(self, corner: int) -> None:
        """It is no dent, or no more."""
        if self.dents.kept(corner):
            self.dents.drop(corner)
            for other in self.blocked.pop(corner, ()):
                self.open[other] = self.after[self.before[other]] == other  # unless it is cut off

    def _dent_in(self, a: int, b: int, c: int) -> int | None:
        found, visited = self.dents.within(a, b, c)
        self.budget.spend(ASKING + VISITING * visited)
        return found


class Dents:
    """Corners that turn right or not at all, by their numbers, in a tree of boxes.

    Each box is turned as the dents in it lie: many of them often lie on a line that is seen along.
    """

    def __init__(self, rows: Rows, flat: npt.NDArray[np.float64]) -> None:
        self.x, self.y = flat.T.tolist()
        self.blur = BLUR * float(np.ptp(flat))
        self.box: dict[int, Box] = {}  # the smallest one that each dent is in
        self.boxes = [self._boxed(rows, flat, None)] if len(rows) else []

    def _boxed(self, rows: Rows, flat: npt.NDArray[np.float64], around: "Box | None") -> "Box":
        points = flat[rows]
        axes = _axes(points)
        turned = points @ axes
        low, high = turned.min(axis=0) - self.blur, turned.max(axis=0) + self.blur
        middle, half = axes @ ((low + high) / 2), axes * ((high - low) / 2)
        sides = points.min(axis=0), points.max(axis=0)
        made = Box(np.concatenate(sides).tolist(), [*middle.tolist(), *half.T.ravel().tolist()], around, len(rows))
        if len(rows) <= LEAF:
            made.dents = rows.tolist()
            self.box |= dict.fromkeys(made.dents, made)
        else:
            order = rows[np.argpartition(turned[:, np.argmax(high - low)], len(rows) // 2)]
            made.boxes = [self._boxed(part, flat, made) for part in np.split(order, [len(rows) // 2])]
        return made

    def kept(self, dent: int) -> bool:
        return dent in self.box

    def drop(self, dent: int) -> None:
        box: Box | None = self.box.pop(dent)
        if box:
            box.dents.remove(dent)
        while box:
            box.count -= 1
            box = box.around

    def within(self, a: int, b: int, c: int) -> tuple[int | None, int]:
        """A dent in this triangle or on its sides, but for its corners; and how many boxes were looked into."""
        x, y = self.x, self.y
        ax, ay, bx, by, cx, cy = x[a], y[a], x[b], y[b], x[c], y[c]
        abx, aby, bcx, bcy, cax, cay = bx - ax, by - ay, cx - bx, cy - by, ax - cx, ay - cy
        ab, bc, ca = abx * ay - aby * ax, bcx * by - bcy * bx, cax * cy - cay * cx
        low_x, low_y, high_x, high_y = min(ax, bx, cx), min(ay, by, cy), max(ax, bx, cx), max(ay, by, cy)
        waiting = self.boxes[:]
        visited = 0
        while waiting:
            box = waiting.pop()
            visited += 1
            x0, y0, x1, y1 = box.sides
            if not box.count or x0 > high_x or x1 < low_x or y0 > high_y or y1 < low_y:
                continue
            mx, my, ux, uy, vx, vy = box.turned
            if (  # all of it is on the right of a side
                abx * my - aby * mx + abs(abx * uy - aby * ux) + abs(abx * vy - aby * vx) < ab
                or bcx * my - bcy * mx + abs(bcx * uy - bcy * ux) + abs(bcx * vy - bcy * vx) < bc
                or cax * my - cay * mx + abs(cax * uy - cay * ux) + abs(cax * vy - cay * vx) < ca
            ):
                continue
            waiting += box.boxes
            for at in box.dents:
                px, py = x[at], y[at]
                if (
                    abx * (py - ay) >= aby * (px - ax)
                    and bcx * (py - by) >= bcy * (px - bx)
                    and cax * (py - cy) >= cay * (px - cx)
                    and at not in (a, b, c)
                ):
                    return at, visited
        return None, visited


def _axes(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(2, 2), in columns: along the points, and across."""
    x, y = (points - points.mean(axis=0)).T
    angle = np.arctan2(2 * (x @ y), x @ x - y @ y) / 2
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


class Box:
    """Around dents that are near each other, or around two smaller boxes."""

    __slots__ = ("around", "boxes", "count", "dents", "sides", "turned")

    def __init__(self, sides: list[float], turned: list[float], around: "Box | None", count: int) -> None:
        self.sides = sides  # lowest x and y, highest x and y
        self.turned = turned  # the middle of a closer one that is turned, and halves of its sides
        self.around = around
        self.count = count  # dents that are left
        self.boxes: list[Box] = []
        self.dents: list[int] = []
