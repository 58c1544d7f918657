"""Which converter may start now: memory is given out in the order of asking, by what a job is estimated to need."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from shapr.converters.run.job import Limits

MB = 1 << 20
SHARE = 0.75  # of the machine's memory, for converters
BASE = 96 * MB  # what the smallest job writes to beyond what it shares with the zygote
# Bytes of memory per byte of source, on the safe side (benchmarks/README.md, Memory). 3MF and `.shapr` are compressed.
FACTOR = {"step": 40, "iges": 40, "brep": 60, "shapr": 200, "3mf": 100}
MESH = 25
MESHES = frozenset({"stl", "obj", "ply", "off", "glb", "gltf", "3mf"})
FACET = 24_000  # bytes of memory for a triangle that becomes a face of a B-Rep
PACKED = 20  # bytes of a file for a triangle, at least, about
BIG = 100_000  # bytes of a source, from which on a second thread is worth its while


def need(source_format: str, size: int, outputs: Iterable[str], limits: Limits) -> int:
    """Estimated bytes of one job, at most what it is allowed: then it is killed."""
    estimate = BASE + FACTOR.get(source_format, MESH) * size
    if source_format in MESHES and not MESHES.issuperset(outputs):
        estimate += FACET * min(size // PACKED, limits.mesh_to_brep)
    return min(estimate, limits.memory)


def threads(size: int, running: int) -> int:
    """How many threads the kernel may read and mesh with: all cores for a big source while no other job is there."""
    return len(os.sched_getaffinity(0)) if running == 1 and size >= BIG else 1


def available() -> int:
    """Bytes for converters on this machine: a share of its memory, or of the control group's limit."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # versions 2 and 1, as a container sees its own
        try:
            limits.append(int((Path("/sys/fs/cgroup") / name).read_text()))
        except (OSError, ValueError):  # not there, or `max`
            continue
    return int(SHARE * min(limits))


class Admission:
    """Holds jobs back until their memory is there. First come, first served: a big one is not passed by small ones
    for ever, and one that is bigger than the budget runs alone."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0
        self.running = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def admitted(self, need: int) -> AsyncIterator[None]:
        """Wait for room, and hold it."""
        need = min(need, self.budget)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((need, turn))
        self._next()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # both at once: it has room already
                self._leave(need)
            else:
                self._next()  # it may have been what the others waited behind
            raise
        try:
            yield
        finally:
            self._leave(need)

    def _leave(self, need: int) -> None:
        self.used -= need
        self.running -= 1
        self._next()

    def _next(self) -> None:
        """Whoever fits. One that was cancelled may not know it yet: it is passed over."""
        while self._waiting:
            need, turn = self._waiting[0]
            if not turn.cancelled():
                if self.used + need > self.budget:
                    return
                self.used += need
                self.running += 1
                turn.set_result(None)
            self._waiting.popleft()
