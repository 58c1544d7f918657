"""The picture of a mesh: what is seen of it, in its colours, whatever its size, and in bounded time."""

from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shapr.converters import thumbnail
from shapr.converters.mesh.model import Mesh, Part
from shapr.errors import Refused

BOX = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
SIDES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ],
    dtype=np.int32,
)
SIZE = 512


def box(size: Any = 1.0, at: Any = 0.0, **more: Any) -> Part:
    return Part("box", BOX * size + np.asarray(at), SIDES, **more)


def drawn(folder: Path, *parts: Part) -> np.ndarray:
    """Red, green, blue, alpha of the picture (512, 512, 4)."""
    thumbnail.draw(Mesh(parts), folder / "thumbnail.png")
    image = Image.open(folder / "thumbnail.png")
    assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (SIZE, SIZE))
    return np.asarray(image)


def extent(picture: np.ndarray) -> tuple[int, int, int, int]:
    """The first and last row and column that are not transparent."""
    rows, columns = np.nonzero(picture[..., 3] > 20)
    return rows.min(), rows.max(), columns.min(), columns.max()


def plain(picture: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """The middling colour of a place."""
    return np.median(picture[rows, columns, :3].reshape(-1, 3), axis=0)


def test_a_part_fills_the_picture_up_to_a_margin_and_the_rest_is_transparent(tmp_path: Path) -> None:
    picture = drawn(tmp_path, box())
    top, bottom, left, right = extent(picture)
    assert max(bottom - top, right - left) == pytest.approx(0.9 * SIZE, abs=3)
    assert top + bottom == pytest.approx(SIZE, abs=4)
    assert left + right == pytest.approx(SIZE, abs=4)
    assert not picture[:20, :, 3].any()
    assert not picture[:, :20, 3].any()


def test_drawing_says_how_far_it_is(tmp_path: Path) -> None:
    reached: list[float] = []
    thumbnail.draw(Mesh((box(),)), tmp_path / "thumbnail.png", reached.append)
    assert len(reached) > 1
    assert reached == sorted(reached)
    assert 0.5 < reached[-1] <= 1.0


def test_three_sides_of_a_box_are_told_apart_by_their_light_and_by_dark_lines(tmp_path: Path) -> None:
    picture = drawn(tmp_path, box())
    light = picture[..., :3].mean(axis=2)[picture[..., 3] == 255]
    counts, _ = np.histogram(light, bins=64, range=(0, 256))
    sides = [at for at in range(1, 63) if counts[at] > 3000]
    assert len(sides) >= 3, "three shades, each of many pixels"
    assert light.min() < 0.7 * np.median(light), "lines are dark"
    assert 0.005 < (light < 4 * min(sides) - 12).mean() < 0.06, "lines are thin"


def test_the_sides_of_a_black_box_are_told_apart(tmp_path: Path) -> None:
    picture = drawn(tmp_path, box(colour=(0.0, 0.0, 0.0, 1.0)))
    seen = picture[picture[..., 3] > 250][:, :3].mean(axis=1)
    assert np.percentile(seen, 90) > 1.3 * np.percentile(seen, 20), "light and shade"


def test_the_front_right_and_upper_sides_are_seen(tmp_path: Path) -> None:
    colours = {"left": 60, "right": 90, "front": 120, "back": 150, "bottom": 180, "top": 210}
    faces = np.repeat([[value, value, 255, 255] for value in colours.values()], 2, axis=0).astype(np.uint8)
    picture = drawn(tmp_path, box(face_colours=faces))
    blue = picture[..., 2].astype(float)
    share = np.divide(picture[..., 0], blue, out=np.zeros_like(blue), where=blue > 90)
    seen = {name for name, value in colours.items() if (abs(share - value / 255) < 0.02).mean() > 0.05}
    assert seen == {"front", "right", "top"}


def test_the_nearer_part_hides_the_other(tmp_path: Path) -> None:
    red, green = box(at=(0, -3, 0), colour=(1, 0, 0, 1)), box((1, 1, 1), at=(0, 0, 0), colour=(0, 1, 0, 1))
    alone = drawn(tmp_path, green)
    behind = drawn(tmp_path, red, green)
    in_front = drawn(tmp_path, green, red)
    assert (alone[..., 1] > 100).sum() > 50_000
    assert np.array_equal(behind, in_front), "the order of parts says nothing"
    assert (behind[..., 0] > 100).sum() > (behind[..., 1] > 100).sum()


def test_colours_of_a_part_of_its_faces_and_of_its_vertices_are_seen(tmp_path: Path) -> None:
    part = drawn(tmp_path, box(colour=(1.0, 0.1, 0.1, 1)))
    middle = slice(SIZE // 2 + 60, SIZE // 2 + 100)
    red, green, _ = plain(part, middle, middle)
    assert red > 4 * green
    tints = np.repeat(np.where(BOX[:, 2:] > 0, 255, 0), 4, axis=1).astype(np.uint8)
    faded = drawn(tmp_path, box(vertex_colours=tints))
    column = faded[:, SIZE // 2, :3].mean(axis=1)[faded[:, SIZE // 2, 3] == 255]
    assert column[-40:].mean() < column[-120:-80].mean() < column[-200:-160].mean(), "black below, white above"
    neutral = plain(drawn(tmp_path, box()), middle, middle)
    assert neutral[2] > neutral[0], "blue-grey without any"


@pytest.mark.parametrize(
    ("size", "at"),
    [(1e-9, 0), (1e300, 0), (1e-300, 0), (1, 1e7), ((1, 1, 1e-9), 0), ((1e-9, 1e-9, 1), 0), ((1, 0, 0), 0)],
    ids=["tiny", "huge", "smallest", "far", "sheet", "wire", "line"],
)
def test_whatever_its_size_and_place_a_part_is_seen(tmp_path: Path, size: Any, at: float) -> None:
    top, bottom, left, right = extent(drawn(tmp_path, box(size, at)))
    assert max(bottom - top, right - left) == pytest.approx(0.9 * SIZE, abs=6)


def test_a_wire_before_a_plate_is_seen_though_it_is_thinner_than_a_pixel(tmp_path: Path) -> None:
    plate, wire = box((10, 0.1, 10)), box((9, 1e-4, 1e-4), at=(0.5, -1, 5))
    without, picture = drawn(tmp_path, plate).astype(int), drawn(tmp_path, plate, wire).astype(int)
    assert (abs(picture - without).max(axis=2) > 20).any(axis=0).sum() > 200


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e308])
def test_a_triangle_without_a_place_is_left_out(tmp_path: Path, bad: float) -> None:
    vertices = np.concatenate([BOX, [[bad, bad, -bad]]])
    corners = np.concatenate([SIDES, [[0, 1, 8]]]).astype(np.int32)
    assert drawn(tmp_path, Part("box", vertices, corners))[..., 3].any()


@pytest.mark.parametrize("parts", [(), (box(0.0),), (replace(box(), corners=SIDES[:0]),), (box(np.nan),)])
def test_nothing_to_see_is_refused(tmp_path: Path, parts: tuple[Part, ...]) -> None:
    with pytest.raises(Refused, match="no_geometry"):
        thumbnail.draw(Mesh(parts), tmp_path / "thumbnail.png")


def test_the_same_mesh_gives_the_same_bytes(tmp_path: Path) -> None:
    pictures = []
    for _ in range(2):
        thumbnail.draw(Mesh((box(), box(0.5, 2))), tmp_path / "thumbnail.png")
        pictures.append((tmp_path / "thumbnail.png").read_bytes())
    assert pictures[0] == pictures[1]


def test_a_smooth_surface_has_no_lines_inside_and_a_crease_has(tmp_path: Path) -> None:
    angles = np.linspace(0, 2 * np.pi, 37)[:-1]
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    vertices = np.concatenate([np.c_[ring, np.zeros(36)], np.c_[ring, np.full(36, 3.0)]])
    at, after = np.arange(36), (np.arange(36) + 1) % 36
    sides = np.concatenate([np.stack([at, after, after + 36], 1), np.stack([at, after + 36, at + 36], 1)])
    tube = drawn(tmp_path, Part("tube", vertices, sides.astype(np.int32)))
    row = tube[SIZE // 2, :, :3].astype(int).mean(axis=1)[tube[SIZE // 2, :, 3] == 255][8:-8]
    assert abs(np.diff(row)).max() < 8, "facets melt into each other"
    cube = drawn(tmp_path, box())
    row = cube[SIZE // 2 + 90, :, :3].astype(int).mean(axis=1)[cube[SIZE // 2 + 90, :, 3] == 255][8:-8]
    assert abs(np.diff(row)).max() > 20


def surface(count: int) -> Part:
    """A wavy square of 2 count² triangles."""
    steps = np.linspace(0, 1, count + 1)
    x, y = (each.ravel() for each in np.meshgrid(steps, steps))
    first = (np.arange(count)[:, None] * (count + 1) + np.arange(count)).ravel()
    one, two = [first, first + 1, first + count + 2], [first, first + count + 2, first + count + 1]
    corners = np.concatenate([np.stack(one, axis=1), np.stack(two, axis=1)]).astype(np.int32)
    return Part("surface", np.stack([x, y, 0.1 * np.sin(9 * x) * np.cos(7 * y)], axis=1), corners)


def timed(folder: Path, part: Part) -> float:
    """Seconds of CPU."""
    start = process_time()
    assert drawn(folder, part)[..., 3].any()
    return process_time() - start


def test_a_hundred_thousand_triangles_take_about_a_second(tmp_path: Path) -> None:
    assert timed(tmp_path, surface(224)) < 2.5


def test_triangles_that_all_lie_upon_each_other_are_drawn_in_bounded_time(tmp_path: Path) -> None:
    large = np.random.default_rng(1).uniform(size=(60_000, 3))
    soup = Part("soup", large, np.arange(60_000, dtype=np.int32).reshape(-1, 3))
    assert timed(tmp_path, soup) < 6


def test_too_many_triangles_are_not_drawn(tmp_path: Path) -> None:
    many = np.broadcast_to(np.array([[0, 1, 3]], np.int32), (thumbnail.MOST + 1, 3))
    with pytest.raises(Refused, match="limit_exceeded"):
        thumbnail.draw(Mesh((Part("many", BOX, many),)), tmp_path / "thumbnail.png")
