"""Small files of senseless geometry: they neither keep the kernel busy nor lose a face without a word."""

import multiprocessing
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from OCP.BRepBuilderAPI import BRepBuilderAPI_NurbsConvert
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder, BRepPrimAPI_MakeSphere, BRepPrimAPI_MakeTorus
from OCP.STEPControl import STEPControl_StepModelType, STEPControl_Writer
from OCP.TopoDS import TopoDS_Shape

from shapr.converters import job
from shapr.converters.preflight.references import LOSS
from shapr.converters.progress import Reading
from shapr.converters.run.job import ANSWER, JOB, PROGRESS, Answer
from tests.converters import kit

Change = Callable[[str], str]
PATIENCE = 20  # seconds; each takes less than one


def nurbs() -> TopoDS_Shape:
    return BRepBuilderAPI_NurbsConvert(BRepPrimAPI_MakeCylinder(5, 20).Shape()).Shape()


def replaced(pattern: str, new: str, count: int = 1) -> Change:
    def change(text: str) -> str:
        changed = re.sub(pattern, new, text, count=count, flags=re.DOTALL)
        assert changed != text
        return changed

    return change


def answered(folder: Path, shape: TopoDS_Shape, change: Change, outputs: str) -> Answer:
    """In a process of its own: the kernel holds the interpreter's lock, and nothing softer would end it."""
    writer = STEPControl_Writer()
    writer.Transfer(shape, STEPControl_StepModelType.STEPControl_AsIs)
    source, scratch = folder / "source.step", folder / "scratch"
    writer.Write(str(source))
    source.write_text(change(source.read_text()))
    scratch.mkdir()
    (scratch / JOB).write_text(kit.job(scratch, source, outputs).model_dump_json())
    child = multiprocessing.get_context("fork").Process(target=job.main, args=(scratch,))
    reading = Reading(scratch / PROGRESS)
    child.start()
    child.join(PATIENCE)
    if child.exitcode is None:
        child.kill()
    child.join()
    reading.close()
    assert child.exitcode == 0, "it crashed, or took too long"
    return Answer.model_validate_json((scratch / ANSWER).read_bytes())


def codes(answer: Answer) -> dict[str, str | None]:
    return {each.format: each.error and each.error.code for each in answer.written}


def test_a_surface_whose_parameters_have_no_extent_is_refused(tmp_path: Path) -> None:
    change = replaced(r"\(2,2\),\(2,2\),\(-5\.,5\.\)", "(2,2),(2,2),(0.,1.E-320)")
    answer = answered(tmp_path, nurbs(), lambda text: change(re.sub(r"\n\s*", "", text)), "stl")
    assert answer.error and answer.error.code == "invalid_geometry"


@pytest.mark.parametrize(
    ("shape", "surface", "radii"),
    [
        (BRepPrimAPI_MakeTorus(10, 3).Shape(), r"(TOROIDAL_SURFACE\('',#\d+,)10\.,3\.", "0.,0."),
        (BRepPrimAPI_MakeSphere(10).Shape(), r"(SPHERICAL_SURFACE\('',#\d+,)10\.", "0."),
    ],
)
def test_a_solid_that_is_no_larger_than_a_point_is_none(
    tmp_path: Path, shape: TopoDS_Shape, surface: str, radii: str
) -> None:
    def shrunk(text: str) -> str:
        text = re.sub(r"(CARTESIAN_POINT\('',\()[^,)]*,[^,)]*,[^)]*\)", r"\g<1>0.,0.,0.)", text)
        return replaced(surface, rf"\g<1>{radii}")(re.sub(r"(CIRCLE\('',#\d+,)[^)]*", r"\g<1>0.", text))

    answer = answered(tmp_path, shape, shrunk, "step")
    assert answer.error and answer.error.code == "no_geometry"


def test_flat_faces_without_an_area_are_left_out_and_told(tmp_path: Path) -> None:
    answer = answered(tmp_path, BRepPrimAPI_MakeBox(1, 2, 30).Shape(), lambda text: text.replace("30.", "0."), "stl")
    assert codes(answer) == {"stl": None}
    assert answer.report["losses"] == ["4 faces could not be triangulated: meshes lack them"]


def test_faces_that_the_kernel_could_not_read_are_told(tmp_path: Path) -> None:
    change = replaced(r"(CYLINDRICAL_SURFACE\('',#\d+,)5\.", r"\g<1>-5.")
    answer = answered(tmp_path, BRepPrimAPI_MakeCylinder(5, 20).Shape(), change, "stl,step")
    assert codes(answer) == {"stl": None, "step": None}
    assert answer.report["source"]["faces"] == 2
    assert answer.report["losses"] == ["1 face could not be read"]


@pytest.mark.parametrize("number", ["NaN", "INF", "$", "*", "0x1p3", "3E1"])
def test_a_point_that_is_not_made_of_numbers_is_damage(tmp_path: Path, number: str) -> None:
    change = replaced(r"\(0\.,0\.,30\.\)", f"(0.,0.,{number})")
    answer = answered(tmp_path, BRepPrimAPI_MakeBox(1, 2, 30).Shape(), change, "step")
    assert answer.error and answer.error.code == "corrupt_file"


def test_a_product_in_a_document_of_another_kind_is_converted(tmp_path: Path) -> None:
    drawing = "#9001=DOCUMENT_FILE('a.pdf','','',#9002,'',$);\n#9002=DOCUMENT_TYPE('drawing');\n"
    change = replaced(
        r"PRODUCT_DEFINITION\('design','',(#\d+),(#\d+)\);",
        rf"PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS('design','',\1,\2,(#9001));\n{drawing}",
    )
    answer = answered(tmp_path, BRepPrimAPI_MakeBox(1, 2, 30).Shape(), change, "stl")
    assert codes(answer) == {"stl": None}
    assert answer.report["losses"] == [LOSS]


@pytest.mark.parametrize("document", ["#9001=document_file('a.pdf','','',#9002,'',$);", ""])
def test_a_product_in_what_is_no_document_is_damage(tmp_path: Path, document: str) -> None:
    change = replaced(
        r"PRODUCT_DEFINITION\('design','',(#\d+),(#\d+)\);",
        rf"PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS('design','',\1,\2,(#9001));\n{document}",
    )
    answer = answered(tmp_path, BRepPrimAPI_MakeBox(1, 2, 30).Shape(), change, "stl")
    assert answer.error and answer.error.code == "corrupt_file"
