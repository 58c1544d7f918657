"""The zygote: no job leaves anything behind, its death costs nobody's file its good name, jobs repeat byte for byte."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shapr.converters.progress import SIZE
from shapr.converters.run import limits
from shapr.converters.run import zygote as zygotes
from shapr.converters.run.allocator import allocator
from shapr.converters.run.job import ANSWER, JOB, PROGRESS, Answer
from shapr.converters.run.process import Converter
from shapr.converters.run.zygote import environment
from shapr.errors import Unavailable
from shapr.settings import Settings
from tests.converters.kit import SAMPLES, job
from tests.converters.test_process import children, until_running

BRACKET, ASSEMBLY, STL = SAMPLES / "bracket.step", SAMPLES / "assembly.step", SAMPLES / "bracket.stl"
OUTPUTS = "step,iges,brep,glb"
EARLY = 6 << 20  # bytes of a spare's own memory; 2 MB where it takes none


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    """One for all: whoever ends its zygote gets another."""
    made = Converter(Settings())
    yield made
    made.close()


async def run(converter: Converter, folder: Path, source: Path = BRACKET, outputs: str = "stl") -> list[bytes]:
    folder.mkdir()
    written = (await converter.convert(job(folder, source, outputs), lambda _: None)).written
    return [each.path.read_bytes() for each in written if each.path]


@pytest.fixture(scope="module")
async def alone(converter: Converter, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return await run(converter, tmp_path_factory.mktemp("alone") / "job", ASSEMBLY, OUTPUTS)


async def pid(converter: Converter) -> int:
    return (await converter.zygote.start()).popen.pid


def of(parent: int) -> dict[int, str]:
    """A process's children, each with its name."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            head, _, rest = path.read_text().rpartition(")")
            if int(rest.split()[1]) == parent:
                found[int(path.parent.name)] = head.partition("(")[2]
    return found


async def until_idle(zygote: int) -> int:
    """It forgets a child after the job has ended: soon, or the test ends here. Gives its spare."""
    async with asyncio.timeout(5):
        while list((found := of(zygote)).values()) != ["converter-spare"]:
            await asyncio.sleep(0.02)
    return next(iter(found))


def held(process: int) -> tuple[int, int]:
    """Descriptors and threads of a process."""
    return len(os.listdir(f"/proc/{process}/fd")), len(os.listdir(f"/proc/{process}/task"))


async def test_many_jobs_leave_nothing(converter: Converter, tmp_path: Path) -> None:
    """Thousands, and memory: benchmarks/zygote.py."""
    zygote = await pid(converter)
    await run(converter, tmp_path / "first")
    await until_idle(zygote)  # with its spare
    before, ours = held(zygote), len(os.listdir("/proc/self/fd"))
    assert before[1] == 1, "a thread could hold a lock across the fork"
    for batch in range(5):
        await asyncio.gather(*[run(converter, tmp_path / f"{batch}-{at}", STL, "obj") for at in range(4)])
    await until_idle(zygote)
    assert (held(zygote), len(os.listdir("/proc/self/fd"))) == (before, ours)
    assert await pid(converter) == zygote


async def test_jobs_repeat_byte_for_byte_whatever_runs_beside_them(
    converter: Converter, alone: list[bytes], tmp_path: Path
) -> None:
    """Also after a job was killed, and from a folder with a longer name. Hundreds of jobs: benchmarks/same.py."""
    given_up = asyncio.create_task(run(converter, tmp_path / "a", ASSEMBLY, OUTPUTS))
    beside = [run(converter, tmp_path / f"{'b' * 50 * at}-{at}", ASSEMBLY, OUTPUTS) for at in range(3)]
    beside.insert(1, run(converter, tmp_path / "c", STL, "obj"))
    running = asyncio.gather(*beside)
    await until_running(tmp_path / "a")
    given_up.cancel()
    first, _, *others = await running
    assert [first, *others] == [alone] * 3


async def test_the_machines_allocator_serves_the_kernel(converter: Converter) -> None:
    if (name := allocator()) is None:
        pytest.skip("libtcmalloc-minimal4 is not installed")
    assert name in Path(f"/proc/{await pid(converter)}/maps").read_text()


async def test_threads_change_no_byte(converter: Converter, tmp_path: Path) -> None:
    """Nor what is written beside the meshes, although threads take memory in another order each time."""
    made = []
    for threads in (1, 2, 2):
        (folder := tmp_path / str(len(made))).mkdir()
        given = job(folder, ASSEMBLY, "stl,iges,glb,step,brep", quality="fine").model_copy(update={"threads": threads})
        answer = await converter.convert(given, lambda _: None)
        assert [each.format for each in answer.written] == ["stl", "iges", "glb", "step", "brep"]
        made.append([each.path.read_bytes() for each in answer.written if each.path])
    assert len(made[0]) == 5
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_zygote_that_dies_is_replaced_and_its_job_is_tried_again(
    converter: Converter, alone: list[bytes], tmp_path: Path, end: signal.Signals
) -> None:
    zygote = await pid(converter)
    running = asyncio.create_task(run(converter, tmp_path / "a", ASSEMBLY, "step,iges,stl,obj,glb"))
    await until_running(tmp_path / "a")
    os.kill(zygote, end)
    with pytest.raises(Unavailable) as caught:
        await running
    assert caught.value.code == "converter_unavailable"
    assert not children(tmp_path / "a")
    assert await run(converter, tmp_path / "b", ASSEMBLY, OUTPUTS) == alone, "another zygote makes the same bytes"
    assert await pid(converter) != zygote


