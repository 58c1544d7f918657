"""The kernel's progress indicator, built in shared memory so that the parent reads it while the kernel is busy.

`Message_ProgressIndicator` cannot be subclassed from Python in this wheel. Its C++ object is constructed by ctypes in
the page of `converters/progress.py`, with a copy of its vtable in which `Show` and the destructors do nothing: no
callback, no interpreter lock. This leans on the wheel's private layout, so it is tried when this is loaded, and where
the trial fails steps are measured by their ends alone.
"""

import ctypes
import mmap
import struct
from pathlib import Path

from OCP.Message import Message_ProgressRange, Message_ProgressScope

from shapr.converters.brep.symbols import address, symbol
from shapr.converters.progress import PLAIN, POSITION, SIZE, Page, Reach, Scale

SLOTS = 9  # of the vtable: 2, 3 destructors, 5 Delete, 6 UserBreak, 7 Show
START = "_ZN25Message_ProgressIndicator5StartEv"
CONSTRUCT = "_ZN25Message_ProgressIndicatorC1Ev"


def _build(memory: mmap.mmap) -> None:
    """Construct the indicator at the start of it."""
    pointer = ctypes.c_void_p
    at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    symbol("TKernel", CONSTRUCT)(pointer(at))
    table = pointer.from_address(at).value or 0
    if not _table[6]:
        own = (pointer * SLOTS).from_address(table - 16)
        for slot in range(SLOTS):
            _table[slot] = own[6 if slot in (2, 3, 5, 7) else slot]
    pointer.from_address(at).value = ctypes.addressof(_table) + 16


def _start(memory: mmap.mmap, made: Message_ProgressRange) -> None:
    at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    symbol("TKernel", START)(address(made), ctypes.c_void_p(at))


def _tried() -> bool:
    """Whether half a measure shows as a half, somewhere else than on a page."""
    try:
        memory = mmap.mmap(-1, SIZE)
        _build(memory)
        made = Message_ProgressRange()
        _start(memory, made)
        scope = Message_ProgressScope(made, "trial", 2.0)
        scope.Next(1.0)
        (position,) = struct.unpack_from("d", memory, POSITION)
        scope.Close()
        return bool(0.0 <= position <= 1.0 and struct.unpack_from("d", memory, POSITION)[0] == 1.0)
    except (OSError, AttributeError, TypeError):
        return False


class Indicator:
    """Whom kernel code tells of its progress, by the steps of a page (`converters/progress.py`). Without one, nobody.

    `range` begins a step and gives what kernel calls take as their progress argument.
    """

    def __init__(self, page: Page | None) -> None:
        self.page = page
        if page and WORKS:
            _build(page.memory)

    def range(
        self,
        share: float = 1.0,
        scale: Scale = PLAIN,
        memory: float = 0.0,
        by_position: float = 0.5,
        again: bool = False,
        standing: float = 0.0,
    ) -> Message_ProgressRange:
        """`scale` is how far the call is where: some take its greater part on a fraction of their indicator. Where
        `memory` is given, what it takes of so many bytes, also `again`, is the rest of the measure; `standing`: where
        the position stands (`converters/progress.py`)."""
        made = Message_ProgressRange()
        if self.page:
            if memory:
                self.page.taking(share, memory, scale, by_position, again, standing)
            else:
                self.page.step(share, scale)
            if WORKS:
                _start(self.page.memory, made)
        return made

    def reading(self, share: float, path: Path) -> None:
        if self.page:
            self.page.reading(share, path)

    def writing(self, share: float, path: Path, expected: float) -> None:
        if self.page:
            self.page.writing(share, path, expected)

    def taking(self, share: float, memory: float) -> None:
        """A step that shows in memory alone."""
        if self.page:
            self.page.taking(share, memory)

    def step(self, share: float = 1.0) -> Reach:
        """A step of our own loops; gives whom to tell how much of it is done."""
        if not self.page:
            return lambda _: None
        self.page.step(share)
        return self.page.reach


_table = (ctypes.c_void_p * SLOTS)()
WORKS = _tried()
SILENT = Indicator(None)
