"""The names of several bodies of one STEP part, as SolidWorks, NX and others give them: kept, or told as lost."""

from pathlib import Path

import pytest
from OCP.BRep import BRep_Builder
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
from OCP.gp import gp_Pnt
from OCP.TDocStd import TDocStd_Document
from OCP.TopoDS import TopoDS_Shape, TopoDS_Shell
from OCP.XCAFDoc import XCAFDoc_DocumentTool

from shapr.converters.brep import body_names, document, heal, iges, measure, step
from shapr.converters.brep.bodies import call
from shapr.converters.progress import silent
from tests.converters.kit import converter, job
from tests.converters.shapes import FACE

OPTIONS = {"step_schema": "AP214", "units": "mm"}
CALLED = ("Test Ø", "Body2", "Sheet")


def box(x: float) -> TopoDS_Shape:
    return BRepPrimAPI_MakeBox(gp_Pnt(x, 0, 0), 1, 2, 3).Shape()


def sheet(x: float) -> TopoDS_Shell:
    builder, made = BRep_Builder(), TopoDS_Shell()
    builder.MakeShell(made)
    builder.Add(made, next(document.explore(box(x), FACE)))
    return made


def part(*bodies: TopoDS_Shape) -> TDocStd_Document:
    model = document.holding(document.compound(bodies), "Part")
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    for body, name in zip(bodies, CALLED, strict=False):
        call(tool.AddSubShape(document.roots(model)[0], body), name)
    return model


@pytest.fixture
def three(tmp_path: Path) -> Path:
    path = tmp_path / "three.step"
    step.write(part(box(0), box(10), sheet(20)), path, "three", OPTIONS)
    return path


def names(model: TDocStd_Document) -> set[str]:
    return set(body_names.within(document.roots(model)[0]))


def test_bodies_of_a_part_are_called_like_in_the_file(three: Path) -> None:
    text = three.read_text()
    assert "BREP('Body2'" in text
    assert "MODEL('Sheet'" in text
    assert names(step.read(three)) == set(CALLED)


def test_text_that_looks_like_more_bodies_does_not_shift_them(three: Path) -> None:
    three.write_text(three.read_text().replace("'Part'", "'#1=MANIFOLD_SOLID_BREP'", 1))
    assert names(step.read(three)) == set(CALLED)


@pytest.mark.parametrize("said", ["", "NONE", "Solid", "Part"])
def test_words_that_name_nobody_are_no_names(three: Path, said: str) -> None:
    three.write_text(three.read_text().replace("Body2", said))
    assert names(step.read(three)) == {"Test Ø", "Sheet"}


async def test_the_report_counts_names_of_bodies(tmp_path: Path, three: Path) -> None:
    told = (await converter().convert(job(tmp_path, three, "step,iges,stl"), lambda _: None)).report
    assert told["source"]["names"] == 4
    assert {format: each["names"] for format, each in told["outputs"].items()} == {"step": 4, "iges": 3, "stl": 0}
    assert told["outputs"]["step"]["losses"] == []
    assert "2 of 4 names could not be stored in IGES as they are" in told["outputs"]["iges"]["losses"]
    assert "names cannot be stored in STL" in told["outputs"]["stl"]["losses"]


def test_healing_keeps_them() -> None:
    model = part(box(0), box(10).Reversed())
    assert heal.healed(model)["repaired_parts"] == 1
    assert names(model) == {"Test Ø", "Body2"}


def test_iges_keeps_them_where_each_body_is_a_root_of_its_own(tmp_path: Path) -> None:
    model = part(*(box(2.0 * at) for at in range(iges.TOGETHER + 1)))
    iges.write(model, tmp_path / "many.iges", "many", OPTIONS)
    assert measure.measured(iges.read(tmp_path / "many.iges", "many"), silent).labels >= {"Body2", "Sheet", "Part"}
