"""How a conversion's percent rises, seen as the worker sees it, every quarter of a second.

    .venv/bin/python -m benchmarks.progress [SIZE]    # 1: some seconds each; 4: about a minute in all

A row per pair: seconds in all, the longest that the percent stood still and where, the last percent before the end.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import big
from tests.converters.kit import convert

PAIRS = (
    ("solids.step", "step"),
    ("solids.step", "iges"),
    ("solids.step", "stl"),
    ("solids.iges", "step"),
    ("solids.brep", "glb"),
    ("ball.obj", "stl"),
    ("small.stl", "step"),
)


def made(folder: Path, name: str, size: float) -> Path:
    path = folder / name
    if not path.exists():
        match name.partition(".")[0]:
            case "solids":
                big.solids(path, int(150 * size))
            case "ball":
                big.triangles(path, int(500_000 * size))
            case _:
                big.triangles(path, min(int(8_000 * size), 28_000))
    return path


async def followed(folder: Path, source: Path, output: str) -> list[tuple[float, int]]:
    """Seconds since the start and percent, at every look, from 0 to the end."""
    begun = time.monotonic()
    seen = [(0.0, 0)]
    await convert(folder, source, output, lambda percent: seen.append((time.monotonic() - begun, percent)))
    return seen


def standstill(seen: list[tuple[float, int]]) -> tuple[float, int]:
    """The longest time without a rise, and at what percent."""
    longest, since = (0.0, 0), seen[0]
    for now in seen[1:]:
        longest = max(longest, (now[0] - since[0], since[1]))
        if now[1] > since[1]:
            since = now
    return longest


async def main(size: float) -> None:
    print("| pair | MB | seconds | longest standstill | before the end |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as sources, tempfile.TemporaryDirectory() as first:
        await convert(Path(first), big.SAMPLE, "brep")  # the zygote's start is not a conversion's
        for name, output in PAIRS:
            source = made(Path(sources), name, size)
            with tempfile.TemporaryDirectory() as folder:
                seen = await followed(Path(folder), source, output)
            percents = [percent for _, percent in seen]
            if percents != sorted(percents):
                raise SystemExit(f"{name} to {output}: it fell")
            still, at = standstill(seen)
            before = max((percent for percent in percents if percent < 100), default=0)
            row = (f"{name} to {output}", f"{source.stat().st_size / 1e6:.1f}", f"{seen[-1][0]:.1f}")
            print("| " + " | ".join((*row, f"{still:.1f} s at {at} %", f"{before} %")) + " |", flush=True)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 1))
