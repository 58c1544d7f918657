"""Folders of a `.shapr` project: assemblies within assemblies."""

import sqlite3
from pathlib import Path

import pytest

from shapr.converters.brep import document, iges, step
from shapr.converters.mesh import files
from shapr.converters.shaprfile import folders, reader
from shapr.errors import Refused
from tests.converters.shaprkit import meshbody
from tests.converters.shaprkit.project import Project
from tests.converters.shaprkit.reading import found, outline, read
from tests.converters.test_shapr_outputs import answered, saved
from tests.converters.test_shapr_project import CUBE, TRIANGLES, one


def test_a_folder_lies_within_another_as_often_as_there_are_names(tmp_path: Path) -> None:
    """The root is none; a folder called so elsewhere is one."""
    project = Project()
    project.folder("a", "root")
    project.folder("b", "Outer", inside="a")
    project.folder("c", "root", inside="b")
    project.folder("d", "Empty", inside="b")
    for at, id in enumerate("abc", 1):
        one(project, at, title=f"In {id}", folder=id)
    made = read(project, tmp_path)
    assert sorted(outline(made.document), key=str) == [("Outer", ["In b", ("root", ["In c"])]), "In a"]
    assert [each["folders"] for each in made.about["bodies"]] == [[], ["Outer"], ["Outer", "root"]]


@pytest.mark.parametrize("root", [True, False])
def test_folders_in_a_ring_or_listed_twice_are_read_once(root: bool, tmp_path: Path) -> None:
    """What is reached from the root counts; without one, what no other folder holds."""
    project = Project()
    for id, name in (("b", "Lost"), ("c", "Ring"), ("d", "Ring too")):
        project.folder(id, name)
    if root:
        project.folder("a", "root")
    project.folder("e", "Kept", inside="a" if root else None)
    project.folders["c"][2].append({"id": "d", "type": 0})
    project.folders["d"][2].append({"id": "c", "type": 0})
    one(project, 1, title="Twice", folder="e")
    project.folders["c"][2].append(dict(project.folders["e"][2][0]))
    one(project, 2, title="Round", folder="d")
    made = read(project, tmp_path)
    assert outline(made.document) == [("Kept", ["Twice"]), ("Ring", [("Ring too", ["Round"])])]


def test_folders_beyond_any_depth_take_no_long_time(tmp_path: Path) -> None:
    """Hidden by the outermost all the same; written as deep as the kernel can walk."""
    project = Project()
    deep = 3000
    for at in range(deep):
        project.folder(f"{at}", f"Folder {at}", inside=f"{at - 1}" if at else None)
    one(project, 1, title="Deep", folder=f"{deep - 1}")
    made = read(project, tmp_path)
    assert len(made.about["bodies"][0]["folders"]) == folders.DEEPEST
    assert list(found(made)) == ["Deep"]
    (tmp_path / "hidden").mkdir()
    project.folders["0"] = ("Folder 0", True, project.folders["0"][2])
    with pytest.raises(Refused, match="every body is hidden"):
        read(project, tmp_path / "hidden")


def test_a_folder_may_be_numbered_in_bytes(tmp_path: Path) -> None:
    project = Project()
    project.folder("a", "root")
    project.folder("c9a4ecfc", "Parts", hidden=True, inside="a")
    one(project, 1, title="In", folder="c9a4ecfc")
    path = project.database(tmp_path / "w")
    connection = sqlite3.connect(path)
    connection.execute("UPDATE HistoryFolders SET FolderID = x'c9a4ecfc' WHERE FolderID = 'c9a4ecfc'")
    connection.commit()
    connection.close()
    with pytest.raises(Refused, match="every body is hidden"):
        reader.read(path, tmp_path, False, False, lambda _: None)


def test_folders_of_one_name_stay_apart(tmp_path: Path) -> None:
    project = Project()
    project.folder("a", "root")
    for at, id in enumerate("bc", 1):
        project.folder(id, "Parts", inside="a")
        one(project, at, title=f"Body {id}", folder=id)
    made = read(project, tmp_path)
    roots = document.roots(made.document)
    assert [document.name(root) for root in roots] == ["Parts", "Parts"]
    assert [len(document.components(root)) for root in roots] == [1, 1]


async def test_every_output_has_the_names_of_bodies_in_folders(tmp_path: Path) -> None:
    """And the tree where it can; it is said where it cannot."""
    project = Project()
    project.folder("a", "root")
    project.folder("b", "Outer", inside="a")
    project.folder("c", "Inner", inside="b")
    for at, (id, title) in enumerate((("b", "Housing"), ("c", "Cap"), ("a", "Foot")), 1):
        one(project, at, title=title, folder=id)
    answer = await answered(tmp_path, saved(project, tmp_path), "step,iges,glb")
    written = {each.format: each.path for each in answer.written}
    assert outline(step.read(written["step"])) == [("Outer", ["Housing", ("Inner", ["Cap"])]), "Foot"]
    assert outline(iges.read(written["iges"], "x")) == ["Housing", "Cap", "Foot"]
    parts = files.read("glb", written["glb"], "x", lambda _: None).parts
    assert [part.name for part in parts] == ["Housing", "Cap", "Foot"]
    lost = "the assembly tree cannot be stored in"
    for format, measured in answer.report["outputs"].items():
        assert (f"{lost} {format.upper()}" in measured["losses"]) == (format == "iges"), format


async def test_a_mesh_body_flattens_glb_and_it_is_said(tmp_path: Path) -> None:
    project = Project()
    project.folder("a", "Parts")
    one(project, 1, title="Solid", folder="a")
    feature = project.feature("Import")
    project.label(feature, project.create(feature, meshbody.body(CUBE, TRIANGLES)), title="Scan")
    answer = await answered(tmp_path, saved(project, tmp_path), "glb")
    assert "the assembly tree cannot be stored in GLB" in answer.report["outputs"]["glb"]["losses"]
