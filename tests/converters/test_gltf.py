"""glTF: what others write is read, what lies is refused, and what we write comes back."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shapr.converters.mesh import glb, gltf, gltf_read
from shapr.converters.mesh.model import Mesh, Part
from shapr.errors import Refused

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], "<f4")
TWO = np.array([0, 1, 2, 0, 2, 3], "<u2")
COMPONENTS = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125, "float32": 5126}
WIDTHS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


def quiet(_: float) -> None: ...


def document(*values: np.ndarray, **more: Any) -> dict[str, Any]:
    """A glTF document whose accessors are these arrays; one mesh of the first two, unless told otherwise."""
    data, views, accessors = b"", [], []
    for value in values:
        rows = value.reshape(len(value), -1)
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": value.nbytes})
        kind = {"componentType": COMPONENTS[value.dtype.name], "type": WIDTHS[rows.shape[1]]}
        accessors.append({"bufferView": len(views) - 1, "count": len(rows), **kind})
        data += value.tobytes() + bytes(-value.nbytes % 4)
    uri = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    return {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(data), "uri": uri}],
        **more,
    }


def square(**more: Any) -> dict[str, Any]:
    return document(SQUARE, TWO, **more)


def read(folder: Path, content: dict[str, Any] | bytes) -> Mesh:
    path = folder / "a.gltf"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return gltf_read.read_gltf(path, "a", quiet)


def refusal(folder: Path, content: dict[str, Any] | bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read(folder, content)
    return caught.value


def corners(mesh: Mesh) -> np.ndarray:
    return np.concatenate([part.vertices[part.corners] for part in mesh.parts])


def changed(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """With one field set, given as `meshes.0.name`."""
    *way, last = path.split(".")
    holder: Any = content
    for step in way:
        holder = holder[int(step) if step.isdigit() else step]
    holder[int(last) if last.isdigit() else last] = value
    return content


def test_metres_and_y_up_become_millimetres_and_z_up(tmp_path: Path) -> None:
    mesh = read(tmp_path, document(np.array([[0, 0, 0], [1, 2, 3], [0, 0, 1]], "<f4"), np.array([0, 1, 2], "<u1")))
    assert mesh.parts[0].vertices.tolist() == [[0, 0, 0], [1000, -3000, 2000], [0, -1000, 0]]
    assert (mesh.units, mesh.up_axis, mesh.losses) == ("m", "y", ())


@pytest.mark.parametrize(
    ("mode", "indices", "expected"),
    [
        (4, [0, 1, 2, 0, 2, 3, 1], [[0, 1, 2], [0, 2, 3]]),
        (5, [0, 1, 3, 2], [[0, 1, 3], [1, 2, 3]]),
        (5, [0, 1, 1, 3], []),
        (6, [0, 1, 2, 3], [[1, 2, 0], [2, 3, 0]]),
    ],
)
def test_lists_strips_and_fans(tmp_path: Path, mode: int, indices: list[int], expected: list[list[int]]) -> None:
    content = changed(document(SQUARE, np.array(indices, "<u4")), "meshes.0.primitives.0.mode", mode)
    if not expected:
        assert refusal(tmp_path, content).code == "no_geometry"
        return
    points = SQUARE[np.array(expected)] @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]) * 1000
    assert np.allclose(corners(read(tmp_path, content)), points)


def test_without_indices_every_three_points_are_a_triangle(tmp_path: Path) -> None:
    content = document(SQUARE[TWO])
    content["meshes"] = [{"primitives": [{"attributes": {"POSITION": 0}}]}]
    assert read(tmp_path, content).triangles == 2


def test_hidden_nodes_are_converted_and_named(tmp_path: Path) -> None:
    hidden = {"mesh": 0, "extensions": {"KHR_node_visibility": {"visible": False}}}
    said = {"extensionsUsed": ["KHR_node_visibility"], "extensionsRequired": ["KHR_node_visibility"]}
    mesh = read(tmp_path, square(nodes=[{"mesh": 0}, hidden], scenes=[{"nodes": [0, 1]}], **said))
    assert (len(mesh.parts), mesh.losses) == (2, ("hidden nodes are converted like the others",))


def test_lines_and_textures_are_named_in_the_losses(tmp_path: Path) -> None:
    content = square(animations=[{}])
    content["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0}}]
    content["meshes"][0]["primitives"][0]["material"] = 0
    content["meshes"][0]["primitives"].append({"attributes": {"POSITION": 0}, "mode": 1})
    said = read(tmp_path, content).losses
    assert said == ("textures are passed over", "lines are passed over", "animations are passed over")


def test_a_tree_of_nodes_places_and_a_mirror_turns_the_winding(tmp_path: Path) -> None:
    half = 0.5**0.5
    nodes = [
        {"children": [1, 2], "translation": [1, 0, 0]},
        {"mesh": 0, "name": "left", "rotation": [0, 0, half, half], "scale": [2, 2, 2]},
        {"mesh": 0, "name": "right", "matrix": [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 5, 1]},
    ]
    mesh = read(tmp_path, square(nodes=nodes))
    assert [part.name for part in mesh.parts] == ["left", "right"]
    left, right = (part.vertices for part in mesh.parts)
    assert np.allclose(left[1], [1000, 0, 2000])
    assert np.allclose(right[1], [0, -5000, 0])
    a, b, c = np.moveaxis(corners(mesh), 1, 0)
    assert (np.cross(b - a, c - a)[:, 1] < 0).all()  # all face the same way, the mirrored ones too


def test_a_tree_is_noticed_and_a_lone_part_is_none(tmp_path: Path) -> None:
    group, left, right = {"children": [1, 2]}, {"mesh": 0}, {"mesh": 0}
    assert read(tmp_path, square(nodes=[group, left, right])).tree
    assert not read(tmp_path, square(nodes=[{"children": [1]}, left])).tree
    content = square(nodes=[left, right])
    content["scenes"] = [{"nodes": [0, 1]}]
    assert not read(tmp_path, content).tree


def test_normalized_integers_with_a_stride(tmp_path: Path) -> None:
    packed = np.zeros((4, 8), "<i2")
    packed[:, 1:4] = np.round(SQUARE * 32767)
    content = document(packed[:, :4].copy(), TWO)
    raw = packed.tobytes() + TWO.tobytes()
    content["buffers"] = [{"byteLength": len(raw), "uri": "data:;base64," + base64.b64encode(raw).decode()}]
    content["bufferViews"] = [
        {"buffer": 0, "byteLength": 64, "byteStride": 16},
        {"buffer": 0, "byteOffset": 64, "byteLength": 12},
    ]
    content["accessors"][0] |= {"type": "VEC3", "byteOffset": 2, "normalized": True}
    content["extensionsRequired"] = ["KHR_mesh_quantization"]
    assert np.allclose(read(tmp_path, content).parts[0].vertices[2], [1000, 0, 1000])


def test_a_sparse_accessor_replaces_some_rows(tmp_path: Path) -> None:
    content = document(SQUARE, TWO, np.array([2], "<u1"), np.array([[7, 1, 0]], "<f4"))
    rows, values = {"bufferView": 2, "componentType": 5121}, {"bufferView": 3}
    content["accessors"][0]["sparse"] = {"count": 1, "indices": rows, "values": values}
    assert np.allclose(read(tmp_path, content).parts[0].vertices[2], [7000, 0, 1000])
    content["accessors"][0]["sparse"]["count"] = 2
    assert refusal(tmp_path, content).code == "corrupt_file"


def test_colours_become_srgb(tmp_path: Path) -> None:
    content = square(materials=[{"name": "red", "pbrMetallicRoughness": {"baseColorFactor": [0.5, 0, 0, 0.5]}}])
    content["meshes"][0]["primitives"][0]["material"] = 0
    part = read(tmp_path, content).parts[0]
    assert (part.material, part.colour) == ("red", (188 / 255, 0, 0, 1))  # opaque, because alphaMode is
    content = document(SQUARE, TWO, np.full((4, 4), 32767, "<u2"))
    content["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = 2
    for normalized in (True, False):  # integers of colours are nothing else
        content["accessors"][2]["normalized"] = normalized
        coloured = read(tmp_path, content).parts[0].vertex_colours
        assert coloured is not None
        assert coloured.tolist() == [[188, 188, 188, 255]] * 4


@pytest.mark.parametrize(("mode", "alpha"), [(None, 255), ("OPAQUE", 255), ("BLEND", 0)])
def test_the_alpha_of_points_counts_only_where_the_material_blends(
    tmp_path: Path, mode: str | None, alpha: int
) -> None:
    content = document(SQUARE, TWO, np.zeros((4, 4), "<f4"))
    primitive = content["meshes"][0]["primitives"][0]
    primitive["attributes"]["COLOR_0"] = 2
    if mode is not None:
        content["materials"], primitive["material"] = [{"alphaMode": mode}], 0
    colours = read(tmp_path, content).parts[0].vertex_colours
    assert colours is not None
    assert colours.tolist() == [[0, 0, 0, alpha]] * 4


def test_instances_of_an_extension_are_placed(tmp_path: Path) -> None:
    content = document(SQUARE, TWO, np.array([[0, 0, 0], [5, 0, 0]], "<f4"))
    content["nodes"] = [{"mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 2}}}}]
    mesh = read(tmp_path, content)
    assert [part.vertices[0].tolist() for part in mesh.parts] == [[0, 0, 0], [5000, 0, 0]]


def test_the_scheme_of_embedded_data_may_be_capital(tmp_path: Path) -> None:
    content = square()
    content["buffers"][0]["uri"] = content["buffers"][0]["uri"].replace("data:", "DATA:").replace(";base64", ";Base64")
    assert read(tmp_path, content).triangles == 2


def test_a_companion_lies_beside_the_file(tmp_path: Path) -> None:
    content = square()
    (tmp_path / "shape one.bin").write_bytes(SQUARE.tobytes() + TWO.tobytes())
    content["buffers"][0]["uri"] = "shape%20one.bin"
    assert read(tmp_path, content).triangles == 2


coordinates = st.floats(-1e6, 1e6, width=32)


@st.composite
def meshes(draw: st.DrawFn) -> Mesh:
    vertices = draw(arrays.arrays(np.float64, (draw(st.integers(3, 30)), 3), elements=coordinates))
    rows = draw(arrays.arrays(np.int32, (draw(st.integers(1, 20)), 3), elements=st.integers(0, len(vertices) - 1)))
    return Mesh((Part("part", vertices, rows),))


@given(meshes())
@settings(max_examples=40, deadline=None)
def test_glb_comes_back_and_is_read_by_others(tmp_path_factory: pytest.TempPathFactory, mesh: Mesh) -> None:
    path = tmp_path_factory.mktemp("glb") / "a.glb"
    gltf.write(mesh, path, {}, quiet)
    back = gltf_read.read_glb(path, "a", quiet)
    assert np.allclose(corners(back), corners(mesh), rtol=1e-6, atol=1e-5)
    loaded = trimesh.load_mesh(path, process=False)
    x, y, z = np.moveaxis(corners(mesh), -1, 0)
    expected = np.stack([x, z, -y], axis=-1) * 0.001
    assert np.allclose(loaded.vertices[loaded.faces], expected, rtol=1e-6, atol=1e-9)


def coloured() -> Mesh:
    """An object of two materials, one with a colour per face, and one with a colour per vertex."""
    v, t = SQUARE.astype(np.float64) * 1000, TWO.reshape(-1, 3).astype(np.int32)
    faces = np.array([[255, 0, 0, 255], [0, 9, 255, 255]], np.uint8)
    return Mesh(
        (
            Part("body", v, t, material="steel", colour=(0.2, 0.4, 0.6, 1.0)),
            Part("body", v + 5, t, material="glass", colour=(1.0, 1.0, 1.0, 0.4)),
            Part("faces", v, t, face_colours=faces),
            Part("points", v, t, vertex_colours=np.arange(16, dtype=np.uint8).reshape(4, 4) * 16),
        )
    )


def test_materials_colours_and_names_come_back(tmp_path: Path) -> None:
    gltf.write(coloured(), tmp_path / "a.glb", {}, quiet)
    content, _ = glb.read(tmp_path / "a.glb")
    assert [len(each["primitives"]) for each in content["meshes"]] == [2, 1, 1]
    back = gltf_read.read_glb(tmp_path / "a.glb", "a", quiet)
    assert [part.name for part in back.parts] == ["body", "body", "faces", "points"]
    steel, glass, faces, points = back.parts
    assert (steel.material, steel.colour) == ("steel", pytest.approx((0.2, 0.4, 0.6, 1.0), abs=1e-9))
    assert (glass.material, glass.colour) == ("glass", pytest.approx((1.0, 1.0, 1.0, 0.4), abs=1e-9))
    assert faces.vertex_colours is not None
    assert faces.vertex_colours[faces.corners][:, 0].tolist() == [[255, 0, 0, 255], [0, 9, 255, 255]]
    assert points.vertex_colours is not None
    assert np.array_equal(points.vertex_colours, coloured().parts[3].vertex_colours)


def test_the_same_mesh_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        gltf.write(coloured(), tmp_path / name, {}, quiet)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not on this machine")
def test_the_corpus_is_read_as_trimesh_reads_it() -> None:
    for path in sorted([*CORPUS.glob("*.glb"), *CORPUS.glob("*.gltf")]):
        if path.name == "empty_nodes.glb":
            continue
        reader = gltf_read.read_glb if path.suffix == ".glb" else gltf_read.read_gltf
        ours, theirs = reader(path, "a", quiet), trimesh.load_scene(path, process=False)
        assert ours.triangles == len(theirs.to_mesh().faces), path.name
        points = corners(ours).reshape(-1, 3)
        x, y, z = (np.array([points.min(axis=0), points.max(axis=0)]) / 1000).T
        box = np.sort(np.stack([x, z, -y], axis=1), axis=0)
        assert np.allclose(box, theirs.bounds, rtol=1e-5, atol=1e-6), path.name
