"""OBJ: what is written is what is read, materials come from the file beside it, and what cannot be right is refused."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings

from shapr.converters.mesh import ears, polygon
from shapr.converters.mesh import obj as reader
from shapr.converters.mesh.model import Mesh, Part
from shapr.errors import Refused
from tests.converters.meshes import cube, meshes, paint, read, soup, there_and_back

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def given_obj(folder: Path, text: str | bytes, **companions: str) -> Mesh:
    path = folder / "a.obj"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for name, content in companions.items():
        (folder / f"{name}.mtl").write_text(content)
    return read(path)


@given(meshes())
@settings(max_examples=40, deadline=None)
def test_it_comes_back_with_its_colours(tmp_path_factory: pytest.TempPathFactory, mesh: Mesh) -> None:
    back = there_and_back(mesh, tmp_path_factory.mktemp("obj") / "a.obj")
    assert np.array_equal(soup(back), soup(mesh))
    assert (paint(back) is None) == (paint(mesh) is None)
    assert paint(mesh) is None or np.array_equal(paint(back), paint(mesh))


def test_objects_groups_and_materials_come_back(tmp_path: Path) -> None:
    part = cube()
    parts = [
        Part("arm", part.vertices, part.corners[:6], "left", "steel"),
        Part("arm", part.vertices, part.corners[6:], "left", "brass"),
        Part("leg", part.vertices, part.corners),
    ]
    back = there_and_back(Mesh(tuple(parts)), tmp_path / "a.obj")
    said = [(each.name, each.group, each.material, len(each.corners)) for each in back.parts]
    assert said == [("arm", "left", "steel", 6), ("arm", "left", "brass", 6), ("leg", "", "", 12)]


def test_others_read_what_is_written(tmp_path: Path) -> None:
    part = cube()
    coloured = Part("red", part.vertices, part.corners, material="red", colour=(1.0, 0.0, 0.0, 1.0))
    there_and_back(Mesh((coloured,)), tmp_path / "a.obj")
    loaded = trimesh.load_mesh(tmp_path / "a.obj", process=False)
    assert loaded.volume == pytest.approx(1.0)
    assert (loaded.visual.vertex_colors[:, :3] == [255, 0, 0]).all()


@pytest.mark.parametrize(
    ("text", "triangles"),
    [
        (TRIANGLE + "f 1 2 3\n", 1),
        (TRIANGLE + "f -3 -2 -1", 1),
        (TRIANGLE + "vt 0 0\nvn 0 0 1\nf 1/1/1 2//1 3/1\n", 1),
        (TRIANGLE.replace("\n", "\r") + "f 1 2 3\r", 1),
        ("\ufeff" + TRIANGLE + "\t f 1 2 3 # one\n\n  \n", 1),
        ("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 \\\r\n3 4\r\n", 2),
        ("# c\nv 0 0 0 1 0 0\nv 1 0 0 # red\nv 0 1 0 1\nl 1 2\np 1\ng a b\nf 1 2 3\n", 1),
        ("v 0 0 0\nv 2 0 0\nv 2 2 0\nv 1 0.5 0\nv 0 2 0\nf 1 2 3 4 5\n", 3),
        ("f 1 2 3\n" + TRIANGLE + "f 1 2\nf 1\n", 1),
    ],
)
def test_dialects(tmp_path: Path, text: str, triangles: int) -> None:
    assert given_obj(tmp_path, text).triangles == triangles


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (TRIANGLE + "f 1 2 4\n", "corrupt_file"),
        (TRIANGLE + "f 1 2 99999999999999999999\n", "corrupt_file"),
        (TRIANGLE + "f -1 -2 -4\n", "corrupt_file"),
        (TRIANGLE + "f 0 1 2\n", "corrupt_file"),
        (TRIANGLE + "f 1 2 x\n", "corrupt_file"),
        (TRIANGLE + "f 1 2 3\0\n", "corrupt_file"),
        ("v 0 0 0\nv 1 0\nv 0 1 0\nf 1 2 3\n", "corrupt_file"),
        ("f 1 2 3\n", "corrupt_file"),
        ("v 0 0 0\nv 1 0 0\nf 1 2\n", "no_geometry"),
        ("v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n", "invalid_geometry"),
        ("v 0 0 0\nv 1e309 0 0\nv 0 1 0\nf 1 2 3\n", "invalid_geometry"),
        ("v 0 0 0\nv 1 0 0\nl 1 2\n", "no_geometry"),
        ("v 0 0 0\ncstype bezier\ndeg 1 1\nsurf 0 1 0 1 1 1 1 1\nend\n", "unsupported_geometry"),
        (TRIANGLE + "call part.obj\nf 1 2 3\n", "external_reference"),
        ("\n", "no_geometry"),
    ],
)
def test_a_bad_one_gets_a_code(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        given_obj(tmp_path, text)
    assert caught.value.code == code


def test_the_last_line_may_go_on_into_nothing(tmp_path: Path) -> None:
    assert given_obj(tmp_path, TRIANGLE + "f 1 2 3 \\\n").triangles == 1


def test_colours_come_from_the_file_beside_it(tmp_path: Path) -> None:
    library = "newmtl shiny red\nKd 1 0.5 0\nTr 0.25\nmap_Kd wood.png\n"
    mesh = given_obj(tmp_path, "mtllib my.mtl\n" + TRIANGLE + "usemtl shiny red\nf 1 2 3\n", my=library)
    assert mesh.parts[0].colour == (1.0, 0.5, 0.0, 0.75)
    assert mesh.losses == ("textures are passed over",)


@pytest.mark.parametrize("named", ["../outside.mtl", "{root}/outside.mtl", "..\\outside.mtl", "link.mtl"])
def test_no_material_is_read_from_elsewhere(tmp_path: Path, named: str) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    (tmp_path / "outside.mtl").write_text("newmtl m\nKd 1 0 0\n")
    (folder / "link.mtl").symlink_to(tmp_path / "outside.mtl")
    mesh = given_obj(folder, f"mtllib {named.format(root=tmp_path)}\n" + TRIANGLE + "usemtl m\nf 1 2 3\n")
    assert mesh.parts[0].colour is None
    assert "which was not part of the upload" in mesh.losses[0]
    assert str(tmp_path) not in mesh.losses[0]


def test_a_concave_polygon_keeps_its_area(tmp_path: Path) -> None:
    mesh = given_obj(tmp_path, "v 0 0 0\nv 2 0 0\nv 2 2 0\nv 1 0.5 0\nv 0 2 0\nf 1 2 3 4 5\n")
    a, b, c = np.moveaxis(soup(mesh), 1, 0)
    normals = np.cross(b - a, c - a)
    assert (normals[:, 2] > 0).all()
    assert normals[:, 2].sum() / 2 == pytest.approx(2.5)


@pytest.mark.parametrize("count", [4, 5, 9, 16, 17, 300])
def test_stars_are_covered_once(count: int) -> None:
    random = np.random.default_rng(count)
    angle, radius = np.sort(random.random((20, count)), axis=1) * 2 * np.pi, 0.3 + random.random((20, count))
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    points = np.stack([x, 0 * x, -y], axis=2).reshape(-1, 3)
    triangles, owner = polygon.triangulated(np.full(20, count), np.arange(20 * count), points)
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    areas = np.cross(b - a, c - a)[:, 1] / 2
    expected = (x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1) / 2
    gaps = np.diff(np.concatenate([angle, angle[:, :1] + 2 * np.pi], axis=1), axis=1).max(axis=1)
    simple = gaps < np.pi  # else the middle lies outside
    assert np.allclose(np.bincount(owner, areas)[simple], expected[simple])
    assert np.allclose(np.bincount(owner, np.abs(areas))[simple], expected[simple])


def test_faces_that_would_take_minutes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ears, "TESTS", 1_000_000)
    points = np.random.default_rng(1).random((5_000, 3))
    text = "".join(f"v {x} {y} {z}\n" for x, y, z in points.tolist())
    with pytest.raises(Refused) as caught:
        given_obj(tmp_path, text + "f " + " ".join(map(str, range(1, 5_001))) + "\n")
    assert caught.value.code == "limit_exceeded"


@pytest.mark.parametrize(
    ("library", "colour", "losses"),
    [
        ("newmtl\tm\nKd\t1\t0\t0\n", (1, 0, 0, 1), ()),
        ("\ufeffnewmtl m\nKd 1 0 0\n", (1, 0, 0, 1), ()),
        ("newmtl m\nKd 0.5\n", (0.5, 0.5, 0.5, 1), ()),
        ("newmtl m\nKd xyz 1 0 0\n", None, ("colours that are not red, green and blue are passed over",)),
        ("newmtl m\nKd spectral a.rfl\n", None, ("colours that are not red, green and blue are passed over",)),
        ("newmtl m\nKd 1 0 0\nKs 0 0 .5\nNs 9\n", (1, 0, 0, 1), ("of materials only the colour is kept",)),
        ("newmtl m\nKd 1 0 0\nKs 0 0 0\nKe 0 0 0\nNs 9\nPm 0\n", (1, 0, 0, 1), ()),
    ],
    ids=["tabs", "byte order mark", "grey", "xyz", "spectral", "shining", "dull"],
)
def test_materials_are_read_however_they_are_written(
    tmp_path: Path, library: str, colour: tuple[float, ...] | None, losses: tuple[str, ...]
) -> None:
    mesh = given_obj(tmp_path, "mtllib my.mtl\n" + TRIANGLE + "usemtl m\nf 1 2 3\n", my=library)
    assert (mesh.parts[0].colour, mesh.losses) == (colour, losses)


def test_names_of_material_files_that_go_on_and_on_are_quick(tmp_path: Path) -> None:
    libraries = "".join(f"mtllib {'.mtlx' * 310}{at}\n" for at in range(30))
    begin = time.process_time()
    assert given_obj(tmp_path, libraries + TRIANGLE + "f 1 2 3\n").triangles == 1
    assert time.process_time() - begin < 0.5


def test_names_of_material_files_may_hold_blanks(tmp_path: Path) -> None:
    (tmp_path / "the first.mtl").write_text("newmtl n\nKd 0 1 0\n")
    (tmp_path / "the second.MTL").write_text("newmtl m\nKd 1 0 0\n")
    mesh = given_obj(tmp_path, "mtllib the first.mtl the second.MTL\n" + TRIANGLE + "usemtl m\nf 1 2 3\n")
    assert (mesh.parts[0].colour, mesh.losses) == ((1, 0, 0, 1), ())


@pytest.mark.parametrize(("said", "told"), [("1", True), ("off", False), ("0", False)])
def test_smoothing_groups_are_told(tmp_path: Path, said: str, told: bool) -> None:
    losses = given_obj(tmp_path, f"s {said}\n{TRIANGLE}f 1 2 3\n").losses
    assert losses == (("smoothing groups are passed over",) if told else ())


def test_names_beyond_ascii_are_read_as_utf8_or_as_windows_wrote_them(tmp_path: Path) -> None:
    for name in ("Körper", "Test é"):
        for encoding in ("utf-8", "cp1252"):
            mesh = given_obj(tmp_path, f"o {name}\nmtllib my.mtl\n{TRIANGLE}usemtl {name}\nf 1 2 3\n".encode(encoding))
            assert (mesh.parts[0].name, mesh.parts[0].material) == (name, name)


def test_statements_of_an_older_form_are_read_or_told(tmp_path: Path) -> None:
    older = "maplib a.map\nusemap b\nfo 1 2 3\nbzp 1 2 3 4\n"
    mesh = given_obj(tmp_path, TRIANGLE + "f 1 2 3\n" + older)
    assert mesh.triangles == 2
    assert mesh.losses == ("curves and free-form surfaces are passed over", "textures are passed over")


def test_each_part_may_have_a_group_and_a_material_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is read: between the statements of a part are groups without faces, which do not count."""
    monkeypatch.setattr(reader, "MAX_PARTS", 4)
    parts = tuple(replace(cube(name=f"a{at}"), group=f"b{at}", material=f"c{at}") for at in range(4))
    assert len(there_and_back(Mesh(parts), tmp_path / "a.obj").parts) == 4
    with pytest.raises(Refused) as caught:
        there_and_back(Mesh((*parts, cube(name="one more"))), tmp_path / "a.obj")
    assert caught.value.code == "limit_exceeded"
