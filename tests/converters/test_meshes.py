"""Mesh files: what is written is what is read, and what cannot be right is refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shapr.converters.mesh import gltf, obj, stl
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.mesh.topology import cleaned, components
from shapr.errors import Refused

coordinates = st.floats(-1e6, 1e6, width=32)


@st.composite
def meshes(draw: st.DrawFn) -> Mesh:
    vertices = draw(arrays.arrays(np.float64, (draw(st.integers(3, 30)), 3), elements=coordinates))
    corners = draw(arrays.arrays(np.int32, (draw(st.integers(1, 20)), 3), elements=st.integers(0, len(vertices) - 1)))
    return Mesh((Part("part", vertices, corners),))


def soup(mesh: Mesh) -> np.ndarray:
    """The corners of all triangles, (n, 3, 3)."""
    return np.concatenate([part.vertices[part.corners] for part in mesh.parts])


@given(meshes(), st.sampled_from(["binary", "ascii"]))
@settings(max_examples=60, deadline=None)
def test_stl_comes_back(tmp_path_factory: pytest.TempPathFactory, mesh: Mesh, encoding: str) -> None:
    path = tmp_path_factory.mktemp("stl") / "a.stl"
    stl.write(mesh, path, encoding)
    assert np.array_equal(soup(stl.read(path, "a")).astype("f4"), soup(mesh).astype("f4"))


@given(meshes())
@settings(max_examples=60, deadline=None)
def test_obj_comes_back(tmp_path_factory: pytest.TempPathFactory, mesh: Mesh) -> None:
    path = tmp_path_factory.mktemp("obj") / "a.obj"
    obj.write(mesh, path)
    assert np.array_equal(soup(obj.read(path, "a")).astype("f4"), soup(mesh).astype("f4"))


@given(meshes())
@settings(max_examples=30, deadline=None)
def test_glb_is_read_by_others(tmp_path_factory: pytest.TempPathFactory, mesh: Mesh) -> None:
    path = tmp_path_factory.mktemp("glb") / "a.glb"
    gltf.write(mesh, path)
    loaded = trimesh.load_mesh(path, process=False)
    x, y, z = np.moveaxis(soup(mesh), -1, 0)
    expected = np.stack([x, z, -y], axis=-1) * 0.001
    assert np.allclose(loaded.vertices[loaded.faces], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "triangles"),
    [
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", 1),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\n", 1),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvn 0 0 1\nf 1/1/1 2//1 3/1\n", 1),
        ("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 \\\r\n3 4\r\n", 2),
        ("# c\nv 0 0 0 1 0 0\nv 1 0 0 # red\nv 0 1 0\nl 1 2\np 1\ng a b\nf 1 2 3\n", 1),
        ("v 0 0 0\nv 2 0 0\nv 2 2 0\nv 1 0.5 0\nv 0 2 0\nf 1 2 3 4 5\n", 3),
    ],
)
def test_obj_dialects(tmp_path: Path, text: str, triangles: int) -> None:
    path = tmp_path / "a.obj"
    path.write_bytes(text.encode())
    assert obj.read(path, "a").triangles == triangles


def test_a_concave_polygon_keeps_its_area(tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    path.write_text("v 0 0 0\nv 2 0 0\nv 2 2 0\nv 1 0.5 0\nv 0 2 0\nf 1 2 3 4 5\n")
    a, b, c = np.moveaxis(soup(obj.read(path, "a")), 1, 0)
    normals = np.cross(b - a, c - a)
    assert (normals[:, 2] > 0).all()
    assert normals[:, 2].sum() / 2 == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n", "corrupt_file"),
        ("v 0 0 0\nv 1 0 0\nf 1 2 99999999999999999999\n", "corrupt_file"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n", "corrupt_file"),
        ("v 0 0 0\nv 1 0\nv 0 1 0\nf 1 2 3\n", "corrupt_file"),
        ("v 0 0 0\nv 1 0 0\nf 1 2\n", "corrupt_file"),
        ("v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n", "invalid_geometry"),
        ("v 0 0 0\nv 1 0 0\nl 1 2\n", "no_geometry"),
    ],
)
def test_a_bad_obj_gets_a_code(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "a.obj"
    path.write_text(text)
    with pytest.raises(Refused) as caught:
        obj.read(path, "a")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bytes(80) + struct.pack("<I", 2) + bytes(50), "corrupt_file"),
        (bytes(80) + struct.pack("<I", 0), "no_geometry"),
        (bytes(80) + struct.pack("<I12fH", 1, *[float("nan")] * 12, 0), "invalid_geometry"),
        (b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\n", "corrupt_file"),
        (b"solid a\nendsolid a\n", "no_geometry"),
        (b"solid a\nfacet\nvertex 0 0 x\nvertex 1 0 0\nvertex 0 1 0\nendfacet\nendsolid\n", "corrupt_file"),
    ],
)
def test_a_bad_stl_gets_a_code(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "a.stl"
    path.write_bytes(data)
    with pytest.raises(Refused) as caught:
        stl.read(path, "a")
    assert caught.value.code == code


def test_a_binary_stl_may_begin_with_solid(tmp_path: Path) -> None:
    path = tmp_path / "a.stl"
    facet = struct.pack("<12fH", 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
    path.write_bytes(b"solid exported by a liar".ljust(80) + struct.pack("<I", 1) + facet)
    assert stl.read(path, "a").triangles == 1


def cube(at: float = 0.0, size: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    made = trimesh.creation.box((size, size, size))
    return made.vertices + at, made.faces.astype(np.int32)


def test_two_cubes_that_share_an_edge_are_two() -> None:
    (v, t), (w, u) = cube(), cube()
    w = w + np.array([1.0, 1.0, 0.0])
    vertices, triangles = cleaned(np.concatenate([v, w]), np.concatenate([t, u + len(v)]))
    _, found = components(vertices, triangles)
    assert [(each.closed, each.oriented, each.volume) for each in found] == [(True, True, pytest.approx(1.0))] * 2


def test_a_surface_wound_at_random_is_wound_alike() -> None:
    vertices, triangles = cube()
    triangles[[1, 4, 7]] = triangles[[1, 4, 7]][:, [0, 2, 1]]
    _, found = components(vertices, triangles)
    assert (found[0].closed, found[0].oriented, abs(found[0].volume)) == (True, True, pytest.approx(1.0))


def test_a_flat_triangle_is_taken_out_without_a_hole() -> None:
    """The middle of one edge of a cube belongs to a sliver on one side of it."""
    vertices, triangles = cube()
    start, end, other = triangles[0]
    middle = len(vertices)
    vertices = np.concatenate([vertices, [(vertices[start] + vertices[end]) / 2]])
    split = [[start, middle, other], [middle, end, other]]
    sliver = [start, end, middle]
    vertices, triangles = cleaned(vertices, np.array([*split, sliver, *triangles[1:].tolist()], np.int32))
    _, found = components(vertices, triangles)
    assert [(each.closed, each.volume) for each in found] == [(True, pytest.approx(1.0))]
