"""How a run of a plugged-in program ends, and that nothing of it is left."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shapr.errors import Refused, Unavailable
from tests.converters.programs import COPY, code, convert, job, program, python, running

LONG = f"98765.{os.getpid()}"  # seconds, which nobody else sleeps
ORPHAN = f"sleep {LONG} & sleep {LONG} & wait"


async def test_a_cancelled_run_leaves_no_process_and_no_grandchild(tmp_path: Path) -> None:
    task = asyncio.create_task(convert(program(tmp_path, ORPHAN), job(tmp_path)))
    while len(running(LONG)) < 2:
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running(LONG) == []
    assert running(str(tmp_path)) == []


async def test_a_program_that_ends_leaves_no_grandchild(tmp_path: Path) -> None:
    written = await convert(program(tmp_path, f"sleep {LONG} & {COPY}"), job(tmp_path))
    assert written["stl"].path
    assert running(LONG) == []


async def test_a_run_beyond_its_time_is_killed_after_one_more(tmp_path: Path) -> None:
    begun = time.monotonic()
    written = await convert(program(tmp_path, ORPHAN), job(tmp_path, wall=0.4))
    assert code(written["stl"]) == "conversion_timeout"
    assert time.monotonic() - begun < 5
    assert running(LONG) == []


async def test_the_time_limit_is_that_of_all_outputs_together(tmp_path: Path) -> None:
    begun = time.monotonic()
    written = await convert(program(tmp_path, "sleep 60"), job(tmp_path, "stl,obj,step,glb", wall=0.4))
    assert {code(each) for each in written.values()} == {"conversion_timeout"}
    assert time.monotonic() - begun < 5


async def test_a_run_beyond_its_memory_is_killed(tmp_path: Path) -> None:
    path = python(tmp_path, "import time; kept = b'x' * (200 << 20); time.sleep(60)")
    written = await convert(path, job(tmp_path, memory=100 << 20))
    assert code(written["stl"]) == "out_of_memory"


async def test_memory_is_counted_over_the_whole_group(tmp_path: Path) -> None:
    path = program(tmp_path, f"{sys.executable} -Ic \"import time; kept = b'x' * (200 << 20); time.sleep(60)\"")
    written = await convert(path, job(tmp_path, memory=100 << 20))
    assert code(written["stl"]) == "out_of_memory"


async def test_a_run_beyond_its_cpu_time_is_killed(tmp_path: Path) -> None:
    written = await convert(program(tmp_path, "while :; do :; done"), job(tmp_path, cpu=1))
    assert code(written["stl"]) == "conversion_timeout"


async def test_an_output_beyond_its_size_is_refused(tmp_path: Path) -> None:
    script = f"""
import sys, signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
open("{tmp_path}/scratch/runs", "a").write("run ")
open(sys.argv[3], "wb").write(b"x" * 99_999)
"""
    written = await convert(python(tmp_path, script), job(tmp_path, output=20_000))
    assert code(written["stl"]) == "limit_exceeded"
    assert (tmp_path / "scratch" / "runs").read_text() == "run ", "a limit that was met once is met again"


@pytest.mark.parametrize("fault", ["missing", "not executable", "no interpreter", "a folder"])
async def test_a_program_that_cannot_be_started_is_unavailable_at_once(tmp_path: Path, fault: str) -> None:
    path = program(tmp_path, COPY, "/no/such/shell" if fault == "no interpreter" else "/bin/sh")
    if fault == "missing":
        path.unlink()
    elif fault == "not executable":
        path.chmod(0o644)
    elif fault == "a folder":
        path = path.parent
    with capture_logs() as logs:
        written = await convert(path, job(tmp_path))
    assert code(written["stl"]) == "converter_unavailable"
    assert [each["event"] for each in logs] == ["converter_unavailable"]


async def test_a_program_that_is_being_replaced_is_tried_again_by_the_step(tmp_path: Path) -> None:
    path = tmp_path / "busy"
    path.write_bytes(Path("/bin/true").read_bytes())
    path.chmod(0o755)
    with path.open("r+b"), pytest.raises(Unavailable) as caught:  # ETXTBSY
        await convert(path, job(tmp_path))
    assert caught.value.code == "converter_unavailable"


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("a.shapr", b"", "empty_file"),
        ("a.shapr", b"\xff\xd8\xff\xe0", "format_mismatch"),
        ("a.shapr", b"\x7fELF", "format_mismatch"),
        ("a.stl", b"PK\x03\x04", "format_mismatch"),
        ("a.shapr", b"SQLite format 3\0", None),
        ("a.shapr", b"anything else", None),
        ("a.stl", b"PLASTICITY 7", None),
    ],
)
async def test_only_what_is_plainly_something_else_is_refused(
    tmp_path: Path, name: str, source: bytes, expected: str | None
) -> None:
    asked = job(tmp_path, name=name, source=source)
    if expected is None:
        assert (await convert(program(tmp_path, COPY), asked))["stl"].path
        return
    with pytest.raises(Refused, match=expected):
        await convert(program(tmp_path, COPY), asked)


async def test_a_program_cannot_leave_its_group(tmp_path: Path) -> None:
    """What left it would outlive the conversion, and hold its pipes."""
    begun = time.monotonic()
    script = """
import os, sys, time
if os.fork() == 0:
    for leave in (os.setsid, lambda: os.setpgid(0, 0)):
        try:
            leave()
        except PermissionError:
            print("refused", file=open(sys.argv[3], "a"))
    time.sleep(98765)
while not os.path.exists(sys.argv[3]) or len(open(sys.argv[3]).read().split()) < 2:
    time.sleep(0.02)
"""
    written = await convert(python(tmp_path, script), job(tmp_path, wall=20))
    assert written["stl"].path and written["stl"].path.read_text().split() == ["refused", "refused"]
    assert running(str(tmp_path)) == []
    assert time.monotonic() - begun < 15


async def test_the_example_of_the_document_works(tmp_path: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "converters.md").read_text()
    path = program(tmp_path, "")
    path.write_text(document.partition("```sh\n")[2].partition("```")[0])
    written = await convert(path, job(tmp_path, "stl,step", "a leg.shapr"))
    assert written["stl"].path and written["stl"].path.read_text().startswith("solid triangle\nfacet")
    assert written["step"].error
    assert written["step"].error.detail == "the converter gave up: this converter writes stl only, not step"
