"""Triangles as the kernel has them, taken out of its memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from OCP.BRep import BRep_Tool
from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder
from OCP.TopAbs import TopAbs_Orientation
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Compound

from shapr.converters.brep import document, mesher, tessellate, triangulation
from shapr.converters.brep.indicator import Indicator
from shapr.converters.progress import Page, Reading, Shown
from tests.converters.shapes import FACE, moved

Points = list[tuple[float, ...]]


@pytest.fixture
def drilled() -> TopoDS_Compound:
    """Faces of both orientations, of which some are placed."""
    hole = BRepPrimAPI_MakeCylinder(3, 20).Shape().Moved(moved(5, 0.3))
    part = BRepAlgoAPI_Cut(BRepPrimAPI_MakeBox(10, 10, 10).Shape(), hole).Shape()
    made = document.compound([part, part.Moved(moved(50, 0.7))])
    tessellate.triangulate(made, 0.1, 10)
    return made


def told(shape: TopoDS_Compound) -> Iterator[Points]:
    """The corners of every triangle, as the kernel says them one by one."""
    for face in map(TopoDS.Face, document.explore(shape, FACE)):
        where = TopLoc_Location()
        made = BRep_Tool.Triangulation_s(face, where)
        for at in range(1, made.NbTriangles() + 1):
            corners = made.Triangle(at).Get()[-3:]
            if face.Orientation() == TopAbs_Orientation.TopAbs_REVERSED:
                corners = corners[0], corners[2], corners[1]
            yield [made.Node(corner).Transformed(where.Transformation()).Coord() for corner in corners]


@pytest.mark.parametrize("hidden", [False, True])
def test_triangles_are_those_that_the_kernel_tells_one_by_one(
    drilled: TopoDS_Compound, hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if hidden:  # a wheel of another layout
        monkeypatch.setattr(triangulation, "_places", lambda _: None)
    (part,) = tessellate.mesh(document.holding(drilled, "drilled")).parts
    np.testing.assert_allclose(part.vertices[part.corners], list(told(drilled)), atol=1e-12)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_triangulation_is_made_as_it_is_given(hidden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if hidden:
        monkeypatch.setattr(triangulation, "_places", lambda _: None)
        monkeypatch.setattr(triangulation, "_normals", lambda _: None)
    nodes, normals = np.arange(12.0).reshape(4, 3), np.eye(4, 3, dtype=np.float32) - np.eye(4, 3, -3, dtype=np.float32)
    made = triangulation.made(nodes, np.array([[1, 2, 3], [2, 4, 3]], dtype=np.int32), normals)
    assert [made.Node(at).Coord() for at in range(1, 5)] == [tuple(node) for node in nodes]
    assert [made.Triangle(at).Get()[-3:] for at in (1, 2)] == [(1, 2, 3), (2, 4, 3)]
    assert [made.Normal(at).Coord() for at in range(1, 5)] == [tuple(normal) for normal in normals]
    assert np.array_equal(triangulation.normals(made), normals)


@pytest.mark.parametrize("threads", [1, 2])
def test_very_many_faces_are_meshed_step_by_step_alike(
    drilled: TopoDS_Compound, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = list(tessellate.pieces(drilled))
    reading = Reading(tmp_path / "page")
    page = Page(tmp_path / "page")
    page.phase(0.0, 1.0)
    begun: list[float] = []
    begin = page._begin

    def seen(end: float, shown: Shown) -> None:
        begin(end, shown)
        begun.append(reading.done())

    monkeypatch.setattr(page, "_begin", seen)
    monkeypatch.setattr(tessellate, "MANY", 10)
    assert tessellate.triangulate(drilled, 0.1, 10, Indicator(page), threads) == 0
    made = list(tessellate.pieces(drilled))
    assert [piece for _, piece in made] == [piece for _, piece in known]
    assert len({each for each in begun if each < 0.2}) >= 4  # model, edges, their repair, faces
    assert begun[-1] == pytest.approx(
        (1 - mesher.MODEL) * (1 - mesher.EDGES) * (1 - mesher.HEALED) * mesher.FACES
        + (1 - (1 - mesher.MODEL) * (1 - mesher.EDGES) * (1 - mesher.HEALED))
    )
