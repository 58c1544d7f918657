"""Large meshes are worked on in blocks, each of which tells how far it is: with the same result as all at once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shapr.converters.mesh import files, model, ply_write, text, threemf_tree, topology
from shapr.converters.mesh.heal import healed, over_used
from shapr.converters.mesh.measure import measured
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.progress import silent
from tests.converters.meshes import cube

ASCII, BINARY = {"units": "mm", "encoding": "ascii"}, {"units": "mm", "encoding": "binary"}
# And how often reading one in small blocks tells at least.
SOURCES = (("obj", ASCII, 35), ("ply", ASCII, 50), ("ply", BINARY, 30), ("off", ASCII, 50), ("stl", BINARY, 345))


def cubes() -> Mesh:
    return Mesh((Part.joined([cube((2.0 * at, 0.1 * at, 0.0)) for at in range(20)]),))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "BLOCK", 7)
    monkeypatch.setattr(text, "CHUNK", 1 << 10)
    monkeypatch.setattr(threemf_tree, "PIECE", 1 << 10)


def content(mesh: Mesh) -> tuple[bytes, bytes]:
    (part,) = mesh.parts
    return part.vertices.tobytes(), part.corners.tobytes()


def rising(told: list[float]) -> int:
    """How many different words there are of progress, which rises to 1."""
    words = [round(each, 12) for each in told]
    assert (words, words[-1]) == (sorted(words), 1.0)
    return len(set(words))


@pytest.mark.parametrize(("format", "options", "least"), SOURCES)
def test_a_file_is_read_in_blocks_that_tell(
    format: str, options: dict[str, Any], least: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / f"cubes.{format}"
    files.write(cubes(), format, path, options, silent)
    whole = content(files.read(format, path, "", silent))
    request.getfixturevalue("small")
    told: list[float] = []
    assert content(files.read(format, path, "", told.append)) == whole
    assert rising(told) >= least


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_faces_of_several_sizes_are_read_in_blocks(
    encoding: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole, path = cubes().parts[0], tmp_path / "several.ply"
    pairs = whole.corners.reshape(-1, 6)
    faces = [[len(row), *row] for pair in pairs for row in (pair[:3], [*pair[:3], pair[5]])]
    points = [("xyz", "<f4", 3, whole.vertices)]
    format = "ascii" if encoding == "ascii" else "binary_little_endian"
    heading = ply_write._heading(points, [("", "", 3, faces)], format)
    if encoding == "ascii":
        rows = [*whole.vertices.tolist(), *faces]
        body = "".join(" ".join(map(str, row)) + "\n" for row in rows).encode()
    else:
        lists = (bytes([row[0]]) + np.array(row[1:], "<i4").tobytes() for row in faces)
        body = whole.vertices.astype("<f4").tobytes() + b"".join(lists)
    path.write_bytes(heading.encode() + body)
    known = content(files.read("ply", path, "", silent))
    assert len(known[1]) == 4 * 3 * (len(pairs) * 3)
    request.getfixturevalue("small")
    told: list[float] = []
    assert content(files.read("ply", path, "", told.append)) == known
    assert rising(told) > len(faces) / 7


def test_3mf_tells_how_far_it_is_before_its_library_reads_and_writes(tmp_path: Path, small: None) -> None:
    path, written, told = tmp_path / "cubes.3mf", [], []
    files.write(cubes(), "3mf", path, BINARY, written.append)
    assert len({each for each in written if each < 0.15}) > 60
    files.read("3mf", path, "", told.append)
    assert rising(told) > 40
    assert any(each < 0.06 for each in told)  # as the archive is verified


def test_a_mesh_is_measured_in_blocks_that_tell(request: pytest.FixtureRequest) -> None:
    known = measured(cubes())
    request.getfixturevalue("small")
    told: list[float] = []
    assert measured(cubes(), told.append) == known
    assert rising(told) > 200


def test_what_hangs_together_is_found_in_blocks(small: None) -> None:
    strip = np.stack([np.arange(0, 99), np.arange(1, 100)], axis=1)[::-1]
    told: list[float] = []
    labels = topology.connected(102, strip, told.append)
    assert labels.tolist() == [*[0] * 100, 100, 101]
    assert told == sorted(told)
    assert len(set(told)) > 14


def test_a_mesh_is_healed_in_blocks_that_tell(request: pytest.FixtureRequest) -> None:
    known, told_known = healed(cubes())
    request.getfixturevalue("small")
    told: list[float] = []
    mesh, found = healed(cubes(), told.append)
    assert (content(mesh), found) == (content(known), told_known)
    assert told == sorted(told)
    assert len({each for each in told if 0.9 < each <= 0.95}) > 30  # as its sides are asked
    assert len({each for each in told if each > 0.95}) > 30  # as its parts are made again


@pytest.mark.parametrize("far", [0, 10_000])
def test_triangles_are_numbered_over_the_points_that_they_use(far: int, small: None) -> None:
    triangles = np.array([[9, 4, 7], [4, 9, far + 12]] * 9, np.int32)
    rows, over = over_used(triangles)
    assert rows.tolist() == [4, 7, 9, far + 12]
    assert rows[over].tolist() == triangles.tolist()
