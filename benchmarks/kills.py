"""Kill -9 at random microseconds: the worker, the zygote, the child, while a child is born and right after.

    .venv/bin/python -m benchmarks.kills [ROUNDS]    # of each; 200 unless told otherwise

The zygote is the real one without its kernel, the child sleeps: a round takes a moment. After each one nothing may be
left that was started, and whoever waited has been told, in seconds. Ends with 1 at the first that breaks this.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from shapr.converters.run import zygote
from shapr.converters.run.job import Answer
from shapr.converters.run.process import Converter
from shapr.errors import Refused, Unavailable
from shapr.settings import Settings
from tests.converters.kit import SAMPLES, job

SOON = 10  # seconds, on a loaded machine
LATEST = 0.03  # seconds after the order: a birth takes a few milliseconds
ROOT = zygote.ROOT


def copied(folder: Path) -> Path:
    """The package, with a zygote that loads nothing and a child that sleeps."""
    shutil.copytree(ROOT / "shapr", folder / "shapr", ignore=shutil.ignore_patterns("__pycache__"))
    nursery = folder / "shapr" / "converters" / "nursery.py"
    nursery.write_text(nursery.read_text().replace("    load()\n", ""))
    (nursery.parent / "job.py").write_text("import time\n\n\ndef main(scratch):\n    time.sleep(60)\n")
    return folder


def left(root: Path) -> list[int]:
    """Whatever runs of a copied package, by its environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            dead = (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
            if not dead and f"PYTHONPATH={root}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


async def until_none(root: Path, what: str) -> None:
    end = time.monotonic() + SOON
    while found := left(root):
        if time.monotonic() > end:
            sys.exit(f"{what}: {found} are left")
        await asyncio.sleep(0.01)


async def start(converter: Converter, folder: Path) -> Answer:
    return await asyncio.wait_for(converter.convert(job(folder, SAMPLES / "bracket.stl", "obj"), lambda _: None), 30)


async def as_worker(root: Path, folder: Path) -> None:
    """The worker that is killed: says when it has a zygote, waits for a word, converts."""
    zygote.ROOT = root
    converter = Converter(Settings())
    await converter.zygote.start()
    print("ready", flush=True)
    sys.stdin.readline()
    await start(converter, folder)


async def of_the_worker(root: Path, at: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.kills", str(root), folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert worker.stdin and worker.stdout
        await worker.stdout.readuntil(b"ready\n")
        worker.stdin.write(b"go\n")
        await asyncio.sleep(random.random() * LATEST)
        worker.kill()
        await worker.wait()
        await until_none(root, f"worker, round {at}")


async def of_the_zygote(converter: Converter, root: Path, at: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        process = await converter.zygote.start()
        assert process.popen.pid in left(root)
        running = asyncio.create_task(start(converter, Path(folder)))
        await asyncio.sleep(random.random() * LATEST)
        process.popen.kill()
        await ended(running, f"zygote, round {at}", Unavailable)
        converter.close()  # another one may have been started: the job came after the death
        await until_none(root, f"zygote, round {at}")


async def of_the_child(converter: Converter, at: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        parent = (await converter.zygote.start()).popen.pid
        running = asyncio.create_task(start(converter, Path(folder)))
        while not (born := [pid for pid, name in named(parent).items() if name == "converter"]):
            await asyncio.sleep(0)
        await asyncio.sleep(random.choice((0, random.random() * LATEST)))
        os.kill(born[0], signal.SIGKILL)
        await ended(running, f"child, round {at}", Refused)
        for _ in range(100):
            if list(named(parent).values()) == ["converter-spare"]:
                return
            await asyncio.sleep(0.01)
        sys.exit(f"child, round {at}: {named(parent)} are left")


def named(parent: int) -> dict[int, str]:
    """Its children, zombies too, by what they call themselves."""
    found = {}
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with contextlib.suppress(OSError):  # it has just ended
            found[int(pid)] = Path(f"/proc/{pid}/comm").read_text().strip()
    return found


async def ended(running: asyncio.Task[Answer], what: str, expected: type[Exception]) -> None:
    begun = time.monotonic()
    done, _ = await asyncio.wait((running,), timeout=SOON)
    if not done or not isinstance(running.exception(), expected):
        sys.exit(f"{what}: {running} after {time.monotonic() - begun:.1f} s")


async def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = copied(Path(folder))
        for at in range(rounds):
            await of_the_worker(root, at)
        print(f"the worker killed {rounds} times: nothing left", flush=True)
        zygote.ROOT = root
        converter = Converter(Settings())
        for at in range(rounds):
            await of_the_zygote(converter, root, at)
        print(f"the zygote killed {rounds} times: its jobs were told, nothing left", flush=True)
        for at in range(rounds):
            await of_the_child(converter, at)
        converter.close()
        print(f"the child killed {rounds} times: its job was told, nothing left", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.run(as_worker(Path(sys.argv[1]), Path(sys.argv[2])))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
