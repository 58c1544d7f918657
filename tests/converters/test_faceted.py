"""Meshes that became B-Reps: what is left out for their sake, as flat triangles do not need it; and where not."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from OCP.BRep import BRep_Builder
from OCP.BRepBuilderAPI import (
    BRepBuilderAPI_MakeEdge,
    BRepBuilderAPI_MakeFace,
    BRepBuilderAPI_MakeWire,
    BRepBuilderAPI_Transform,
)
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder
from OCP.gp import gp_Ax1, gp_Ax2, gp_Circ, gp_Dir, gp_Pnt, gp_Trsf
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Shape

from shapr.converters import job as child
from shapr.converters import source
from shapr.converters.brep import document, facet, flat, measure, step
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.progress import Page, Reading
from shapr.errors import Refused
from tests.converters import kit

TURNED = gp_Trsf()
TURNED.SetRotation(gp_Ax1(gp_Pnt(1, 2, 3), gp_Dir(1, 1, 1)), 1.0)


def test_the_box_of_flat_triangles_is_exact_however_many_compete_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "EXACT", 1)
    ball = trimesh.creation.icosphere(3, 17.3)
    found = measure.measured(
        facet.faceted(Mesh((Part("ball", ball.vertices, ball.faces),)), 2000, "ball"), lambda _: None
    )
    assert np.array_equal((found.low, found.high), ball.bounds)
    assert found.volume == pytest.approx(ball.volume, rel=1e-13)
    assert found.area == pytest.approx(ball.area, rel=1e-13)


def test_a_mesh_too_small_for_the_kernel_is_invalid_geometry_and_no_crash() -> None:
    box = trimesh.creation.box((1e-9, 1e-9, 1e-9))
    with pytest.raises(Refused, match="invalid_geometry"):
        facet.faceted(Mesh((Part("box", box.vertices, box.faces),)), 100, "box")


def test_a_flat_part_is_measured_where_it_is_placed() -> None:
    box = BRepPrimAPI_MakeBox(1, 2, 3).Shape()
    placed = measure.measured(document.holding(BRepBuilderAPI_Transform(box, TURNED).Shape(), "x"), lambda _: None)
    corners = np.array([gp_Pnt(x, y, z).Transformed(TURNED).Coord() for x in (0, 1) for y in (0, 2) for z in (0, 3)])
    assert np.allclose((placed.low, placed.high), (corners.min(axis=0), corners.max(axis=0)), atol=1e-14)
    assert placed.volume == pytest.approx(6, rel=1e-14)


def loose(shape: TopoDS_Shape) -> TopoDS_Shape:
    vertex = next(document.explore(shape, TopAbs_ShapeEnum.TopAbs_VERTEX))
    BRep_Builder().UpdateVertex(TopoDS.Vertex(vertex), 0.01)
    return shape


def disk() -> TopoDS_Shape:
    return BRepBuilderAPI_MakeFace(
        BRepBuilderAPI_MakeWire(BRepBuilderAPI_MakeEdge(gp_Circ(gp_Ax2(), 1)).Edge()).Wire()
    ).Face()


@pytest.mark.parametrize(
    "make",
    [disk, BRepPrimAPI_MakeCylinder(1, 2).Shape, lambda: loose(BRepPrimAPI_MakeBox(1, 2, 3).Shape())],
    ids=["a round edge", "a round face", "a vertex that is far from its edges"],
)
def test_corners_do_not_tell_the_size_of_other_shapes(make: Callable[[], TopoDS_Shape]) -> None:
    assert flat.points(make()) is None
    assert flat.points(BRepPrimAPI_MakeBox(1, 2, 3).Shape()) is not None


def test_without_repair_a_step_file_is_read_just_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "box.step"
    box = document.holding(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), "box")
    step.write(box, path, "box", {"step_schema": "AP242", "units": "mm"})
    turned = re.sub(r"(FACE_BOUND\([^;]*),\.T\.\)", r"\1,.F.)", path.read_text(), count=1)  # inside out, by one face
    path.write_text(turned)
    volumes = [measure.measured(step.read(path, repair=each), lambda _: None).volume for each in (True, False)]
    assert volumes == [pytest.approx(6), pytest.approx(4)]


@pytest.mark.parametrize(("name", "faceted"), [("bracket.stl", True), ("bracket.step", False)])
def test_only_what_was_a_mesh_is_read_back_without_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, faceted: bool
) -> None:
    scratch, seen = tmp_path / "scratch", []
    scratch.mkdir()
    reading = Reading(tmp_path / "progress")

    def read(file: source.File, page: Page, limit: int) -> source.Model:
        seen.append((file.format, file.faceted))
        return source.read(file, page, limit)

    monkeypatch.setattr(child, "read", read)
    child.run(kit.job(scratch, kit.SAMPLES / name, "step,iges"), Page(tmp_path / "progress"))
    reading.close()
    assert seen == [(name.split(".")[1], False), ("step", faceted), ("iges", faceted)]
