"""Curves on planes that are kept: the same triangles and measures, and no trace where a B-Rep is made."""

from pathlib import Path

import numpy as np
import pytest
from OCP.BRep import BRep_Tool
from OCP.BRepFilletAPI import BRepFilletAPI_MakeFillet
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
from OCP.GeomAbs import GeomAbs_Shape
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS

from shapr.converters.brep import brep, document, measure, planes, rehearsal, step, tessellate

from .kit import job


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rehearsal.box(tmp_path_factory.mktemp("planes"))


def curves(model: TDocStd_Document, path: Path) -> int:
    """How many the model holds that are on surfaces."""
    brep.write(model, path, {"units": "mm", "encoding": "text"})
    return int(path.read_text().partition("Curve2ds ")[2].split()[0])


def test_the_kernel_takes_the_step(source: Path, tmp_path: Path) -> None:
    assert planes.WORKS
    kept, plain = (curves(step.read(source, meshed=meshed), tmp_path / "it.brep") for meshed in (True, False))
    assert kept > plain


def smooth(model: TDocStd_Document) -> int:
    """At how many edges the kernel knows that faces meet smoothly."""
    edges = map(TopoDS.Edge, document.once(document.shape(model), TopAbs_ShapeEnum.TopAbs_EDGE))
    return sum(BRep_Tool.MaxContinuity_s(edge) != GeomAbs_Shape.GeomAbs_C0 for edge in edges)


def test_only_a_model_for_meshes_lacks_how_smooth_it_is(tmp_path: Path) -> None:
    box, path = BRepPrimAPI_MakeBox(10, 10, 10).Shape(), tmp_path / "rounded.step"
    rounding = BRepFilletAPI_MakeFillet(box)
    rounding.Add(1.0, TopoDS.Edge(next(document.explore(box, TopAbs_ShapeEnum.TopAbs_EDGE))))
    step.write(document.holding(rounding.Shape(), "box"), path, "box", rehearsal.OPTIONS)
    before, within, after = (smooth(step.read(path, meshed=meshed)) for meshed in (False, True, False))
    assert (before, within, after) == (2, 0, 2)  # the sides of the fillet


def test_triangles_and_measures_are_the_same(source: Path) -> None:
    meshes, measured = [], []
    for meshed in (True, False):
        model = step.read(source, meshed=meshed)
        tessellate.triangulate(document.shape(model), 0.1, 10.0)
        meshes.append(tessellate.mesh(model).parts[0])
        measured.append(measure.measured(model, lambda _: None))
    assert np.array_equal(meshes[0].vertices, meshes[1].vertices)
    assert np.array_equal(meshes[0].corners, meshes[1].corners)
    assert repr(measured[0]) == repr(measured[1])


@pytest.mark.parametrize(
    ("outputs", "meshed"), [("stl,glb", True), ("stl,step", False), ("brep", False), ("iges,glb", False)]
)
def test_only_a_job_of_nothing_but_meshes_keeps_them(tmp_path: Path, source: Path, outputs: str, meshed: bool) -> None:
    assert job(tmp_path, source, outputs).meshed is meshed
    assert not job(tmp_path, source, outputs, heal=True).meshed
