"""IGES solids, shells and faces with a matrix of their own, which the kernel's reader forgets."""

from pathlib import Path

import numpy as np
import pytest
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
from OCP.collections import (
    HArray1_IGESData_IGESEntity,
    HArray1_IGESGeom_TransformationMatrix,
    HArray2_double,
)
from OCP.IGESBasic import IGESBasic_Group
from OCP.IGESControl import IGESControl_Writer
from OCP.IGESData import IGESData_IGESEntity
from OCP.IGESGeom import IGESGeom_TransformationMatrix
from OCP.IGESSolid import IGESSolid_SolidAssembly
from OCP.TCollection import TCollection_HAsciiString
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters import preflight
from shapr.converters.brep import colours, document, iges, measure, tree
from shapr.converters.measure import Measured
from shapr.converters.progress import silent
from shapr.errors import Refused
from tests.converters import kit
from tests.converters.shapes import FACE
from tests.converters.test_iges_scaled import CONE, GREEN, cone, figure, instance

SHELL = TopAbs_ShapeEnum.TopAbs_SHELL
MOVED = [[1, 0, 0, 10], [0, 1, 0, 0], [0, 0, 1, 0]]
TURNED = [[0, 0, -1, 10], [0, 1, 0, 20], [1, 0, 0, 30]]
MIRRORED = [[0, 0, -1, 10], [0, 1, 0, 20], [-1, 0, 0, 30]]
LARGER = [[2, 0, 0, 10], [0, 2, 0, 0], [0, 0, 2, 0]]
CORNERS = np.array([[-2, -2, 0], [2, 2, 3]])


def with_matrix(writer: IGESControl_Writer, entity: IGESData_IGESEntity, rows: list[list[int]]) -> None:
    values = HArray2_double(1, 3, 1, 4, 0.0)
    for (row, column), value in np.ndenumerate(rows):
        values.SetValue(row + 1, column + 1, float(value))
    made = IGESGeom_TransformationMatrix()
    made.Init(values)
    made.SetFormNumber(int(np.linalg.det(np.array(rows)[:, :3]) < 0))
    writer.Model().AddEntity(made)
    entity.InitTransf(made)


def read(writer: IGESControl_Writer, path: Path) -> TDocStd_Document:
    assert writer.Write(str(path))
    preflight.check("iges", path)
    return iges.read(path, "a.igs")


def measured(writer: IGESControl_Writer, path: Path) -> Measured:
    return measure.measured(read(writer, path), silent)


def box(rows: list[list[int]], factor: float = 1.0) -> tuple[list[float], list[float]]:
    """Of the cone, where a matrix places it."""
    found = (CORNERS @ np.array(rows)[:, :3].T + np.array(rows)[:, 3]) * factor
    return found.min(axis=0).tolist(), found.max(axis=0).tolist()


@pytest.mark.parametrize("rows", [MOVED, TURNED, MIRRORED, LARGER], ids=["moved", "turned", "mirrored", "larger"])
@pytest.mark.parametrize("units", ["MM", "IN"])
def test_a_solid_is_where_its_own_matrix_places_it(tmp_path: Path, rows: list[list[int]], units: str) -> None:
    """The wide end of it is the one that was below."""
    writer, entities = cone(1, units)
    factor = 25.4 if units == "IN" else 1.0  # the writer's matrices are in the file's units, its shapes in millimetres
    with_matrix(writer, entities[0], rows)
    found = measured(writer, tmp_path / "a.igs")
    size = abs(np.linalg.det(np.array(rows)[:, :3]))
    assert (found.solids, found.watertight) == (1, True)
    assert found.volume == pytest.approx(CONE * size, rel=3e-5)
    placed = np.array(rows, float)
    placed[:, 3] *= factor
    low, high = box(placed.tolist())
    assert found.low == pytest.approx(low, abs=1e-3)
    assert found.high == pytest.approx(high, abs=1e-3)


async def test_instances_of_such_a_solid_come_out_right_in_every_output(tmp_path: Path) -> None:
    """Mirrored by itself, it is there in three times its size, and moved."""
    writer, entities = cone(1)
    with_matrix(writer, entities[0], MIRRORED)
    of = figure(entities[0], "CONE")
    for x, scale in ((0, 3), (100, 1)):
        writer.Model().AddWithRefs(instance(of, x, scale))
    assert writer.Write(str(tmp_path / "a.igs"))
    (tmp_path / "scratch").mkdir()
    told = (await kit.converter().convert(kit.job(tmp_path / "scratch", tmp_path / "a.igs", "step,stl"), silent)).report
    (low, high), (second, _) = box(MIRRORED, 3.0), box(MIRRORED)
    for format, found in (("source", told["source"]), *told["outputs"].items()):
        assert found["volume"] == pytest.approx(CONE * 28, rel=2e-2 if found["triangles"] else 3e-5), format
        wanted = np.minimum(low, np.add(second, (100, 0, 0)))
        assert found["bounding_box"]["min"] == pytest.approx(wanted.tolist(), abs=0.1), format
        assert found["bounding_box"]["max"][2] == pytest.approx(high[2], abs=0.1), format
        assert found["bounding_box"]["max"][0] == pytest.approx(110, abs=0.1), format


