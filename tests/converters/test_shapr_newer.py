"""The newer layout of `.shapr`: known from hearsay, so this says what we made of it, not what Shapr3D does."""

from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import document
from shapr.converters.shaprfile.reader import Project as Read
from shapr.errors import Refused
from tests.converters.shaprkit.project import Project
from tests.converters.shaprkit.reading import cube, found, parts, read

MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])
MOVE = np.array([[1, 0, 0, 0.1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


def sections(geometry: Any = None, lazy: Any = None, copied: Any = None) -> list[Any]:
    return [0, [0], *([each is not None, each] for each in (geometry, lazy, copied))]


def newer() -> tuple[Project, int]:
    project = Project(newer=True, schema=250000)
    feature = project.feature("Extrude")
    project.block(7, cube(10))
    project.raw(feature, sections([None, [[7, [True, [[True, 1], [True, 2]]]]], [[1, 0]]]))
    return project, feature


def extents(read: Read) -> list[tuple[float, float]]:
    """In x, of each body."""
    boxes = [document.box(XCAFDoc_ShapeTool.GetShape_s(part)) for part in parts(read).values()]
    return sorted((round(low.X(), 3), round(high.X(), 3)) for low, high in boxes)


def test_the_newer_layout_is_read_and_called_best_effort(tmp_path: Path) -> None:
    project, _ = newer()
    made = read(project, tmp_path)
    assert found(made) == {"Body 1": 1000}
    assert made.about["layout"] == "new (best effort)"


def test_copies_and_moves_of_the_newer_layout_are_applied(tmp_path: Path) -> None:
    """Also mirrors; matrices are column by column, and a later one comes after an earlier one."""
    project, feature = newer()
    flat = [MOVE.T.ravel().tolist(), MIRROR.T.ravel().tolist()]
    project.raw(feature, sections(lazy=[flat, [[2, [True, 1], [True, 0]], [3, [True, 1], [True, 1]]]]))
    project.raw(feature, sections(lazy=[flat, [[2, [False], [True, 1]]]]))
    made = read(project, tmp_path)
    assert extents(made) == [(-110, -100), (-10, 0), (0, 10)]
    assert list(found(made).values()) == [1000, 1000, 1000]


def test_deletes_of_the_newer_layout_are_applied(tmp_path: Path) -> None:
    project, feature = newer()
    project.raw(feature, sections(lazy=[[], [[1, [False], [False]]]]))
    with pytest.raises(Refused, match="no body"):
        read(project, tmp_path)


def test_a_block_that_holds_a_move_ends_it(tmp_path: Path) -> None:
    project, feature = newer()
    project.raw(feature, sections(lazy=[[MOVE.T.ravel().tolist()], [[1, [False], [True, 0]]]]))
    project.raw(feature, sections(copied=[[[1, 7, 8]]]))
    project.block(8, cube(5))
    assert extents(read(project, tmp_path)) == [(0, 5)]


def test_imports_of_the_newer_layout_are_placed(tmp_path: Path) -> None:
    project = Project(newer=True)
    project.row("HistoryImportedPrototypes", 1, cube(10))
    project.row("HistoryImportedBodies", 5, 1, msgpack.packb(MOVE.T.tolist()))
    project.row("HistoryImportedBodies", 6, 1, None)
    assert extents(read(project, tmp_path)) == [(0, 10), (100, 110)]
