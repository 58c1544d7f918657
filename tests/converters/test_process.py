"""A converter run is watched: it is limited, killed as a group, and leaves nothing running."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shapr.converters.run import process
from shapr.errors import Refused
from tests.converters.kit import SAMPLES, convert

BRACKET = SAMPLES / "bracket.step"
CHILD = "converter\n"  # what the zygote's children call themselves


def children(scratch: Path) -> list[int]:
    """Converter processes of a scratch dir."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                called, folder = (entry / "comm").read_text(), (entry / "cwd").readlink()
            except OSError:
                continue
            if called == CHILD and folder == scratch:
                found.append(int(entry.name))
    return found


async def until_running(scratch: Path) -> int:
    while not (found := children(scratch)):
        await asyncio.sleep(0.02)
    return found[0]


async def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    seen: list[int] = []
    await convert(tmp_path, SAMPLES / "assembly.step", "step,stl", seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 100


async def test_a_run_beyond_its_time_is_killed(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        await convert(tmp_path, BRACKET, "stl", wall=0.3)
    assert caught.value.code == "conversion_timeout"
    assert not children(tmp_path)


async def test_a_run_beyond_its_memory_is_killed(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        await convert(tmp_path, BRACKET, "stl", memory=100 << 20)  # the kernel alone takes twice that
    assert caught.value.code == "out_of_memory"
    assert not children(tmp_path)


async def test_a_run_beyond_its_cpu_time_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spinning = tmp_path / "package" / "shapr" / "converters"
    spinning.mkdir(parents=True)
    for folder in (spinning, spinning.parent):
        (folder / "__init__.py").touch()
    (spinning / "job.py").write_text("while True: pass\n")
    monkeypatch.setattr(process, "ROOT", tmp_path / "package")
    with pytest.raises(Refused) as caught:
        await convert(tmp_path, BRACKET, "stl", cpu=1)
    assert caught.value.code == "conversion_timeout"


async def test_an_output_beyond_its_size_is_no_success(tmp_path: Path) -> None:
    try:
        written = await convert(tmp_path, BRACKET, "stl,step", output=20_000)
    except Refused as refused:
        assert refused.code == "limit_exceeded"
    else:
        assert all(each.error for each in written.values())


async def test_a_child_that_dies_is_a_crash(tmp_path: Path) -> None:
    running = asyncio.create_task(convert(tmp_path, SAMPLES / "assembly.step", "step,iges,stl,obj,glb"))
    os.kill(await until_running(tmp_path), signal.SIGSEGV)
    with capture_logs() as logs, pytest.raises(Refused) as caught:
        await running
    assert [(each["event"], each["code"]) for each in logs] == [("converter_ended", -signal.SIGSEGV)]
    assert caught.value.code == "converter_crashed"
    assert "SIGSEGV" in caught.value.detail


async def test_a_cancelled_run_is_gone_when_the_cancellation_is_over(tmp_path: Path) -> None:
    running = asyncio.create_task(convert(tmp_path, BRACKET, "stl"))
    await until_running(tmp_path)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not children(tmp_path)


def test_a_run_dies_with_its_worker(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from tests.converters.kit import convert, SAMPLES;"
        "asyncio.run(convert(Path(sys.argv[1]), SAMPLES / 'assembly.step', 'step,iges,stl,obj,glb'))"
    )
    root = SAMPLES.parent
    worker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=root)
    while not (found := children(tmp_path)):
        assert worker.poll() is None
    worker.kill()
    worker.wait()
    for _ in range(100):
        if not Path(f"/proc/{found[0]}").exists() or "\nState:\tZ" in Path(f"/proc/{found[0]}/status").read_text():
            return
        subprocess.run(["sleep", "0.05"], check=True)
    pytest.fail("the converter outlived its worker")


async def test_a_child_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHAPR_S3_SECRET_KEY", "hush")
    assert "hush" not in process.environment().values()
    assert not [name for name in process.environment() if name.startswith(("SHAPR_", "AWS_"))]
