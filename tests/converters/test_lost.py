"""A child that dies while it makes one output: what the next one does, and what is taken of the two of them.

That it costs no other output is seen in `tests/activities/test_lost.py`.
"""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from OCP.BRepPrimAPI import BRepPrimAPI_MakeSphere
from OCP.BRepTools import BRepTools

from shapr.conversion import Error
from shapr.converters import job as child
from shapr.converters.mesh import files
from shapr.converters.progress import Reading
from shapr.converters.run.job import JOB, PROGRESS, Answer, Death, Died, Job, Written
from shapr.converters.run.process import answered, inside
from shapr.errors import Refused
from tests.converters import kit
from tests.converters.kit import SAMPLES
from tests.converters.test_process import children

LITTLE = 300 << 20  # bytes of memory: enough for exact shapes, too little for millions of triangles
CRASH = Error(code="converter_crashed", detail="the converter ended by signal SIGSEGV")


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    path = tmp_path / "ball.brep"
    BRepTools.Write_s(BRepPrimAPI_MakeSphere(10).Shape(), str(path))
    return path


def job(scratch: Path, source: Path, outputs: str, after: Death | None, **more: object) -> Job:
    scratch.mkdir()
    return kit.job(scratch, source, outputs, **more).model_copy(update={"after": after})


async def converted(asked: Job) -> Answer:
    return await kit.converter().convert(asked, lambda _: None)


def told(answer: Answer) -> dict[str, str | None]:
    return {each.format: each.error and each.error.code for each in answer.written}


async def test_a_run_after_a_death_that_was_chance_gives_the_same(tmp_path: Path) -> None:
    made = []
    for at, died in enumerate((None, "", "stl", "iges")):
        after = None if died is None else Death(error=CRASH, making=died)
        answer = await converted(job(tmp_path / str(at), SAMPLES / "assembly.step", "step,iges,stl,obj", after))
        made.append(([each.path and each.path.read_bytes() for each in answer.written], answer.report))
    undisturbed, killed, mesh, brep = made
    assert None not in undisturbed[0]
    assert undisturbed == killed == mesh
    assert undisturbed[1] == brep[1], "the kernel orders entities of an IGES file by address: it agrees by report"


async def test_who_is_killed_from_outside_blames_no_output(tmp_path: Path, ball: Path) -> None:
    fine = {"linear_deflection": 1e-5, "angular_deflection": 20.0}
    running = asyncio.create_task(converted(job(tmp_path / "scratch", ball, "brep,stl", None, **fine)))
    while not (tmp_path / "scratch" / "output-0.brep").exists():
        await asyncio.sleep(0.02)
    for number in children(tmp_path / "scratch"):
        os.kill(number, signal.SIGKILL)
    with pytest.raises(Died) as died:
        await running
    assert (died.value.code, died.value.death.making) == ("out_of_memory", "")


def test_an_output_whose_turn_did_not_come_says_so(tmp_path: Path) -> None:
    asked = job(tmp_path / "scratch", SAMPLES / "bracket.stl", "stl,obj,ply,step", Death(error=CRASH, making="step"))
    path = asked.scratch / "output-0.stl"
    path.write_bytes(b"solid")
    made = Written(format="stl", path=path, options={})
    nothing = [Written(format=format, path=None, options={}) for format in ("obj", "ply", "step")]
    child.leave(asked.scratch, Answer(written=(made, *nothing), report={}, making="obj"))
    answer = answered(asked, -signal.SIGKILL, "")
    assert told(answer) == {"stl": None, "obj": "out_of_memory", "ply": "out_of_memory", "step": "converter_crashed"}
    details = {each.format: each.error and each.error.detail for each in answer.written}
    assert "before this one's turn" in str(details["ply"])
    assert details["step"] == CRASH.detail, "that of the run that it ended"


async def test_when_nothing_is_finished_the_conversion_fails_as_a_whole(tmp_path: Path, ball: Path) -> None:
    fine = {"linear_deflection": 1e-5, "angular_deflection": 20.0, "memory": LITTLE}
    with pytest.raises(Refused, match="out_of_memory"):
        await converted(job(tmp_path / "second", ball, "stl,obj", Death(error=CRASH, making="stl"), **fine))


def test_memory_that_is_refused_to_one_output_is_its_own_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise MemoryError

    asked = job(tmp_path / "scratch", SAMPLES / "bracket.stl", "stl,ply", Death(error=CRASH, making="ply"))
    (asked.scratch / JOB).write_text(inside(asked).model_dump_json())
    Reading(asked.scratch / PROGRESS).close()
    monkeypatch.setitem(files.WRITERS, "ply", refused)
    monkeypatch.chdir(asked.scratch)
    child.main(Path())
    assert told(answered(asked, 0, "")) == {"stl": None, "ply": "out_of_memory"}
