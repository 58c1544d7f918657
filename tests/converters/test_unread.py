"""Faces, bodies and boundaries that the kernel's readers make nothing of are counted."""

from collections.abc import Callable
from pathlib import Path

import pytest
from OCP.BRep import BRep_Builder
from OCP.BRepBuilderAPI import BRepBuilderAPI_Copy
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder
from OCP.gp import gp_XYZ
from OCP.IGESControl import IGESControl_Writer
from OCP.IGESSolid import IGESSolid_Sphere
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape, TopoDS_Shell

from benchmarks.hostile.iges import RULED
from benchmarks.hostile.iges import iges as text
from shapr.converters.brep import document, iges, step
from tests.converters import kit
from tests.converters.kit import SAMPLES
from tests.converters.test_degenerate import replaced
from tests.converters.test_iges_looks import written

FAR = "could not be read: what %s bounded may reach too far"


def box() -> TopoDS_Shape:
    return BRepPrimAPI_MakeBox(1, 2, 3).Shape()


def cylinder() -> TopoDS_Shape:
    return BRepPrimAPI_MakeCylinder(1, 3).Shape()


@pytest.mark.parametrize(
    ("shape", "solids", "change", "faces", "losses"),
    [
        (cylinder, 1, replaced(r"192,9,11,1\.,", "192,9,11,0.,"), 2, ("1 face could not be read",)),
        (cylinder, 0, replaced(r"108,(.*)0\.,1\.,3\.,", r"108,\g<1>0.,0.,3.,"), 2, ("1 face could not be read",)),
        (box, 0, replaced(r"108,-?1\.,", "108,0.,", 2), 4, ("2 faces could not be read",)),
        (
            cylinder,
            0,
            replaced(r"142,0,5,13,23,3;", "142,0,5,0,0,3;  "),
            3,
            (f"1 boundary of a face {FAR % 'it'}",),
        ),
    ],
)
def test_what_iges_loses_is_counted(
    tmp_path: Path,
    shape: Callable[[], TopoDS_Shape],
    solids: int,
    change: Callable[[str], str],
    faces: int,
    losses: tuple[str, ...],
) -> None:
    path = tmp_path / "a.igs"
    assert written(shape(), solids)[0].Write(str(path))
    path.write_text(change(path.read_text()))
    model = iges.read(path, "a.igs")
    assert document.count(document.shape(model), TopAbs_ShapeEnum.TopAbs_FACE) == faces
    assert document.unread(model) == losses


def test_solids_that_are_no_surfaces_are_counted(tmp_path: Path) -> None:
    writer: IGESControl_Writer = written(box())[0]
    ball = IGESSolid_Sphere()
    ball.Init(5, gp_XYZ(0, 0, 0))
    writer.Model().AddEntity(ball)
    assert writer.Write(str(tmp_path / "a.igs"))
    assert document.unread(iges.read(tmp_path / "a.igs", "a.igs")) == ("1 body could not be read",)


@pytest.mark.parametrize(
    ("change", "losses"),
    [
        (replaced(r"PLANE\('',#\d+", "PLANE('',#999999", 2), ("2 faces could not be read",)),
        (replaced(r"(EDGE_CURVE\('',#\d+,#\d+,)#\d+", r"\1$"), (f"2 boundaries of faces {FAR % 'they'}",)),
    ],
)
def test_what_step_loses_is_counted(tmp_path: Path, change: Callable[[str], str], losses: tuple[str, ...]) -> None:
    path = tmp_path / "a.step"
    path.write_text(change((SAMPLES / "bracket.step").read_text()))
    assert document.unread(step.read(path)) == losses


@pytest.mark.parametrize("name", ["bracket.iges", "bracket.step"])
def test_of_a_sound_file_nothing_is(name: str) -> None:
    path = SAMPLES / name
    model = iges.read(path, name) if name.endswith("iges") else step.read(path)
    assert document.unread(model) == ()


@pytest.mark.parametrize(
    "surface",
    [
        [(110, 0, "0.,0.,0.,0.,0.,0."), (122, 0, "7,0.,0.,1.")],
        [(110, 0, "0.,0.,0.,1.,0.,0."), (122, 0, "7,0.,0.,0.")],
        [(110, 0, "0.,0.,0.,0.,0.,0."), (118, 1, "1,7,0,0")],
    ],
)
async def test_an_iges_surface_of_no_length_costs_only_itself(
    tmp_path: Path, surface: list[tuple[int, int, str]]
) -> None:
    (tmp_path / "a.igs").write_text(text([*RULED, *surface]))
    (tmp_path / "scratch").mkdir()
    answer = await kit.converter().convert(kit.job(tmp_path / "scratch", tmp_path / "a.igs", "step"), lambda _: None)
    assert answer.report["source"]["faces"] == 1
    assert answer.report["losses"] == ["1 face could not be read"]


def test_a_step_solid_whose_faces_do_not_come_together_is_named(tmp_path: Path) -> None:
    path, builder, shell = tmp_path / "a.step", BRep_Builder(), TopoDS_Shell()
    builder.MakeShell(shell)
    for face in document.explore(box(), TopAbs_ShapeEnum.TopAbs_FACE):
        builder.Add(shell, BRepBuilderAPI_Copy(face).Shape())  # with edges of its own
    step.write(document.holding(shell, "a"), path, "a", {"step_schema": "AP214", "units": "mm"})
    surfaces = path.read_text()
    assert document.unread(step.read(path)) == ()
    path.write_text(replaced(r"SHELL_BASED_SURFACE_MODEL\('',\((#\d+)\)\)", r"MANIFOLD_SOLID_BREP('',\1)")(surfaces))
    model = step.read(path)
    assert document.count(document.shape(model), TopAbs_ShapeEnum.TopAbs_SOLID) == 0
    assert document.unread(model) == (
        "Solids whose faces do not come together were read as surfaces, which `heal` may close: 1.",
    )
