"""Every readable file of a folder to every output, each measured by independent readers.

    .venv/bin/python -m benchmarks.corpus ../shared/corpus [WORD]    # only files with WORD in the name

A row per file: seconds, then for each output its volume and diagonal relative to the source's, and its solids.
"""

import asyncio
import sys
import tempfile
import time
import warnings
from pathlib import Path

from shapr.converters import formats
from shapr.converters.brep import document  # its import silences the kernel
from shapr.errors import Refused
from tests.converters.kit import convert
from tests.end_to_end.measure import Measure, measure


def measured(path: Path) -> Measure | None:
    """What an independent reader sees; None when it cannot read it."""
    try:
        return measure(path)
    except Exception:  # noqa: BLE001 - trimesh raises whatever it meets
        return None


async def row(path: Path) -> str:
    source = formats.source_format(path.name, formats.BUILT_IN)
    outputs = formats.pairs(formats.BUILT_IN)[source]
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        try:
            made = await convert(Path(folder), path, ",".join(outputs))
        except Refused as refused:
            return f"{refused.code}: {refused.detail}"
        cells = [f"{time.monotonic() - begun:5.2f} s"]
        given = measured(path)
        for name, written in made.items():
            if written.path is None:
                cells.append(f"{name} {written.error.code if written.error else '?'}")
                continue
            seen = measured(written.path)
            if seen is None or given is None or not given.volume:
                cells.append(f"{name} {'ok' if seen else 'UNREADABLE'}")
            else:
                volume, diagonal = seen.volume / given.volume, seen.diagonal / given.diagonal
                cells.append(f"{name} {volume:.4f} {diagonal:.4f}" + (f" {seen.solids}" if seen.solids else ""))
        return " | ".join(cells)


async def main(files: list[Path], word: str) -> None:
    warnings.simplefilter("ignore")
    document.new()
    for path in files:
        try:
            formats.source_format(path.name, formats.BUILT_IN)
        except Refused:
            continue
        if word in path.name:
            print(f"{path.name[:40]:40} {await row(path)}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sorted(Path(sys.argv[1]).iterdir()), sys.argv[2] if len(sys.argv) > 2 else ""))
