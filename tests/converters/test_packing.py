"""Draco and meshopt: a smaller GLB that is still the same model, and one that other programs accept."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shapr.converters.brep import document, step, tessellate
from shapr.converters.brep import glb as kernel_glb
from shapr.converters.mesh import glb, gltf, gltf_read, packing
from shapr.converters.mesh.measure import measured
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.mesh.topology import welded
from shapr.errors import Refused
from tests.converters.kit import SAMPLES
from tests.converters.test_gltf import SQUARE, coloured, quiet, refusal
from tests.converters.test_gltf import document as gltf_document
from tests.converters.test_gltf import read as read_gltf
from tests.converters.validator import validated

KINDS = ("draco", "meshopt")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of GLB files as the kernel writes them, and of ours."""
    folder = tmp_path_factory.mktemp("glb")
    for name in ("bracket", "assembly"):
        model = step.read(SAMPLES / f"{name}.step")
        shape = document.shape(model)
        tessellate.triangulate(shape, *tessellate.deflections(shape, {}))
        kernel_glb.write(model, folder / f"{name}.glb")
    gltf.write(waves(), folder / "waves.glb", {}, quiet)
    gltf.write(coloured(), folder / "coloured.glb", {}, quiet)
    return folder


def waves(count: int = 60) -> Mesh:
    """A closed box of two materials with a seam between them, and vertex colours on a part of its own."""
    grid = np.arange(count)
    x, y = (each.ravel().astype(float) for each in np.meshgrid(grid, grid, indexing="ij"))
    inner = (grid[:-1, None] * count + grid[None, :-1]).ravel()
    top = np.concatenate(
        [np.stack([inner, inner + count, inner + 1], 1), np.stack([inner + 1, inner + count, inner + count + 1], 1)]
    )
    above = np.stack([x, y, 5 + np.sin(x / 5) * np.sin(y * np.pi / (count - 1)) * np.sin(x * np.pi / (count - 1))], 1)
    below = above * [1, 1, -1]
    below[:, 2] = np.where((x % (count - 1) == 0) | (y % (count - 1) == 0), 5, below[:, 2])
    tinted = np.stack([x * 4, y * 4, x, x * 0 + 255], 1).astype(np.uint8)
    top = top.astype(np.int32)
    return Mesh(
        (
            Part("box", above + 1000.123, top, material="top", colour=(1.0, 0.0, 0.0, 1.0)),
            Part("box", below + 1000.123, top[:, ::-1].copy(), material="bottom", colour=(0.0, 0.0, 1.0, 1.0)),
            Part("tinted", above, top, vertex_colours=tinted),
        )
    )


def packed(source: Path, folder: Path, kind: str) -> Path:
    path = folder / f"{source.stem}.{kind}.glb"
    shutil.copy(source, path)
    assert packing.packed(path, {"mesh_compression": kind}) == {"mesh_compression": kind}
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "at_least"), [("bracket", 3.0), ("assembly", 3.0), ("waves", 2.0)])
def test_it_is_smaller_and_the_same_model(written: Path, tmp_path: Path, name: str, at_least: float, kind: str) -> None:
    source = written / f"{name}.glb"
    path = packed(source, tmp_path, kind)
    assert source.stat().st_size / path.stat().st_size > at_least
    before, after = (gltf_read.read_glb(each, "x", quiet) for each in (source, path))
    content, plain = glb.read(path)[0], glb.read(source)[0]
    assert content["nodes"] == plain["nodes"]
    assert content["materials"] == plain["materials"]
    assert content["extensionsRequired"] == [packing.EXTENSION[kind]]
    limit = {"draco": 1 / 16000, "meshopt": 1 / 65000}[kind]
    for old, new in zip(before.parts, after.parts, strict=True):
        assert (old.name, old.colour, len(old.corners)) == (new.name, new.colour, len(new.corners))
        side = np.ptp(old.vertices, axis=0).max()
        for edge in (np.min, np.max):
            assert np.abs(edge(old.vertices, axis=0) - edge(new.vertices, axis=0)).max() < limit * side
        # Every point has one nearby: the packed ones come in another order.
        ordered = [np.sort(each.vertices.sum(axis=1)) for each in (old, new)]
        if len(ordered[0]) == len(ordered[1]):
            assert np.abs(ordered[0] - ordered[1]).max() < 3 * limit * side
        if old.vertex_colours is not None and new.vertex_colours is not None:
            assert {*map(tuple, old.vertex_colours.tolist())} == {*map(tuple, new.vertex_colours.tolist())}


@pytest.mark.parametrize("kind", KINDS)
def test_a_seam_between_two_materials_stays_closed(written: Path, tmp_path: Path, kind: str) -> None:
    for path in (written / "waves.glb", packed(written / "waves.glb", tmp_path, kind)):
        whole = Part.joined(gltf_read.read_glb(path, "x", quiet).parts[:2])
        points, _ = welded(whole.vertices, whole.corners)
        assert len(points) == 2 * 60 * 60 - 4 * 59, path.name  # the two halves share every point of their rim


