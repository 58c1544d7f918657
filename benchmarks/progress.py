"""How a conversion's percent rises, seen as the worker sees it, every quarter of a second.

    .venv/bin/python -m benchmarks.progress [SIZE] [WORD]    # 1: some seconds each; 4: minutes in all; rows with WORD

A row per pair: CPU and wall seconds in all, the longest that the percent stood still in both and where, the last
percent before the end. Go by CPU: what else runs on the machine does not count.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import big, extreme
from shapr.converters.progress import AT, STEP
from shapr.converters.run.job import PROGRESS
from tests.converters.kit import convert

Options = dict[str, Any]
PAIRS: tuple[tuple[str, str, Options], ...] = (
    ("solids.step", "step", {}),
    ("solids.step", "iges", {}),
    ("solids.step", "stl", {}),
    ("solids.iges", "step", {}),
    ("solids.brep", "glb", {"preview": True}),
    ("solids.brep", "3mf", {}),
    ("flat.step", "glb", {}),
    ("flat.step", "step", {}),
    ("ring.step", "stl", {}),
    ("ring.step", "step", {}),
    ("ring.step", "brep", {"heal": True}),
    ("ring.iges", "brep", {}),
    ("surfaces.iges", "step", {}),
    ("surfaces.iges", "stl", {}),
    ("free.step", "stl", {}),
    ("free.step", "step", {}),
    ("ring.brep", "obj", {}),
    ("ring.brep", "stl", {}),
    ("ring.brep", "step", {}),
    ("sheet.step", "brep", {}),
    ("wave.brep", "ply", {"quality": "draft"}),
    ("wave.brep", "stl", {}),
    ("wave.brep", "step", {}),
    ("wave.brep", "iges", {}),
    ("wave.brep", "glb", {}),
    ("wave.step", "stl", {}),
    ("wave.iges", "stl", {}),
    ("ball.obj", "stl", {}),
    ("ball.stl", "3mf", {"heal": True, "preview": True}),
    ("ball.obj", "glb", {"mesh_compression": "draco"}),
    ("ball.stl", "glb", {"mesh_compression": "meshopt"}),
    ("ball.ply", "glb", {}),
    ("ball.off", "stl", {}),
    ("ball.glb", "3mf", {}),
    ("ball.3mf", "obj", {}),
    ("small.stl", "step", {}),
    ("polygon.obj", "stl", {}),
    ("cone.obj", "step", {}),
    ("parts.obj", "step", {}),
    ("parts.stl", "step", {}),
    ("uses.step", "step", {"step_schema": "AP203"}),
)
MAKERS: dict[str, Callable[[Path, float], object]] = {
    "solids": lambda path, size: big.solids(path, int(150 * size)),
    "flat": lambda path, size: big.flat(path, int(7_000 * size)),
    "ring": lambda path, size: big.ring(path, int(50 * size), 100),
    "surfaces": lambda path, size: big.surfaces(path, int(50 * size)),
    "free": lambda path, size: big.free(path, int(25 * size)),
    "sheet": lambda path, size: big.ring(path, int(50 * size), 100, every=3),
    "wave": lambda path, size: big.wave(path, int(30 * size)),
    "ball": lambda path, size: big.triangles(path, int(500_000 * size)),
    "small": lambda path, size: big.triangles(path, min(int(8_000 * size), 45_000)),
    "polygon": lambda path, size: extreme.polygon(path, int(30_000 * size)),
    "cone": lambda path, size: extreme.cone(path, min(int(8_000 * size), 45_000)),
    "uses": lambda path, size: big.uses(path, int(750 * size)),
    "parts": lambda path, size: extreme.parts(path, min(int(2_000 * size), 12_000)),
}
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Look:
    wall: float
    cpu: float  # of the child
    percent: float


def made(folder: Path, name: str, size: float) -> Path:
    path = folder / name
    if not path.exists():
        MAKERS[path.stem](path, size)
    return path


async def followed(folder: Path, source: Path, output: str, **options: Any) -> list[Look]:
    """Every look, from 0 to the end."""
    begun = time.monotonic()
    seen = [Look(0.0, 0.0, 0)]

    def look(percent: float) -> None:
        cpu = max(seen[-1].cpu, _cpu(folder / PROGRESS))
        seen.append(Look(time.monotonic() - begun, cpu, percent))

    await convert(folder, source, output, look, **options)
    return seen


def _cpu(page: Path) -> float:
    """CPU seconds of the child that the page names; 0 when there is none."""
    pid = STEP.unpack_from(page.read_bytes(), AT)[8]
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(words[11]) + int(words[12])) / TICKS


def standstill(seen: list[Look], measure: Callable[[Look], float]) -> tuple[float, int]:
    """The longest without a rise, and at what percent."""
    longest, since = (0.0, 0), seen[0]
    for now in seen[1:]:
        longest = max(longest, (measure(now) - measure(since), since.percent))
        if now.percent > since.percent:
            since = now
    return longest


async def row(folder: Path, source: Path, output: str, options: Options) -> str:
    seen = await followed(folder, source, output, **options)
    percents = [look.percent for look in seen]
    if percents != sorted(percents):
        raise SystemExit(f"{source.name} to {output}: it fell")
    (cpu, at), (wall, _) = standstill(seen, lambda look: look.cpu), standstill(seen, lambda look: look.wall)
    pair = " ".join((source.name, "to", output, *(f"{key}={value}" for key, value in options.items())))
    before = max((percent for percent in percents if percent < 100), default=0)
    spent = f"{seen[-1].cpu:.1f}, {seen[-1].wall:.1f}"
    size = f"{source.stat().st_size / 1e6:.1f}"
    return f"| {pair} | {size} | {spent} | {cpu:.1f} at {at} %, {wall:.1f} | {before} |"


async def main(size: float, word: str) -> None:
    print("| pair | MB | CPU s, wall s | longest standstill: CPU s, wall s | before the end |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as sources, tempfile.TemporaryDirectory() as first:
        await convert(Path(first), big.SAMPLE, "brep")  # the zygote's start is not a conversion's
        for name, output, options in PAIRS:
            if word in f"{name} {output}":
                source = made(Path(sources), name, size)
                with tempfile.TemporaryDirectory() as folder:
                    print(await row(Path(folder), source, output, options), flush=True)


if __name__ == "__main__":
    size, word = (*sys.argv[1:], *("1", "")[len(sys.argv) - 1 :])[:2]
    asyncio.run(main(float(size), word))
