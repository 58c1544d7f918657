"""Measures, healing, and what is refused of a B-Rep."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from OCP.BRep import BRep_Builder
from OCP.BRepBuilderAPI import (
    BRepBuilderAPI_Copy,
    BRepBuilderAPI_MakeEdge,
    BRepBuilderAPI_MakeFace,
    BRepBuilderAPI_MakeVertex,
)
from OCP.BRepPrimAPI import (
    BRepPrimAPI_MakeBox,
    BRepPrimAPI_MakeCone,
    BRepPrimAPI_MakePrism,
    BRepPrimAPI_MakeSphere,
    BRepPrimAPI_MakeTorus,
)
from OCP.gp import gp_Ax2, gp_Dir, gp_Elips, gp_Lin, gp_Pln, gp_Pnt, gp_Trsf, gp_Vec
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Face, TopoDS_Shape, TopoDS_Solid
from OCP.XCAFDoc import XCAFDoc_DocumentTool

from shapr.converters.brep import brep, colours, document, facet, heal, measure, step, tessellate
from shapr.converters.brep.document import compound
from shapr.converters.brep.indicator import Indicator
from shapr.converters.measure import Measured
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.progress import Page, Reading, silent
from shapr.errors import Refused
from tests.converters.kit import SAMPLES
from tests.converters.shapes import FACE, SOLID, assembly, moved
from tests.converters.shaprkit import shapes


def measured(shape: TopoDS_Shape) -> Measured:
    return measure.measured(document.holding(shape, "x"), lambda _: None)


def part(name: str, mesh: trimesh.Trimesh, **more: object) -> Part:
    return Part(name, np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int32), **more)  # type: ignore[arg-type]


def test_a_torus_far_away_has_its_exact_measures() -> None:
    found = measured(BRepPrimAPI_MakeTorus(10, 3).Shape().Located(moved(1e5)))
    assert found.volume == pytest.approx(2 * math.pi**2 * 90, rel=1e-9)
    assert found.area == pytest.approx(4 * math.pi**2 * 30, rel=1e-6)
    assert np.allclose((found.low, found.high), ((1e5 - 13, -13, -3), (1e5 + 13, 13, 3)), atol=1e-6)
    assert (found.bodies, found.solids, found.faces, found.watertight) == (1, 1, 1, True)


def test_an_assembly_is_the_sum_of_its_instances() -> None:
    reached: list[float] = []
    found = measure.measured(assembly(), reached.append)
    assert (found.bodies, found.solids, found.faces, found.colours, found.names) == (6, 6, 30, 4, 3)
    assert found.volume == pytest.approx(24 + 6 * math.pi)
    assert reached == sorted(reached)
    assert reached[-1] == 1.0


def test_a_solid_of_nothing_is_none() -> None:
    box = BRepPrimAPI_MakeBox(1, 2, 3).Shape()
    empty = TopoDS_Solid()
    BRep_Builder().MakeSolid(empty)
    found = measured(compound([box, empty]))
    assert (found.solids, found.bodies, found.watertight) == (1, 1, True)


@pytest.mark.parametrize("error", [measure.INTEGRATION, None])
def test_a_volume_face_by_face_is_that_of_one_call_and_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, error: float | None
) -> None:
    solid = next(document.explore(document.shape(step.read(SAMPLES / "bracket.step")), SOLID))
    whole, reached = measure.volume(solid, error), list[float]()
    monkeypatch.setattr(measure, "TOGETHER", 5)
    assert measure.volume(solid, error, reached.append) == pytest.approx(whole, rel=1e-13)
    assert len(reached) == document.count(solid, FACE)
    assert reached == sorted(reached)


def test_open_faces_have_no_volume() -> None:
    faces = list(document.explore(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), FACE))
    found = measured(compound(faces[:5]))
    assert (found.bodies, found.solids, found.volume, found.watertight) == (5, 0, None, False)


def nowhere(value: float) -> TopoDS_Shape:
    transform = gp_Trsf()
    transform.SetTranslation(gp_Vec(value, 0, 0))
    box = BRepPrimAPI_MakeBox(1, 1, 1).Shape()
    return compound([box, box.Located(TopLoc_Location(transform), False)])


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        (compound([]), "no_geometry"),
        (BRepBuilderAPI_MakeVertex(gp_Pnt(0, 0, 0)).Shape(), "no_geometry"),
        (BRepBuilderAPI_MakeEdge(gp_Lin()).Shape(), "invalid_geometry"),
        (BRepBuilderAPI_MakeFace(gp_Pln()).Shape(), "invalid_geometry"),
        (nowhere(math.nan), "invalid_geometry"),
        (nowhere(math.inf), "invalid_geometry"),
    ],
)
def test_nothing_and_no_numbers_are_refused(shape: TopoDS_Shape, code: str) -> None:
    with pytest.raises(Refused) as caught:
        document.check(document.holding(shape, "x"))
    assert caught.value.code == code


def test_what_has_no_extent_is_refused() -> None:
    """A face without a surface."""
    face = TopoDS_Face()
    BRep_Builder().MakeFace(face)
    with pytest.raises(Refused) as caught:
        measure.measured(document.holding(face, "x"), silent)
    assert caught.value.code == "invalid_geometry"


def test_a_brep_with_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    model = document.holding(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), "x")
    brep.write(model, tmp_path / "a.brep", {"units": "mm", "encoding": "text"})
    text = (tmp_path / "a.brep").read_text()
    (tmp_path / "b.brep").write_text(text.replace("0 0 3", "nan 0 3", 1))
    with pytest.raises(Refused) as caught:
        brep.read(tmp_path / "b.brep", "b", {})
    assert caught.value.code == "invalid_geometry"


def test_a_senseless_deflection_is_refused_and_a_tiny_part_is_round() -> None:
    with pytest.raises(Refused) as caught:
        tessellate.deflections(BRepPrimAPI_MakeBox(10, 10, 10).Shape(), {"linear_deflection": 1e-300})
    assert caught.value.code == "limit_exceeded"
    for radius in (0.005, 20_000.0):
        model = document.holding(BRepPrimAPI_MakeSphere(radius).Shape(), "x")
        whole = document.shape(model)
        tessellate.triangulate(whole, *tessellate.deflections(whole, {}))
        (made,) = tessellate.mesh(model).parts
        volume = trimesh.Trimesh(made.vertices / radius, made.corners, process=True).volume
        assert volume == pytest.approx(4 / 3 * math.pi, rel=5e-3)


def test_healing_sews_loose_faces_and_keeps_their_colours() -> None:
    box = BRepPrimAPI_MakeBox(1, 2, 3).Shape()
    faces = [BRepBuilderAPI_Copy(face).Shape() for face in document.explore(box, FACE)]
    model = document.holding(compound(faces), "loose")
    (label,) = document.roots(model)
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    colours.set(model, tool.AddSubShape(label, faces[0]), (1.0, 0.0, 0.0, 1.0))
    done = heal.healed(model)
    assert (done["before"]["open_shells"], done["after"]["open_shells"], done["repaired_parts"]) == (6, 0, 1)
    found = measure.measured(model, lambda _: None)
    assert (found.solids, found.volume, found.colours) == (1, pytest.approx(6), 1)
    assert document.name(document.roots(model)[0]) == "loose"


def test_healing_says_how_far_it_is(tmp_path: Path) -> None:
    reading, page = Reading(tmp_path / "page"), Page(tmp_path / "page")
    page.phase(0.0, 1.0)
    faces = [BRepBuilderAPI_Copy(face).Shape() for face in document.explore(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), FACE)]
    heal.healed(document.holding(compound(faces), "x"), Indicator(page))
    assert 50 <= reading.percent() <= 100


def test_healing_turns_what_is_inside_out_and_leaves_what_is_well() -> None:
    model = document.holding(BRepPrimAPI_MakeBox(1, 2, 3).Shape().Reversed(), "x")
    assert heal.healed(model)["before"]["inside_out_solids"] == 1
    assert measure.measured(model, lambda _: None).volume == pytest.approx(6)
    assert heal.healed(assembly())["repaired_parts"] == 0


def test_objects_of_a_mesh_become_parts_of_their_own() -> None:
    one, two = trimesh.creation.box((1, 1, 1)), trimesh.creation.box((1, 1, 1))
    two.apply_translation((1, 0, 0))  # they touch with a whole face
    mesh = Mesh((part("one", one, colour=(1.0, 0.0, 0.0, 1.0)), part("two", two, colour=(0.0, 1.0, 0.0, 1.0))))
    model = facet.faceted(mesh, 100, "stem")
    assert [document.name(root) for root in document.roots(model)] == ["one", "two"]
    assert [colours.of(root) for root in document.roots(model)] == [(1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0)]
    found = measure.measured(model, lambda _: None)
    assert (found.solids, found.volume, found.watertight) == (2, pytest.approx(2), True)


def test_groups_of_one_surface_become_one_solid_in_several_colours() -> None:
    box = trimesh.creation.box((1, 1, 1))
    halves = [trimesh.Trimesh(box.vertices, faces, process=False) for faces in (box.faces[:6], box.faces[6:])]
    mesh = Mesh((part("a", halves[0], colour=(1.0, 0.0, 0.0, 1.0)), part("b", halves[1], colour=(0.0, 0.0, 1.0, 0.5))))
    found = measure.measured(facet.faceted(mesh, 100, "stem"), lambda _: None)
    assert (found.solids, found.bodies, found.colours, found.volume) == (1, 1, 2, pytest.approx(1))


EXACT: dict[str, tuple[Callable[[], TopoDS_Shape], float, float]] = {
    "cylinder": (lambda: shapes.cylinder(5, 12), math.pi * 300, math.pi * 170),
    "sphere": (lambda: BRepPrimAPI_MakeSphere(7).Shape(), math.pi * 4 / 3 * 343, math.pi * 196),
    "torus": (lambda: BRepPrimAPI_MakeTorus(10, 3).Shape(), math.pi**2 * 180, math.pi**2 * 120),
    "thin ring": (lambda: BRepPrimAPI_MakeTorus(100, 1).Shape(), math.pi**2 * 200, math.pi**2 * 400),
    "cone": (lambda: BRepPrimAPI_MakeCone(5, 2, 12).Shape(), math.pi * 156, math.pi * (29 + 7 * math.hypot(3, 12))),
    "tube": (
        lambda: shapes.cut(shapes.cylinder(50, 12), shapes.cylinder(49.9, 12)),
        math.pi * 12 * 9.99,
        math.pi * (24 * 99.9 + 2 * 9.99),
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_a_rational_nurbs_has_the_measures_of_the_formula(name: str) -> None:
    """A full turn is one patch: the kernel's default integration is up to 8.6 % off on it."""
    make, volume, area = EXACT[name]
    found = measured(shapes.nurbs(shapes.tilted(make())))
    assert found.volume == pytest.approx(volume, rel=1e-5)
    assert found.area == pytest.approx(area, rel=1e-5)