@pytest.mark.parametrize("kind", KINDS)
def test_instances_share_what_is_packed(written: Path, tmp_path: Path, kind: str) -> None:
    content, _ = glb.read(packed(written / "assembly.glb", tmp_path, kind))
    drawn = [node["mesh"] for node in content["nodes"] if "mesh" in node]
    assert len(drawn) > len(set(drawn)) == len(content["meshes"])
    assert len(content["nodes"]) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_what_would_grow_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.glb"
    gltf.write(Mesh((Part("a", SQUARE.astype(float), np.array([[0, 1, 2]], np.int32)),)), path, {}, quiet)
    before = path.read_bytes()
    assert packing.packed(path, {"mesh_compression": kind}) == {"mesh_compression": "none"}
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.glb"]


@pytest.mark.parametrize("kind", KINDS)
def test_packing_repeats_byte_by_byte(written: Path, tmp_path: Path, kind: str) -> None:
    first = packed(written / "assembly.glb", tmp_path, kind).read_bytes()
    assert packed(written / "assembly.glb", tmp_path, kind).read_bytes() == first


def draco_strip(**more: int) -> dict[str, Any]:
    """A square in Draco, with `more` attributes beside it; accessor 3 has colours of its points."""
    import DracoPy

    mesh = DracoPy.encode(SQUARE.astype("f8"), np.array([[0, 1, 2], [0, 2, 3]], "u4"))
    red = np.tile(np.array([255, 0, 0, 255], "u1"), (4, 1))
    content: dict[str, Any] = gltf_document(np.frombuffer(mesh, "u1"), SQUARE, np.array([1, 2, 0, 3], "<u2"), red)
    unique = DracoPy.decode(mesh).attributes[0]["unique_id"]
    packed = {"KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": unique}}}
    content["meshes"][0]["primitives"] = [
        {"attributes": {"POSITION": 1, **more}, "indices": 2, "mode": 5, "extensions": packed}
    ]
    return content


def test_draco_data_of_a_strip_is_triangles(tmp_path: Path) -> None:
    """Draco packs triangles, also where the primitive that it replaces was a strip of them."""
    (part,) = read_gltf(tmp_path, draco_strip()).parts
    assert len(part.corners) == 2
    assert measured(Mesh((part,))).area == pytest.approx(1e6, rel=1e-3)


def test_attributes_beside_draco_data_are_read(tmp_path: Path) -> None:
    (part,) = read_gltf(tmp_path, draco_strip(COLOR_0=3)).parts
    assert part.vertex_colours is not None
    assert part.vertex_colours.tolist() == [[255, 0, 0, 255]] * 4
    with pytest.raises(Refused):
        read_gltf(tmp_path, draco_strip(COLOR_0=0))


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_packed_data_is_refused_or_read(written: Path, tmp_path: Path, kind: str) -> None:
    path = packed(written / "bracket.glb", tmp_path, kind)
    sound, random = path.read_bytes(), np.random.default_rng(1)
    refused = 0
    for _ in range(60):
        content = bytearray(sound)
        for at in random.integers(len(sound) // 2, len(sound), 3):
            content[at] ^= int(random.integers(1, 255))
        path.write_bytes(content)
        try:
            gltf_read.read_glb(path, "x", quiet)
        except Refused as refusal:
            assert refusal.code in ("corrupt_file", "invalid_geometry", "no_geometry")
            refused += 1
    assert refused > 3


@pytest.mark.parametrize(
    ("extension", "code"),
    [
        ({"buffer": 0, "byteLength": 48, "byteStride": 12, "count": 1 << 40, "mode": "ATTRIBUTES"}, "limit_exceeded"),
        ({"buffer": 0, "byteLength": 48, "byteStride": 13, "count": 4, "mode": "ATTRIBUTES"}, "corrupt_file"),
        ({"buffer": 0, "byteLength": 48, "byteStride": 12, "count": 4, "mode": "TEAPOT"}, "corrupt_file"),
        ({"buffer": 0, "byteLength": 1 << 40, "byteStride": 12, "count": 4, "mode": "ATTRIBUTES"}, "corrupt_file"),
        ({"buffer": 0, "byteLength": 48, "byteStride": 12, "count": 4, "mode": "ATTRIBUTES"}, "corrupt_file"),
    ],
)
def test_meshopt_that_lies_gets_a_code(tmp_path: Path, extension: dict[str, object], code: str) -> None:
    content = gltf_document(SQUARE, np.array([0, 1, 2], "<u2"))
    content["bufferViews"][0]["extensions"] = {"EXT_meshopt_compression": extension}
    assert refusal(tmp_path, content).code == code


def test_the_khronos_validator_finds_no_error(written: Path, tmp_path: Path) -> None:
    files = sorted(written.glob("*.glb"))
    files += [packed(file, tmp_path, kind) for file in files if file.stem != "coloured" for kind in KINDS]
    assert validated(files) == [{"errors": 0, "warnings": 0, "messages": []}] * len(files)
