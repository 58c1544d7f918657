"""One hostile file through the converters as the worker runs them, and what is to be said of it."""

import asyncio
import contextlib
import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.hostile.kit import SAMPLES, Hostile
from shapr.conversion import Conversion, Options, Output, Source, State
from shapr.converters import formats
from shapr.converters.run.converters import Converters
from shapr.converters.run.job import Written
from shapr.errors import TABLE, Refused
from shapr.settings import Settings

OUTPUTS = ("stl", "step", "glb")
WALL, MEMORY = 60, 2 << 30  # what one hostile file may use
LOOK = 0.02
# A sound file may fail in one format and not in another.
OF_OUTPUTS = {"no_geometry", "invalid_geometry", "unsupported_geometry", "limit_exceeded"}


@dataclass
class Ended:
    """How it ended: a code, or `converted`; seconds, peak resident bytes, and what was wrong with that."""

    name: str
    code: str
    detail: str
    seconds: float
    peak: int
    wrong: list[str] = field(default_factory=list)


def converters() -> Converters:
    return Converters(Settings(converter_timeout=WALL, converter_cpu=WALL, converter_memory=MEMORY))


async def attack(converters: Converters, hostile: Hostile, room: Path) -> Ended:
    """`room` is where the worker's scratch dirs are; it must be as empty afterwards as it was."""
    begun = time.monotonic()
    peak = 0
    with tempfile.TemporaryDirectory(dir=room, prefix="job-") as folder:
        looking = asyncio.create_task(_peak(Path(folder)))
        (Path(folder) / "source").write_bytes(hostile.data)
        try:
            written = await _converted(converters, hostile.name, Path(folder))
            code, detail, wrong = _judged(written)
        except Refused as refused:
            code, detail, wrong = refused.code, refused.detail, []
        except Exception as error:  # noqa: BLE001 - this is what the suite is for
            code, detail, wrong = "exception", repr(error)[:200], ["an exception reached the worker"]
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        peak = _peaks.pop(folder, 0)
    ended = Ended(hostile.name, code, detail, time.monotonic() - begun, peak, wrong)
    return _held(ended, hostile, folder)


async def _converted(converters: Converters, name: str, folder: Path) -> tuple[Written, ...]:
    format = formats.source_format(name, converters.sources)
    options = formats.effective(format, OUTPUTS, Options(), converters.sources)
    conversion = Conversion(
        id="hostile",
        tenant="hostile",
        state=State.RUNNING,
        created_at=datetime.now(UTC),
        source=Source(name=name, format=format),
        outputs=tuple(Output(format=output, options=given) for output, given in options.items()),
    )
    return (await converters.convert(conversion, folder / "source", folder, lambda _: None)).written


def _judged(written: tuple[Written, ...]) -> tuple[str, str, list[str]]:
    """One word for all outputs: `converted` if any was written, else the first one's code."""
    failed = [each.error for each in written if each.error]
    wrong = [f"{e.code}: {e.detail}" for e in failed if e.code not in OF_OUTPUTS]
    meshes = [each.path for each in written if each.path and each.format == "stl"]
    wrong += ["the STL written is empty or not finite" for path in meshes if not _finite(path)]
    if len(failed) == len(written):
        return failed[0].code, failed[0].detail, wrong
    return "converted", "; ".join(f"{e.code}: {e.detail}" for e in failed), wrong


def _finite(path: Path) -> bool:
    facets = np.frombuffer(path.read_bytes()[84:], [("numbers", "<f4", 12), ("bits", "<u2")])
    return bool(len(facets)) and bool(np.isfinite(facets["numbers"]).all())


def _held(ended: Ended, hostile: Hostile, folder: str) -> Ended:
    if ended.code == "converted":
        if not hostile.converts:
            ended.wrong.append(f"it must be refused: {', '.join(sorted(hostile.codes))}")
    elif ended.code not in TABLE:
        ended.wrong.append("the code is not in the table")
    elif ended.code not in hostile.codes and not (hostile.converts and ended.code in OF_OUTPUTS):
        ended.wrong.append(f"wanted: {', '.join(sorted(hostile.codes))}{' or converted' * hostile.converts}")
    if ended.seconds > WALL + 10:
        ended.wrong.append("it took too long")
    if ended.peak > MEMORY * 1.25:
        ended.wrong.append("it took too much memory")
    if left := _inside(Path(folder)):
        ended.wrong.append(f"{len(left)} processes are left")
    if Path(folder).exists():
        ended.wrong.append("its scratch dir is still there")
    return ended


_peaks: Counter[str] = Counter()


async def _peak(folder: Path) -> None:
    """Look at the processes that work in a folder, until cancelled."""
    while True:
        pages = sum(_resident(pid) for pid in _inside(folder))
        _peaks[str(folder)] = max(_peaks[str(folder)], pages * os.sysconf("SC_PAGESIZE"))
        await asyncio.sleep(LOOK)


def _inside(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if Path(str((entry / "cwd").readlink()).removesuffix(" (deleted)")).is_relative_to(folder):
                    found.append(int(entry.name))
    return found


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return 0


async def ordinary(converters: Converters, room: Path) -> Ended:
    """A normal file, as the next caller would send it."""
    name = "bracket.step"
    ended = await attack(converters, Hostile(name, (SAMPLES / name).read_bytes(), frozenset(), converts=True), room)
    if ended.code != "converted":
        ended.wrong.append("a normal file does not convert")
    return ended
