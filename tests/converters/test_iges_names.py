"""What bodies of an IGES file are called, and their colours, when they are many, placed, or in groups."""

from pathlib import Path

import pytest
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
from OCP.collections import HArray1_IGESData_IGESEntity
from OCP.gp import gp_XYZ
from OCP.IGESBasic import IGESBasic_SingularSubfigure, IGESBasic_SubfigureDef
from OCP.IGESControl import IGESControl_Writer
from OCP.TCollection import TCollection_HAsciiString
from OCP.TDocStd import TDocStd_Document
from OCP.XCAFDoc import XCAFDoc_DocumentTool

from shapr.converters.brep import colours, document, iges, tree
from shapr.converters.brep.bodies import call
from tests.converters.shapes import FACE, assembly, moved

RED, GREEN = (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0)


def row(count: int) -> TDocStd_Document:
    """Turned boxes beside each other, instances of one part with a red and a green face."""
    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    shape = BRepPrimAPI_MakeBox(1, 2, 3).Shape()
    box, whole = tool.AddShape(shape, False), tool.NewShape()
    call(box, "box")
    call(whole, "row")
    for face, colour in zip(document.explore(shape, FACE), (RED, GREEN), strict=False):
        colours.set(model, tool.AddSubShape(box, face), colour)
    for at in range(count):
        call(tool.AddComponent(whole, box, moved(5 * at, 0.1 * at)), f"box {at}")
    tool.UpdateAssemblies()
    return model


def again(model: TDocStd_Document, path: Path) -> TDocStd_Document:
    iges.write(model, path, "a.igs", {"units": "mm"})
    return iges.read(path, "a.igs")


@pytest.mark.parametrize("count", [3, iges.TOGETHER + 1])
def test_placed_parts_keep_their_names_and_the_colours_of_their_faces(tmp_path: Path, count: int) -> None:
    read = again(row(count), tmp_path / "a.igs")
    leaves = list(tree.leaves(read))
    assert {leaf.name for leaf in leaves} == {f"box {at}" for at in range(count)}
    assert all(sorted(colours.faces(leaf.part).values()) == [GREEN, RED] for leaf in leaves)


def test_parts_in_folders_keep_their_names(tmp_path: Path) -> None:
    model = assembly()
    read = again(model, tmp_path / "a.igs")
    assert {leaf.name for leaf in tree.leaves(read)} == {iges.plain(leaf.name) for leaf in tree.leaves(model)}


def test_solids_of_a_named_group_are_called_like_it(tmp_path: Path) -> None:
    solids = (BRepPrimAPI_MakeBox(1, 1, side).Shape().Moved(moved(3 * side)) for side in (1, 2))
    read = again(document.holding(document.compound(solids), "pair"), tmp_path / "a.igs")
    assert [leaf.name for leaf in tree.leaves(read)] == ["pair", "pair"]


@pytest.mark.parametrize("solids", [0, 1])
def test_instances_of_a_subfigure_have_its_name(tmp_path: Path, solids: int) -> None:
    writer = IGESControl_Writer("MM", solids)
    assert writer.AddShape(BRepPrimAPI_MakeBox(1, 2, 3).Shape())
    writer.ComputeModel()
    model, inside = writer.Model(), HArray1_IGESData_IGESEntity(1, 1)
    inside.SetValue(1, model.Entity(1))
    figure = IGESBasic_SubfigureDef()
    figure.Init(0, TCollection_HAsciiString("BRACKET"), inside)
    model.AddWithRefs(figure)
    for x in (0, 10):
        instance = IGESBasic_SingularSubfigure()
        instance.Init(figure, gp_XYZ(x, 0, 0), True, 1.0)
        model.AddEntity(instance)
    assert writer.Write(str(tmp_path / "a.igs"))
    read = iges.read(tmp_path / "a.igs", "a.igs")
    assert [leaf.name for leaf in tree.leaves(read)] == ["BRACKET", "BRACKET"]
    assert document.box(document.shape(read))[1].X() == pytest.approx(11)


@pytest.mark.parametrize(("said", "name"), [(b"r\xc3\xa9", "ré"), (b"r\xe9w", "réw")])
def test_names_beyond_ascii_are_read(tmp_path: Path, said: bytes, name: str) -> None:
    path = tmp_path / "a.igs"
    iges.write(row(2), path, "a.igs", {"units": "mm"})
    path.write_bytes(path.read_bytes().replace(b"5Hbox 0", b"5H" + said + b" 0"))
    read = iges.read(path, "a.igs")
    assert [document.name(root) for root in document.roots(read)] == [f"{name} 0", "box 1"]
