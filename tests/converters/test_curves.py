"""Curves that bound no face, beside the faces of a B-Rep: kept where they can be, counted and named where not."""

from pathlib import Path
from typing import Any

import pytest
from OCP.BRepBuilderAPI import BRepBuilderAPI_Copy, BRepBuilderAPI_MakeVertex
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
from OCP.gp import gp_Pnt
from OCP.TDocStd import TDocStd_Document
from OCP.XCAFDoc import XCAFDoc_DocumentTool

from shapr.converters.brep import brep, colours, document, glb, heal, iges, measure, step, tessellate
from shapr.converters.brep.bodies import call
from shapr.converters.brep.document import compound
from tests.converters import kit
from tests.converters.shapes import FACE, moved
from tests.converters.shaprkit import shapes

OPTIONS = {"units": "mm", "step_schema": "AP214", "encoding": "binary"}
GREEN = (0.0, 1.0, 0.0, 1.0)


def model(solids: int) -> TDocStd_Document:
    """Some boxes, and beside them a part of two curves."""
    made = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(made.Main())
    for at in range(solids):
        call(tool.AddShape(BRepPrimAPI_MakeBox(gp_Pnt(3 * at, 0, 0), 1, 2, 3).Shape(), False), f"Box {at}")
    curves = tool.AddShape(shapes.together(shapes.edge((0, 0, 0), (0, 0, 9)), shapes.edge(shapes.circle(4))), False)
    call(curves, "Curves")
    colours.set(made, curves, GREEN)
    tool.UpdateAssemblies()
    return made


@pytest.mark.parametrize("solids", [0, 1, 60])
def test_exact_formats_keep_them_with_name_and_colour(solids: int, tmp_path: Path) -> None:
    """IGES writes many solids one by one: the curves are no solid."""
    step.write(model(solids), tmp_path / "a.step", "a.step", OPTIONS)
    iges.write(model(solids), tmp_path / "a.iges", "a.step", OPTIONS)
    brep.write(model(solids), tmp_path / "a.brep", OPTIONS)
    for made in (
        step.read(tmp_path / "a.step"),
        iges.read(tmp_path / "a.iges", "a"),
        brep.read(tmp_path / "a.brep", "a", {}),
    ):
        document.check(made)
        found = measure.measured(made, lambda _: None)
        assert (found.solids, found.curves, found.faces) == (solids, 2, 6 * solids)
        assert found.watertight == bool(solids)
        assert found.high[2] == pytest.approx(9, abs=1e-6)
        assert found.low[:2] == pytest.approx((-4, -4), abs=1e-6)
    for made in (step.read(tmp_path / "a.step"), iges.read(tmp_path / "a.iges", "a")):
        found = measure.measured(made, lambda _: None)
        assert "Curves" in found.labels
        assert found.colours == 1


def test_healing_keeps_them() -> None:
    faces = [BRepBuilderAPI_Copy(face).Shape() for face in document.explore(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), FACE)]
    made = document.holding(compound([*faces, shapes.edge((0, 0, 0), (0, 0, 9))]), "loose")
    assert heal.healed(made)["repaired_parts"] == 1
    found = measure.measured(made, lambda _: None)
    assert (found.solids, found.curves) == (1, 1)


def test_instances_keep_their_colours_in_glb_beside_them(tmp_path: Path) -> None:
    """The curve is a line there."""
    made = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(made.Main())
    whole = tool.NewShape()
    curve = tool.AddShape(shapes.edge((0, 0, 0), (0, 0, 9)), False)
    box = tool.AddShape(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), False)
    colours.set(made, box, (1.0, 0.0, 0.0, 1.0))
    tool.AddComponent(whole, curve, moved(0))
    tool.AddComponent(whole, box, moved(0))
    colours.set(made, tool.AddComponent(whole, box, moved(5)), GREEN)
    tool.UpdateAssemblies()
    tessellate.triangulate(document.shape(made), 0.1, 10)
    glb.write(made, tmp_path / "a.glb")
    content = (tmp_path / "a.glb").read_bytes()
    assert b"#ff0000" in content
    assert b"#00ff00" in content
    assert b'"mode":1' in content


async def answered(folder: Path, outputs: str) -> Any:
    scratch = folder / "scratch"
    scratch.mkdir()
    return await kit.converter().convert(kit.job(scratch, folder / "a.step", outputs), lambda _: None)


async def test_a_mesh_lacks_them_and_the_report_says_how_many(tmp_path: Path) -> None:
    step.write(model(1), tmp_path / "a.step", "a.step", OPTIONS)
    answer = await answered(tmp_path, "stl,iges,glb")
    told = answer.report
    assert told["source"]["curves"] == told["outputs"]["iges"]["curves"] == 2
    assert "curves cannot be stored in STL: it lacks 2 free curves" in told["outputs"]["stl"]["losses"]
    assert "curves are lines in GLB: 2 free curves" in told["outputs"]["glb"]["losses"]
    assert not [loss for loss in told["outputs"]["iges"]["losses"] if "curve" in loss]


async def test_curves_alone_are_no_mesh(tmp_path: Path) -> None:
    step.write(model(0), tmp_path / "a.step", "a.step", OPTIONS)
    answer = await answered(tmp_path, "stl,brep")
    errors = {each.format: each.error for each in answer.written}
    assert errors["brep"] is None
    assert errors["stl"] is not None
    assert (errors["stl"].code, errors["stl"].detail[:21]) == ("no_geometry", "there are only curves")


async def test_points_that_an_output_lacks_are_told(tmp_path: Path) -> None:
    point = BRepBuilderAPI_MakeVertex(gp_Pnt(9, 9, 9)).Vertex()
    both = compound([BRepPrimAPI_MakeBox(1, 2, 3).Shape(), point])
    step.write(document.holding(both, "a"), tmp_path / "a.step", "a.step", OPTIONS)
    (tmp_path / "scratch").mkdir()
    job = kit.job(tmp_path / "scratch", tmp_path / "a.step", "step,brep,iges,glb")
    told = (await kit.converter().convert(job, lambda _: None)).report["outputs"]
    lacking = {format for format, each in told.items() if "a free point is not in it" in each["losses"]}
    assert lacking == {"iges", "glb"}
