"""The worker's side of the zygote: starts it, gives it jobs, watches their children, replaces it when it dies.

A child is watched as any other (`child.py`). It dies with its zygote, which dies with its worker (parent-death
signals). So a zygote's death costs the jobs that it had in hand: they end as Unavailable, for which Temporal tries the
step again, never as the fault of their files. There is no second way to convert: without a zygote all jobs are.
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from shapr.converters.nursery import DISMISS, ENDED, NUMBER, READY, WORD, Order
from shapr.converters.run import child
from shapr.converters.run.allocator import allocator
from shapr.converters.run.child import Pipe, Words
from shapr.converters.run.job import Limits
from shapr.converters.run.limits import orphaned
from shapr.converters.run.sandbox import Level
from shapr.errors import Unavailable

log = structlog.get_logger()

ROOT = Path(__file__).parents[3]
WARM = 120  # seconds that a zygote has to import the kernel; two, on an idle machine
PATIENCE = 20  # seconds that it has to answer, at most by a fork; milliseconds, on an idle machine
GONE = 5  # seconds that a killed child has to be gone


def environment() -> dict[str, str]:
    """Nothing of ours: no addresses, no secrets. Hash seed and threads are fixed so that a job repeats exactly."""
    preloaded = {"LD_PRELOAD": found, "TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD": "0"} if (found := allocator()) else {}
    return preloaded | {
        "PATH": os.defpath,
        "HOME": "/",
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "LC_ALL": "C.UTF-8",
    }


class Process:
    """One zygote process, from its start to its death."""

    def __init__(self) -> None:
        with contextlib.ExitStack() as opened:
            self.orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.orders.setblocking(False)
            opened.enter_context(self.orders)
            self.stderr = opened.enter_context(Pipe())
            with theirs:
                # By the thread that lives as long as the worker: it is that thread's death that the signal tells.
                self.popen = subprocess.Popen(
                    (sys.executable, "-sP", "-m", "shapr.converters.nursery", f"{os.getpid():08}"),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=self.stderr.childs,
                    cwd="/",
                    env=environment(),
                    start_new_session=True,
                )
            self.stderr.started()
            self._opened = opened.pop_all()
        self._turn = asyncio.Lock()  # one question at a time

    async def warm(self) -> None:
        """Wait until it takes jobs. Raises Unavailable when it does not come to that."""
        try:
            async with asyncio.timeout(WARM):
                said = await asyncio.get_running_loop().sock_recv(self.orders, len(READY))
        except (TimeoutError, OSError) as error:
            raise Unavailable("the converter does not start", "converter_unavailable") from error
        if said != READY:
            raise Unavailable("the converter does not start", "converter_unavailable")

    @property
    def lives(self) -> bool:
        return self.popen.poll() is None

    async def ask(self, message: bytes, *descriptors: int) -> int | None:
        """Its answer; None when there is none, and this zygote is of no use any more. A cancellation does not take
        back what was asked: the answer would be taken for the next one's."""
        return await asyncio.shield(asyncio.ensure_future(self._ask(message, descriptors)))

    async def _ask(self, message: bytes, descriptors: tuple[int, ...]) -> int | None:
        async with self._turn:
            try:
                socket.send_fds(self.orders, [message], descriptors)
                async with asyncio.timeout(PATIENCE):
                    said = await asyncio.get_running_loop().sock_recv(self.orders, NUMBER.size)
            except OSError:  # it is dead, or we gave it up, or it is stopped: TimeoutError
                return None
        return int(NUMBER.unpack(said)[0]) if said else None

    def end(self) -> tuple[int, str]:
        """Kill it, if it still lives, and its children with it. Gives its exit code and last words."""
        self.popen.kill()
        code = self.popen.wait()
        words = Words()
        words.hear(self.stderr.take())
        self._opened.close()
        return code, words.last