def group(of: list[IGESData_IGESEntity]) -> IGESBasic_Group:
    held = HArray1_IGESData_IGESEntity(1, len(of))
    for at, each in enumerate(of, 1):
        held.SetValue(at, each)
    made = IGESBasic_Group()
    made.Init(held)
    return made


def test_of_a_group_it_is_the_one_that_has_the_matrix(tmp_path: Path) -> None:
    """And its colour and name go with it."""
    writer = IGESControl_Writer("MM", 1)
    for size in (1, 2):
        assert writer.AddShape(BRepPrimAPI_MakeBox(size, size, size).Shape())
    writer.ComputeModel()
    made = writer.Model()
    solids = [each for at in range(1, made.NbEntities() + 1) if (each := made.Entity(at)).TypeNumber() == 186]
    with_matrix(writer, solids[1], MOVED)
    solids[1].InitColor(None, 3)
    solids[1].SetLabel(TCollection_HAsciiString("LARGE"))
    made.AddEntity(group(solids))
    model = read(writer, tmp_path / "a.igs")
    found = {}
    for leaf in tree.leaves(model):
        shape = XCAFDoc_ShapeTool.GetShape_s(leaf.part)
        low, _ = document.box(shape)
        found[round(measure.volume(shape))] = low.X(), colours.of(leaf.part), leaf.name
    assert found[1][:2] == (pytest.approx(0, abs=1e-3), None)
    assert found[8] == (pytest.approx(10, abs=1e-3), GREEN, "LARGE")


@pytest.mark.parametrize(("kind", "shape", "faces"), [(514, SHELL, 6), (510, FACE, 1)])
def test_a_shell_or_face_alone_is_placed_too(tmp_path: Path, kind: int, shape: TopAbs_ShapeEnum, faces: int) -> None:
    writer = IGESControl_Writer("MM", 1)
    assert writer.AddShape(next(document.explore(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), shape)))
    writer.ComputeModel()
    first = writer.Model().Entity(1)
    assert first.TypeNumber() == kind
    with_matrix(writer, first, MOVED)
    found = measured(writer, tmp_path / "a.igs")
    assert (found.faces, found.low[0]) == (faces, pytest.approx(10, abs=1e-3))


@pytest.mark.parametrize(
    ("kind", "rows"),
    [(514, MOVED), (510, MOVED), (186, [[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 1, 0]])],
    ids=["shell of a solid", "face of a solid", "bent"],
)
def test_what_cannot_be_placed_so_is_refused(tmp_path: Path, kind: int, rows: list[list[int]]) -> None:
    writer, entities = cone(1)
    with_matrix(writer, next(each for each in entities if each.TypeNumber() == kind), rows)
    with pytest.raises(Refused, match="unsupported_geometry"):
        read(writer, tmp_path / "a.igs")


def test_in_a_group_with_what_is_no_shape_it_is_placed_too(tmp_path: Path) -> None:
    """Wherever the group is."""
    writer, entities = cone(1)
    with_matrix(writer, entities[0], MOVED)
    direction = next(each for each in entities if each.TypeNumber() == 123)
    writer.Model().AddWithRefs(instance(figure(group([entities[0], direction]), "CONE"), 100, 1))
    found = measured(writer, tmp_path / "a.igs")
    assert (found.solids, found.low[0]) == (1, pytest.approx(108, abs=1e-3))


def test_an_instance_of_a_face_is_placed_by_the_matrices_of_both(tmp_path: Path) -> None:
    writer = IGESControl_Writer("MM", 1)
    assert writer.AddShape(next(document.explore(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), FACE)))
    writer.ComputeModel()
    face = writer.Model().Entity(1)
    assert face.TypeNumber() == 510
    with_matrix(writer, face, MOVED)
    writer.Model().AddWithRefs(instance(figure(face, "FACE"), 100, 1))
    found = measured(writer, tmp_path / "a.igs")
    assert (found.faces, found.low[0]) == (1, pytest.approx(110, abs=1e-3))


def test_in_what_the_reader_makes_nothing_of_it_is_refused(tmp_path: Path) -> None:
    writer, entities = cone(1)
    with_matrix(writer, entities[0], MOVED)
    held = HArray1_IGESData_IGESEntity(1, 1)
    held.SetValue(1, entities[0])
    assembly = IGESSolid_SolidAssembly()
    assembly.Init(held, HArray1_IGESGeom_TransformationMatrix(1, 1))
    writer.Model().AddEntity(assembly)
    assert writer.AddShape(BRepPrimAPI_MakeBox(1, 2, 3).Shape())
    with pytest.raises(Refused, match="unsupported_geometry"):
        read(writer, tmp_path / "a.igs")
