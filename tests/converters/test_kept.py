"""What outputs keep of odd sources, and what the report says of it. Each was found on a real file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder
from OCP.gp import gp_Ax2, gp_Dir, gp_Pnt
from OCP.IGESControl import IGESControl_Writer

from shapr.converters import report
from shapr.converters.brep import brep, facet, iges, measure, step
from shapr.converters.measure import Measured
from shapr.converters.mesh import gltf, ply
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.mesh.obj import NO_MTL
from shapr.converters.progress import silent
from tests.converters import kit
from tests.converters.kit import SAMPLES

CUBE = np.array([[x, y, z] for x in (0.0, 1) for y in (0.0, 1) for z in (0.0, 1)])
SIDES = np.array(
    [
        list(map(int, each))
        for each in ["013", "032", "467", "475", "045", "051", "237", "276", "026", "064", "157", "173"]
    ],
    "i4",
)


def cube(**looks: np.ndarray) -> Mesh:
    return Mesh((Part("cube", CUBE, SIDES, **looks),))


def test_colours_of_vertices_and_faces_reach_the_faces_of_a_step(tmp_path: Path) -> None:
    red, blue = [255, 0, 0, 255], [0, 0, 255, 255]
    faces = np.array([red] * 4 + [blue] * 8, np.uint8)
    vertices = np.array([red] * 8, np.uint8)
    for mesh, expected in ((cube(face_colours=faces), 2), (cube(vertex_colours=vertices), 1)):
        path = tmp_path / f"{expected}.step"
        step.write(facet.faceted(mesh, 100, "cube"), path, "cube.ply", {"units": "mm", "step_schema": "AP214"})
        assert measure.measured(step.read(path), lambda _: None).colours == expected


def test_so_many_colours_become_fewer_and_not_none() -> None:
    rng = np.random.default_rng(1)
    parts = [Part(f"{at}", CUBE + 2 * at, SIDES) for at in range(40)]
    whole = Part.joined(parts)
    many = rng.integers(0, 255, (len(whole.corners), 4), np.uint8)
    many[:, 3] = 255
    mesh = Mesh((Part("all", whole.vertices, whole.corners, face_colours=many),))
    found = measure.measured(facet.faceted(mesh, 1000, "all"), lambda _: None)
    assert found.solids == 40
    assert 100 < found.colours <= facet.COLOURS


def test_surfaces_of_revolution_come_from_iges_to_brep_and_back(tmp_path: Path) -> None:
    """The kernel's IGES reader places their wires mirrored."""
    box = BRepPrimAPI_MakeBox(20, 12, 6).Shape()
    hole = BRepPrimAPI_MakeCylinder(gp_Ax2(gp_Pnt(10, 6, -1), gp_Dir(0, 0, 1)), 1.5, 8).Shape()
    writer = IGESControl_Writer("MM", 0)
    writer.AddShape(BRepAlgoAPI_Cut(box, hole).Shape())
    writer.Write(str(tmp_path / "a.igs"))
    path = tmp_path / "a.brep"
    brep.write(iges.read(tmp_path / "a.igs", "a.igs"), path, {"units": "mm", "encoding": "ascii"})
    found = measure.measured(brep.read(path, "a.brep", {}), lambda _: None)
    assert found.watertight
    assert found.volume == pytest.approx(20 * 12 * 6 - 6 * np.pi * 1.5**2, rel=1e-4)


def opened(format: str = "obj", losses: tuple[str, ...] = (), **changes: object) -> report.Opened:
    facts: dict[str, object] = {
        "bodies": 2,
        "solids": None,
        "faces": None,
        "triangles": 24,
        "low": (0.0, 0.0, 0.0),
        "high": (1.0, 1.0, 1.0),
        "volume": 1.0,
        "area": 6.0,
        "watertight": True,
        "units": None,
        "up_axis": None,
        "names": 2,
        "colours": 0,
        "labels": frozenset({"bolt", "nut"}),
    }
    return report.Opened(format, Measured(**(facts | changes)), losses=losses, stem="two")  # type: ignore[arg-type]


