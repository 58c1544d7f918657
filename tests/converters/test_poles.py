"""Faces of spheres from pole to pole with edges along the seam: the kernel would take them for all the rest of it."""

import math
import re
from pathlib import Path

import pytest
from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut
from OCP.BRepPrimAPI import BRepPrimAPI_MakeCylinder, BRepPrimAPI_MakeSphere
from OCP.gp import gp_Ax2, gp_Dir, gp_Pnt
from OCP.Interface import Interface_Static
from OCP.STEPControl import STEPControl_StepModelType, STEPControl_Writer
from OCP.TopAbs import TopAbs_ShapeEnum

from shapr.converters.brep import document, measure, poles, step
from shapr.converters.progress import silent

CENTRE, UP = gp_Pnt(0, 0, 0), gp_Dir(0, 0, 1)
ON_SURFACES = "write.surfacecurve.mode"
PLACED = r"SPHERICAL_SURFACE\('',#(\d+),"
PLACE = r"(?<=#{} = AXIS2_PLACEMENT_3D\('',)(#\d+,#\d+),#\d+"


def quarter(path: Path, seam: int, drilled: bool) -> float:
    """The volume of a quarter of a ball, drilled into one of its half circles, whose seam is so many degrees from the
    other; written as most programs do, without the curves on the surfaces."""
    shape = BRepPrimAPI_MakeSphere(gp_Ax2(CENTRE, UP), 60, -math.pi / 2, math.pi / 2, math.pi / 2).Shape()
    if drilled:
        drill = BRepPrimAPI_MakeCylinder(gp_Ax2(CENTRE, gp_Dir(0, 1, 0)), 17, 70).Shape()
        shape = BRepAlgoAPI_Cut(shape, drill).Shape()
    STEPControl_Writer()  # it creates the setting
    before = Interface_Static.IVal_s(ON_SURFACES)
    Interface_Static.SetIVal_s(ON_SURFACES, 0)
    try:
        writer = STEPControl_Writer()
        writer.Transfer(shape, STEPControl_StepModelType.STEPControl_AsIs)
        writer.Write(str(path))
    finally:
        Interface_Static.SetIVal_s(ON_SURFACES, before)
    text = path.read_text()
    found = re.search(PLACED, text)
    assert found
    x, y = math.cos(math.radians(seam)), math.sin(math.radians(seam))
    text, changed = re.subn(PLACE.format(found[1]), r"\1,#99999", text)
    assert changed == 1
    path.write_text(text.replace("DATA;", f"DATA;\n#99999 = DIRECTION('',({x:.15f},{y:.15f},0.));", 1))
    return measure.volume(shape)


@pytest.mark.parametrize("drilled", [False, True])
@pytest.mark.parametrize("seam", [0, 90])
def test_a_face_from_pole_to_pole_is_no_larger_than_it_is(tmp_path: Path, seam: int, drilled: bool) -> None:
    volume = quarter(tmp_path / "quarter.step", seam, drilled)
    assert measure.measured(step.read(tmp_path / "quarter.step"), silent).volume == pytest.approx(volume, rel=1e-4)


def test_only_what_has_more_than_half_circles_and_no_seam_is_at_risk() -> None:
    half = BRepPrimAPI_MakeSphere(gp_Ax2(CENTRE, UP), 60, -math.pi / 2, math.pi / 2, math.pi).Shape()
    ball = BRepPrimAPI_MakeSphere(60).Shape()
    for shape, direction, risks in ((half, (0, -1, 0), 0), (half, (1, 0, 0), 1), (ball, (0, 1, 0), 0)):
        drill = BRepPrimAPI_MakeCylinder(gp_Ax2(CENTRE, gp_Dir(*direction)), 17, 70).Shape()
        faces = document.explore(BRepAlgoAPI_Cut(shape, drill).Shape(), TopAbs_ShapeEnum.TopAbs_FACE)
        assert sum(map(poles.at_risk, faces)) == risks
