"""How far a child is: a page of a file that it writes and its parent reads, at any time and without a word.

The kernel holds the interpreter's lock for seconds, so nothing in the child could answer. Bytes 0..1023 belong to the
kernel's own indicator (`brep/indicator.py`), whose position is a double at byte 16; doubles at 1024 and 1032 are the
start and the width of the phase that it measures, as fractions of the job.
"""

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

SIZE = 4096
POSITION, PHASE = 16, 1024

Reach = Callable[[float], None]
"""Told how much of a phase is done: 0..1, never falling."""


class Page:
    """The child's side. `phase` begins a part of the job, `reach` says how much of it is done."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), SIZE)
        self.phase(0, 0)

    def phase(self, start: float, end: float) -> None:
        struct.pack_into("d", self.memory, POSITION, 0.0)
        struct.pack_into("dd", self.memory, PHASE, start, end - start)

    def reach(self, done: float) -> None:
        """`done`: 0..1 of the phase."""
        struct.pack_into("d", self.memory, POSITION, done)


class Reading:
    """The parent's side: percent of the job, which never falls."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), SIZE)
        self.highest = 0

    def percent(self) -> int:
        (position,) = struct.unpack_from("d", self.memory, POSITION)
        start, width = struct.unpack_from("dd", self.memory, PHASE)
        now = start + width * min(max(position, 0.0), 1.0)
        if 0 <= now <= 1:  # the page may be half written
            self.highest = max(self.highest, int(100 * now))
        return self.highest

    def close(self) -> None:
        self.memory.close()
