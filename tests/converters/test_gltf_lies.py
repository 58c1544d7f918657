"""glTF that lies, is damaged or reaches out of its upload gets a code, and soon."""

import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapr.converters.mesh import gltf, gltf_read
from shapr.errors import Refused
from tests.converters.test_gltf import SQUARE, TWO, changed, coloured, document, quiet, read, refusal, square


@pytest.mark.parametrize(
    "uri",
    [
        "../canary.bin",
        "/etc/passwd",
        "http://127.0.0.1/a",
        "file:///etc/passwd",
        "a/../../canary.bin",
        "..\\c",
        "gone.bin",
        "%2e%2e/canary.bin",
        "x" * 5000,
        "",
        "link.bin",
        "C:/a.bin",
        "\0",
        "\ud800.bin",
    ],
)
def test_nothing_outside_of_the_upload_is_read(tmp_path: Path, uri: str) -> None:
    (tmp_path / "canary.bin").write_bytes(SQUARE.tobytes() + TWO.tobytes())
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.bin").symlink_to(tmp_path / "canary.bin")
    assert refusal(inside, changed(square(), "buffers.0.uri", uri)).code == "external_reference"


LIES = [
    ("accessors.0.count", 5, "corrupt_file"),
    ("accessors.0.count", 1 << 40, "corrupt_file"),
    ("accessors.1.count", 1 << 40, "limit_exceeded"),
    ("accessors.1.count", -1, "corrupt_file"),
    ("accessors.1.count", 6.5, "corrupt_file"),
    ("accessors.1.count", True, "corrupt_file"),
    ("accessors.0.byteOffset", 4, "corrupt_file"),
    ("accessors.0.componentType", 5124, "corrupt_file"),
    ("accessors.0.type", "MAT4", "corrupt_file"),
    ("accessors.1.componentType", 5126, "corrupt_file"),
    ("accessors.0.bufferView", 7, "corrupt_file"),
    ("bufferViews.0.byteLength", 1 << 50, "corrupt_file"),
    ("bufferViews.0.byteStride", 1, "corrupt_file"),
    ("bufferViews.0.byteStride", 1 << 40, "corrupt_file"),
    ("bufferViews.0.buffer", 1, "corrupt_file"),
    ("buffers.0.byteLength", 1 << 50, "corrupt_file"),
    ("buffers.0.uri", "data:;base64,!!!", "corrupt_file"),
    ("buffers.0.uri", "data:,plain", "corrupt_file"),
    ("buffers.0", {"byteLength": 4}, "corrupt_file"),
    ("meshes.0.primitives.0.mode", 9, "corrupt_file"),
    ("meshes.0.primitives.0.indices", 0, "corrupt_file"),
    ("meshes.0.primitives.0.material", 3, "corrupt_file"),
    ("meshes.0.primitives.0.attributes.POSITION", 1, "corrupt_file"),
    ("meshes.0.primitives", {}, "corrupt_file"),
    ("nodes.0.mesh", 1, "corrupt_file"),
    ("nodes.0.children", [0], "corrupt_file"),
    ("nodes.0.children", [5], "corrupt_file"),
    ("nodes.0.matrix", [1] * 15, "corrupt_file"),
    ("nodes.0.scale", [1e308, 1e308, 1e308], "invalid_geometry"),
    ("nodes.0.rotation", [0, 0, 0, 0], "invalid_geometry"),
    ("scenes.0.nodes", ["a"], "corrupt_file"),
    ("scenes.0.nodes", [], "no_geometry"),
    ("scenes.0.nodes", [0, 0], "corrupt_file"),
    ("scene", 4, "corrupt_file"),
    ("asset", {"version": "1.0"}, "unsupported_format"),
    ("asset", {"version": 1}, "unsupported_format"),
    ("asset", {}, "unsupported_format"),
    ("asset", {"version": "2.0", "minVersion": "2.1"}, "unsupported_format"),
    ("extensionsRequired", ["ACME_teapot\n\x1b[31m"], "unsupported_geometry"),
]


