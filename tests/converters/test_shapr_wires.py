"""Wire bodies: edges without faces. They become curves where a format has them, and are named where it has none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from OCP.BRepGProp import BRepGProp
from OCP.GProp import GProp_GProps
from PIL import Image

from shapr.converters.brep import document, measure
from shapr.converters.shaprfile import history, solids, xb
from shapr.errors import Refused
from tests.converters import kit
from tests.converters.shaprkit import bodies, meshbody, shapes
from tests.converters.shaprkit.bodies import Style
from tests.converters.shaprkit.project import Project
from tests.converters.shaprkit.reading import point
from tests.converters.test_shapr_project import CUBE, TRIANGLES, one

STYLES = {
    "plain": Style(),
    "rings without vertices": Style(ring_vertices=False),
    "against the curves": Style(curve_sense="-"),
    "trimmed": Style(trimmed="+"),
    "trimmed against the basis": Style(trimmed="-"),
}
WIRES = "those of Threads"


def length(shape: Any) -> float:
    found = GProp_GProps()
    BRepGProp.LinearProperties_s(shape, found)
    return float(found.Mass())


def back(blob: bytes, folder: Path) -> solids.Body:
    return solids.converted(xb.parse(blob), folder)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", shapes.WIRES)
def test_wires_come_back(name: str, style: str, tmp_path: Path) -> None:
    shape = shapes.tilted(shapes.WIRES[name]())
    made = back(bodies.body(shape, STYLES[style]), tmp_path)
    assert made.kind == "wire"
    assert len(document.free_edges(made.shape)) == len(shapes.edges(shape))
    assert length(made.shape) == pytest.approx(sum(map(length, shapes.edges(shape))), rel=1e-9)
    assert np.allclose(measure.extent(made.shape, exact=True), measure.extent(shape, exact=True), atol=1e-5)


def test_edges_that_meet_are_one_wire(tmp_path: Path) -> None:
    for name, wires in (("chain", 1), ("rings", 2), ("arc", 1)):
        made = back(bodies.body(shapes.WIRES[name]()), tmp_path).shape
        assert document.count(made, measure.TopAbs_ShapeEnum.TopAbs_WIRE) == wires


def test_edges_beside_faces_are_not_left_out(tmp_path: Path) -> None:
    rod = shapes.edge((0, 0, 30), (0, 0, 90))
    for shape, kind in ((shapes.box(), "solid"), (shapes.faces(shapes.box())[0], "sheet")):
        made = back(bodies.body(shapes.together(shape, rod)), tmp_path)
        assert made.kind == kind
        assert len(made.faces) == len(shapes.faces(shape))
        (edge,) = document.free_edges(made.shape)
        assert length(edge) == pytest.approx(60)


def test_a_body_of_one_point_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="a point that is no end of an edge"):
        back(point(), tmp_path)


def test_a_wire_can_be_moved(tmp_path: Path) -> None:
    made = back(bodies.body(shapes.WIRES["chain"]()), tmp_path)
    matrix: history.Matrix = np.diag([-1.0, 1.0, 1.0, 1.0])
    matrix[0, 3] = 0.1
    moved = solids.moved(made, matrix)
    assert moved.kind == "wire"
    assert np.allclose(measure.extent(moved.shape, exact=True), (100, 7, 9, -95, 0, 0), atol=1e-5)


def threads(project: Project, shape: Any, title: str = "Threads", **labels: Any) -> None:
    feature = project.feature("Import")
    project.label(feature, project.create(feature, bodies.body(shape)), title=title, **labels)


async def answered(folder: Path, project: Project, outputs: str, **options: Any) -> Any:
    path = folder / "project.shapr"
    project.save(path)
    scratch = folder / "scratch"
    scratch.mkdir()
    asked = kit.job(scratch, path, outputs, **options).model_copy(update={"preview": True})
    return await kit.converter().convert(asked, lambda _: None)


async def test_wires_beside_solids_are_in_exact_formats_and_named_where_they_cannot_be(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Solid")
    threads(project, shapes.edge((0, 0, 0), (0, 0, 50)), colour=0xFF0000FF)
    answer = await answered(tmp_path, project, "step,iges,brep,stl,obj,3mf,glb,ply,off")
    assert [each.error for each in answer.written] == [None] * 9
    told = answer.report
    assert told["losses"] == []
    assert [each["kind"] for each in told["source"]["shapr"]["bodies"]] == ["solid", "wire"]
    assert (told["source"]["solids"], told["source"]["curves"], told["source"]["watertight"]) == (1, 1, True)
    for format in ("step", "iges", "brep"):
        found = told["outputs"][format]
        assert (found["solids"], found["curves"], found["watertight"]) == (1, 1, True), format
        assert found["bounding_box"]["max"] == pytest.approx([10, 10, 50], abs=1e-5), format
        assert not [loss for loss in found["losses"] if "curve" in loss], format
    for format in ("step", "iges"):
        assert (told["outputs"][format]["names"], told["outputs"][format]["colours"]) == (2, 1), format
    for format in ("stl", "obj", "3mf", "glb", "ply", "off"):
        found = told["outputs"][format]
        assert found["bounding_box"]["max"] == pytest.approx([10, 10, 10], abs=1e-5), format
        told_of = (
            "curves are lines in GLB: "
            if format == "glb"
            else f"curves cannot be stored in {format.upper()}: it lacks "
        )
        assert f"{told_of}{WIRES}" in found["losses"]
        assert "lines are passed over" not in found["losses"]
        assert not [loss for loss in found["losses"] if "gaps closed" in loss], format


async def test_a_project_of_wires_alone_has_exact_outputs_and_a_picture(tmp_path: Path) -> None:
    project = Project()
    threads(project, shapes.WIRES["net"](), colour=0xFF0000FF)
    threads(project, shapes.tilted(shapes.edge(shapes.circle(40))), title="Ring")
    answer = await answered(tmp_path, project, "step,iges,brep,stl,glb")
    errors = {each.format: each.error for each in answer.written}
    for format in ("step", "iges", "brep"):
        assert errors[format] is None
        assert answer.report["outputs"][format]["curves"] == 13
        assert answer.report["outputs"][format]["faces"] == 0
        assert answer.report["outputs"][format]["deltas"]["bounding_box"] < 1e-6
    for format in ("stl", "glb"):
        assert errors[format].code == "no_geometry"
        assert errors[format].detail == "there are only curves, and a mesh cannot hold a curve: Threads, Ring"
    picture = np.array(Image.open(answer.thumbnail))
    drawn = picture[picture[..., 3] > 200]
    assert len(drawn) > 2000
    assert (drawn[:, 0] > 2 * drawn[:, 2].astype(int)).sum() > 500  # the net is red
    assert answer.preview.read_bytes()[:4] == b"glTF"
    assert not answer.report["losses"]


async def test_wires_beside_a_mesh_body(tmp_path: Path) -> None:
    project = Project()
    feature = project.feature("Import")
    project.label(feature, project.create(feature, meshbody.body(CUBE, TRIANGLES)), title="Scan")
    threads(project, shapes.edge((0, 0, 0), (0, 0, 50)))
    answer = await answered(tmp_path, project, "stl,step")
    assert [each.error for each in answer.written] == [None, None]
    told = answer.report["outputs"]
    assert told["stl"]["triangles"] == 12
    assert told["stl"]["losses"][0] == "curves cannot be stored in STL: it lacks those of Threads"
    assert not [loss for loss in told["stl"]["losses"] if "exact surfaces" in loss]
    assert told["step"]["curves"] == 1
    assert "bodies that are meshes cannot be stored in STEP: Scan" in told["step"]["losses"]


async def test_a_hidden_wire_is_not_written(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Solid")
    threads(project, shapes.edge((0, 0, 0), (0, 0, 50)), hidden=True)
    answer = await answered(tmp_path, project, "stl,step")
    assert answer.report["outputs"]["step"]["curves"] == 0
    assert not [loss for loss in answer.report["outputs"]["stl"]["losses"] if "wires" in loss]


async def test_edges_beside_the_faces_of_a_body_are_named_too(tmp_path: Path) -> None:
    project = Project()
    threads(project, shapes.edge((0, 0, 0), (0, 0, 50)))
    threads(project, shapes.together(shapes.box(), shapes.edge((0, 0, 30), (0, 0, 90))), title="Mixed")
    answer = await answered(tmp_path, project, "stl,step")
    assert answer.report["outputs"]["step"]["curves"] == 2
    losses = answer.report["outputs"]["stl"]["losses"]
    assert "curves cannot be stored in STL: it lacks those of Threads, Mixed" in losses
