"""One hostile file through the converters as the worker runs them, and what is to be said of it."""

import asyncio
import contextlib
import json
import math
import re
import struct
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.hostile.kit import SAMPLES, Hostile
from shapr.conversion import Conversion, Options, Output, Source, State
from shapr.converters import archive, formats
from shapr.converters.run.converters import Converters
from shapr.converters.run.job import Converted
from shapr.errors import TABLE, Refused
from shapr.settings import Settings

OUTPUTS = ("stl", "step", "glb")
WALL, MEMORY = 60, 2 << 30  # what one hostile file may use
LOOK = 0.03  # seconds
HUGE = 1e13  # millimetres: nothing is so large
NO_NUMBER = re.compile(rb"[(,](?:nan|-nan|inf|-inf|1\.#)", re.IGNORECASE)
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
    with tempfile.TemporaryDirectory(dir=room, prefix="job-") as folder:
        peak = Peak(converters, Path(folder))
        looking = asyncio.create_task(peak.look())
        (Path(folder) / "source").write_bytes(hostile.data)
        try:
            code, detail, wrong = _judged(await _converted(converters, hostile.name, Path(folder)))
        except Refused as refused:
            code, detail, wrong = refused.code, refused.detail, []
        except Exception as error:  # noqa: BLE001 - this is what the suite is for
            code, detail, wrong = "exception", repr(error)[:200], ["an exception reached the worker"]
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
    ended = Ended(hostile.name, code, detail, time.monotonic() - begun, peak.bytes, wrong)
    return _held(ended, hostile, peak)


async def _converted(converters: Converters, name: str, folder: Path) -> Converted:
    """As the API and the compress step do it, but for the store."""
    if archive.is_archive(name):
        format = archive.main_format((folder / "source").read_bytes()[-archive.TAIL :], converters.sources)
    else:
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
    return await converters.convert(conversion, folder / "source", folder, lambda _: None)


def _judged(converted: Converted) -> tuple[str, str, list[str]]:
    """One word for all outputs: `converted` if any was written, else the first one's code."""
    written = converted.written
    failed = [each.error for each in written if each.error]
    wrong = [f"{e.code}: {e.detail}" for e in failed if e.code not in OF_OUTPUTS]
    wrong += [f"nonsense in the {each.format}" for each in written if each.path and not _sound(each.format, each.path)]
    told = (converted.report or {}).get("outputs", {})
    if set(told) != {each.format for each in written if each.path}:
        wrong.append("the report is not on what was written")
    wrong += [f"the {format} is reported as nonsense" for format, output in told.items() if not _plausible(output)]
    if len(failed) == len(written):
        return failed[0].code, failed[0].detail, wrong
    return "converted", "; ".join(f"{e.code}: {e.detail}" for e in failed), wrong


def _plausible(output: dict[str, Any]) -> bool:
    """Something is in it, of a size that exists."""
    box = [*output["bounding_box"]["min"], *output["bounding_box"]["max"]]
    whole = all(map(math.isfinite, (*box, output["area"], output["volume"] or 0.0)))
    return whole and max(map(abs, box)) < HUGE and output["area"] > 0 and bool(output["triangles"] or output["faces"])


def _sound(format: str, path: Path) -> bool:
    """Read with nothing of ours: there are triangles, or faces, and every number is finite."""
    data = path.read_bytes()
    if format == "stl":
        facets = np.frombuffer(data[84:], [("numbers", "<f4", 12), ("bits", "<u2")])["numbers"]
        return bool(len(facets)) and bool(np.isfinite(facets).all()) and bool(np.ptp(facets[:, 3:]) > 0)
    if format == "glb":
        (length,) = struct.unpack_from("<I", data, 12)
        found = json.loads(data[20 : 20 + length])
        ends = [value for each in found["accessors"] for side in ("min", "max") for value in each.get(side, ())]
        return bool(found["meshes"]) and all(map(math.isfinite, ends))
    lines = data.splitlines()
    return lines[-1] == b"END-ISO-10303-21;" and b"FACE" in data and NO_NUMBER.search(data) is None


def _held(ended: Ended, hostile: Hostile, peak: "Peak") -> Ended:
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
    if left := peak.inside():
        ended.wrong.append(f"{len(left)} processes are left")
    if peak.folder.exists():
        ended.wrong.append("its scratch dir is still there")
    return ended


class Peak:
    """The most memory that a process had which worked in a folder."""

    def __init__(self, converters: Converters, folder: Path) -> None:
        self.converters, self.folder, self.bytes = converters, folder, 0

    async def look(self) -> None:
        """Until cancelled. The kernel of Linux keeps the highest value, so the looks need not be close."""
        while True:
            self.bytes = max([self.bytes, *map(_highest, self.inside())])
            await asyncio.sleep(LOOK)

    def inside(self) -> list[int]:
        """Children of the zygote, and their children, whose place is here."""
        zygote = self.converters.built_in.zygote.process
        waiting, found = [zygote.popen.pid] if zygote else [], []
        while waiting:
            with contextlib.suppress(OSError):
                pid = waiting.pop()
                place = str(Path(f"/proc/{pid}/cwd").readlink()).removesuffix(" (deleted)")
                found += [pid] if Path(place).is_relative_to(self.folder) else []
                waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found


def _highest(pid: int) -> int:
    with contextlib.suppress(OSError, StopIteration):  # it has just ended
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) << 10
    return 0


@dataclass(frozen=True)
class Held:
    """What the zygote has: resident bytes of its own, descriptors, children."""

    resident: int
    descriptors: int
    children: int

    def __str__(self) -> str:
        return f"{self.resident / 2**20:.1f} MB, {self.descriptors} descriptors, {self.children} children"


def held(converters: Converters) -> Held:
    zygote = converters.built_in.zygote.process
    if zygote is None:
        raise AssertionError("it has not been started")
    home = Path(f"/proc/{zygote.popen.pid}")
    children = (home / "task" / home.name / "children").read_text().split()
    anonymous = int(re.findall(r"RssAnon:\s*(\d+)", (home / "status").read_text())[0]) << 10
    return Held(anonymous, len(list((home / "fd").iterdir())), len(children))


async def ordinary(converters: Converters, room: Path) -> Ended:
    """A normal file, as the next caller would send it."""
    name = "bracket.step"
    ended = await attack(converters, Hostile(name, (SAMPLES / name).read_bytes(), frozenset(), converts=True), room)
    if ended.code != "converted":
        ended.wrong.append("a normal file does not convert")
    return ended