class Zygote:
    """Runs jobs in children that have the kernel loaded. One per worker; started by `start` or by the first job."""

    def __init__(self, level: Level) -> None:
        self.level = level
        self.process: Process | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> Process:
        """The zygote, warm: the one that runs, or a new one."""
        async with self._starting:
            if self.process and not self.process.lives:
                self.lose(self.process)
            if self.process is None:
                self.process = await self._warm()
                log.info("zygote_started", pid=self.process.popen.pid, allocator=allocator() or "of the C library")
            return self.process

    async def _warm(self) -> Process:
        try:
            process = Process()
        except OSError as error:
            log.error("converter_unavailable", error=str(error))
            raise Unavailable("the converter cannot be started now", "converter_unavailable") from error
        try:
            await process.warm()
        except BaseException as error:
            code, words = process.end()
            if isinstance(error, Unavailable):
                log.error("converter_unavailable", error=error.detail, code=code, last_words=words)
            raise
        return process

    def lose(self, process: Process) -> None:
        """It is dead, or does not answer: the next job gets another one."""
        if self.process is process:
            self.process = None
            code, words = process.end()
            log.error("zygote_lost", code=code, last_words=words, effect="its jobs are tried again")

    def close(self) -> None:
        """End the zygote and whatever it still runs."""
        if self.process:
            self.process.end()
            self.process = None

    async def run(self, scratch: Path, limits: Limits, end: float, look: Callable[[], None]) -> tuple[int, Words]:
        """As `child.run`, of the job that lies in a scratch dir. Raises Unavailable when a zygote cannot be started or
        died with the job."""
        words = Words()
        order = Order(limits=limits, level=self.level)
        with Pipe() as stderr:
            async with self._born(order, scratch, stderr) as born:

                def listen() -> None:
                    words.hear(stderr.take())
                    look()

                stderr.started()
                return await child.watch(born.ended(), born.pid, limits, end, listen), words

    @asynccontextmanager
    async def _born(self, order: Order, scratch: Path, stderr: Pipe) -> AsyncIterator["Born"]:
        """A child, whose group is gone when the block is left, whatever happens, and also when it is cancelled while
        the child is being born."""
        process = await self.start()
        birth = asyncio.ensure_future(self._birth(process, order, scratch, stderr))
        try:
            born = await asyncio.shield(birth)
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.ensure_future(_unwanted(birth)))  # another one must not reach the birth
            raise
        try:
            yield born
        finally:
            await asyncio.shield(born.end())

    async def _birth(self, process: Process, order: Order, scratch: Path, stderr: Pipe) -> "Born":
        place = os.open(scratch, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            number = await process.ask(order.model_dump_json().encode(), stderr.childs, place)
        finally:
            os.close(place)
        if number is None:
            lost = self.lost(process)
            await child.gone(process.popen.pid, orphaned)  # it may have a child, whose number nobody told us
            raise lost
        try:
            if number < 0:
                raise OSError(-number, os.strerror(-number))
            return Born(self, process, number)
        except OSError as error:
            if number > 0:
                child.kill(number)  # it is tied to the zygote, who keeps its number: nobody watches it
            log.error("converter_unavailable", error=str(error))
            raise Unavailable("the converter cannot be started now", "converter_unavailable") from error

    def lost(self, process: Process) -> Unavailable:
        """What a job is told whose zygote is dead or does not answer."""
        self.lose(process)
        return Unavailable("the converter was lost", "converter_unavailable")


async def _unwanted(birth: "asyncio.Future[Born]") -> None:
    with contextlib.suppress(Unavailable):
        await (await birth).end()


class Born:
    """A child of the zygote. OSError when it cannot be watched."""

    def __init__(self, zygote: Zygote, process: Process, pid: int) -> None:
        self.zygote = zygote
        self.process = process
        self.pid = pid
        self._loop = asyncio.get_running_loop()
        self._dead = self._loop.create_future()
        self._descriptor = os.pidfd_open(pid)  # readable when it has ended
        self._loop.add_reader(self._descriptor, self._saw)

    def _saw(self) -> None:
        self._loop.remove_reader(self._descriptor)
        self._dead.set_result(None)

    async def ended(self) -> int:
        """Its exit code, negative for a signal. Raises Unavailable when the zygote does not tell us, for it is dead."""
        await asyncio.shield(self._dead)
        code = await self.process.ask(WORD.pack(ENDED, self.pid))
        if code is None:
            raise self.zygote.lost(self.process)
        return code

    async def end(self) -> None:
        """Kill its group, wait until it is gone, and let the zygote forget it."""
        child.kill(self.pid)  # until it is dismissed, the number is nobody else's
        await asyncio.wait((self._dead,), timeout=GONE)
        await child.gone(self.pid)
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        try:
            self.process.orders.send(WORD.pack(DISMISS, self.pid))
        except OSError:
            self.zygote.lose(self.process)
