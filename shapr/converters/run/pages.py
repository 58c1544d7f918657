"""The memory that a job needs, taken by its child before there is a job.

What a child gets from its zygote are pages that both share: each that it writes to is copied first, each of a library
that it reads is looked for, each of new memory cleared, and every time the system's kernel takes over, 5,000 times in a
small job. Which pages those are shows in a child that has done a job and looks at itself (proc(5), pagemap); every
later child takes the same ones, many at once, while it waits.
"""

import contextlib
import ctypes
import mmap
import os
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

HUGE, READ, WRITE = 14, 22, 23  # of madvise: MADV_HUGEPAGE, and, since Linux 5.14, MADV_POPULATE_READ and _WRITE
PRESENT, SHARED, ALONE = 1 << 63, 1 << 61, 1 << 56  # of a page: of a file, or shared; mapped by nobody else
RANGE = struct.Struct("QQq")  # begin, length, advice
ROOM = 96 << 10  # bytes of the list: four times as many ranges as were seen
NEAR = 16  # pages of libraries that are not further apart are taken together, as by the system's kernel
SOME = 64  # ranges that are taken before the next look for a job
RESERVE, CLEARED = 32 << 20, 20 << 20  # bytes of heap that there are before a job asks; of those, at once

_libc = ctypes.CDLL(None)
_libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_libc.malloc.restype, _libc.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
_libc.free.argtypes = (ctypes.c_void_p,)

Range = tuple[int, int, int]


class Pages:
    """Which ones. The list is outside the heap, whose addresses must be the same in every zygote."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, ROOM)

    def learn(self, job: Callable[[], None]) -> None:
        """Do a job in a child, and note what it took; nothing, and its traceback on stderr, when the job failed."""
        reserved = reserve()
        if (pid := os.fork()) == 0:
            code = 1
            try:
                job()
                with contextlib.suppress(OSError):  # a system that does not show it: they are taken when needed
                    self.note([*reserved, *taken()])
                code = 0
            except BaseException:  # noqa: BLE001 - no way leads back into the zygote
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.waitpid(pid, 0)

    def note(self, ranges: list[Range]) -> None:
        ranges.sort(key=lambda each: -each[2])  # what is written to comes first: it saves most
        for at, each in enumerate(ranges[: ROOM // RANGE.size]):
            RANGE.pack_into(self.memory, RANGE.size * at, *each)

    def take(self, enough: Callable[[], bool]) -> None:
        """All that was noted, unless it is `enough` before."""
        for at, (begin, length, advice) in enumerate(RANGE.iter_unpack(self.memory)):
            if not length or (at % SOME == 0 and enough()):
                return
            _libc.madvise(begin, length, advice)


def reserve() -> list[Range]:
    """Let the heap have memory that nobody uses, and no page of it; gives the part that a job will take, in huge pages
    where there are any, as those are found sooner. Of tcmalloc, if the zygote has it: the C library would give it
    back."""
    if not hasattr(_libc, "MallocExtension_ReleaseFreeMemory"):
        return []
    begin = _libc.malloc(RESERVE)
    _libc.madvise(begin, CLEARED, HUGE)
    _libc.free(begin)
    return [(begin, CLEARED, WRITE)]


def taken() -> Iterator[Range]:
    """The pages that this process wrote to, and those of libraries that it read."""
    mappings = [line.split()[:2] for line in Path("/proc/self/maps").read_text().splitlines()]
    with Path("/proc/self/pagemap").open("rb", 0) as pagemap:
        for place, rights in mappings:
            begin, end = (int(each, 16) for each in place.split("-"))
            if rights.endswith("p") and begin < 1 << 63:  # not the page of the system's kernel
                pagemap.seek(begin // mmap.PAGESIZE * 8)
                pages = np.frombuffer(pagemap.read((end - begin) // mmap.PAGESIZE * 8), np.uint64)
                there, shared = pages & PRESENT > 0, pages & SHARED > 0
                yield from _ranges(begin, there & shared, NEAR, READ)
                if "w" in rights:
                    yield from _ranges(begin, there & ~shared & (pages & ALONE > 0), 1, WRITE)


def _ranges(begin: int, which: npt.NDArray[np.bool_], apart: int, advice: int) -> Iterator[Range]:
    """Of the pages of a mapping. Those between two that are not so far apart are taken too."""
    at = np.flatnonzero(which)
    if len(at):
        gaps = np.flatnonzero(np.diff(at) > apart)
        firsts, lasts = at[[0, *(gaps + 1)]], at[[*gaps, -1]]
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            yield begin + first * mmap.PAGESIZE, (last + 1 - first) * mmap.PAGESIZE, advice
