"""Shells of many faces are turned as the kernel's repair turns them, though it is asked only where it has to be."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from OCP.BRep import BRep_Builder
from OCP.BRepBuilderAPI import BRepBuilderAPI_Sewing
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeSphere
from OCP.gp import gp_Pnt
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape, TopoDS_Shell, TopoDS_Solid

from shapr.converters.brep import document, measure, orientation, step
from shapr.converters.progress import silent

FACE, SHELL, SOLID = TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_SHELL, TopAbs_ShapeEnum.TopAbs_SOLID
OPTIONS = {"units": "mm", "step_schema": "AP214"}


def box(size: float = 10, at: float = 0) -> TopoDS_Shape:
    return BRepPrimAPI_MakeBox(gp_Pnt(at, at, at), size, size, size).Shape()


def faces(shape: TopoDS_Shape) -> list[Any]:
    return list(document.explore(shape, FACE))


def shell(bounds: Iterable[TopoDS_Shape], closed: bool = False) -> TopoDS_Shell:
    builder, made = BRep_Builder(), TopoDS_Shell()
    builder.MakeShell(made)
    for face in bounds:
        builder.Add(made, face)
    made.Closed(closed)
    return made


def solid(*shells: TopoDS_Shape) -> TopoDS_Shape:
    builder, made = BRep_Builder(), TopoDS_Solid()
    builder.MakeSolid(made)
    for each in shells:
        builder.Add(made, each)
    return made


def turned(bounds: list[Any]) -> list[Any]:
    return [bounds[0].Reversed(), *bounds[1:]]


def three_at_an_edge() -> TopoDS_Shape:
    sewing = BRepBuilderAPI_Sewing(1e-6, True, True, True, True)
    for face in (*faces(box(10)), *faces(BRepPrimAPI_MakeBox(gp_Pnt(10, 0, 0), 5, 10, 10).Shape())):
        sewing.Add(face)
    sewing.Perform()
    return sewing.SewedShape()


ALIKE: dict[str, Callable[[], TopoDS_Shape]] = {
    "a box": box,
    "a sphere": lambda: BRepPrimAPI_MakeSphere(5).Shape(),
    "a sheet": lambda: shell(faces(box())[:5]),
    "an inside out box": lambda: solid(shell((face.Reversed() for face in faces(box())), closed=True)),
    "a hollow box": lambda: solid(
        shell(faces(box()), closed=True), shell((face.Reversed() for face in faces(box(4, 3))), closed=True)
    ),
    "a hollow box with its void turned": lambda: solid(
        shell(faces(box()), closed=True), shell(faces(box(4, 3)), closed=True)
    ),
}
NOT_ALIKE: dict[str, Callable[[], TopoDS_Shape]] = {
    "a box with a face turned": lambda: solid(shell(turned(faces(box())), closed=True)),
    "a sheet with a face turned": lambda: shell(turned(faces(box())[:5])),
    "a solid that does not close": lambda: solid(shell(faces(box())[:5])),
    "a shell that hides that it closes": lambda: shell(faces(box())),
    "a shell in two pieces": lambda: shell([*faces(box())[:3], *faces(box(10, 20))[:3]]),
    "a wall between two rooms": three_at_an_edge,
}


def written(folder: Path, shape: TopoDS_Shape) -> Path:
    path = folder / "part.step"
    step.write(document.holding(shape, "part"), path, "part", OPTIONS)
    return path


def told(model: TDocStd_Document) -> list[Any]:
    shape = document.shape(model)
    shells = [
        (each.Closed(), sorted(str(face.Orientation()) for face in document.explore(each, FACE)))
        for each in document.explore(shape, SHELL)
    ]
    volumes = [round(measure.volume(each), 6) for each in document.explore(shape, SOLID)]
    return [document.count(shape, SOLID), document.count(shape, FACE), shells, volumes]


@pytest.mark.parametrize("meshed", [False, True])
@pytest.mark.parametrize("name", [*ALIKE, *NOT_ALIKE])
def test_a_shell_of_many_faces_is_read_as_by_the_kernel(
    tmp_path: Path, name: str, meshed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, (ALIKE | NOT_ALIKE)[name]())
    as_kernel = told(step.read(path, meshed=meshed))
    monkeypatch.setattr(orientation, "MANY", 0)
    assert told(step.read(path, meshed=meshed)) == as_kernel


@pytest.mark.parametrize("name", [*ALIKE, *NOT_ALIKE])
def test_what_is_turned_alike(name: str) -> None:
    model = document.holding((ALIKE | NOT_ALIKE)[name](), "part")
    assert orientation.consistent(model, silent) is (name in ALIKE)
