"""Colours and layers of an IGES file are those of its directory, also of what is used through instances (408)."""

from pathlib import Path

import pytest
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeEdge
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
from OCP.gp import gp_Pnt
from OCP.IGESBasic import IGESBasic_Name
from OCP.IGESControl import IGESControl_Writer
from OCP.IGESData import IGESData_IGESEntity
from OCP.IGESGraph import IGESGraph_Color
from OCP.TCollection import TCollection_HAsciiString
from OCP.TDocStd import TDocStd_Document
from OCP.TopoDS import TopoDS_Shape

from benchmarks.hostile.iges import RULED
from benchmarks.hostile.iges import iges as text
from shapr.converters.brep import bodies, colours, document, iges, tree
from shapr.converters.brep.indicator import Indicator
from shapr.converters.mesh.model import Colour
from shapr.converters.progress import Reach
from tests.converters.test_iges_scaled import GREEN, RED, figure, instance

VIOLET = (0.5, 0.0, 1.0, 1.0)
FACES = (144, 510)  # of a surface model, of a solid


def written(shape: TopoDS_Shape, solids: int = 1) -> tuple[IGESControl_Writer, list[IGESData_IGESEntity]]:
    writer = IGESControl_Writer("MM", solids)
    assert writer.AddShape(shape)
    writer.ComputeModel()
    model = writer.Model()
    return writer, [model.Entity(at) for at in range(1, model.NbEntities() + 1)]


def twice(writer: IGESControl_Writer, held: IGESData_IGESEntity, *ranks: int) -> None:
    """Two instances of a subfigure, in colours of the standard."""
    of = figure(held, "BRACKET")
    writer.Model().AddWithRefs(of)
    for at, rank in enumerate(ranks):
        made = instance(of, 10 * at, 1.0)
        made.InitColor(None, rank)
        writer.Model().AddEntity(made)


def read(writer: IGESControl_Writer, folder: Path) -> TDocStd_Document:
    assert writer.Write(str(folder / "a.igs"))
    return iges.read(folder / "a.igs", "a.igs")


def shown(model: TDocStd_Document) -> list[list[Colour | None]]:
    """The colours of each part's faces; of a part, where they have none."""
    leaves = tree.leaves(model)
    return [sorted(colours.faces(leaf.part).values()) or [leaf.colour] for leaf in leaves]


@pytest.mark.parametrize("solids", [0, 1])
def test_instances_have_the_colours_and_layers_of_the_faces_they_repeat(tmp_path: Path, solids: int) -> None:
    writer, entities = written(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), solids)
    violet = IGESGraph_Color()
    violet.Init(50, 0, 100, TCollection_HAsciiString("violet"))
    writer.Model().AddEntity(violet)
    red, defined, *_, layered = (entity for entity in entities if entity.TypeNumber() in FACES)
    red.InitColor(None, 2)
    defined.InitColor(violet, 0)
    layered.InitLevel(None, 7)
    twice(writer, entities[0], 0, 0)
    model = read(writer, tmp_path)
    assert shown(model) == [[VIOLET, RED]] * 2
    assert [bodies.layers(model, leaf.part) for leaf in tree.leaves(model)] == [("7",)] * 2


@pytest.mark.parametrize("solids", [0, 1])
def test_an_instance_within_another_has_a_colour_of_its_own(tmp_path: Path, solids: int) -> None:
    writer, entities = written(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), solids)
    inner = instance(figure(entities[0], "INNER"), 5, 1.0)
    inner.InitColor(None, 2)
    twice(writer, inner, 0, 3)
    assert shown(read(writer, tmp_path)) == [[RED], [RED]]


def test_a_face_has_the_last_word_on_its_colour(tmp_path: Path) -> None:
    writer, entities = written(BRepPrimAPI_MakeBox(1, 2, 3).Shape())
    next(entity for entity in entities if entity.TypeNumber() in FACES).InitColor(None, 3)
    twice(writer, entities[0], 2)
    assert shown(read(writer, tmp_path)) == [[GREEN, *[RED] * 5]]


def test_curves_that_are_repeated_keep_their_colours(tmp_path: Path) -> None:
    writer, entities = written(BRepBuilderAPI_MakeEdge(gp_Pnt(0, 0, 0), gp_Pnt(1, 2, 3)).Edge())
    entities[0].InitColor(None, 2)
    twice(writer, entities[0], 0, 0)
    leaves = tree.leaves(read(writer, tmp_path))
    assert [colours.of_curves(leaf.part) for leaf in leaves] == [RED, RED]


@pytest.mark.parametrize("solids", [0, 1])
def test_layers_of_faces_without_a_colour_are_kept(tmp_path: Path, solids: int) -> None:
    writer, entities = written(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), solids)
    next(entity for entity in entities if entity.TypeNumber() in FACES).InitLevel(None, 7)
    model = read(writer, tmp_path)
    assert [bodies.layers(model, leaf.part) for leaf in tree.leaves(model)] == [("7",)]


def test_names_of_faces_are_told_as_lost(tmp_path: Path) -> None:
    """Those that somebody gave, not the labels that a system numbers entities by."""
    writer, entities = written(BRepPrimAPI_MakeBox(1, 2, 3).Shape())
    name = IGESBasic_Name()
    name.Init(1, TCollection_HAsciiString("top"))
    writer.Model().AddEntity(name)
    top, other, *_ = (entity for entity in entities if entity.TypeNumber() in FACES)
    top.AddProperty(name)
    other.SetLabel(TCollection_HAsciiString("F12"), 0)
    assert document.unread(read(writer, tmp_path)) == ("Names of faces were passed over: 1.",)


def test_a_name_that_is_announced_and_not_there_is_none(tmp_path: Path) -> None:
    """As `406,1,2;` is, which says that one text follows."""
    entities = [*RULED[:2], (118, 1, "1,3,0,0,0,1,7"), (406, 15, "1,2")]
    (tmp_path / "a.igs").write_text(text(entities))
    assert [leaf.name for leaf in tree.leaves(iges.read(tmp_path / "a.igs", "a.igs"))] == ["a"]


def test_each_of_many_instances_is_told_of(tmp_path: Path) -> None:
    """When what the file says of them is looked up, when it is put together, and when they become the document."""
    steps: list[list[float]] = []

    class Told(Indicator):
        def step(self, share: float = 1.0) -> Reach:
            steps.append([])
            return steps[-1].append

    writer, entities = written(BRepPrimAPI_MakeBox(1, 2, 3).Shape())
    twice(writer, entities[0], *[2] * 30)
    assert writer.Write(str(tmp_path / "a.igs"))
    iges.read(tmp_path / "a.igs", "a.igs", Told(None))
    assert all(told == sorted(told) for told in steps)
    assert len([told for told in steps if len(set(told)) >= 30]) == 3
