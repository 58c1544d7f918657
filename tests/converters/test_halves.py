"""Parts that two threads read: the same meshes as of one, whatever the parts have in common."""

import math
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeFace, BRepBuilderAPI_MakePolygon
from OCP.BRepPrimAPI import BRepPrimAPI_MakePrism
from OCP.gp import gp_Pnt, gp_Vec
from OCP.XCAFDoc import XCAFDoc_DocumentTool

from shapr.converters.brep import document, glb, halves, rehearsal, step, tessellate

from .kit import converter, job
from .shapes import assembly, moved

PART = re.compile(r"(ADVANCED_BREP_SHAPE_REPRESENTATION\('[^']*',\(#\d+,)(#\d+)")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    step.write(assembly(), tmp_path / "source.step", "source", rehearsal.OPTIONS)
    return tmp_path / "source.step"


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """How many parts each thread had, in every reading that two did, and how many things the second had made anew."""
    monkeypatch.setattr(halves, "FEWEST", 1)
    seen: list[list[int]] = []
    read, given = halves.read, halves._given

    def reading(reader: Any, parts: halves.Halves, *others: Any) -> None:
        seen.append([len(half) for half in parts])
        read(reader, parts, *others)

    def giving(*processes: Any) -> bool:
        seen[-1].append(given(*processes))
        return bool(seen[-1][-1])

    monkeypatch.setattr(halves, "read", reading)
    monkeypatch.setattr(halves, "_given", giving)
    return seen


def written(path: Path, threads: int) -> bytes:
    model = step.read(path, meshed=True, threads=threads)
    tessellate.triangulate(document.shape(model), 0.1, 10.0)
    made = path.with_suffix(".glb")
    glb.write(model, made)
    return made.read_bytes()


def test_two_threads_make_what_one_makes(source: Path, shared: list[list[int]]) -> None:
    assert written(source, 2) == written(source, 1)
    assert shared == [[1, 1, True]]


@pytest.mark.parametrize("content", ["SHAPE_ASPECT", "MAPPED_ITEM", "I-DEAS"])
def test_a_part_that_goes_by_another_is_read_after_it(source: Path, content: str, shared: list[list[int]]) -> None:
    source.write_text(source.read_text().replace("Open CASCADE", content))
    assert written(source, 2)
    assert not shared


def test_what_two_parts_have_in_common_comes_once(source: Path, shared: list[list[int]]) -> None:
    text = source.read_text()
    (_, first), (_, second) = PART.findall(text)
    source.write_text(PART.sub(lambda found: found[1] + first, text))
    assert written(source, 2) == written(source, 1)
    assert shared == [[1, 1, False]]
    assert second != first


def test_a_part_without_solids_is_for_one_thread(source: Path, shared: list[list[int]]) -> None:
    source.write_text(PART.sub(lambda found: found[1] + "$", source.read_text()))
    assert document.roots(step.read(source, meshed=True, threads=2))
    assert not shared


def test_a_user_without_threads_left_has_one(
    source: Path, shared: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(thread: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    assert written(source, 2) == written(source, 1)
    assert shared == [[1, 1]]


def bars(path: Path, sides: int) -> None:
    """Two of so many sides."""
    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    whole = tool.NewShape()
    for number, height in enumerate((10.0, 20.0)):
        turns = [2 * math.pi * side / sides for side in range(sides)]
        around = BRepBuilderAPI_MakePolygon()
        for turn in turns:
            around.Add(gp_Pnt(5 * math.cos(turn), 5 * math.sin(turn), 0))
        around.Close()
        face = BRepBuilderAPI_MakeFace(around.Wire()).Face()
        bar = tool.AddShape(BRepPrimAPI_MakePrism(face, gp_Vec(0, 0, height)).Shape(), False)
        tool.AddComponent(whole, bar, moved(20.0 * number))
    tool.UpdateAssemblies()
    step.write(model, path, "bars", rehearsal.OPTIONS)


async def test_a_job_of_meshes_may_have_two_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: list[list[int]]
) -> None:
    """In the sandbox too, and with somebody who looks at its progress."""
    source = tmp_path / "bars.step"
    bars(source, halves.FEWEST + 40)
    monkeypatch.setattr(halves, "FEWEST", 30)
    assert written(source, 2)
    assert shared == [[1, 1, True]]  # so it has them there too, where nobody sees it
    made = []
    for threads in (1, 2):
        folder = tmp_path / str(threads)
        folder.mkdir()
        told: list[float] = []
        given = job(folder, source, "glb").model_copy(update={"threads": threads})
        answer = await converter().convert(given, told.append)
        assert answer.written[0].path is not None
        made.append(answer.written[0].path.read_bytes())
        assert told == sorted(told)
    assert made[0] == made[1]
