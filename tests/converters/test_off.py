"""OFF: what is written is what is read, in its dialects, and what cannot be right is refused."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings

from shapr.converters import detect
from shapr.converters.mesh.model import Mesh
from shapr.converters.mesh.off import INDEXED
from shapr.errors import Refused
from tests.converters.meshes import cube, meshes, paint, read, soup, there_and_back

POINTS = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"


def off(folder: Path, text: str) -> Mesh:
    (folder / "a.off").write_bytes(text.encode())
    return read(folder / "a.off")


@given(meshes())
@settings(max_examples=40, deadline=None)
def test_it_comes_back_with_its_colours(tmp_path_factory: pytest.TempPathFactory, mesh: Mesh) -> None:
    back = there_and_back(mesh, tmp_path_factory.mktemp("off") / "a.off")
    assert np.array_equal(soup(back), soup(mesh))
    assert (paint(back) is None) == (paint(mesh) is None)
    assert paint(mesh) is None or np.array_equal(paint(back), paint(mesh))


def test_others_read_what_is_written(tmp_path: Path) -> None:
    there_and_back(Mesh((cube(), cube((3, 0, 0)))), tmp_path / "a.off")
    assert trimesh.load_mesh(tmp_path / "a.off", process=False).volume == pytest.approx(2.0)


@pytest.mark.parametrize(
    "text",
    [
        "OFF\n4 1 0\n" + POINTS + "4 0 1 2 3\n",
        "OFF 4 1 0\n" + POINTS + "4 0 1 2 3",
        "OFF\n4 1\n" + POINTS + "4 0 1 2 3\n",
        "\t OFF4 1 0 # counts\n\n" + POINTS + "\n# faces\n4  0 1 2 3  1 0 0\n",
        "4 1 0\n" + POINTS + "4 0 1 2 3\n",
        ("OFF\n4 1 0\n" + POINTS + "4 0 1 2 3\n").replace("\n", "\r"),
        "NOFF\n4 1 0\n" + POINTS.replace("\n", " 0 0 1\n") + "4 0 1 2 3\n",
        "STOFF\n4 1 0\n" + POINTS.replace("\n", " 0.5 0.5\n") + "4 0 1 2 3\n",
        "OFF\n4 2 0\n" + POINTS + "4 0 1 2 3\n2 0 1\n",
        ("OFF\n4 1 0\n" + POINTS + "4 0 1 2 3\n").replace("\n", " "),
        "OFF\n4 2 0\n" + POINTS.replace("\n", " ") + "\n3 0 1 2 3 0 2 3\n",
        ("NOFF\n4 1 0\n" + POINTS.replace("\n", " 0 0 1\n") + "4 0 1 2 3\n").replace("\n", " "),
        ("OFF 4 1 0\n" + POINTS + "4 0 1 2 3\n").replace(" ", "\n"),
        "OFF\n4 1 0\n" + POINTS.replace(" ", "\n", 5) + "4 0 1\n2 3\n",
        "OFF\n4 1 0\n" + POINTS + "4 0 1\n2 3\n",
    ],
)
def test_dialects(tmp_path: Path, text: str) -> None:
    assert off(tmp_path, text).triangles == 2


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("COFF", " 255 0 1 255\n"),
        ("CNOFF", " 0 0 1 255 0 1 255\n"),
        ("STCNOFF", " 0 0 1 255 0 1 255 0.5 0.5\n"),
        ("STCOFF", " 255 0 1 0.5 0.5\n"),
        ("NCOFF", " 255 0 1 255 0 0 1\n"),
        ("CSTOFF", " 255 0 1 255 0.5 0.5\n"),
        ("NCSTOFF", " 255 0 1 255 0 0 1 0.5 0.5\n"),
    ],
)
def test_colours_of_points_with_normals_and_textures(tmp_path: Path, header: str, line: str) -> None:
    """The last three are as MeshLab writes them: with the colours before the normals."""
    colours = off(tmp_path, f"{header}\n4 1 0\n" + POINTS.replace("\n", line) + "4 0 1 2 3\n").parts[0].vertex_colours
    assert colours is not None
    assert colours.tolist() == [[255, 0, 1, 255]] * 4
    detect.check("off", tmp_path / "a.off")


@pytest.mark.parametrize(
    ("header", "point", "face", "told"),
    [
        ("OFF", "", "", False),
        ("OFF", "", " 1", True),
        ("OFF", "", " 255 0 0", False),
        ("OFF", " 255 0 0", "", True),
        ("COFF", " 1", "", True),
        ("COFF", " 255 0 0", "", False),
        ("NOFF", " 0 0 1", "", False),
        ("NOFF", " 0 0 1 7", "", True),
    ],
)
def test_numbers_of_a_table_of_colours_that_is_not_there_are_told(
    tmp_path: Path, header: str, point: str, face: str, told: bool
) -> None:
    text = f"{header}\n4 1 0\n" + POINTS.replace("\n", point + "\n") + f"4 0 1 2 3{face}\n"
    assert (INDEXED in off(tmp_path, text).losses) == told


def test_colours_are_bytes_or_fractions(tmp_path: Path) -> None:
    faces = off(tmp_path, "OFF\n4 2 0\n" + POINTS + "3 0 1 2 255 0 1\n3 0 2 3\n").parts[0].face_colours
    assert faces is not None
    assert faces.tolist() == [[255, 0, 1, 255], [192, 192, 192, 255]]
    faces = off(tmp_path, "OFF\n4 1 0\n" + POINTS + "3 0 1 2 1.0 0 0.2 0.6\n").parts[0].face_colours
    assert faces is not None
    assert faces.tolist() == [[255, 0, 51, 153]]
    points = off(tmp_path, "COFF\n4 1 0\n" + POINTS.replace("\n", " 255 0 0 255\n") + "3 0 1 2\n").parts[0]
    assert points.vertex_colours is not None
    assert points.vertex_colours.tolist() == [[255, 0, 0, 255]] * 4


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("OFF\n4 1 0\n" + POINTS + "4 0 1 2 4\n", "corrupt_file"),
        ("OFF\n4 1 0\n" + POINTS + "4 0 1 2 -1\n", "corrupt_file"),
        ("OFF\n4 1 0\n" + POINTS + "5 0 1 2 3\n", "corrupt_file"),
        ("OFF\n4 1 0\n" + POINTS + "1e300 0 1 2 3\n", "corrupt_file"),
        ("OFF\n4 2 0\n" + POINTS + "4 0 1 2 3\n", "corrupt_file"),
        ("OFF\n99999999999999 1 0\n" + POINTS + "4 0 1 2 3\n", "corrupt_file"),
        ("OFF\n1e300 1 0\n" + POINTS + "4 0 1 2 3\n", "corrupt_file"),
        ("OFF\nfour 1 0\n" + POINTS + "4 0 1 2 3\n", "corrupt_file"),
        ("OFF\n4 1 0\n" + POINTS.replace("1 1 0", "1 1") + "4 0 1 2 3\n", "corrupt_file"),
        ("OFF\n4 1 0\n" + POINTS.replace("1 1 0", "1 inf 0") + "4 0 1 2 3\n", "invalid_geometry"),
        ("OFF\n4 0 0\n" + POINTS, "no_geometry"),
        ("OFF\n4 1 0\n" + POINTS + "2 0 1\n", "no_geometry"),
        ("OFF\n", "corrupt_file"),
        ("OFF BINARY\n", "unsupported_geometry"),
        ("4OFF\n4 1 0\n", "unsupported_geometry"),
        ("nOFF\n3\n4 1 0\n" + POINTS + "4 0 1 2 3\n", "unsupported_geometry"),
        ("nOFF 3\n4 1 0\n" + POINTS + "4 0 1 2 3\n", "unsupported_geometry"),
    ],
)
def test_a_bad_one_gets_a_code(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        off(tmp_path, text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "OFF 4 1 0 " + POINTS.replace("\n", " ") + "4 0 1 2",
        "OFF 4 1 0 " + POINTS.replace("\n", " ") + "4 0 1 2 3 255 0 0",
        "OFF 4 1 0 " + POINTS.replace("\n", " ") + "inf 0 1 2 3",
        "COFF 4 1 0 " + POINTS.replace("\n", " 255 0 0 ") + "4 0 1 2 3",
        "OFF 400000000 1 0 " + POINTS.replace("\n", " ") + "4 0 1 2 3",
    ],
)
def test_without_lines_all_has_to_be_there_and_nothing_else(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refused) as caught:
        off(tmp_path, text)
    assert caught.value.code == "corrupt_file"