@pytest.mark.parametrize(
    ("path", "value", "code"), LIES, ids=[f"{path}={str(value)[:20]!r}" for path, value, _ in LIES]
)
def test_a_lie_gets_a_code(tmp_path: Path, path: str, value: Any, code: str) -> None:
    refused = refusal(tmp_path, changed(square(), path, value))
    assert refused.code == code
    assert refused.detail.isprintable()


@pytest.mark.parametrize("text", [b"{", b"[]", b"[" * 100_000, b'{"asset": NaN}', b"\xff\xfe{", b'{"a": 1e999999'])
def test_what_is_no_json_object_is_damaged(tmp_path: Path, text: bytes) -> None:
    assert refusal(tmp_path, text).code == "corrupt_file"


def test_a_coordinate_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    points = SQUARE.copy()
    points[2, 1] = np.nan
    assert refusal(tmp_path, document(points, TWO)).code == "invalid_geometry"


def test_companions_in_another_case_are_listed_once(tmp_path: Path) -> None:
    (tmp_path / "SHAPE.bin").write_bytes(SQUARE.tobytes() + TWO.tobytes())
    for at in range(1000):
        (tmp_path / f"{at}.txt").touch()
    content = changed(square(), "buffers.0.uri", "shape.bin")
    content["buffers"] *= 400
    content["bufferViews"] += [{**content["bufferViews"][0], "buffer": at} for at in range(1, 400)]
    content["accessors"] += [{**content["accessors"][0], "bufferView": at} for at in range(2, 401)]
    piece = content["meshes"][0]["primitives"][0]
    content["meshes"][0]["primitives"] += [{**piece, "attributes": {"POSITION": at}} for at in range(2, 401)]
    begin = time.process_time()
    assert read(tmp_path, content).triangles == 800
    assert time.process_time() - begin < 1


def test_instances_are_counted_before_they_are_made(tmp_path: Path) -> None:
    many = np.zeros(3_000_000, "<u1")
    content = document(SQUARE, many, nodes=[{"mesh": 0}] * 50, scenes=[{"nodes": list(range(50))}])
    assert refusal(tmp_path, content).code == "decompression_bomb"
    deep = [{"children": [at + 1]} for at in range(2000)] + [{"mesh": 0}]
    assert refusal(tmp_path, square(nodes=deep)).code == "limit_exceeded"


def test_many_small_pieces_of_a_large_array_are_quick(tmp_path: Path) -> None:
    """Each takes its own vertices only, without a look at all of them."""
    points = np.tile(SQUARE, (250_000, 1))
    content = document(points, TWO)
    content["meshes"][0]["primitives"] *= 2000
    mesh = read(tmp_path, content)
    assert (mesh.triangles, len(mesh.parts[-1].vertices)) == (4000, 4)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"glTF", "corrupt_file"),
        (struct.pack("<4sII", b"glTF", 2, 4) + bytes(8), "corrupt_file"),
        (struct.pack("<4sII", b"glTF", 1, 20) + bytes(8), "unsupported_format"),
        (struct.pack("<4sIII4s", b"glTF", 2, 24, 4, b"BIN\0") + b"    ", "corrupt_file"),
        (struct.pack("<4sIII4s", b"glTF", 2, 24, 1 << 31, b"JSON") + b"{}  ", "corrupt_file"),
        (struct.pack("<4sIII4s", b"glTF", 2, 999, 4, b"JSON") + b"{}  ", "corrupt_file"),
    ],
)
def test_a_bad_glb_gets_a_code(tmp_path: Path, data: bytes, code: str) -> None:
    (tmp_path / "a.glb").write_bytes(data)
    with pytest.raises(Refused) as caught:
        gltf_read.read_glb(tmp_path / "a.glb", "a", quiet)
    assert caught.value.code == code


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_glb_with_flipped_bytes_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("glb") / "a.glb"
    gltf.write(coloured(), path, {}, quiet)
    content = bytearray(path.read_bytes())
    for at in data.draw(st.lists(st.integers(12, len(content) - 1), min_size=1, max_size=6)):
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        assert gltf_read.read_glb(path, "a", quiet).triangles > 0
    except Refused as refused:
        assert refused.detail.isprintable()
