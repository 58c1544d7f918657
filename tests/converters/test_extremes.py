"""Meshes of very many parts become B-Reps in time that grows with them: what is done is counted, not timed."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from shapr.converters import source
from shapr.converters.brep import document, facet, step
from shapr.converters.brep.bodies import Body, Look
from shapr.converters.mesh import topology
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.progress import Page, Reading

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], np.int32)


def tetrahedra(count: int) -> Part:
    """In a row, as one part; every other one is larger, and those between are inside out."""
    vertices = [CORNERS * (1 + at % 2) + (3 * at, 0, 0) for at in range(count)]
    faces = [FACES[:, :: 1 if at % 2 else -1] + 4 * at for at in range(count)]
    return Part("row", np.concatenate(vertices), np.concatenate(faces))


def calls(work: Callable[[], Any]) -> int:
    """Of functions of Python."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_who_holds_a_void_is_not_asked_of_each_pair() -> None:
    made = []
    for count in (100, 400):
        part = tetrahedra(count)
        triangles, found = topology.components(part.vertices, part.corners)
        surfaces = facet.Surfaces([part], [], part.vertices, triangles, found, np.zeros(len(triangles), np.int64))
        made.append(calls(lambda surfaces=surfaces: facet._holders(surfaces)))
    assert made[1] < 5 * made[0]


def test_surfaces_that_are_wound_alike_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = topology.surfaces
    monkeypatch.setattr(topology, "surfaces", lambda triangles: seen.append(1) or real(triangles))
    topology.components(CORNERS, FACES)
    assert len(seen) == 1


def test_points_that_are_far_from_each_other_are_put_together_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coarser weld is tried where it welds something more."""
    seen = []
    real = facet.components
    monkeypatch.setattr(facet, "components", lambda *given: seen.append(1) or real(*given))
    counts = []
    for gap in (0.0, 1e-7):  # the second time one corner of a face lies beside the others
        seen.clear()
        apart = np.concatenate([CORNERS, CORNERS[:1] + gap])
        faces = np.concatenate([FACES[:2], [[1, 2, 3 if not gap else 4]]])
        facet.faceted(Mesh((Part("open", apart, faces.astype(np.int32)),)), 100, "open")
        counts.append(len(seen))
    assert counts[0] == 1 < counts[1]


def test_the_name_of_most_faces_is_that_of_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many names there are, none is compared with all."""
    compared = 0

    class Name(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    names = [Name(at // 2) for at in range(400)] + [Name("most")] * 3
    monkeypatch.setattr(Body, "_looks", lambda _: [Look(name) for name in names])
    assert Body(document.compound([])).called == "most"
    assert compared < 2 * len(names)


def test_parts_that_were_meshes_are_read_where_they_are_without_asking_for_their_placement(tmp_path: Path) -> None:
    """The placement is one for all, and the kernel goes through all that share it, for each part."""
    path = tmp_path / "two.step"
    parts = [Part(name, CORNERS + at, FACES) for at, name in enumerate(("near", "far"))]
    options = {"step_schema": "AP242", "units": "mm"}
    step.write(facet.faceted(Mesh(tuple(parts)), 100, "two"), path, "two", options)
    origin = re.search(r"AXIS2_PLACEMENT_3D\('',(#\d+),#\d+,#\d+\)", path.read_text())
    assert origin is not None
    moved = re.sub(rf"(\{origin[1]} = CARTESIAN_POINT\('',\()0\.", r"\g<1>5.", path.read_text())
    path.write_text(moved)
    reading = Reading(tmp_path / "page")
    lows = []
    for faceted in (True, False):
        model = source.read(source.File(path, "step", "two", faceted=faceted), Page(tmp_path / "page"), 100)
        lows.append(model.measured().low)
    reading.close()
    assert lows == [pytest.approx((0, 0, 0)), pytest.approx((5, 0, 0))]
