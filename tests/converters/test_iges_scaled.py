"""IGES that places a part larger or smaller than it is: what comes out is as large as the file says."""

import math
from pathlib import Path

import pytest
from OCP.BRepPrimAPI import BRepPrimAPI_MakeCone
from OCP.collections import HArray1_IGESData_IGESEntity, HArray2_double
from OCP.gp import gp_XYZ
from OCP.IGESBasic import IGESBasic_SingularSubfigure, IGESBasic_SubfigureDef
from OCP.IGESControl import IGESControl_Writer
from OCP.IGESData import IGESData_IGESEntity
from OCP.IGESGeom import IGESGeom_TransformationMatrix
from OCP.Interface import Interface_Static
from OCP.TCollection import TCollection_HAsciiString

from shapr.converters.brep import bodies, colours, iges, measure, tree
from shapr.converters.progress import silent
from tests.converters import kit

CONE = math.pi * 7  # of radii 2 and 1, 3 high
RED, GREEN = (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0)


def cone(solids: int, units: str = "MM") -> tuple[IGESControl_Writer, list[IGESData_IGESEntity]]:
    """Its faces have no curves in their surfaces, so that they have to be repaired."""
    IGESControl_Writer()  # creates the setting
    Interface_Static.SetIVal_s("write.surfacecurve.mode", 0)
    writer = IGESControl_Writer(units, solids)
    assert writer.AddShape(BRepPrimAPI_MakeCone(2, 1, 3).Shape())
    Interface_Static.SetIVal_s("write.surfacecurve.mode", 1)
    writer.ComputeModel()
    model = writer.Model()
    return writer, [model.Entity(at) for at in range(1, model.NbEntities() + 1)]


def figure(held: IGESData_IGESEntity, name: str) -> IGESBasic_SubfigureDef:
    inside = HArray1_IGESData_IGESEntity(1, 1)
    inside.SetValue(1, held)
    made = IGESBasic_SubfigureDef()
    made.Init(0, TCollection_HAsciiString(name), inside)
    return made


def instance(of: IGESBasic_SubfigureDef, x: float, scale: float) -> IGESBasic_SingularSubfigure:
    made = IGESBasic_SingularSubfigure()
    made.Init(of, gp_XYZ(x, 0, 0), True, scale)
    return made


def matrix(scale: float, x: float = 0) -> IGESGeom_TransformationMatrix:
    values = HArray2_double(1, 3, 1, 4, 0.0)
    for at in (1, 2, 3):
        values.SetValue(at, at, scale)
    values.SetValue(1, 4, x)
    made = IGESGeom_TransformationMatrix()
    made.Init(values)
    return made


@pytest.mark.parametrize("solids", [0, 1])
async def test_scaled_instances_come_out_right_in_every_output(tmp_path: Path, solids: int) -> None:
    """Also one in another: of three times the size, it is there in twice of that and in half."""
    writer, entities = cone(solids)
    larger = instance(figure(entities[0], "CONE"), 0, 3)
    outer = figure(larger, "LARGER")
    for x, scale in ((0, 2), (100, 0.5)):
        writer.Model().AddWithRefs(instance(outer, x, scale))
    assert writer.Write(str(tmp_path / "a.igs"))
    (tmp_path / "scratch").mkdir()
    job = kit.job(tmp_path / "scratch", tmp_path / "a.igs", "step,brep,iges,stl,glb", quality="fine")
    told = (await kit.converter().convert(job, lambda _: None)).report
    for format, found in (("source", told["source"]), *told["outputs"].items()):
        near = 2e-3 if found["triangles"] else 3e-5
        assert found["volume"] == pytest.approx(CONE * (6**3 + 1.5**3), rel=near), format
        assert found["bounding_box"]["min"] == pytest.approx([-12, -12, 0], abs=2e-3), format
        assert found["bounding_box"]["max"] == pytest.approx([103, 12, 18], abs=2e-3), format
        assert found["solids"] == (None if found["triangles"] else 2), format
    assert told["outputs"]["step"]["names"] == 1


def test_scaled_faces_keep_their_colours_and_layers(tmp_path: Path) -> None:
    writer, entities = cone(0)
    twice = matrix(2)
    writer.Model().AddEntity(twice)
    for at, face in enumerate(each for each in entities if each.TypeNumber() == 144):
        face.InitTransf(twice)
        face.InitColor(None, 3 if at else 2)
        face.InitLevel(None, 7)
    assert writer.Write(str(tmp_path / "a.igs"))
    read = iges.read(tmp_path / "a.igs", "a.igs")
    (leaf,) = tree.leaves(read)
    assert sorted(colours.faces(leaf.part).values()) == [GREEN, GREEN, RED]
    assert bodies.layers(read, leaf.part) == ("7",)
    assert measure.measured(read, silent).volume == pytest.approx(CONE * 8, rel=3e-5)


@pytest.mark.parametrize("solids", [0, 1])
@pytest.mark.parametrize("scale", [-1, -3])
def test_an_instance_of_less_than_no_size_is_mirrored_and_not_inside_out(
    tmp_path: Path, solids: int, scale: int
) -> None:
    writer, entities = cone(solids)
    writer.Model().AddWithRefs(instance(figure(entities[0], "CONE"), 5, scale))
    assert writer.Write(str(tmp_path / "a.igs"))
    found = measure.measured(iges.read(tmp_path / "a.igs", "a.igs"), silent)
    assert found.volume == pytest.approx(CONE * abs(scale) ** 3, rel=3e-5)
    assert found.low == pytest.approx((5 + 2 * scale, 2 * scale, 3 * scale), abs=2e-3)
    assert found.high == pytest.approx((5 - 2 * scale, -2 * scale, 0), abs=2e-3)
