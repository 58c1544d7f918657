"""How far a child is: a page of a file that it writes and its parent reads, at any time and without a word.

The kernel holds the interpreter's lock for seconds, so nothing in the child could answer. The child says once, before
each step of its work, what shows that step's progress, and the parent looks there (proc(5)):

- A number on the page, which our loops write, and the kernel's own indicator (`brep/indicator.py`). Its position goes
  through a scale, for the kernel's is not one of work: of a single solid the eight thousandth part is half of the time.
- A file: the offset of the descriptor that the kernel reads it by, and that it is closed, all entities made; or the
  size of what it has written.
- Memory taken. The kernel builds entities of what it has read, and the text of what it will write, which shows in
  nothing else: `READ_MEMORY` and `WRITE_MEMORY` bytes for each of the file. Where that is much, what the kernel frees
  goes back to the system at once, if the allocator can do that, so that it shows when it is taken again. What is
  taken once the file is closed, or while the kernel's position stands, has a share of its own.

All of it is work done: a child that stands still shows the same for ever.
"""

import contextlib
import ctypes
import mmap
import os
import resource
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from shapr.conversion import hundredths
from shapr.converters import proc

SIZE = 4096
POSITION = 16  # a double, of the kernel's indicator: bytes 0..1023 are its own
# Serial (odd while it changes), start, width, weights of position and file, bytes of file and of memory, page faults,
# pid, whether the file is written, lengths of its name and of the scale, bytes of memory where the position stands.
STEP = struct.Struct("QddddddQQQQQd")
MARK = struct.Struct("dd")  # of a scale: a position, and how much of the step is done there
AT, NAME, SCALE = 1024, 1024 + STEP.size, 1536  # of the step, the file's name and the scale
LONGEST, MARKS = 255, (SIZE - SCALE) // MARK.size

WATCHED = 32 << 20  # bytes of memory: what takes less is over before somebody looks
LONG = 256 << 20  # likewise: of what takes less, no part is so long that what it takes again has to show
READ_MEMORY, WRITE_MEMORY = 11.0, 3.5  # bytes of memory taken for each byte of a file
# Of reading STEP, measured on 62 MB: its offset is at the end after two fifths of the time, memory is taken until the
# half, it is closed after seven tenths. Then the kernel checks what it has read.
READ, CLOSED = 0.15, 0.25
# The same where memory shows that is taken again, measured on 37 to 299 MB: the file, a scale of the memory, and bytes
# for each of the file that are taken once it is closed, for the graph of its entities: half of the file's share.
AGAIN_FILE = 0.2
AGAIN = ((0.37, 0.5), (0.6, 0.6), (0.906, 0.93), (1.0, 1.0))
GRAPH_MEMORY = 0.3
EXACT = 1e-9  # of a position, which the kernel adds up

T = TypeVar("T")

Scale = Sequence[tuple[float, float]]
"""Positions, rising, and how much of a step is done at each: 0..1. Between two marks of one position it stands, and
what is done shows in memory taken meanwhile."""

PLAIN: Scale = ((1.0, 1.0),)
Reach = Callable[[float], None]
"""Told how much of a step is done: 0..1, never falling."""


def within(reach: Reach, start: float, end: float) -> Reach:
    """Whom to tell how much is done of what takes a step from `start` to `end`."""
    return lambda done: reach(start + (end - start) * done)


def along(items: Iterable[T], count: int, reach: Reach) -> Iterator[T]:
    """So many items, one by one: each that is asked for tells how much is done."""
    for at, item in enumerate(items):
        reach(at / count)
        yield item


def apart(items: Sequence[T], reach: Reach) -> Iterator[tuple[T, Reach]]:
    """Each item with whom to tell how much is done of it."""
    for at, item in enumerate(items):
        yield item, within(reach, at / len(items), (at + 1) / len(items))


def silent(done: float) -> None:
    """For who need not know."""


