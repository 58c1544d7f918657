"""Groups and bodies of mesh files: kept from one to another."""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shapr.converters import report
from shapr.converters.brep import body_names, document, facet
from shapr.converters.mesh import files, glb, measure
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.progress import silent
from tests.converters.meshes import cube

FORMATS = ("glb", "obj", "3mf")
Named = list[tuple[str, str, int]]  # object, what is within it, triangles


def there_and_back(mesh: Mesh, folder: Path, *formats: str) -> Mesh:
    for format in formats:
        path = folder / f"a.{format}"
        files.write(mesh, format, path, {"units": "mm"}, silent)
        mesh = files.read(format, path, "", silent)
    return mesh


def named(mesh: Mesh) -> Named:
    return [(part.name, part.inner, len(part.corners)) for part in mesh.parts]


def at(x: float, name: str, body: str = "", group: str = "") -> Part:
    part = cube()
    return Part(name, part.vertices + np.array([x, 0, 0]), part.corners, group=group, body=body)


BODIES = Mesh((at(0, "arm", "bone"), at(5, "arm", "skin"), at(10, "leg", "bone"), at(15, "leg", "skin"), at(20, "nut")))


@pytest.mark.parametrize("second", FORMATS)
@pytest.mark.parametrize("first", FORMATS)
def test_bodies_go_from_each_format_to_each(tmp_path: Path, first: str, second: str) -> None:
    found = there_and_back(BODIES, tmp_path, first, second)
    assert sorted(named(found)) == sorted(named(BODIES))
    assert not found.tree


def test_groups_of_an_object_are_kept(tmp_path: Path) -> None:
    source = Mesh((at(0, "arm", group="left"), at(5, "arm", group="right"), at(10, "leg")))
    for format in FORMATS:
        assert named(there_and_back(source, tmp_path, "obj", format)) == named(source)
    assert measure.measured(source).labels == {"arm", "left", "right", "leg"}


def test_a_group_with_the_name_of_its_object_is_no_other_one(tmp_path: Path) -> None:
    found = there_and_back(Mesh((at(0, "arm", group="arm"),)), tmp_path, "glb")
    assert glb.read(tmp_path / "a.glb")[0]["nodes"] == [{"name": "arm", "mesh": 0}]
    assert named(found) == [("arm", "", 12)]


def test_groups_that_do_not_close_stay_one_object_in_3mf(tmp_path: Path) -> None:
    """Slicers do not print what is open."""
    part = cube()
    halves = [
        replace(part, name="arm", group=name, corners=part.corners[some])
        for name, some in (("top", slice(6)), ("bottom", slice(6, 12)))
    ]
    found = there_and_back(Mesh(tuple(halves)), tmp_path, "3mf")
    assert named(found) == [("arm", "", 12)]
    assert named(there_and_back(Mesh(tuple(halves)), tmp_path, "glb")) == [("arm", "top", 6), ("arm", "bottom", 6)]
    assert measure.measured(there_and_back(Mesh(tuple(halves)), tmp_path, "glb")).watertight


def test_a_part_is_one_item_of_the_build_in_3mf(tmp_path: Path) -> None:
    there_and_back(BODIES, tmp_path, "3mf")
    with zipfile.ZipFile(tmp_path / "a.3mf") as archive:
        text = archive.read("3D/3dmodel.model").decode()
    assert (text.count("<item "), text.count("<component "), text.count("<mesh>")) == (3, 4, 5)


def test_more_bodies_than_3mf_takes_stay_in_their_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shapr.converters.mesh import threemf_write

    monkeypatch.setattr(threemf_write, "MAX_OBJECTS", 6)
    assert named(there_and_back(BODIES, tmp_path, "3mf")) == [("arm", "", 24), ("leg", "", 24), ("nut", "", 12)]
    monkeypatch.setattr(threemf_write, "MAX_OBJECTS", 7)
    assert sorted(named(there_and_back(BODIES, tmp_path, "3mf"))) == sorted(named(BODIES))


def test_layers_that_hold_objects_are_told_from_objects_that_hold_groups(tmp_path: Path) -> None:
    cube_lines = "".join(f"v {x} {y} {z}\n" for x, y, z in cube().vertices.tolist())
    face = "f 1 2 3\n"
    layers = f"{cube_lines}g layer\no a\n{face}o b\n{face}g other\no a\n{face}"
    groups = f"{cube_lines}o a\ng x\n{face}g y\n{face}o b\ng x\n{face}"
    for text, expected in (
        (layers, [("layer", "a", 1), ("layer", "b", 1), ("other", "a", 1)]),
        (groups, [("a", "x", 1), ("a", "y", 1), ("b", "x", 1)]),
    ):
        (tmp_path / "a.obj").write_text(text)
        assert named(files.read("obj", tmp_path / "a.obj", "", silent)) == expected


@pytest.mark.parametrize("extras", [7, "bodies", ["bodies"], None, {"other": 1}])
def test_other_extras_of_a_node_say_nothing_of_bodies(tmp_path: Path, extras: object) -> None:
    there_and_back(BODIES, tmp_path, "glb")
    content, binary = glb.read(tmp_path / "a.glb")
    for node in content["nodes"]:
        if "extras" in node:
            node["extras"] = extras
    glb.write(tmp_path / "a.glb", content, [bytes(binary)])
    found = files.read("glb", tmp_path / "a.glb", "", silent)
    assert named(found)[0] == ("bone", "", 12)
    assert found.tree


def test_a_part_made_of_bodies_of_a_mesh_has_them_by_name() -> None:
    model = facet.faceted(BODIES, 1000, "a")
    assert [(document.name(root), body_names.within(root)) for root in document.roots(model)] == [
        ("arm", {"bone", "skin"}),
        ("leg", {"bone", "skin"}),
        ("nut", frozenset()),
    ]


def test_numbers_that_tell_apart_what_has_one_name_are_no_names() -> None:
    labels = frozenset({"bolt", "bolt 2", "bolt 2 1", "M8 2", "nut 4"})
    assert report.given(labels, frozenset({"bolt"})) == {"bolt", "M8 2", "nut 4"}
    assert report.given(labels, frozenset({"bolt", "bolt 2"})) == {"bolt", "bolt 2", "M8 2", "nut 4"}
