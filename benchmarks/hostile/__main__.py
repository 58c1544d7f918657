"""Every hostile file through the converters, a line each, and what was wrong: exit code 1 if anything was.

.venv/bin/python -m benchmarks.hostile [WORD]    # only files with WORD in the name
.venv/bin/python -m benchmarks.hostile --write FOLDER    # the files themselves, for other programs
"""

import asyncio
import logging
import sys
import time
from collections import Counter
from pathlib import Path

import structlog

from benchmarks.hostile import files
from benchmarks.hostile.kit import Bait
from benchmarks.hostile.run import Ended, attack, converters, ordinary
from benchmarks.hostile.watch import watch

# After these the next caller's file is tried at once.
HARD = {"converter_crashed", "out_of_memory", "conversion_timeout", "exception"}


async def main(word: str) -> int:
    serving, ended = converters(), []
    with watch() as watched:
        room = watched.bait.folder.parent / "room"
        room.mkdir()
        for hostile in files(watched.bait):
            if word not in hostile.name:
                continue
            one = await attack(serving, hostile, room)
            one.wrong += [f"touched: {what}" for what in watched.touched()]
            ended.append(one)
            show(one)
            if one.code in HARD or one.wrong:
                ended.append(await ordinary(serving, room))
        ended.append(await ordinary(serving, room))
        show(ended[-1])
        left = [path.name for path in room.iterdir()]
    return told(ended, left)


def show(ended: Ended) -> None:
    wrong = f"  <-- {'; '.join(ended.wrong)}" if ended.wrong else ""
    line = f"{ended.name[:44]:44} {ended.code:20} {ended.seconds:6.1f} s {ended.peak >> 20:5} MB"
    print(f"{line}  {ended.detail[:90]}{wrong}", flush=True)


def told(ended: list[Ended], left: list[str]) -> int:
    bad = [one for one in ended if one.wrong]
    for code, count in Counter(one.code for one in ended).most_common():
        print(f"{count:5} {code}")
    slowest, largest = (max(ended, key=key) for key in (lambda one: one.seconds, lambda one: one.peak))
    print(f"slowest {slowest.name} {slowest.seconds:.1f} s, largest {largest.name} {largest.peak >> 20} MB")
    print(f"{len(ended)} files, {len(bad)} wrong, {len(left)} left in the scratch room")
    return 1 if bad or left else 0


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for hostile in files(Bait(folder.resolve() / "bait", 9)):
        (folder / hostile.name).write_bytes(hostile.data)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if sys.argv[1:2] == ["--write"]:
        write(Path(sys.argv[2]))
    else:
        begun = time.monotonic()
        code = asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else ""))
        print(f"{time.monotonic() - begun:.0f} s")
        sys.exit(code)
