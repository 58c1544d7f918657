"""Splines of STEP in the words of several types that the kernel does not know."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeEdge, BRepBuilderAPI_MakeFace, BRepBuilderAPI_MakeWire
from OCP.collections import Array1_double, Array1_gp_Pnt, Array1_int, Array2_double, Array2_gp_Pnt
from OCP.Geom import Geom_BSplineCurve, Geom_BSplineSurface
from OCP.gp import gp_Pnt
from OCP.TopoDS import TopoDS_Shape

from shapr.converters import preflight
from shapr.converters.brep import document, measure, step
from shapr.converters.measure import Measured
from shapr.converters.preflight import instead
from shapr.converters.progress import silent

OPTIONS = {"step_schema": "AP214", "units": "mm"}
CURVE, SURFACE = (
    rf"\(\s*BOUNDED_{kind}\(\)\s*(B_SPLINE_{kind}\([^;]*?)B_SPLINE_{kind}_WITH_KNOTS\([^;]*?\.\w+\.\s*\)"
    for kind in ("CURVE", "SURFACE")
)
ON_SURFACE = r"SURFACE_CURVE\('',([^;]*)\);"
BOUNDED = (
    "(BOUNDED_CURVE()BOUNDED_SURFACE_CURVE()CURVE()GEOMETRIC_REPRESENTATION_ITEM()REPRESENTATION_ITEM('it''s')"
    r"SURFACE_CURVE(\1));"
)


def array(kind: Any, values: list[Any]) -> Any:
    made = kind(1, len(values))
    for at, value in enumerate(values, 1):
        made.SetValue(at, value)
    return made


RING = [(5, 0), (5, 5), (0, 5), (-5, 5), (-5, 0)]
WEIGHTS = array(Array1_double, [1.0, math.sqrt(0.5), 1.0, math.sqrt(0.5), 1.0])
KNOTS = array(Array1_double, [0.0, 1.0, 2.0]), array(Array1_int, [3, 2, 3])


def disc(path: Path) -> Path:
    """Half a disc of the radius 5: two quarters of a circle, rational and of the degree 2, and a line."""
    arc = Geom_BSplineCurve(array(Array1_gp_Pnt, [gp_Pnt(x, y, 0) for x, y in RING]), WEIGHTS, *KNOTS, 2)
    line = BRepBuilderAPI_MakeEdge(gp_Pnt(-5, 0, 0), gp_Pnt(5, 0, 0)).Edge()
    wire = BRepBuilderAPI_MakeWire(BRepBuilderAPI_MakeEdge(arc).Edge(), line).Wire()
    return written(path, BRepBuilderAPI_MakeFace(wire, True).Face())


def tube(path: Path) -> Path:
    """Half a tube of that radius, 8 long: of the degree 2 in one direction, and 1 in the other."""
    poles, weights = Array2_gp_Pnt(1, 5, 1, 2), Array2_double(1, 5, 1, 2)
    for row, (x, y) in enumerate(RING, 1):
        for column, z in ((1, 0), (2, 8)):
            poles.SetValue(row, column, gp_Pnt(x, y, z))
            weights.SetValue(row, column, WEIGHTS.Value(row))
    ends, times = array(Array1_double, [0.0, 1.0]), array(Array1_int, [2, 2])
    surface = Geom_BSplineSurface(poles, weights, KNOTS[0], ends, KNOTS[1], times, 2, 1)
    return written(path, BRepBuilderAPI_MakeFace(surface, 1e-6).Face())


def written(path: Path, face: TopoDS_Shape) -> Path:
    step.write(document.holding(face, "a"), path, "a", OPTIONS)
    path.write_text(re.sub(ON_SURFACE, alone, path.read_text()))
    return path


def alone(curve: re.Match[str]) -> str:
    """Without where it is in the surface, from which the kernel could make it anew."""
    return f"SURFACE_CURVE('',{curve[1].partition(',')[0]},(),.CURVE_3D.);"


def measured(path: Path) -> Measured:
    assert preflight.check("step", path) == ()
    return measure.measured(step.read(path), silent)


@pytest.mark.parametrize(
    ("made", "pattern", "other", "area"),
    [
        (disc, CURVE, r"(BEZIER_CURVE()BOUNDED_CURVE()\1", 12.5 * math.pi),
        (tube, SURFACE, r"(BEZIER_SURFACE()BOUNDED_SURFACE()\1", 40 * math.pi),
        (disc, ON_SURFACE, BOUNDED, 12.5 * math.pi),
    ],
    ids=["rational curves of Bezier's", "a surface", "curves on a surface with ends"],
)
def test_what_is_said_in_other_words_is_the_same(
    tmp_path: Path, made: Callable[[Path], Path], pattern: str, other: str, area: float
) -> None:
    path = made(tmp_path / "a.step")
    before = measured(path)
    text, found = re.subn(pattern, other, path.read_text())
    assert found
    path.write_text(text)
    assert measured(path) == before
    assert before.area == pytest.approx(area, rel=1e-6)


@pytest.mark.parametrize("kind", ["BEZIER_SURFACE", "UNIFORM_SURFACE", "QUASI_UNIFORM_SURFACE"])
def test_types_in_another_order_say_the_same(tmp_path: Path, kind: str) -> None:
    path = tube(tmp_path / "a.step")
    text = re.sub(SURFACE, r"(BOUNDED_SURFACE()\1", path.read_text())
    types = re.search(r"\(BOUNDED_SURFACE\(\)([^;]*)\);", text)
    assert types
    said = sorted([*re.findall(r"\w+\s*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)", types[0][1:-2]), f"{kind}()"])
    areas = []
    for name, order in (("sorted", said), ("other", [*said[-1:], *said[:-1]])):
        path = tmp_path / f"{name}.step"
        path.write_text(text.replace(types[0], f"({''.join(order)});"))
        areas.append(measured(path).area)
    assert areas[0] == areas[1] > 100


@pytest.mark.parametrize(("made", "kind"), [(disc, "CURVE"), (tube, "SURFACE")])
def test_several_pieces_of_bezier_alone(tmp_path: Path, made: Callable[[Path], Path], kind: str) -> None:
    """Without weights, as the kernel reads the same with knots."""
    text = made(tmp_path / "a.step").read_text()
    poles, knots = rf"B_SPLINE_{kind}\(([^;]*?)\)\s*", rf"B_SPLINE_{kind}_WITH_KNOTS\(([^;]*?\.\w+\.)\s*\)"
    several = rf"\(\s*BOUNDED_{kind}\(\)\s*{poles}{knots}[^;]*;"
    areas = []
    for name, said in (("KNOTS", rf"B_SPLINE_{kind}_WITH_KNOTS('',\1,\2);"), ("BEZIER", rf"BEZIER_{kind}('',\1);")):
        changed, found = re.subn(several, said, text)
        assert found
        path = tmp_path / f"{name}.step"
        path.write_text(changed)
        areas.append(measured(path).area)
    assert areas[1] == pytest.approx(areas[0], rel=1e-9)


@pytest.mark.parametrize("degree", ["0", "3", "5"])
def test_a_degree_that_does_not_fit_the_poles_is_left_alone(tmp_path: Path, degree: str) -> None:
    path = disc(tmp_path / "a.step")
    text = re.sub(CURVE, r"(BEZIER_CURVE()BOUNDED_CURVE()\1", path.read_text())
    path.write_text(text.replace("B_SPLINE_CURVE(2,", f"B_SPLINE_CURVE({degree},"))
    preflight.check("step", path)
    assert instead.understood(path) == path