class Page:
    """The child's side. A `phase` is a part of the job, its steps follow each other, and `reach` is within a step.

    A step takes a `share` of what is left of its phase, so that who does a part of a phase need not know the others.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), SIZE)
        self.serial = 0
        self.phase(0, 0)

    def phase(self, start: float, end: float) -> None:
        """Begin a part of the job, as fractions of it, whose first step is all of it."""
        self.at, self.end = start, end
        self._begin(end, Shown())

    def step(self, share: float = 1.0, scale: Scale = PLAIN) -> None:
        """Begin what shows in the position alone."""
        self._next(share, Shown(scale=scale))

    def reading(self, share: float, path: Path) -> None:
        """Begin what the kernel reads from a file in the scratch dir."""
        size = path.stat().st_size
        memory = READ_MEMORY * size
        shown = Shown(0.0, READ + CLOSED, size, memory, path.name, again=True)
        if shows_again(memory):
            shown = replace(shown, by_file=AGAIN_FILE, scale=AGAIN, standing=GRAPH_MEMORY * size)
        self._next(share, shown)

    def writing(self, share: float, path: Path, expected: float) -> None:
        """Begin what the kernel writes to one. `expected` is its size, about."""
        self._next(share, Shown(0.0, 0.25, expected, WRITE_MEMORY * expected, path.name, written=True, again=True))

    def taking(
        self,
        share: float,
        memory: float,
        scale: Scale = (),
        by_position: float = 0.5,
        again: bool = False,
        standing: float = 0.0,
    ) -> None:
        """Begin what takes so many bytes of memory, about; with a scale, the position shows some of it, and where that
        stands `standing` bytes more. `again`: those count that are taken again too."""
        weight = by_position if scale else 0.0
        self._next(share, Shown(weight, memory=memory, scale=scale or PLAIN, again=again, standing=standing))

    def reach(self, done: float) -> None:
        """`done`: 0..1 of the step."""
        struct.pack_into("d", self.memory, POSITION, done)

    def _next(self, share: float, shown: "Shown") -> None:
        end = self.at + (self.end - self.at) * share
        self._begin(end, shown)
        self.at = end

    def _begin(self, end: float, shown: "Shown") -> None:
        if shown.memory >= WATCHED:
            _give_back()
        _give_back_at_once(shown.again and shows_again(shown.memory))
        name = os.fsencode(shown.file)[:LONGEST]
        scale = b"".join(MARK.pack(*mark) for mark in shown.scale[:MARKS])
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        struct.pack_into("Q", self.memory, AT, self.serial + 1)
        self.reach(0.0)
        self.memory[NAME : NAME + len(name)] = name
        self.memory[SCALE : SCALE + len(scale)] = scale
        self.serial += 2
        weights = (shown.by_position, shown.by_file, max(shown.size, 1.0), max(shown.memory, 1.0))
        told = (faults, os.getpid(), shown.written, len(name), len(scale) // MARK.size, shown.standing)
        STEP.pack_into(self.memory, AT, self.serial - 1, self.at, end - self.at, *weights, *told)
        struct.pack_into("Q", self.memory, AT, self.serial)


@dataclass(frozen=True)
class Shown:
    """What shows a step's progress: the position, a file of so many bytes, and for the rest memory taken. The scale is
    of the position; of memory where no position shows."""

    by_position: float = 1.0
    by_file: float = 0.0
    size: float = 0.0
    memory: float = 0.0
    file: str = ""
    written: bool = False
    scale: Scale = PLAIN
    again: bool = False  # of much memory, what is freed within the step shows when it is taken again
    standing: float = 0.0  # bytes of memory taken between two marks of one position, or after the file is closed


def _give_back() -> None:
    """Memory that is free goes back to the system: what is taken again then shows."""
    if hasattr(_libc, "MallocExtension_ReleaseFreeMemory"):  # tcmalloc, if the zygote has it
        _libc.MallocExtension_ReleaseFreeMemory()
    elif hasattr(_libc, "malloc_trim"):  # not of every C library
        _libc.malloc_trim(0)


def shows_again(memory: float) -> bool:
    """Whether what is taken again can show, and is worth it."""
    return memory >= LONG and hasattr(_libc, "MallocExtension_SetNumericProperty")


def _give_back_at_once(wanted: bool) -> None:
    """Likewise whatever is freed from now on, or not: within one call of the kernel nobody could ask for it."""
    if hasattr(_libc, "MallocExtension_SetNumericProperty"):
        _libc.MallocExtension_SetNumericProperty(b"tcmalloc.aggressive_memory_decommit", ctypes.c_size_t(wanted))


_libc = ctypes.CDLL(None)


class Reading:
    """The parent's side: percent of the job, which never falls.

    What is on the page is the child's word, and the child may have been taken over by a file: it can lie about its
    progress, and no more.
    """

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), SIZE)
        self.scratch = path.parent
        self.reached = 0.0  # of the job, 0..1
        self._begin(0)

    def _begin(self, serial: int) -> None:
        """A step, of which nothing was seen yet."""
        self.serial = serial
        self.offset: int | None = None  # as far as its file was seen to be read
        self.closed = False  # again, after that
        self.taken = 0  # pages of memory
        self.looked: tuple[int, int] | None = None  # page faults and resident pages, when they were counted last
        self.stands = (0.0, False), 0  # where the position was, whether the file closed, pages taken when it was so

    def percent(self) -> float:
        return hundredths(100 * self.done())

    def done(self) -> float:
        """The same, finer: 0..1."""
        step = STEP.unpack_from(self.memory, AT)
        serial, start, width, *weights, faults, pid, written, length, marks, standing = step
        (position,) = struct.unpack_from("d", self.memory, POSITION)
        name = self.memory[NAME : NAME + min(length, LONGEST)]
        scale = [MARK.unpack_from(self.memory, SCALE + MARK.size * at) for at in range(min(marks, MARKS))]
        if serial % 2 or step != STEP.unpack_from(self.memory, AT):
            return self.reached  # it is being written
        if serial != self.serial:
            self._begin(serial)
        by_position, by_file, size, memory = weights
        taken = self._taken(pid, faults) if by_position + by_file < 1 else 0
        file = self.scratch / os.fsdecode(name).replace("/", "_")
        read = self._file(pid, file, written, size) if by_file > 0 else 0.0
        if (position, self.closed) != self.stands[0]:
            self.stands = (position, self.closed), taken
        stood = _share((taken - self.stands[1]) * mmap.PAGESIZE, standing)
        share = _share(taken * mmap.PAGESIZE, memory)
        done = by_position * _scaled(position, scale, stood)
        done += by_file * ((read + stood * self.closed) / 2 if standing > 0 else read)
        done += (1 - by_position - by_file) * (share if by_position > 0 else _scaled(share, scale))
        now = start + width * min(max(done, 0.0), 1.0)
        if 0 <= now <= 1:  # NaN is not
            self.reached = max(self.reached, now)
        return self.reached

    def _file(self, pid: int, path: Path, written: int, size: float) -> float:
        """How much of it is read and done with, or how much of it is there by now: 0..1."""
        if written:
            with contextlib.suppress(OSError, ValueError):
                return _share(path.lstat().st_size, size)
            return 0.0
        offset = proc.offset(pid, path)
        self.closed |= offset is None and self.offset is not None
        self.offset = max(self.offset or 0, offset) if offset is not None else self.offset
        return (READ * _share(self.offset or 0, size) + CLOSED * self.closed) / (READ + CLOSED)

    def _taken(self, pid: int, faults: int) -> int:
        """Pages since the step began. Where numpy asked for huge ones, a fault is 512 of them: these show in what is
        resident, which falls again as memory is given back."""
        if now := proc.pages(pid):
            before = self.looked or (faults, now[1])
            self.taken += max(now[0] - before[0], now[1] - before[1], 0)
            self.looked = now
        return self.taken

    def close(self) -> None:
        self.memory.close()


def _scaled(position: float, scale: Scale, stood: float = 0.0) -> float:
    position, before = max(position, 0.0), (0.0, 0.0)
    for at, done in scale:
        if at == before[0] and abs(position - at) < EXACT:
            return before[1] + (done - before[1]) * stood
        if position + EXACT < at:
            return before[1] + (done - before[1]) * (position - before[0]) / (at - before[0])
        before = at, done
    return before[1]


def _share(part: float, whole: float) -> float:
    return min(part / whole, 1.0) if whole > 0 else 0.0
