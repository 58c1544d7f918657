"""Surfaces, measures and healing of meshes."""

import time
from dataclasses import replace

import numpy as np
import pytest

from shapr.converters.mesh import topology
from shapr.converters.mesh.heal import healed
from shapr.converters.mesh.measure import measured
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.mesh.slivers import cleaned
from shapr.converters.mesh.topology import components, welded
from shapr.errors import Refused
from tests.converters.meshes import cube


def both(*parts: Part) -> tuple[np.ndarray, np.ndarray]:
    whole = Part.joined(parts)
    return whole.vertices, whole.corners


def test_two_cubes_that_share_an_edge_are_two() -> None:
    vertices, corners = welded(*both(cube(), cube((1.0, 1.0, 0.0))))
    _, found = components(vertices, cleaned(vertices, corners))
    assert [(each.closed, each.oriented, each.volume) for each in found] == [(True, True, pytest.approx(1.0))] * 2


def test_a_surface_wound_at_random_is_wound_alike() -> None:
    vertices, triangles = both(cube())
    triangles[[1, 4, 7]] = triangles[[1, 4, 7]][:, [0, 2, 1]]
    _, found = components(vertices, triangles)
    assert (found[0].closed, found[0].oriented, abs(found[0].volume)) == (True, True, pytest.approx(1.0))


@pytest.mark.parametrize(
    "keys", [[5, 3, 3, 9, 0, 5], [1 << 63, 7, 1 << 63, 1 << 40, 7], list(range(40, 0, -1)), [2, 2], []]
)
def test_many_keys_are_put_in_order_in_parts_each_of_which_tells(
    keys: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "MANY", 1)
    monkeypatch.setattr(topology, "LEADING", 2)
    told: list[float] = []
    given = np.array(keys, np.uint64)
    rows = topology.in_order(given, told.append)
    assert given[rows].tolist() == sorted(keys)
    assert sorted(rows.tolist()) == list(range(len(keys)))
    assert told == sorted(told)
    assert len(told) == (4 if max(keys, default=0) > 3 else 0)


def test_a_mesh_tells_how_far_its_healing_and_measuring_are() -> None:
    mesh = Mesh((cube(), cube((3.0, 0.0, 0.0))))
    for work in (healed, measured):
        told: list[float] = []
        work(mesh, told.append)
        assert told == sorted(told)
        assert len(set(told)) >= 12


def with_sliver() -> Part:
    """The middle of one edge of a cube belongs to a sliver on one side of it."""
    vertices, triangles = both(cube())
    start, end, other = triangles[0]
    middle = len(vertices)
    vertices = np.concatenate([vertices, [(vertices[start] + vertices[end]) / 2]])
    split = [[start, middle, other], [middle, end, other]]
    return Part("cube", vertices, np.array([*split, [start, end, middle], *triangles[1:].tolist()], np.int32))


def test_a_flat_triangle_is_taken_out_without_a_hole() -> None:
    part = with_sliver()
    vertices, corners = welded(part.vertices, part.corners)
    _, found = components(vertices, cleaned(vertices, corners))
    assert [(each.closed, each.volume) for each in found] == [(True, pytest.approx(1.0))]


def test_points_with_one_hash_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topology, "MIX", (np.uint64(0),) * 3)
    points = np.array([[0, 0, 1], [0, 0, 0], [0, 0, 1], [5, 0, 0], [-0.0, 0, 0]], float)
    first, which = topology.same_points(points)
    assert (first.tolist(), which.tolist()) == ([0, 1, 3], [0, 1, 0, 2, 1])


def test_a_mesh_is_measured() -> None:
    red = replace(cube(size=2.0, name="big"), colour=(1.0, 0.0, 0.0, 1.0))
    found = measured(Mesh((red, cube((5, 0, 0), name="small")), units="cm"))
    assert (found.bodies, found.triangles, found.watertight, found.names, found.colours) == (2, 24, True, 2, 1)
    assert (found.low, found.high, found.units) == ((-1, -1, -1), (5.5, 1, 1), "cm")
    assert (found.volume, found.area) == (pytest.approx(9.0), pytest.approx(30.0))


