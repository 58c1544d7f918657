"""Faces of very many knots: meshed and measured in patches, within memory, told of, and still closed."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeFace
from OCP.BRepMesh import BRepMesh_IncrementalMesh
from OCP.BRepTools import BRepTools
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Face

from shapr.converters.brep import document, measure, patches, tessellate, triangulation
from shapr.converters.progress import silent
from tests.converters.kit import convert
from tests.converters.shapes import FACE, block, moved, rough, tube


async def test_a_face_of_thousands_of_knots_takes_little_memory(tmp_path: Path) -> None:
    source = tmp_path / "rough.brep"
    BRepTools.Write_s(rough(56, 0.5), str(source))
    made = await convert(tmp_path, source, "stl", memory=300 << 20)
    assert np.ptp(trimesh.load_mesh(made["stl"].path).bounds, axis=0)[:2] == pytest.approx([55, 55])


def test_what_is_meshed_in_patches_closes_with_its_neighbours_wherever_it_is_placed() -> None:
    one = block(rough(56, 0.2), 56)
    both = document.compound([one, one.Moved(moved(100, 0.7))])
    assert document.count(patches.divided(both).shape, FACE) == document.count(both, FACE) + 2 * 3
    assert tessellate.triangulate(both, 0.2, 30) == 0
    mesh = tessellate.mesh(document.holding(both, "both"))
    welded = trimesh.Trimesh(mesh.parts[0].vertices, mesh.parts[0].corners)
    assert welded.is_watertight
    assert welded.volume == pytest.approx(2 * 55 * 55 * 2, rel=5e-3)  # the heights are as often above as below


def test_what_goes_around_closes_too() -> None:
    pipe = tube(60, 60)
    assert document.count(patches.divided(pipe).shape, FACE) == 2 + 4
    assert tessellate.triangulate(pipe, 0.2, 30) == 0
    part = tessellate.mesh(document.holding(pipe, "pipe")).parts[0]
    welded = trimesh.Trimesh(part.vertices, part.corners)
    assert welded.is_watertight
    assert welded.volume == pytest.approx(np.pi * 20**2 * 40, rel=1e-2)


@pytest.mark.parametrize("start", [-20.0, 15.0, 45.0])
def test_a_face_may_lie_a_turn_beside_its_surface(start: float) -> None:
    """From 1 to 61: before that, or beyond."""
    surface = BRep_Tool.Surface_s(next(map(TopoDS.Face, document.explore(tube(60, 60), FACE))))
    face = BRepBuilderAPI_MakeFace(surface, start, start + 50.0, 1.0, 58.0, 1e-6).Face()
    assert document.count(patches.divided(face).shape, FACE) == 4
    assert tessellate.triangulate(face, 0.1, 20) == 0
    vertices, corners = triangulation.arrays(BRep_Tool.Triangulation_s(face, TopLoc_Location()))
    welded = trimesh.Trimesh(vertices, corners - 1)
    assert welded.euler_number == 1  # of one piece, without a hole
    assert welded.area == pytest.approx(measure.area_of(face, 1e-3), rel=1e-2)


def test_the_normals_of_patches_point_out() -> None:
    face = rough(56, 0.2)
    tessellate.triangulate(face, 0.1, 20)
    own = BRep_Tool.Triangulation_s(face, TopLoc_Location())
    vertices, corners = triangulation.arrays(own)
    flat = trimesh.Trimesh(vertices, corners - 1, process=False).face_normals
    assert (np.einsum("ij,ij->i", triangulation.normals(own)[corners[:, 0] - 1], flat) > 0.8).all()


def test_a_small_part_of_a_large_surface_is_not_divided() -> None:
    surface = BRep_Tool.Surface_s(rough(80, 0.1))
    assert patches.spans(BRepBuilderAPI_MakeFace(surface, 10.5, 30.0, 50.0, 70.5, 1e-6).Face()) < 24**2
    small = BRepBuilderAPI_MakeFace(surface, 10.0, 30.0, 50.0, 70.0, 1e-6).Face()
    assert patches.divided(small).shape.IsSame(small)


def test_a_face_without_a_boundary_stays_whole_and_counts_as_lost() -> None:
    face = TopoDS_Face()
    BRep_Builder().MakeFace(face, BRep_Tool.Surface_s(rough(56, 0.1)), 1e-6)
    assert tessellate.triangulate(face, 0.2, 30) == 1


def test_dividing_and_gathering_tell_of_each_patch() -> None:
    told: list[float] = []
    divided = patches.divided(rough(100, 0.1), lambda: told.append)
    assert (len(set(told)), told) == (9, sorted(told))
    told.clear()
    BRepMesh_IncrementalMesh(divided.shape, tessellate.parameters(0.5, 30))
    divided.gather(told.append)
    assert told == pytest.approx([at / 9 for at in range(1, 10)])


def test_measuring_tells_of_each_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    monkeypatch.setattr(measure, "LONG", 500)
    monkeypatch.setattr(measure, "SIDE", 6)
    measure.measured(document.holding(rough(30, 0.1), "rough"), told.append)
    assert told == sorted(told)
    assert len(set(told)) > 2 * 25


def test_measured_in_patches_it_is_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    one = block(rough(26, 0.2), 26)
    model = document.holding(document.compound([one, one.Moved(moved(100, 0.7))]), "both")
    whole = measure.measured(model, silent)
    looked = []
    area_of = measure.area_of
    monkeypatch.setattr(measure, "LONG", 500)
    monkeypatch.setattr(measure, "SIDE", 12)
    monkeypatch.setattr(measure, "area_of", lambda face, error: looked.append(error) or area_of(face, error))
    patched = measure.measured(model, silent)
    assert (looked.count(measure.PATCH), len(looked)) == (2 * 4, 2 * 9)
    assert (patched.faces, patched.solids, patched.watertight) == (12, 2, True)
    assert patched.volume == pytest.approx(whole.volume, rel=3e-5)
    assert patched.area == pytest.approx(whole.area, rel=1e-4)
    assert np.allclose((patched.low, patched.high), (whole.low, whole.high), atol=2e-3)


def test_an_ordinary_face_is_left_as_it_is() -> None:
    face = rough(20, 0.1)
    assert patches.divided(face).shape.IsSame(face)
