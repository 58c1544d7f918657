"""Polygons of very many corners become triangles in time that grows little faster than their corners."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from shapr.converters.mesh.ears import Budget, Dents, clipped
from shapr.converters.mesh.polygon import triangulated

Points = npt.NDArray[np.float64]


def saw(count: int) -> Points:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radius = 100 + 10 * np.sin(37 * angle) + np.where(np.arange(count) % 2, 0.5, -0.5)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def stairs(count: int) -> Points:
    """Once their steps are cut off, what is left of half of them are points on a slope."""
    step = np.arange(count)
    up = np.stack([step // 2 + step % 2, step // 2], axis=1)
    return np.concatenate([up, [(count // 2 + 1, count // 2 + 5), (0, 5)]]).astype(float)


def crossing(count: int) -> Points:
    return np.random.default_rng(1).random((count, 2))


def doubled_areas(flat: Points, triangles: npt.NDArray[np.int64]) -> Points:
    (ax, ay), (bx, by), (cx, cy) = (flat[triangles[:, at]].T for at in range(3))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


@pytest.mark.parametrize("shape", [saw, stairs, crossing])
def test_four_times_the_corners_are_no_sixteenfold_work(shape: Callable[[int], Points]) -> None:
    spent = []
    for count in (1_000, 4_000):
        budget = Budget()
        clipped(shape(count), budget)
        spent.append(Budget().left - budget.left)
    assert spent[1] < 7 * spent[0]


@pytest.mark.parametrize("shape", [saw, stairs])
def test_the_triangles_cover_the_polygon_once(shape: Callable[[int], Points]) -> None:
    flat = shape(2_000)
    areas = doubled_areas(flat, clipped(flat, Budget()))
    x, y = flat.T
    assert (areas >= 0).all()
    assert areas.sum() == pytest.approx((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())


@pytest.mark.parametrize("seed", range(4))
def test_a_dent_is_found_where_there_is_one(seed: int) -> None:
    """Points of a small grid, so that many lie on sides of the triangles."""
    random = np.random.default_rng(seed)
    flat = random.integers(0, 30, (300, 2)) @ np.array([[0.3, 0.1], [-0.1, 0.3]])
    dents = Dents(np.arange(100, 300), flat)
    left = set(range(100, 300))
    for dropped in random.permutation(np.arange(100, 300)).tolist():
        corners = np.sort(random.choice(100, 3, replace=False))
        turned = doubled_areas(flat, corners[None])[0] < 0
        a, b, c = corners[::-1].tolist() if turned else corners.tolist()
        rows = np.array(sorted(left))
        sides = [np.stack([rows * 0 + one, rows * 0 + other, rows], axis=1) for one, other in ((a, b), (b, c), (c, a))]
        inside = set(rows[np.min([doubled_areas(flat, side) for side in sides], axis=0) >= 1e-12].tolist())
        close = set(rows[np.min([doubled_areas(flat, side) for side in sides], axis=0) >= -1e-12].tolist())
        found, _ = dents.within(a, b, c)
        assert found in close if found is not None else not inside
        dents.drop(dropped)
        left.remove(dropped)


def bridged(sides: int) -> Points:
    """A square with a round hole, drawn in one line: it goes to the hole and comes back along the same bridge."""
    angle = -np.linspace(0, 2 * np.pi, sides + 1) - np.pi * 3 / 4
    hole = np.stack([5 + 2 * np.cos(angle), 5 + 2 * np.sin(angle)], axis=1)
    hole[-1] = hole[0]
    square = np.array([(0, 0), (10, 0), (10, 10), (0, 10), (0, 0)], float)
    return np.concatenate([square, hole])


@pytest.mark.parametrize("sides", [4, 8])  # few enough to be clipped with others at once
def test_a_hole_at_the_end_of_a_bridge_is_left_open(sides: int) -> None:
    flat = bridged(sides)
    points = np.column_stack([flat, np.zeros(len(flat))])
    triangles, _ = triangulated(np.array([len(flat)]), np.arange(len(flat)), points)
    areas = doubled_areas(flat, triangles.astype(np.int64))
    x, y = flat.T
    assert (areas >= 0).all()
    assert areas.sum() == pytest.approx((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())