def test_an_open_or_mixed_up_mesh_has_no_volume() -> None:
    part = cube()
    for corners in (part.corners[1:], np.concatenate([part.corners[:1, ::-1], part.corners[1:]])):
        found = measured(Mesh((replace(part, corners=corners),)))
        assert (found.volume, found.watertight) == (None, False)


def test_objects_that_touch_along_a_face_are_closed() -> None:
    found = measured(Mesh((cube(name="a"), cube((1, 0, 0), name="b"))))
    assert (found.bodies, found.watertight, found.volume) == (2, True, pytest.approx(2.0))


def test_a_closed_surface_in_two_materials_is_one_body() -> None:
    part = cube()
    halves = (replace(part, corners=part.corners[:5]), replace(part, corners=part.corners[5:], material="other"))
    assert (measured(Mesh(halves)).bodies, measured(Mesh(halves)).watertight) == (1, True)


def test_long_and_wild_meshes_are_measured_in_time() -> None:
    count = 200_000
    row = np.arange(count, dtype=np.int32)
    strip = np.random.default_rng(1).permutation(np.stack([row, row + 1, row + 2], axis=1))
    soup = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    fan = np.stack([0 * row, 0 * row + 1, row + 2], axis=1)
    points = np.random.default_rng(2).random((3 * count, 3))
    started = time.process_time()
    bodies = [measured(Mesh((Part("a", points, corners),))).bodies for corners in (strip, soup, fan)]
    assert bodies == [1, count, count]
    assert time.process_time() - started < 8  # some 0.5 s when nothing else runs


def test_healing_closes_winds_and_tells() -> None:
    part = cube()
    soup = part.vertices[part.corners].reshape(-1, 3) + np.random.default_rng(1).normal(0, 1e-8, (36, 3))
    corners = np.arange(36, dtype=np.int32).reshape(-1, 3)
    corners[[2, 5]] = corners[[2, 5], ::-1]
    corners = np.concatenate([corners, corners[:2], [[0, 0, 1]]]).astype(np.int32)
    colours = np.tile(np.arange(15, dtype=np.uint8)[:, None], (1, 4))
    mesh, told = healed(Mesh((Part("a", soup, corners, face_colours=colours),)))
    found = measured(mesh)
    assert (found.triangles, found.watertight, found.volume) == (12, True, pytest.approx(1.0))
    assert (told["welded_vertices"], told["degenerate_triangles"], told["duplicate_triangles"]) == (28, 1, 2)
    assert told["turned_triangles"] == 2
    assert mesh.parts[0].face_colours is not None
    assert mesh.parts[0].face_colours[:, 0].tolist() == list(range(12))


def test_healing_turns_bodies_outwards_and_leaves_voids() -> None:
    outer, inner = cube(size=4.0), cube(size=1.0)
    hollow = Part("a", *both(outer, replace(inner, corners=inner.corners[:, ::-1])))
    assert measured(healed(Mesh((hollow,)))[0]).volume == pytest.approx(63.0)
    inside_out = replace(inner, corners=inner.corners[:, ::-1])
    assert measured(healed(Mesh((inside_out,)))[0]).volume == pytest.approx(1.0)


def test_healing_keeps_parts_and_refuses_nothing_left() -> None:
    part = cube()
    halves = (replace(part, corners=part.corners[:5]), replace(part, corners=part.corners[5:], material="other"))
    mesh, _ = healed(Mesh(halves))
    assert [(each.material, len(each.corners)) for each in mesh.parts] == [("", 5), ("other", 7)]
    with pytest.raises(Refused) as caught:
        healed(Mesh((replace(part, corners=np.zeros((3, 3), np.int32)),)))
    assert caught.value.code == "no_geometry"
