"""PLY: what is written is what is read, whatever order and types a file has, and what cannot be right is refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from shapr.converters import detect
from shapr.converters.mesh.colour import BOTH, POINTS_ALIKE
from shapr.converters.mesh.model import Mesh
from shapr.errors import Refused
from tests.converters.meshes import cube, meshes, paint, read, soup, there_and_back

POINTS = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"
VERTEX = "element vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
CHANNELS = "property uchar red\nproperty uchar green\nproperty uchar blue\n"
FACE = "element face 1\nproperty list uchar int vertex_indices\n"


def ply(folder: Path, header: str, body: str | bytes, format: str = "ascii") -> Mesh:
    data = f"ply\nformat {format} 1.0\n{header}end_header\n".encode()
    (folder / "a.ply").write_bytes(data + (body if isinstance(body, bytes) else body.encode()))
    return read(folder / "a.ply")


@pytest.mark.parametrize("magic", ["PLY\n", "PLY\r\n", "Ply\r", "ply \n", "ply\t\r\n"])
def test_the_first_line_may_be_in_capitals_and_end_in_blanks(tmp_path: Path, magic: str) -> None:
    path = tmp_path / "a.ply"
    path.write_text(f"{magic}format ascii 1.0\n{VERTEX}{FACE}end_header\n{POINTS}3 0 1 2\n", newline="")
    detect.check("ply", path)
    assert read(path).triangles == 1


def test_a_longer_word_is_another_format(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_text(f"plyx\nformat ascii 1.0\n{VERTEX}{FACE}end_header\n{POINTS}3 0 1 2\n")
    with pytest.raises(Refused, match="format_mismatch"):
        detect.check("ply", tmp_path / "a.ply")


@given(meshes(), st.sampled_from(["binary", "ascii"]))
@settings(max_examples=60, deadline=None)
def test_it_comes_back_with_its_colours(tmp_path_factory: pytest.TempPathFactory, mesh: Mesh, encoding: str) -> None:
    back = there_and_back(mesh, tmp_path_factory.mktemp("ply") / "a.ply", encoding=encoding)
    assert np.array_equal(soup(back), soup(mesh))
    assert (paint(back) is None) == (paint(mesh) is None)
    assert paint(mesh) is None or np.array_equal(paint(back), paint(mesh))


def test_others_read_what_is_written(tmp_path: Path) -> None:
    there_and_back(Mesh((cube(), cube((3, 0, 0)))), tmp_path / "a.ply", encoding="binary")
    loaded = trimesh.load_mesh(tmp_path / "a.ply", process=False)
    assert loaded.volume == pytest.approx(2.0)


@pytest.mark.parametrize("order", ["<", ">"])
def test_any_order_and_type_of_binary_properties(tmp_path: Path, order: str) -> None:
    header = (
        "comment made by hand\nobj_info 1\n"
        "element camera 1\nproperty list uint8 double pose\nproperty short id\n"
        "element vertex 4\nproperty double z\nproperty int8 flag\nproperty float64 x\nproperty int y\n"
        "property ushort red\n"
        "property ushort green\nproperty ushort blue\n"
        "element face 2\nproperty uchar red\nproperty uchar green\nproperty uchar blue\n"
        "property list int uint16 vertex_index\nproperty list uchar float texcoord\n"
    )
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    body = struct.pack(order + "B2dh", 2, 1.5, 2.5, 7)
    body += b"".join(struct.pack(order + "dbdi3H", 5.0, -1, x, y, 65535, 0, 0) for x, y in corners)
    body += struct.pack(order + "3Bi3HB", 9, 8, 7, 3, 0, 1, 2, 0) + struct.pack(
        order + "3Bi4HB2f", 6, 5, 4, 4, 0, 1, 2, 3, 2, 0.5, 0.5
    )
    format = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    mesh = ply(tmp_path, header, body, format)
    (part,) = mesh.parts
    assert part.vertices.tolist() == [[0, 0, 5], [1, 0, 5], [1, 1, 5], [0, 1, 5]]
    assert part.corners.tolist() == [[0, 1, 2], [0, 1, 2], [0, 2, 3]]
    assert part.face_colours is not None
    assert part.face_colours[:, 0].tolist() == [9, 6, 6]
    assert mesh.losses == (
        "camera elements are passed over",
        "texture coordinates are passed over",
        "other properties of points and faces are passed over: flag",
        POINTS_ALIKE,
    )
    (part,) = ply(tmp_path, header.replace("uchar red", "uchar hue"), body, format).parts
    assert part.vertex_colours is not None
    assert part.vertex_colours.tolist() == [[255, 0, 0, 255]] * 4


def test_many_elements_with_strange_names_are_one_sentence(tmp_path: Path) -> None:
    others = "".join(f"element {at}\a{'x' * 100} 1\nproperty int a\n" for at in range(10, 30))
    (said,) = ply(tmp_path, VERTEX + FACE + others, POINTS + "4 0 1 2 3\n" + "1\n" * 20).losses
    assert said.startswith("10_xxx") and said.endswith("xxx and 15 more elements are passed over")
    assert said.isprintable() and len(said) < 400


def test_strips_are_cut_into_triangles(tmp_path: Path) -> None:
    header = VERTEX + "element tristrips 1\nproperty list int int vertex_indices\n"
    mesh = ply(tmp_path, header, POINTS + "8 0 1 3 2 -1 0 1 2\n")
    assert mesh.parts[0].corners.tolist() == [[0, 1, 3], [3, 1, 2], [0, 1, 2]]


def test_strips_beside_faces_are_told_and_those_beside_none_are_read(tmp_path: Path) -> None:
    strips = "element tristrips 1\nproperty list int int vertex_indices\n"
    mesh = ply(tmp_path, VERTEX + FACE + strips, POINTS + "4 0 1 2 3\n4 0 1 3 2\n")
    assert (mesh.triangles, mesh.losses) == (2, ("tristrips elements are passed over",))
    mesh = ply(tmp_path, VERTEX + FACE.replace(" 1\n", " 0\n") + strips, POINTS + "4 0 1 3 2\n")
    assert (mesh.triangles, mesh.losses) == (2, ())


@pytest.mark.parametrize(
    ("points", "faces", "loss"),
    [
        ((1, 2, 3, 4), (5, 6), BOTH),
        ((1, 2, 3, 4), (5, 5), BOTH),
        ((1, 1, 1, 1), (5, 5), BOTH),
        ((1, 1, 1, 1), (5, 6), POINTS_ALIKE),
    ],
)
@pytest.mark.parametrize("name", ["a.ply", "a.off"])
def test_of_colours_of_points_and_of_faces_one_kind_is_taken_and_the_other_told(
    tmp_path: Path, name: str, points: tuple[int, ...], faces: tuple[int, ...], loss: str
) -> None:
    ply = f"ply\nformat ascii 1.0\n{VERTEX}{CHANNELS}{FACE.replace(' 1', ' 2', 1)}{CHANNELS}end_header\n"
    off = "COFF\n4 2 0\n"
    where = zip(POINTS.splitlines(), points, strict=True)
    body = "".join(f"{place} {red} 0 99{' 255' * (name == 'a.off')}\n" for place, red in where)
    body += "".join(f"3 0 {at + 1} {at + 2} {red} 0 0\n" for at, red in enumerate(faces))
    (tmp_path / name).write_text((ply if name == "a.ply" else off) + body)
    mesh = read(tmp_path / name)
    (part,) = mesh.parts
    assert mesh.losses == (loss,)
    taken, other, reds = part.vertex_colours, part.face_colours, points
    if loss == POINTS_ALIKE:
        taken, other, reds = other, taken, faces
    assert other is None
    assert taken is not None
    assert taken[:, 0].tolist() == list(reds)


def test_a_picture_that_is_named_is_told(tmp_path: Path) -> None:
    mesh = ply(tmp_path, "comment TextureFile a.png\n" + VERTEX + FACE, POINTS + "4 0 1 2 3\n")
    assert mesh.losses == ("textures are passed over",)


def test_a_comment_that_an_exporter_forgot_to_call_one_is_passed_over(tmp_path: Path) -> None:
    assert ply(tmp_path, "Created by Blender3D 247 - a.blend\n" + VERTEX + FACE, POINTS + "4 0 1 2 3\n").triangles == 2


def test_a_comment_may_say_end_header(tmp_path: Path) -> None:
    assert ply(tmp_path, "comment end_header is near\n" + VERTEX + FACE, POINTS + "4 0 1 2 3\n").triangles == 2


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_line_ends_of_other_systems(tmp_path: Path, ends: str) -> None:
    text = f"ply\nformat ascii 1.0\n{VERTEX}{FACE}end_header\n{POINTS}4 0 1 2 3\n"
    (tmp_path / "a.ply").write_bytes(text.replace("\n", ends).encode())
    assert read(tmp_path / "a.ply").triangles == 2


@pytest.mark.parametrize(
    ("header", "body", "code"),
    [
        (VERTEX, POINTS, "no_geometry"),
        (VERTEX + FACE.replace(" 1\n", " 0\n"), POINTS, "no_geometry"),
        (VERTEX + FACE, POINTS + "2 0 1\n", "no_geometry"),
        (VERTEX + FACE, POINTS + "3 0 1 4\n", "corrupt_file"),
        (VERTEX + FACE, POINTS + "3 0 1 -1\n", "corrupt_file"),
        (VERTEX + FACE, POINTS + "3 0 1\n", "corrupt_file"),
        (VERTEX + FACE, POINTS + "-3 0 1 2\n", "corrupt_file"),
        (VERTEX + FACE, POINTS + "3 0 1 two\n", "corrupt_file"),
        (VERTEX + FACE.replace(" 1\n", " 999999999999999\n"), POINTS + "3 0 1 2\n", "corrupt_file"),
        (VERTEX.replace("4", "-4") + FACE, POINTS, "corrupt_file"),
        (VERTEX.replace("float y", "float w") + FACE, POINTS + "3 0 1 2\n", "corrupt_file"),
        (VERTEX.replace("float x", "quad x") + FACE, POINTS + "3 0 1 2\n", "corrupt_file"),
        (VERTEX + FACE, POINTS.replace("1", "nan") + "3 0 1 2\n", "invalid_geometry"),
    ],
)
def test_a_bad_one_gets_a_code(tmp_path: Path, header: str, body: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        ply(tmp_path, header, body)
    assert caught.value.code == code


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_binary_one_that_is_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    body = struct.pack("<12f", *map(float, POINTS.split())) + struct.pack("<B3i", 3, 0, 1, 2)
    with pytest.raises(Refused) as caught:
        ply(tmp_path, VERTEX + FACE, body[:-cut], "binary_little_endian")
    assert caught.value.code == "corrupt_file"
