"""Every hostile file through the converters, a line each, and what was wrong: exit code 1 if anything was.

.venv/bin/python -m benchmarks.hostile [WORD] [--at-once N] [--shuffle]    # only files with WORD in the name
.venv/bin/python -m benchmarks.hostile --write FOLDER    # the files themselves, for other programs
"""

import argparse
import asyncio
import logging
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import structlog

from benchmarks.hostile import files
from benchmarks.hostile.kit import Bait, Hostile
from benchmarks.hostile.run import MEMORY, WALL, Ended, attack, converters, held, ordinary
from benchmarks.hostile.watch import Watch, watch
from shapr.converters.run.converters import Converters

# After these the next caller's file is tried at once.
HARD = {"converter_crashed", "out_of_memory", "conversion_timeout", "exception"}
SLOW, LARGE = 5.0, 1 << 30  # seconds and bytes that are worth a line at the end


async def main(word: str, at_once: int, shuffled: bool) -> int:
    serving, ended = converters(), list[Ended]()
    await serving.warm()
    with watch() as watched:
        room = watched.bait.folder.parent / "room"
        room.mkdir()
        chosen = (hostile for hostile in files(watched.bait) if word in hostile.name)
        if shuffled:
            chosen = iter(random.Random(1).sample(both := list(chosen), len(both)))
        before = held(serving)
        queue = Queue(chosen)
        await asyncio.gather(*(one_by_one(serving, queue, watched, room, ended) for _ in range(at_once)))
        ended.append(await ordinary(serving, room))
        show(ended[-1])
        ended[-1].wrong += [f"touched: {what}" for what in watched.touched()]
        left = [path.name for path in room.iterdir()]
        await asyncio.sleep(1)  # the last child is reaped
        after = held(serving)
    print(f"the zygote before {before}, after {after}")
    if after.children > before.children or after.descriptors > before.descriptors:
        ended[-1].wrong.append("the zygote has kept something")
    serving.close()
    return told(ended, left)


class Queue:
    """Files as they are made, elsewhere: a bomb is packed for seconds, in which nobody would watch the converters."""

    def __init__(self, chosen: Iterator[Hostile]) -> None:
        self.chosen, self.lock = chosen, asyncio.Lock()

    async def take(self) -> Hostile | None:
        async with self.lock:
            return await asyncio.to_thread(next, self.chosen, None)


async def one_by_one(serving: Converters, queue: Queue, watched: Watch, room: Path, ended: list[Ended]) -> None:
    while hostile := await queue.take():
        one = await attack(serving, hostile, room)
        one.wrong += [f"touched: {what}" for what in watched.touched()]  # by this one, or by one beside it
        ended.append(one)
        show(one)
        if one.code in HARD or one.wrong:
            ended.append(await ordinary(serving, room))


def show(ended: Ended) -> None:
    wrong = f"  <-- {'; '.join(ended.wrong)}" if ended.wrong else ""
    name = "".join(c if c.isprintable() else "?" for c in ended.name)
    line = f"{name[:44]:44} {ended.code:20} {ended.seconds:6.1f} s {ended.peak >> 20:5} MB"
    print(f"{line}  {ended.detail[:90]}{wrong}", flush=True)


def told(ended: list[Ended], left: list[str]) -> int:
    bad = [one for one in ended if one.wrong]
    odd = [one for one in ended if one.code in HARD or one.seconds > SLOW or one.peak > LARGE or one.wrong]
    print(f"\nOdd: crashed or stopped, above {SLOW:.0f} s or {LARGE >> 20} MB, or wrong")
    for one in sorted(odd, key=lambda one: -one.seconds):
        show(one)
    print()
    for code, count in Counter(one.code for one in ended).most_common():
        print(f"{count:5} {code}")
    slowest, largest = (max(ended, key=key) for key in (lambda one: one.seconds, lambda one: one.peak))
    print(f"slowest {slowest.name} {slowest.seconds:.1f} s, largest {largest.name} {largest.peak >> 20} MB")
    print(f"allowed {WALL} s, {MEMORY >> 20} MB each")
    print(f"{len(ended)} files, {len(bad)} wrong, {len(left)} left in the scratch room")
    return 1 if bad or left else 0


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for hostile in files(Bait(folder.resolve() / "bait", 9)):
        (folder / hostile.name.replace("/", "_").replace("\0", "_")).write_bytes(hostile.data)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    parser = argparse.ArgumentParser(prog="hostile")
    parser.add_argument("word", nargs="?", default="", help="only files with this in their name")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="files at once (2)")
    parser.add_argument("--shuffle", action="store_true", help="in a random order, the same every time")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="only write the files")
    given = parser.parse_args()
    if given.write:
        write(given.write)
        sys.exit(0)
    begun = time.monotonic()
    code = asyncio.run(main(given.word, given.at_once, given.shuffle))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{time.monotonic() - begun:.0f} s, CPU {used.ru_utime + used.ru_stime:.0f} s")
    sys.exit(code)
