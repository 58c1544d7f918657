"""Files for the tests that drive the whole service: of other people, and slow ones of ours."""

from pathlib import Path

import pytest
from OCP.BRep import BRep_Builder
from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut
from OCP.BRepBuilderAPI import BRepBuilderAPI_Transform
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder
from OCP.gp import gp_Ax2, gp_Dir, gp_Pnt, gp_Trsf, gp_Vec
from OCP.STEPControl import STEPControl_StepModelType, STEPControl_Writer
from OCP.TopoDS import TopoDS_Compound

from tests.end_to_end.service import CORPUS


@pytest.fixture(scope="session")
def corpus() -> Path:
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not beside this checkout")
    return CORPUS


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A STEP file of 100 drilled plates: seconds of work in every phase of the converter."""
    plate, builder, plates = BRepPrimAPI_MakeBox(10, 10, 2).Shape(), BRep_Builder(), TopoDS_Compound()
    for x, y in ((2.5, 2.5), (2.5, 7.5), (7.5, 2.5), (7.5, 7.5)):
        drill = BRepPrimAPI_MakeCylinder(gp_Ax2(gp_Pnt(x, y, -1), gp_Dir(0, 0, 1)), 1, 4).Shape()
        plate = BRepAlgoAPI_Cut(plate, drill).Shape()
    builder.MakeCompound(plates)
    for at in range(100):
        moved = gp_Trsf()
        moved.SetTranslation(gp_Vec(12 * (at % 10), 12 * (at // 10), 0))
        builder.Add(plates, BRepBuilderAPI_Transform(plate, moved, True).Shape())
    writer = STEPControl_Writer()
    writer.Transfer(plates, STEPControl_StepModelType.STEPControl_AsIs)
    path = tmp_path_factory.mktemp("slow") / "plates.step"
    writer.Write(str(path))
    return path