def test_names_that_were_invented_do_not_hide_those_that_were_lost() -> None:
    other = opened("iges", labels=frozenset({"two 1", "two 2"}), triangles=None)
    assert "names cannot be stored in IGES" in report.lost(opened(), other, {})
    half = opened("iges", labels=frozenset({"two 1", "nut"}), triangles=None)
    assert "1 of 2 names could not be stored in IGES as they are" in report.lost(opened(), half, {})
    assert not any("names" in loss for loss in report.lost(other, opened("brep", labels=frozenset({"two"})), {}))


async def test_colours_that_can_be_seen_through_are_kept_or_told(tmp_path: Path) -> None:
    glass = replace(cube().parts[0], colour=(1.0, 0.0, 0.0, 0.5))
    gltf.write(Mesh((glass,)), tmp_path / "a.glb", {}, silent)
    (tmp_path / "job").mkdir()
    asked = kit.job(tmp_path / "job", tmp_path / "a.glb", "stl,obj,ply,off,glb,step,iges,brep")
    answer = await kit.converter().convert(asked, lambda _: None)
    assert answer.report is not None
    outputs = answer.report["outputs"].items()
    assert {format for format, told in outputs if "seen through" in "; ".join(told["losses"])} == {"obj", "iges"}


def test_names_of_parts_whose_uses_are_called_otherwise_are_told_where_there_is_no_tree() -> None:
    source = opened("step", parts=frozenset({"bolt", "M6x20", "two", "part", ""}))
    told = "names of parts whose uses are called otherwise are missing: 1"
    assert told in report.lost(source, opened("3mf"), {})
    assert told not in report.lost(source, opened("3mf", labels=frozenset({"bolt", "nut", "M6x20"})), {})
    assert not any("names" in loss for loss in report.lost(source, opened("glb"), {}))
    assert report.lost(source, opened("stl", labels=frozenset()), {})[0] == "names cannot be stored in STL"


def test_materials_and_attributes_of_parts_are_told_where_they_are_lost(tmp_path: Path) -> None:
    content = (SAMPLES / "bracket.step").read_text()
    more = """#3000=GENERAL_PROPERTY('','Code','user');
#3001=PROPERTY_DEFINITION('Code','',#5);
#3002=GENERAL_PROPERTY_ASSOCIATION('','',#3000,#3001);
#3003=PROPERTY_DEFINITION_REPRESENTATION(#3001,#3004);
#3004=REPRESENTATION('',(#3005),#1241);
#3005=DESCRIPTIVE_REPRESENTATION_ITEM('Code','RAL 7035');
"""
    path = tmp_path / "a.step"
    path.write_text(content.replace("ENDSEC;\nEND-ISO", more + "ENDSEC;\nEND-ISO"))
    found = measure.measured(step.read(path), lambda _: None)
    assert found.properties
    told = "materials and attributes of parts cannot be stored in GLB"
    assert told in report.lost(opened(properties=found.properties), opened("glb"), {})
    assert not measure.measured(step.read(SAMPLES / "bracket.step"), lambda _: None).properties


def test_triangles_and_closedness_that_changed_are_said() -> None:
    assert "2 of 24 triangles without an area were left out" in report.lost(opened(), opened("3mf", triangles=22), {})
    torn = report.lost(opened(), opened("stl", watertight=False), {})
    assert any("does not close any more" in loss for loss in torn)
    sewn = report.lost(opened(watertight=False), opened("step", triangles=None), {})
    assert any(loss.startswith("gaps closed") for loss in sewn)
    assert not any("open surfaces" in loss for loss in sewn)


def test_an_obj_of_ours_is_not_blamed_for_having_no_second_file() -> None:
    told = report.lost(opened("glb"), opened("obj", (NO_MTL,)), {})
    assert NO_MTL not in told
    assert any("second file" in loss for loss in told)


def test_comments_between_the_rows_of_a_ply_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    path.write_text(
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 1\nproperty list uchar int vertex_index\nend_header\n"
        "\n0 0 0\ncomment 7 8 9\n\n1 0 0\n1 1 0\n3 0 1 2\n"
    )
    mesh = ply.read(path, "a", lambda _: None)
    assert mesh.parts[0].vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
