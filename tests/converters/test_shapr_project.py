"""A `.shapr` project: which of its bodies live, what they are called, where they are, how they are painted."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from OCP.Quantity import Quantity_ColorRGBA, Quantity_TypeOfColor
from OCP.TDF import TDF_Label
from OCP.XCAFDoc import XCAFDoc_ColorType, XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from shapr.converters.brep import document
from shapr.converters.shaprfile import xb
from shapr.converters.shaprfile.reader import Project as Read
from shapr.errors import Refused
from tests.converters.shaprkit import meshbody
from tests.converters.shaprkit.project import Made, Project
from tests.converters.shaprkit.reading import cube, found, outline, parts, point, read, wire

CUBE = [(x, y, z) for x in (0, 10) for y in (0, 10) for z in (0, 10)]
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
TRIANGLES = [corner for a, b, c, d in SIDES for corner in ((a, b, c), (a, c, d))]


def one(project: Project, side: float, **labels: Any) -> Made:
    feature = project.feature("Extrude")
    made = project.create(feature, cube(side))
    project.label(feature, made, **labels)
    return made


def test_a_body_comes_with_its_name_and_the_project_tells_of_itself(tmp_path: Path) -> None:
    project = Project()
    project.call(project.feature("MaterializeSketchPlane"))
    one(project, 10, title="Ärmel 'links'", hidden=False)
    made = read(project, tmp_path)
    assert found(made) == {"Ärmel 'links'": 1000}
    assert made.losses == []
    assert made.about == {
        "schema": 173000,
        "parasolid": "37.0.173",
        "created": "2024-11-15 19:04:33",
        "saved": "2024-11-15 21:06:34",
        "operations": 2,
        "sketches": 1,
        "layout": "old",
        "bodies": [{"name": "Ärmel 'links'", "folder": "", "folders": [], "visible": True, "kind": "solid"}],
    }


@pytest.mark.parametrize("anew", [True, False])
def test_a_union_is_one_body_wherever_its_geometry_went(anew: bool, tmp_path: Path) -> None:
    """The blocks of what it was made of stay in the file."""
    project = Project()
    a, b = one(project, 10, title="First"), one(project, 5, title="Second")
    feature = project.feature("Boolean")
    union = project.merge(feature, [a, b], cube(12), anew)
    project.label(project.feature("Rename"), union, title="Both")
    assert found(read(project, tmp_path)) == {"Both": 1728}


def test_a_union_that_nobody_renamed_has_the_name_of_one_of_its_parts(tmp_path: Path) -> None:
    project = Project()
    a, b = one(project, 10, title="First", colour=0xFF0000FF), one(project, 5)
    project.merge(project.feature("Boolean"), [a, b], cube(12), anew=True)
    assert list(found(read(project, tmp_path))) == ["First"]


@pytest.mark.parametrize("anew", [True, False])
def test_a_union_goes_on_as_its_first_body(anew: bool, tmp_path: Path) -> None:
    """Its name, colour and visibility, though the other was named later; of the other only what the first has not."""
    project = Project()
    a = one(project, 10, title="Housing", colour=0xFF0000FF)
    project.folder("a", "Parts")
    b = one(project, 5, title="Boss", colour=0x0000FFFF, hidden=True, folder="a")
    project.merge(project.feature("Boolean"), [a, b], cube(12), anew)
    made = read(project, tmp_path)
    assert found(made) == {"Housing": 1728}
    assert colour(made, parts(made)["Housing"]) == (255, 0, 0, 255)
    assert made.about["bodies"][0]["folder"] == "Parts"


def test_a_union_of_a_union_goes_on_as_the_very_first(tmp_path: Path) -> None:
    project = Project()
    bodies = [one(project, 10, title="First"), one(project, 5, title="Second"), one(project, 4, title="Third")]
    both = project.merge(project.feature("Boolean"), bodies[:2], cube(12), anew=True)
    project.merge(project.feature("Boolean"), [both, bodies[2]], cube(13), anew=False)
    assert found(read(project, tmp_path)) == {"First": 2197}


def test_a_deleted_body_is_gone_though_its_block_is_there(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Kept")
    gone = one(project, 5, title="Gone")
    project.delete(project.feature("Delete"), gone)
    assert found(read(project, tmp_path)) == {"Kept": 1000}


def test_what_a_deleted_feature_did_does_not_count(tmp_path: Path) -> None:
    project = Project()
    body = one(project, 10, title="Kept")
    undone = project.feature("Delete", live=False)
    project.delete(undone, body)
    project.label(undone, body, title="Never")
    assert found(read(project, tmp_path)) == {"Kept": 1000}


def test_the_latest_name_in_history_wins(tmp_path: Path) -> None:
    """Rows lie in the file in any order."""
    project = Project()
    body = one(project, 10, title="Old")
    project.label(project.feature("Rename"), body, title="New")
    for table in ("MetadataAssignments", "PersistedCalls", "HistoryTreeNodes"):
        project.rows[table].reverse()
    assert list(found(read(project, tmp_path))) == ["New"]


def test_the_last_state_of_a_body_is_what_is_read(tmp_path: Path) -> None:
    project = Project()
    body = one(project, 10, title="Body 01")
    project.change(project.feature("Chamfer"), body, cube(9))
    assert found(read(project, tmp_path)) == {"Body 01": 729}


def test_suppressed_features_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Kept")
    one(project, 5, title="Suppressed")
    project.suppressed = [project.live[-1]]
    made = read(project, tmp_path)
    assert found(made) == {"Kept": 1000}
    assert made.losses == ["suppressed features of the history were left out"]


def test_hidden_bodies_come_when_asked_for(tmp_path: Path) -> None:
    """Hidden themselves, or by a folder, or by one around that."""
    project = Project()
    project.folder("a", "root")
    project.folder("b", "Outer", hidden=True, inside="a")
    project.folder("c", "Inner", inside="b")
    project.folder("d", "Shown", inside="a")
    one(project, 1, title="In", folder="c")
    one(project, 2, title="Own", hidden=True, folder="d")
    one(project, 3, title="Seen", hidden=False, folder="d")
    one(project, 4, title="Top", folder="a")
    made = read(project, tmp_path)
    assert found(made) == {"Seen": 27, "Top": 64}
    assert [(each["name"], each["folder"], each["visible"]) for each in made.about["bodies"]] == [
        ("In", "Inner", False),
        ("Own", "Shown", False),
        ("Seen", "Shown", True),
        ("Top", "", True),
    ]
    (tmp_path / "all").mkdir()
    every = read(project, tmp_path / "all", hidden=True)
    assert found(every) == {"In": 1, "Own": 8, "Seen": 27, "Top": 64}
    assert outline(every.document) == [("Outer", [("Inner", ["In"])]), ("Shown", ["Own", "Seen"]), "Top"]


def test_all_hidden_says_what_to_ask_for(tmp_path: Path) -> None:
    project = Project()
    one(project, 1, hidden=True)
    with pytest.raises(Refused, match="include_hidden") as refused:
        read(project, tmp_path)
    assert refused.value.code == "no_geometry"


def test_planes_and_axes_are_no_bodies(tmp_path: Path) -> None:
    project = Project()
    feature = project.feature("CreateCGPlane")
    project.label(feature, project.create(feature, wire()), title="Plane 01")
    one(project, 10, title="Body 01")
    made = read(project, tmp_path)
    assert found(made) == {"Body 01": 1000}
    assert [each["name"] for each in made.about["bodies"]] == ["Body 01"]


def colour(read: Read, label: TDF_Label) -> tuple[int, ...] | None:
    made = Quantity_ColorRGBA()
    tool = XCAFDoc_DocumentTool.ColorTool_s(read.document.Main())
    if not tool.GetColor_s(label, XCAFDoc_ColorType.XCAFDoc_ColorSurf, made):
        return None
    srgb = made.GetRGB().Values(Quantity_TypeOfColor.Quantity_TOC_sRGB)
    return tuple(round(255 * each) for each in (*srgb, made.Alpha()))


def test_bodies_and_faces_have_their_colours(tmp_path: Path) -> None:
    project = Project()
    blob = cube(10)
    ids = [face.node_id for face in xb.parse(blob).of("FACE")]
    feature = project.feature("Extrude")
    body = project.create(feature, blob, tuple(ids))
    project.paint(feature, body, ids[0], 0x00FF0080)  # painted over by the next
    project.label(project.feature("Paint"), body, title="Painted", colour=0xFF0505FF)
    project.paint(project.feature("Paint"), body, ids[2], 0x1020F0FF)
    made = read(project, tmp_path)
    part = parts(made)["Painted"]
    assert colour(made, part) == (255, 5, 5, 255)
    faces = {each: XCAFDoc_ShapeTool.GetShape_s(each) for each in subshapes(part)}
    assert [colour(made, each) for each in faces] == [(16, 32, 240, 255)]


def subshapes(label: TDF_Label) -> list[TDF_Label]:
    return document.labels(lambda found: XCAFDoc_ShapeTool.GetSubShapes_s(label, found))


def test_a_mesh_body_is_a_mesh(tmp_path: Path) -> None:
    project = Project()
    feature = project.feature("Import")
    body = project.create(feature, meshbody.body(CUBE, TRIANGLES))
    project.label(feature, body, title="Mesh body 01", colour=0x000000FF)
    made = read(project, tmp_path)
    (part,) = made.meshes
    assert part.name == "Mesh body 01"
    assert part.colour == (0, 0, 0, 1)
    assert np.allclose(part.vertices, CUBE)
    assert part.corners.tolist() == [list(each) for each in TRIANGLES]
    assert made.about["bodies"][0]["kind"] == "mesh"


def test_what_cannot_be_converted_is_named_and_why(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Good")
    feature = project.feature("Import")
    project.label(feature, project.create(feature, point()), title="Dot")
    with pytest.raises(Refused, match="Dot: the body has a point that is no end of an edge") as refused:
        read(project, tmp_path)
    assert refused.value.code == "unsupported_geometry"
    (tmp_path / "partial").mkdir()
    made = read(project, tmp_path / "partial", partial=True)
    assert found(made) == {"Good": 1000}
    assert made.losses == ["Dot: the body has a point that is no end of an edge (left out)"]


def test_every_body_that_cannot_be_converted_is_named(tmp_path: Path) -> None:
    project = Project()
    for at in range(12):
        feature = project.feature("Import")
        project.label(feature, project.create(feature, point()), title=f"Dot {at}")
    one(project, 10, title="Lost")
    project.rows["BodyRevisionPartitions"].pop()
    with pytest.raises(Refused) as refused:
        read(project, tmp_path)
    dots = ", ".join(f"Dot {at}" for at in range(12))
    point_alone = "the body has a point that is no end of an edge"
    assert refused.value.detail == f"{dots}: {point_alone}; Lost: its geometry is not in the file"


def test_partial_of_nothing_is_refused(tmp_path: Path) -> None:
    project = Project()
    feature = project.feature("Import")
    project.label(feature, project.create(feature, point()), title="Dot")
    with pytest.raises(Refused, match="Dot"):
        read(project, tmp_path, partial=True)


def test_a_live_body_without_geometry_is_named(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Lost")
    project.rows["BodyRevisionPartitions"] = []
    with pytest.raises(Refused, match="Lost: its geometry is not in the file"):
        read(project, tmp_path)


def test_an_empty_project_has_no_geometry(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no body") as refused:
        read(Project(), tmp_path)
    assert refused.value.code == "no_geometry"


def test_text_as_bytes_and_bytes_as_text_are_the_same(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Body 01")
    project.rows["Metadata"] = [(id, kind, data.encode()) for id, kind, data in project.rows["Metadata"]]
    project.rows["HistoryNames"] = [(*row[:2], row[2].decode(), row[3]) for row in project.rows["HistoryNames"]]
    assert list(found(read(project, tmp_path))) == ["Body 01"]


def test_a_history_that_is_written_otherwise_is_refused(tmp_path: Path) -> None:
    project = Project()
    project.raw(project.feature("Extrude"), [0, [0], [True, {"outputs": []}]])
    with pytest.raises(Refused, match="a way not known here") as refused:
        read(project, tmp_path)
    assert refused.value.code == "unsupported_geometry"


def test_many_painted_faces_take_no_long_time(tmp_path: Path) -> None:
    """Ten thousand names: a search of all for each would take minutes."""
    project = Project()
    feature = project.feature("Extrude")
    faces = tuple(range(100, 3100))
    body = project.create(feature, cube(10), faces)
    for face in faces:
        project.paint(feature, body, face, 0xFF0000FF)
    for _ in range(10):
        project.change(feature, body, cube(10))
    before = time.process_time()
    assert list(found(read(project, tmp_path)).values()) == [1000]
    assert time.process_time() - before < 10