def test_a_thread_has_the_volume_of_the_formula() -> None:
    """Pappus: a figure in a plane through the axis, times the way of its middle, whatever it climbs."""
    found = measured(shapes.thread(radius=5, depth=1, pitch=2, turns=3))
    assert found.volume == pytest.approx(3 * 2 * math.pi * (5 - 1 / 3), rel=1e-5)


def test_a_part_that_holds_nothing_counts_as_nothing() -> None:
    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    whole, box = tool.NewShape(), tool.AddShape(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), False)
    for part in (box, tool.AddShape(compound([]), False)):
        tool.AddComponent(whole, part, moved(10))
    tool.UpdateAssemblies()
    found = measure.measured(model, lambda _: None)
    assert (found.bodies, found.volume, found.watertight) == (1, pytest.approx(6), True)
    assert (found.low, found.high) == (pytest.approx((10, 0, 0)), pytest.approx((11, 2, 3)))


def test_each_of_many_small_solids_is_told_of() -> None:
    reached: list[float] = []
    many = compound([shapes.cylinder(1, at) for at in range(1, 41)])
    measure.measured(document.holding(many, "many"), reached.append)
    volumes = [done for done in reached if measure.PIECES * measure.AREA < done < measure.PIECES]
    assert len(set(volumes)) >= 39


@pytest.mark.parametrize("begin", [0.0, 0.7])
def test_the_area_of_an_ellipse_that_is_carried_along_a_line(begin: float) -> None:
    round_ = gp_Elips(gp_Ax2(gp_Pnt(0, 0, 0), gp_Dir(0, 0, 1)), 5, 2)
    edge = BRepBuilderAPI_MakeEdge(round_, begin, begin + 2 * math.pi).Edge()
    turns = np.linspace(0, 2 * math.pi, 100_001)[:-1]
    length = 2 * math.pi * np.hypot(5 * np.sin(turns), 2 * np.cos(turns)).mean()
    assert measured(BRepPrimAPI_MakePrism(edge, gp_Vec(0, 0, 10)).Shape()).area == pytest.approx(10 * length, rel=3e-4)
