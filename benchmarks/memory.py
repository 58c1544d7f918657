"""What a job takes of the machine's memory: the basis of `run/admission.py`.

    .venv/bin/python -m benchmarks.memory FILE=OUTPUTS...    # a.step=stl,glb

For each: the most private memory (not what it shares with its zygote) that its child was seen to have, by looks every
20 ms, what admission gives it, and bytes per byte of source beyond the base.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from shapr.converters import formats
from shapr.converters.run.admission import BASE, need
from shapr.converters.run.job import Limits
from shapr.converters.run.process import Converter
from shapr.errors import Refused
from shapr.settings import Settings
from tests.converters.kit import job

MB = 1 << 20


def private(process: str) -> int:
    """Bytes that this process alone has."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


async def peak(converter: Converter, source: Path, outputs: str) -> tuple[int, str]:
    parent = (await converter.zygote.start()).popen.pid
    children, most = Path(f"/proc/{parent}/task/{parent}/children"), 0
    with tempfile.TemporaryDirectory() as folder:
        asked = job(Path(folder), source, outputs)
        running = asyncio.create_task(converter.convert(asked, lambda _: None))
        while not running.done():
            most = max([most, *map(private, children.read_text().split())])
            await asyncio.sleep(0.02)
        try:
            failed = [f"{each.format}: {each.error.code}" for each in (await running).written if each.error]
        except Refused as refused:
            failed = [refused.code]
    return most, " ".join(failed)


async def main(asked: list[str]) -> None:
    converter = Converter(Settings())
    print("| source | MB | outputs | peak MB | admitted MB | bytes per byte |\n|---|---|---|---|---|---|", flush=True)
    for each in asked:
        name, _, outputs = each.partition("=")
        source = Path(name)
        size = source.stat().st_size
        most, failed = await peak(converter, source, outputs)
        given = need(
            formats.source_format(source.name, formats.BUILT_IN),
            size,
            outputs.split(","),
            Limits.of(converter.settings),
        )
        beyond = max(0, most - BASE) / size
        said = f"{outputs} {failed}".strip()
        cells = (source.name, f"{size / MB:.2f}", said, f"{most / MB:.0f}", f"{given / MB:.0f}", f"{beyond:.0f}")
        print(f"| {' | '.join(cells)} |", flush=True)
    converter.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
