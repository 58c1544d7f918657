"""A `.shapr` project through the worker's converter: every output, the report, the picture."""

from pathlib import Path
from typing import Any

import pytest

from shapr.converters.formats import BUILT_IN, pairs
from shapr.errors import Refused
from tests.converters import kit
from tests.converters.shaprkit import bodies, meshbody, shapes
from tests.converters.shaprkit.project import Project
from tests.converters.shaprkit.reading import point
from tests.converters.test_shapr_project import CUBE, TRIANGLES, one


def saved(project: Project, folder: Path) -> Path:
    path = folder / "project.shapr"
    project.save(path)
    return path


async def answered(folder: Path, source: Path, outputs: str, **options: Any) -> Any:
    scratch = folder / "scratch"
    scratch.mkdir()
    asked = kit.job(scratch, source, outputs, **options).model_copy(update={"preview": True})
    return await kit.converter().convert(asked, lambda _: None)


async def test_a_project_becomes_every_format_with_report_and_picture(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Seen", colour=0xFF0000FF)
    one(project, 20, title="Unseen", hidden=True)
    outputs = pairs(BUILT_IN)["shapr"]
    answer = await answered(tmp_path, saved(project, tmp_path), ",".join(outputs))
    assert [each.error for each in answer.written] == [None] * len(outputs)
    assert answer.thumbnail
    assert answer.preview
    told = answer.report
    assert told["source"]["volume"] == pytest.approx(1000)
    assert [(each["name"], each["visible"]) for each in told["source"]["shapr"]["bodies"]] == [
        ("Seen", True),
        ("Unseen", False),
    ]
    for format, measured in told["outputs"].items():
        assert measured["volume"] == pytest.approx(1000, rel=1e-6), format
        assert measured["bounding_box"]["max"] == pytest.approx([10, 10, 10], abs=1e-4), format
    assert told["outputs"]["step"]["names"] == told["outputs"]["step"]["colours"] == 1


async def test_meshes_are_as_close_as_what_the_app_exports(tmp_path: Path) -> None:
    """Unless another quality is asked for: a thin rod, round all over, keeps its volume within 0.1 %."""
    project = Project()
    project.create(project.feature("Revolve"), bodies.body(shapes.cylinder(1, 100)))
    answer = await answered(tmp_path, saved(project, tmp_path), "stl")
    (written,) = answer.written
    assert written.options["quality"] == "fine"
    assert answer.report["outputs"]["stl"]["deltas"]["volume"] == pytest.approx(0, abs=0.001)


async def test_hidden_bodies_come_if_asked_for(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Seen")
    one(project, 20, title="Unseen", hidden=True)
    answer = await answered(tmp_path, saved(project, tmp_path), "step", include_hidden=True)
    assert answer.report["outputs"]["step"]["solids"] == 2


async def test_a_mesh_body_is_in_mesh_outputs_and_named_where_it_cannot_be(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Solid")
    feature = project.feature("Import")
    moved = [(x + 50, y, z) for x, y, z in CUBE]
    project.label(feature, project.create(feature, meshbody.body(moved, TRIANGLES)), title="Scan")
    answer = await answered(tmp_path, saved(project, tmp_path), "stl,step")
    told = answer.report["outputs"]
    assert told["stl"]["bounding_box"]["max"][0] == pytest.approx(60)
    assert told["step"]["bounding_box"]["max"][0] == pytest.approx(10)
    assert "bodies that are meshes cannot be stored in STEP: Scan" in told["step"]["losses"]


async def test_a_body_that_cannot_be_converted_is_named_or_left_out_if_allowed(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Good")
    feature = project.feature("Import")
    project.label(feature, project.create(feature, point()), title="Dot")
    with pytest.raises(Refused, match="Dot") as refused:
        await answered(tmp_path, saved(project, tmp_path), "step")
    assert refused.value.code == "unsupported_geometry"
    (tmp_path / "again").mkdir()
    answer = await answered(tmp_path / "again", tmp_path / "project.shapr", "step", partial=True)
    assert answer.report["outputs"]["step"]["solids"] == 1
    assert any("Dot" in loss for loss in answer.report["losses"])
