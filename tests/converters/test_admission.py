"""Converters start when there is memory for them, in the order in which they came."""

import asyncio

import pytest

from shapr.converters.run.admission import BIG, MB, Admission, available, need, threads
from shapr.converters.run.job import Limits

ALL = Limits(wall=1, cpu=1, memory=1 << 50, output=1, mesh_to_brep=30_000)


class Job:
    """Holds its room until it is told to leave."""

    def __init__(self, admission: Admission, need: int) -> None:
        self.admitted = False
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._run(admission, need))

    async def _run(self, admission: Admission, need: int) -> None:
        async with admission.admitted(need):
            self.admitted = True
            await self.leave.wait()

    async def end(self) -> None:
        self.leave.set()
        await self.task

    @property
    def runs(self) -> bool:
        return self.admitted and not self.task.done()


async def started(admission: Admission, *needs: int) -> list[Job]:
    jobs = [Job(admission, need) for need in needs]
    await asyncio.sleep(0.01)
    return jobs


async def test_as_many_run_as_memory_allows() -> None:
    admission = Admission(100)
    jobs = await started(admission, 40, 60, 1)
    assert [job.runs for job in jobs] == [True, True, False]
    await jobs[0].end()
    await asyncio.sleep(0.01)
    assert jobs[2].runs
    for job in jobs[1:]:
        await job.end()
    assert admission.used == 0


async def test_small_jobs_do_not_pass_a_big_one() -> None:
    admission = Admission(100)
    jobs = await started(admission, 50, 90, 10)
    assert [job.runs for job in jobs] == [True, False, False]
    await jobs[0].end()
    await asyncio.sleep(0.01)
    assert [job.runs for job in jobs] == [False, True, True]
    for job in jobs[1:]:
        await job.end()


async def test_one_that_is_bigger_than_all_there_is_runs_alone() -> None:
    admission = Admission(100)
    small, big, after = await started(admission, 10, 1000, 10)
    assert (small.runs, big.runs, after.runs) == (True, False, False)
    await small.end()
    await asyncio.sleep(0.01)
    assert (big.runs, after.runs) == (True, False)
    await big.end()
    await after.end()
    assert admission.used == 0


@pytest.mark.parametrize("at_once", [False, True], ids=["waiting", "as its turn comes"])
async def test_a_cancelled_one_holds_up_nobody(at_once: bool) -> None:
    admission = Admission(100)
    first, big, last = await started(admission, 50, 90, 50)
    if at_once:
        first.leave.set()
        await first.task  # its room has just been given to the big one, which does not know yet
    big.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await big.task
    await asyncio.sleep(0.01)
    assert last.runs
    await last.end()
    await first.end()
    assert admission.used == 0


async def test_one_that_is_cancelled_as_another_leaves_takes_no_room() -> None:
    admission = Admission(100)
    first, big, last = await started(admission, 50, 90, 50)
    first.leave.set()  # it leaves in the next moment, before the big one knows that it is cancelled
    big.task.cancel()
    await asyncio.sleep(0.01)
    assert (first.task.exception(), big.task.cancelled(), last.runs) == (None, True, True)
    await last.end()
    assert (admission.used, admission.running) == (0, 0)


def test_a_job_needs_more_the_bigger_its_source_and_no_more_than_it_may_have() -> None:
    none, ten = (need("step", size, ["stl"], ALL) for size in (0, 10 * MB))
    assert none < ten < need("3mf", 10 * MB, ["stl"], ALL)
    assert need("step", 1 << 40, ["stl"], ALL.model_copy(update={"memory": 4 << 30})) == 4 << 30


def test_a_mesh_needs_more_when_it_becomes_a_b_rep() -> None:
    assert need("stl", MB, ["obj", "glb"], ALL) < need("stl", MB, ["obj", "step"], ALL)
    assert need("step", MB, ["obj"], ALL) == need("step", MB, ["step"], ALL)


def test_the_machine_has_memory() -> None:
    assert 1 << 28 < available() < 1 << 46


async def test_the_jobs_that_run_are_counted() -> None:
    admission = Admission(100)
    jobs = await started(admission, 40, 60, 1)
    assert admission.running == 2
    for job in jobs:
        await job.end()
    assert admission.running == 0


def test_all_cores_mesh_a_big_source_that_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2})
    assert threads(BIG, 1) == 3
    assert threads(BIG - 1, 1) == threads(BIG, 2) == 1
