"""The report says what a file holds, not what we call it; and what was lost, in words that are true."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from OCP.BRepPrimAPI import BRepPrimAPI_MakeCone

from shapr.converters.brep import document, glb, step, tessellate
from shapr.converters.job import run
from shapr.converters.measure import Measured
from shapr.converters.mesh import threemf, threemf_write
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.progress import Page, Reading
from shapr.converters.report import Opened, lost
from shapr.converters.run.job import Answer
from shapr.errors import Refused
from tests.converters import kit
from tests.converters.shapes import assembly

BOX = trimesh.creation.box((1, 2, 3))
VERTICES, CORNERS = np.array(BOX.vertices), np.array(BOX.faces, "i4")
RED = (1.0, 0.0, 0.0, 1.0)


def quiet(_: float) -> None: ...


def answered(folder: Path, source: Path, outputs: str, **more: Any) -> Answer:
    scratch = folder / "scratch"
    scratch.mkdir()
    reading = Reading(folder / "progress")
    try:
        return run(kit.job(scratch, source, outputs, **more), Page(folder / "progress"))[0]
    finally:
        reading.close()


def test_names_that_no_file_says_are_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "two.off"
    BOX.export(path)
    told = answered(tmp_path, path, "stl,off,brep,glb").report
    assert told["source"]["names"] == 0
    assert {format: each["names"] for format, each in told["outputs"].items()} == {
        "stl": 0,
        "off": 0,
        "brep": 0,
        "glb": 1,
    }


def test_the_unit_of_a_format_without_units_is_said_in_words(tmp_path: Path) -> None:
    told = answered(tmp_path, kit.SAMPLES / "bracket.step", "stl", units="in", quality="draft").report
    assert "STL has no units: lengths are written in inches" in told["outputs"]["stl"]["losses"]


def test_layers_are_lost_where_the_format_has_none(tmp_path: Path) -> None:
    path = tmp_path / "a.step"
    step.write(assembly(), path, "a.step", {"units": "mm", "step_schema": "AP214"})
    told = answered(tmp_path, path, "step,iges,brep,stl,glb").report["outputs"]
    lacking = {
        format for format, each in told.items() if f"layers cannot be stored in {format.upper()}" in each["losses"]
    }
    assert lacking == {"brep", "stl", "glb"}
    assert not any("layers" in loss for format in ("step", "iges") for loss in told[format]["losses"])


def test_the_last_name_is_lost_too(tmp_path: Path) -> None:
    told = answered(tmp_path, kit.SAMPLES / "bracket.step", "stl,brep").report
    assert told["source"]["names"] == 1
    for format in ("stl", "brep"):
        assert f"names cannot be stored in {format.upper()}" in told["outputs"][format]["losses"]


def test_a_name_that_ends_in_a_blank_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.step"
    path.write_text((kit.SAMPLES / "bracket.step").read_text().replace("'Bracket'", "'Bracket '"))
    for format, told in answered(tmp_path, path, "step,glb").report["outputs"].items():
        assert f"names cannot be stored in {format.upper()}" not in told["losses"]


def test_the_tree_of_a_mesh_is_lost_also_where_the_format_has_one(tmp_path: Path) -> None:
    source = tmp_path / "tree.glb"
    model = step.read(kit.SAMPLES / "assembly.step")
    tessellate.triangulate(document.shape(model), 0.1, 0.2)
    glb.write(model, source)
    outputs = answered(tmp_path, source, "glb,3mf,stl").report["outputs"]
    for format in ("glb", "3mf", "stl"):
        told = [loss for loss in outputs[format]["losses"] if "tree" in loss]
        assert told == ["the tree of its nodes is not kept: each part lies where that put it"]


def test_triangles_that_become_no_face_are_told(tmp_path: Path) -> None:
    path = tmp_path / "twice.off"
    trimesh.Trimesh(VERTICES, np.concatenate([CORNERS, CORNERS]), process=False).export(path)
    losses = answered(tmp_path, path, "step").report["outputs"]["step"]["losses"]
    assert "12 of 24 triangles have no area or repeat another one: they were left out" in losses
    assert "the area differs by -50.0 %" in losses
    assert not any("not closed" in loss for loss in losses), "what was written is a solid"


def test_a_mesh_that_is_inside_out_is_said_to_be_and_has_no_other_volume(tmp_path: Path) -> None:
    path = tmp_path / "inside.off"
    trimesh.Trimesh(VERTICES, CORNERS[:, ::-1], process=False).export(path)
    outputs = answered(tmp_path, path, "step,stl").report["outputs"]
    assert outputs["step"]["volume"] == -outputs["stl"]["volume"] > 0
    assert any("turned inwards" in loss for loss in outputs["step"]["losses"])
    assert not any("turned inwards" in loss for loss in outputs["stl"]["losses"]), "its triangles are as they were"
    assert not any("volume" in loss for output in outputs.values() for loss in output["losses"])


def test_a_surface_that_closes_no_more_is_told() -> None:
    whole = Measured(1, 1, 6, None, (0, 0, 0), (1, 1, 1), 1.0, 6.0, True, "mm", None, 0, 0)
    torn = replace(whole, solids=None, faces=None, triangles=12, volume=None, watertight=False)
    losses = lost(Opened("step", whole), Opened("stl", torn), {"linear_deflection": 0.1, "angular_deflection": 10.0})
    assert any("does not close any more" in loss for loss in losses)


def test_solids_that_only_our_reader_makes_are_told() -> None:
    shell = Measured(1, 0, 6, None, (0, 0, 0), (1, 1, 1), None, 6.0, True, "mm", None, 0, 0)
    losses = lost(Opened("brep", shell), Opened("iges", replace(shell, solids=1, volume=1.0)), {})
    assert "solids that are surfaces in the file and fit together when it is read: 1" in losses


@pytest.mark.parametrize("order", [1, -1])
def test_3mf_keeps_what_has_no_colour_apart_from_what_has(tmp_path: Path, order: int) -> None:
    path = tmp_path / "a.3mf"
    parts = (Part("a", VERTICES, CORNERS[:5]), Part("a", VERTICES, CORNERS[5:], colour=RED))[::order]
    threemf_write.write(Mesh(parts), path, {"units": "mm"}, quiet)
    (found,) = threemf.read(path, "a", quiet).parts
    assert found.face_colours is not None
    assert (found.face_colours == [255, 0, 0, 255]).all(axis=1).sum() == 7


def test_3mf_refuses_coordinates_beyond_its_library(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="invalid_geometry"):
        threemf_write.write(Mesh((Part("a", VERTICES * 1e10, CORNERS),)), tmp_path / "a.3mf", {"units": "mm"}, quiet)


def test_one_colour_said_of_every_vertex_is_the_parts_in_a_brep(tmp_path: Path) -> None:
    path = tmp_path / "red.off"
    rows = [f"{x} {y} {z} 255 0 0 255" for x, y, z in VERTICES] + [f"3 {a} {b} {c}" for a, b, c in CORNERS]
    path.write_text("\n".join(["COFF", f"{len(VERTICES)} {len(CORNERS)} 0", *rows, ""]))
    assert answered(tmp_path, path, "step").report["outputs"]["step"]["colours"] == 1


def test_a_face_that_the_kernel_gives_up_on_is_triangulated_as_a_nurbs() -> None:
    cone = BRepPrimAPI_MakeCone(2, 0, 3).Shape()
    parameters = tessellate.parameters(0.01, 10)
    assert len(tessellate.bare(cone)) == 2
    for face in tessellate.bare(cone):
        tessellate.again(face, parameters)
    assert not tessellate.bare(cone)
    mesh = Part.joined(tessellate.mesh(document.holding(cone, "cone")).parts)
    assert trimesh.Trimesh(mesh.vertices, mesh.corners).area == pytest.approx(np.pi * (4 + 2 * 13**0.5), rel=0.01)
