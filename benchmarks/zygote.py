"""Many small jobs through one zygote: what each costs, and whether anything grows.

    .venv/bin/python -m benchmarks.zygote [JOBS]    # 5000 unless told otherwise

Prints the latency of a job's birth (handed over until the child reaches its first line) and of the whole job, and the
zygote's memory, descriptors, threads and children, and the worker's descriptors, every tenth of the way.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from shapr.converters.run.process import Converter
from shapr.settings import Settings
from tests.converters.kit import SAMPLES, job

BIRTHS = 200


def memory(process: int) -> str:
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    values = {line.split(":")[0]: int(line.split()[1]) for line in rollup}
    return f"RSS {values['Rss']} kB, PSS {values['Pss']} kB"


def children(process: int) -> int:
    """Zombies included, and the spare that waits for the next job."""
    stats = (path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat"))
    return sum(int(fields[1]) == process for fields in stats)


def held(process: int) -> str:
    descriptors, threads, ours = (
        len(list(Path("/proc", each).iterdir())) for each in (f"{process}/fd", f"{process}/task", "self/fd")
    )
    return f"{memory(process)}, fds {descriptors}, threads {threads}, children {children(process)}, worker fds {ours}"


async def births(converter: Converter) -> list[float]:
    """Seconds from handing a job over to the first byte of its work, which is the first thing in the progress page."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for at in range(BIRTHS):
            scratch = Path(folder, str(at))
            scratch.mkdir()
            running = asyncio.create_task(one(converter, scratch))
            page = scratch / "progress.bin"
            while not page.exists() or not any(page.read_bytes()):
                await asyncio.sleep(0.0005)
            seconds.append(time.monotonic() - begun[scratch])
            await running
    return seconds


begun: dict[Path, float] = {}


async def one(converter: Converter, scratch: Path) -> float:
    """Seconds of one job."""
    asked = job(scratch, SAMPLES / "bracket.stl", "obj")
    begun[scratch] = time.monotonic()
    written = (await converter.convert(asked, lambda _: None)).written
    assert written[0].path, written
    return time.monotonic() - begun[scratch]


def show(what: str, seconds: list[float]) -> None:
    ranked = sorted(seconds)
    spread = ", ".join(f"p{p} {1000 * ranked[len(ranked) * p // 100]:.1f}" for p in (50, 90, 99))
    print(f"{what}: {spread}, worst {1000 * ranked[-1]:.1f} ms, mean {1000 * statistics.mean(seconds):.1f} ms")


async def main(jobs: int) -> None:
    converter = Converter(Settings())
    at_first = time.monotonic()
    process = (await converter.zygote.start()).popen.pid
    print(f"start {time.monotonic() - at_first:.2f} s; {held(process)}")
    show("handed over to first byte of work", await births(converter))
    took = []
    for at in range(1, jobs + 1):
        with tempfile.TemporaryDirectory() as folder:
            took.append(await one(converter, Path(folder)))
        if at % max(jobs // 10, 1) == 0:
            print(f"{at:6} jobs: {held(process)}", flush=True)
    show("job (STL to OBJ)", took)
    converter.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000))