async def test_a_cancellation_kills_although_the_zygote_is_stopped(converter: Converter, tmp_path: Path) -> None:
    zygote = await pid(converter)
    running = asyncio.create_task(run(converter, tmp_path / "a", ASSEMBLY, "step,iges,stl,obj,glb"))
    await until_running(tmp_path / "a")
    os.kill(zygote, signal.SIGSTOP)
    begun = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - begun < 3
    assert not children(tmp_path / "a")
    os.kill(zygote, signal.SIGCONT)


async def test_a_cancellation_while_the_child_is_born_leaves_none(converter: Converter, tmp_path: Path) -> None:
    zygote = await pid(converter)
    for at in range(10):
        running = asyncio.create_task(run(converter, tmp_path / f"{at}"))
        await asyncio.sleep(at * 0.002)
        running.cancel()
        await asyncio.wait((running,))
        assert not children(tmp_path / f"{at}")
    await until_idle(zygote)


async def test_a_second_cancellation_while_the_child_is_born_leaves_none(converter: Converter, tmp_path: Path) -> None:
    zygote = await pid(converter)
    await until_idle(zygote)
    os.kill(zygote, signal.SIGSTOP)
    running = asyncio.create_task(run(converter, tmp_path / "a"))
    for _ in range(2):
        await asyncio.sleep(0.05)
        running.cancel()
    await asyncio.wait((running,), timeout=1)
    os.kill(zygote, signal.SIGCONT)
    await asyncio.wait((running,))
    await until_idle(zygote)


async def test_the_spare_is_the_next_jobs_child_and_one_that_died_is_replaced(
    converter: Converter, tmp_path: Path
) -> None:
    zygote = await pid(converter)
    spare = await until_idle(zygote)
    running = asyncio.create_task(run(converter, tmp_path / "a", ASSEMBLY, OUTPUTS))
    await until_running(tmp_path / "a")
    assert children(tmp_path / "a") == [spare]
    made = await running
    os.kill(spare := await until_idle(zygote), signal.SIGKILL)
    while limits.alive(spare):
        await asyncio.sleep(0.02)
    assert await run(converter, tmp_path / "b", ASSEMBLY, OUTPUTS) == made
    await until_idle(zygote)
    assert await pid(converter) == zygote


def own(process: int) -> int:
    """Bytes of memory that it shares with nobody."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in rollup if line.startswith("Private_Dirty"))


@pytest.mark.parametrize("waited", [0.0, 100.0, None])
async def test_the_spare_has_its_memory_before_there_is_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waited: float | None
) -> None:
    """Unless processors are waited for, which not every system tells: then it goes by the load, here none."""
    pressure = tmp_path / "pressure"
    if waited is not None:
        pressure.write_text(f"some avg10={waited:.2f} avg60=50.00 avg300=50.00 total=1\n")
    shutil.copytree(zygotes.ROOT / "shapr", tmp_path / "shapr", ignore=shutil.ignore_patterns("__pycache__"))
    nursery = tmp_path / "shapr" / "converters" / "nursery.py"
    for told, instead in (("/proc/pressure/cpu", str(pressure)), ("os.getloadavg()[0]", "0")):
        assert told in nursery.read_text()
        nursery.write_text(nursery.read_text().replace(told, instead))
    monkeypatch.setattr(zygotes, "ROOT", tmp_path)
    made = Converter(Settings())
    spare = await until_idle(await pid(made))
    if waited == 100.0:
        await asyncio.sleep(0.3)
        assert own(spare) < EARLY
    else:
        async with asyncio.timeout(5):
            while own(spare) < EARLY:
                await asyncio.sleep(0.02)
    made.close()


async def test_an_idle_zygote_that_died_is_replaced_as_soon_as_one_can_start(
    converter: Converter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zygote = await pid(converter)
    os.kill(zygote, signal.SIGKILL)
    os.waitid(os.P_PID, zygote, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - it dies in a moment
    monkeypatch.setattr("shapr.converters.run.zygote.ROOT", tmp_path)
    (tmp_path / "shapr").mkdir()
    (tmp_path / "shapr" / "__init__.py").touch()  # hides the real one
    with pytest.raises(Unavailable) as caught:
        await run(converter, tmp_path / "a")
    assert caught.value.code == "converter_unavailable"
    monkeypatch.undo()
    assert await run(converter, tmp_path / "b", STL, "obj")


LATE_IMPORTS = """
import os, sys
from pathlib import Path
from shapr.converters import job, nursery
nursery.load()
before = set(sys.modules)
job.main(Path(sys.argv[1]))
print(*sorted(set(sys.modules) - before))
os._exit(0)
"""


@pytest.mark.parametrize("outputs", ["stl,glb,step,iges", "3mf,obj"])
def test_a_job_imports_nothing_that_the_zygote_has_not(tmp_path: Path, outputs: str) -> None:
    given = job(tmp_path, ASSEMBLY, outputs).model_copy(update={"preview": True})
    (tmp_path / JOB).write_text(given.model_dump_json())
    (tmp_path / PROGRESS).write_bytes(bytes(SIZE))
    program = (sys.executable, "-c", LATE_IMPORTS, str(tmp_path))
    said = subprocess.run(program, check=True, capture_output=True, text=True, env=environment())
    assert said.stdout.split() == []
    answer = Answer.model_validate_json((tmp_path / ANSWER).read_bytes())
    assert answer.spent
    for each in answer.written:
        assert each.spent and 0 < each.spent.cpu <= answer.spent.cpu and each.spent.at < answer.spent.at
