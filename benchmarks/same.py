"""The same job gives the same bytes, whatever runs beside it: many jobs at once, in random order.

    .venv/bin/python -m benchmarks.same [JOBS] [SOURCES...]    # 200 jobs of the samples unless told otherwise

Two workers' zygotes, one to three jobs at a time in each, folders of random depth, one part's conversion killed now and
then. Prints, for each source, how many variants there are of each output: one, if all is well.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

from shapr.converters import formats
from shapr.converters.run.process import Converter
from shapr.errors import Refused
from shapr.settings import Settings
from tests.converters.kit import SAMPLES, job

OUTPUTS = {"brep": "step,iges,brep,stl,obj,glb,3mf", "mesh": "stl,obj,ply,off,glb,3mf"}
SOURCES = (SAMPLES / "assembly.step", SAMPLES / "bracket.iges", SAMPLES / "bracket.step", SAMPLES / "bracket.stl")

Variants = dict[tuple[str, str], dict[str, int]]


def outputs(source: Path) -> str:
    kernel = formats.source_format(source.name, formats.BUILT_IN) in ("step", "iges", "brep")
    return OUTPUTS["brep" if kernel else "mesh"]


async def one(converter: Converter, source: Path, found: Variants) -> None:
    with tempfile.TemporaryDirectory(prefix="x" * random.randint(1, 40)) as folder:
        running = asyncio.create_task(converter.convert(job(Path(folder), source, outputs(source)), lambda _: None))
        if random.random() < 0.1:
            await asyncio.sleep(random.random() / 2)
            running.cancel()
            await asyncio.wait((running,))
            return
        try:
            written = (await running).written
        except Refused as refused:
            found[source.name, "refusal"][str(refused)] += 1
            return
        for each in written:
            digest = sha256(each.path.read_bytes()).hexdigest() if each.path else each.error
            found[source.name, each.format][str(digest)] += 1


async def worker(jobs: list[Path], found: Variants) -> None:
    """Take jobs until there are none: one to three at a time."""
    converter = Converter(Settings())

    async def lane(at: int) -> None:
        while jobs:
            if at == 0 or random.random() < 0.7:
                await one(converter, jobs.pop(), found)
            else:
                await asyncio.sleep(random.random())

    await asyncio.gather(*(lane(at) for at in range(3)))
    converter.close()


async def main(count: int, sources: list[Path]) -> int:
    found: Variants = defaultdict(lambda: defaultdict(int))
    jobs = [random.choice(sources) for _ in range(count)]
    begun = time.monotonic()
    await asyncio.gather(worker(jobs, found), worker(jobs, found))
    for source in sorted({name for name, _ in found}):
        of = {format: variants for (name, format), variants in found.items() if name == source}
        several = {format: len(variants) for format, variants in of.items() if len(variants) > 1}
        print(f"{source}: {sum(next(iter(of.values())).values())} jobs, {several or 'one variant of each output'}")
    print(f"{count} jobs in {time.monotonic() - begun:.0f} s")
    return max(len(variants) for variants in found.values())


if __name__ == "__main__":
    given = [Path(each) for each in sys.argv[2:]] or list(SOURCES)
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, given)) > 1)
