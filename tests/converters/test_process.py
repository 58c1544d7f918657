"""A converter run is watched: it is limited, killed as a group, and leaves nothing running."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from shapr.converters.run import zygote
from shapr.converters.run.process import Converter
from shapr.errors import Refused, Unavailable
from shapr.settings import Settings
from tests.converters.kit import SAMPLES, convert, job

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


async def test_a_zygote_that_dies_before_it_has_told_of_a_child_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "package" / "shapr"
    shutil.copytree(zygote.ROOT / "shapr", copy, ignore=shutil.ignore_patterns("__pycache__"))
    slow_to_die = "def main(scratch):\n    kept = b'x' * (1 << 28)\n    while True: pass\n"
    (copy / "converters" / "job.py").write_text(slow_to_die)
    nursery = copy / "converters" / "nursery.py"
    told = "        worker.send(NUMBER.pack(number))\n"
    assert told in nursery.read_text()
    dies = "        import time; time.sleep(0.7); os.kill(os.getpid(), signal.SIGKILL)\n"
    nursery.write_text(nursery.read_text().replace(told, dies).replace("pages = study()", "pages = Pages()"))
    monkeypatch.setattr(zygote, "ROOT", copy.parent)
    made = Converter(Settings())
    (scratch := tmp_path / "scratch").mkdir()
    running = asyncio.create_task(made.convert(job(scratch, SAMPLES / "bracket.step", "stl"), lambda _: None))
    await until_running(scratch)
    with pytest.raises(Unavailable):
        await running
    assert not children(scratch)
    made.close()


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Converter]:
    """A converter whose child executes its source."""
    copy = tmp_path_factory.mktemp("package") / "shapr"
    shutil.copytree(zygote.ROOT / "shapr", copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "converters" / "job.py").write_text("def main(scratch):\n    exec((scratch / 'source').read_text())\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zygote, "ROOT", copy.parent)
        made = Converter(Settings())
        yield made
    made.close()


@pytest.mark.parametrize(
    ("script", "limit", "expected"),
    [
        ("import time; time.sleep(60)", {"wall": 0.3}, "conversion_timeout"),
        ("while True: pass", {"cpu": 1}, "conversion_timeout"),
        ("import time; kept = b'x' * (300 << 20); time.sleep(60)", {"memory": 280 << 20}, "out_of_memory"),
        ("kept = b'x' * (99 << 30)", {}, "out_of_memory"),
        ("open('output', 'wb').write(b'x' * 99_999)", {"output": 20_000}, "converter_crashed"),
        ("import os; os._exit(0)", {}, "converter_crashed"),
        ("import ctypes; ctypes.string_at(0)", {}, "converter_crashed"),
        ("raise SystemExit", {}, "converter_crashed"),
    ],
    ids=["time", "cpu", "memory", "address space", "file size", "no answer", "crash", "way out"],
)
async def test_what_a_bad_end_means(
    scripted: Converter, tmp_path: Path, script: str, limit: dict[str, Any], expected: str
) -> None:
    source = tmp_path / "bad.step"
    source.write_text(script)
    (tmp_path / "scratch").mkdir()
    with pytest.raises(Refused) as caught:
        await scripted.convert(job(tmp_path / "scratch", source, "stl", **limit), lambda _: None)
    assert caught.value.code == expected
    assert not children(tmp_path / "scratch")


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
    assert "hush" not in zygote.environment().values()
    assert not [name for name in zygote.environment() if name.startswith(("SHAPR_", "AWS_"))]
