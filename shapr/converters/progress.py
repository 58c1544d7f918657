"""How far a child is: a page of a file that it writes and its parent reads, at any time and without a word.

The kernel holds the interpreter's lock for seconds, so nothing in the child could answer. The child says once, before
each step of its work, what shows that step's progress, and the parent looks there (proc(5)):

- REACHED: a number on the page, which our loops write, and the kernel's own indicator (`brep/indicator.py`). Its
  position counts up to `full`: not every kernel call fills its scale.
- READING: a file that the kernel parses. First the offset of its descriptor moves; then entities are built of what was
  read, which shows in nothing but memory taken, `READ_MEMORY` bytes for each of the file (measured: 11 to 13). So half
  of the measure is the one, half the other.
- WRITING: a file that the kernel writes. First the text is built in memory, then the file grows to its size.

All of it is work done: a child that stands still shows the same for ever.
"""

import contextlib
import mmap
import os
import resource
import struct
from collections.abc import Callable
from pathlib import Path

SIZE = 4096
POSITION = 16  # a double, of the kernel's indicator: bytes 0..1023 are its own
STEP = struct.Struct("QddQdQQQ")  # serial (odd while it changes), start, width, kind, full, faults, pid, length of name
AT, NAME = 1024, 1024 + STEP.size  # of the step and of the file's name
LONGEST = 255
REACHED, READING, WRITING = range(3)

READ_MEMORY, WRITE_MEMORY = 12.0, 3.5  # bytes of memory taken for each byte of a file
DESCRIPTORS = 64  # of a child, that its parent looks at

Reach = Callable[[float], None]
"""Told how much of a step is done: 0..1, never falling."""


def within(reach: Reach, start: float, end: float) -> Reach:
    """Whom to tell how much is done of what takes a step from `start` to `end`."""
    return lambda done: reach(start + (end - start) * done)


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
        self._begin(end, REACHED, 1.0, "")

    def step(self, share: float = 1.0, full: float = 1.0) -> None:
        """Begin what shows in the position alone, which counts up to `full`."""
        self._next(share, REACHED, full, "")

    def reading(self, share: float, path: Path) -> None:
        """Begin what the kernel reads from a file in the scratch dir."""
        self._next(share, READING, max(path.stat().st_size, 1), path.name)

    def writing(self, share: float, path: Path, expected: float) -> None:
        """Begin what the kernel writes to one. `expected` is its size, about."""
        self._next(share, WRITING, max(expected, 1.0), path.name)

    def reach(self, done: float) -> None:
        """`done`: 0..1 of the step."""
        struct.pack_into("d", self.memory, POSITION, done)

    def _next(self, share: float, kind: int, full: float, file: str) -> None:
        end = self.at + (self.end - self.at) * share
        self._begin(end, kind, full, file)
        self.at = end

    def _begin(self, end: float, kind: int, full: float, file: str) -> None:
        name = os.fsencode(file)[:LONGEST]
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        struct.pack_into("Q", self.memory, AT, self.serial + 1)
        self.reach(0.0)
        self.memory[NAME : NAME + len(name)] = name
        self.serial += 2
        said = (self.serial - 1, self.at, end - self.at, kind, full, faults, os.getpid(), len(name))
        STEP.pack_into(self.memory, AT, *said)
        struct.pack_into("Q", self.memory, AT, self.serial)


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
        self.highest = 0
        self.serial = 0
        self.offset = 0  # as far as the file of this step was seen to be read; it is closed in the end

    def percent(self) -> int:
        serial, start, width, kind, full, faults, pid, length = STEP.unpack_from(self.memory, AT)
        (position,) = struct.unpack_from("d", self.memory, POSITION)
        name = self.memory[NAME : NAME + min(length, LONGEST)]
        if serial % 2 or serial != STEP.unpack_from(self.memory, AT)[0]:
            return self.highest  # it is being written
        if serial != self.serial:
            self.serial, self.offset = serial, 0
        if kind == REACHED:
            done = position / full if full > 0 else 0.0
        else:
            done = self._file(kind, full, faults, pid, self.scratch / os.fsdecode(name).replace("/", "_"))
        now = start + width * min(max(done, 0.0), 1.0)
        if 0 <= now <= 1:  # NaN is not
            self.highest = max(self.highest, int(100 * now))
        return self.highest

    def _file(self, kind: int, full: float, faults: int, pid: int, path: Path) -> float:
        taken = max(0, _faults(pid) - faults) * mmap.PAGESIZE
        if kind == READING:
            self.offset = max(self.offset, _offset(pid, path))
            there, each = self.offset, READ_MEMORY
        else:
            with contextlib.suppress(OSError, ValueError):
                self.offset = path.lstat().st_size
            there, each = self.offset, WRITE_MEMORY
        return (min(there / full, 1.0) + min(taken / (full * each), 1.0)) / 2 if full > 0 else 0.0

    def close(self) -> None:
        self.memory.close()


def _faults(pid: int) -> int:
    """How many pages of memory a process has taken so far: `minflt`, field 10 of /proc/PID/stat."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])
    except (OSError, ValueError, IndexError):
        return 0


def _offset(pid: int, path: Path) -> int:
    """How far a process has read a file that it has open; 0 when it has not."""
    with contextlib.suppress(OSError, ValueError):
        file = path.lstat()
        for descriptor in range(3, DESCRIPTORS):
            with contextlib.suppress(FileNotFoundError):
                opened = Path(f"/proc/{pid}/fd/{descriptor}").stat()
                if (opened.st_dev, opened.st_ino) == (file.st_dev, file.st_ino):
                    return int(Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().split()[1])
    return 0
