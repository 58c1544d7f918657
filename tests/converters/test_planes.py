"""Curves on planes that are kept: the same triangles and measures, and no trace where a B-Rep is made."""

from pathlib import Path

import numpy as np
import pytest
from OCP.TDocStd import TDocStd_Document

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
