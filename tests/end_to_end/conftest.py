"""One service per run, shared by the tests that leave it as they found it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from OCP.BRep import BRep_Builder
from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut
from OCP.BRepBuilderAPI import BRepBuilderAPI_Transform
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder
from OCP.gp import gp_Ax2, gp_Dir, gp_Pnt, gp_Trsf, gp_Vec
from OCP.STEPControl import STEPControl_StepModelType, STEPControl_Writer
from OCP.TopoDS import TopoDS_Compound

from tests.end_to_end.service import CORPUS, Service, serving


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def corpus() -> Path:
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not beside this checkout")
    return CORPUS


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A STEP file of 225 drilled plates: seconds of work in every phase of the converter."""
    plate, builder, plates = BRepPrimAPI_MakeBox(10, 10, 2).Shape(), BRep_Builder(), TopoDS_Compound()
    for x, y in ((2.5, 2.5), (2.5, 7.5), (7.5, 2.5), (7.5, 7.5)):
        drill = BRepPrimAPI_MakeCylinder(gp_Ax2(gp_Pnt(x, y, -1), gp_Dir(0, 0, 1)), 1, 4).Shape()
        plate = BRepAlgoAPI_Cut(plate, drill).Shape()
    builder.MakeCompound(plates)
    for at in range(225):
        moved = gp_Trsf()
        moved.SetTranslation(gp_Vec(12 * (at % 15), 12 * (at // 15), 0))
        builder.Add(plates, BRepBuilderAPI_Transform(plate, moved, True).Shape())
    writer = STEPControl_Writer()
    writer.Transfer(plates, STEPControl_StepModelType.STEPControl_AsIs)
    path = tmp_path_factory.mktemp("slow") / "plates.step"
    writer.Write(str(path))
    return path
