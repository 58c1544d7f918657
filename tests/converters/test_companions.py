"""What a model in an archive refers to: found wherever it lies there, and nowhere else."""

import json
from pathlib import Path

import pytest

from shapr.converters.mesh import gltf_read
from shapr.errors import Refused
from tests.converters.test_archive import packed, unpacked
from tests.converters.test_gltf import SQUARE, TWO, quiet, square


def test_a_gltf_finds_its_buffer_in_the_archive(tmp_path: Path) -> None:
    content = square()
    content["buffers"][0]["uri"] = "buffers/shape.bin"
    data = SQUARE.tobytes() + TWO.tobytes()
    files = {"scene/a.gltf": json.dumps(content).encode(), "scene/buffers/shape.bin": data}
    assert gltf_read.read_gltf(unpacked(tmp_path, packed(files), "gltf"), "a", quiet).triangles == 2


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("../shape.bin", "shape.bin"),
        ("../Data/shape.bin", "data/SHAPE.bin"),
        ("./my%20data/sh%C3%A4pe.bin", "scene/my data/sha\u0308pe.bin"),
        ("100%25.bin", "scene/100%.bin"),
        ("a%20b.bin", "scene/a%20b.bin"),
        ("../../shape.bin", None),
        ("../../source", None),
        ("/shape.bin", None),
        ("..\\shape.bin", None),
    ],
)
def test_companions_lie_anywhere_in_the_archive_and_nowhere_else(tmp_path: Path, uri: str, place: str | None) -> None:
    """Names are written in several ways: with escapes or without, accents as one character or as two."""
    content = square()
    content["buffers"][0]["uri"] = uri
    files = {"scene/a.gltf": json.dumps(content).encode(), place or "shape.bin": SQUARE.tobytes() + TWO.tobytes()}
    (tmp_path / "shape.bin").write_bytes(files[place or "shape.bin"])
    model = unpacked(tmp_path, packed(files), "gltf")
    if place:
        assert gltf_read.read_gltf(model, "a", quiet).triangles == 2
    else:
        with pytest.raises(Refused, match="external_reference"):
            gltf_read.read_gltf(model, "a", quiet)


def test_companions_are_found_in_any_case(tmp_path: Path) -> None:
    """Packed on Windows, where case says nothing. One that is written just so comes before the others."""
    content = square()
    content["buffers"][0]["uri"] = "Buffers/shape.bin"
    data = SQUARE.tobytes() + TWO.tobytes()
    files = {"a.gltf": json.dumps(content).encode(), "buffers/SHAPE.bin": data}
    assert gltf_read.read_gltf(unpacked(tmp_path, packed(files), "gltf"), "a", quiet).triangles == 2
    (tmp_path / "again").mkdir()
    files = {"a.gltf": files["a.gltf"], "buffers/x.bin": b"", "Buffers/shape.BIN": b"", "Buffers/shape.bin": data}
    assert gltf_read.read_gltf(unpacked(tmp_path / "again", packed(files), "gltf"), "a", quiet).triangles == 2


def test_of_companions_alike_none_is_guessed(tmp_path: Path) -> None:
    content = square()
    content["buffers"][0]["uri"] = "shape.bin"
    data = SQUARE.tobytes() + TWO.tobytes()
    files = {"a.gltf": json.dumps(content).encode(), "Shape.bin": data, "SHAPE.bin": data}
    with pytest.raises(Refused, match="external_reference"):
        gltf_read.read_gltf(unpacked(tmp_path, packed(files), "gltf"), "a", quiet)
