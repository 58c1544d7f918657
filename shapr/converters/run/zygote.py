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

from shapr.converters.nursery import NUMBER, READY, Order
from shapr.converters.run import child
from shapr.converters.run.child import Pipe, Words
from shapr.converters.run.job import Limits
from shapr.converters.run.limits import alive
from shapr.converters.run.sandbox import Level
from shapr.errors import Unavailable

log = structlog.get_logger()

ROOT = Path(__file__).parents[3]
WARM = 120  # seconds that a zygote has to import the kernel; two, on an idle machine
BIRTH = 20  # seconds that it has to fork; milliseconds, on an idle machine
PATIENCE = 5  # seconds between two looks at a child of whose end we have not been told


def environment() -> dict[str, str]:
    """Nothing of ours: no addresses, no secrets. Hash seed and threads are fixed so that a job repeats exactly."""
    return {
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
                    (sys.executable, "-sP", "-m", "shapr.converters.nursery", str(os.getpid())),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=self.stderr.childs,
                    cwd="/",
                    env=environment(),
                    start_new_session=True,
                )
            self.stderr.started()
            self._opened = opened.pop_all()

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

    def order(self, order: Order, stderr: Pipe) -> socket.socket:
        """Ask for a child; gives the socket on which we are told of it. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                socket.send_fds(self.orders, [order.model_dump_json().encode()], [stderr.childs, theirs.fileno()])
            except OSError:
                ours.close()
                raise
        return ours

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
                log.info("zygote_started", pid=self.process.popen.pid)
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
        order = Order(scratch=scratch, limits=limits, level=self.level)
        with Pipe() as stderr:
            async with self._born(order, stderr) as born:

                def listen() -> None:
                    words.hear(stderr.take())
                    look()

                stderr.started()
                return await child.watch(born.ended(), born.pid, limits, end, listen), words

    @asynccontextmanager
    async def _born(self, order: Order, stderr: Pipe) -> AsyncIterator["Born"]:
        """A child, whose group is gone when the block is left, whatever happens, and also when it is cancelled while
        the child is being born."""
        process = await self.start()
        birth = asyncio.ensure_future(self._birth(process, order, stderr))
        try:
            born = await asyncio.shield(birth)
        except asyncio.CancelledError:
            with contextlib.suppress(Unavailable):
                await (await birth).end()
            raise
        try:
            yield born
        finally:
            await asyncio.shield(born.end())

    async def _birth(self, process: Process, order: Order, stderr: Pipe) -> "Born":
        try:
            worker = process.order(order, stderr)
        except OSError as error:
            self.lose(process)
            raise Unavailable("the converter was lost", "converter_unavailable") from error
        number = None
        with contextlib.suppress(TimeoutError):
            number = await told(worker, BIRTH)
        if number is not None and number > 0:
            return Born(self, process, number, worker)
        worker.close()
        if number is None:
            self.lose(process)
            raise Unavailable("the converter was lost", "converter_unavailable")
        log.error("converter_unavailable", error=os.strerror(-number))
        raise Unavailable("the converter cannot be started now", "converter_unavailable")


class Born:
    """A child of the zygote."""

    def __init__(self, zygote: Zygote, process: Process, pid: int, worker: socket.socket) -> None:
        self.zygote = zygote
        self.process = process
        self.pid = pid
        self.worker = worker

    async def ended(self) -> int:
        """Its exit code, negative for a signal. Raises Unavailable when the zygote died before it told us."""
        dead = False
        while True:
            with contextlib.suppress(TimeoutError):
                code = await told(self.worker, PATIENCE)
                if code is None:
                    break
                return code
            if dead:  # twice: the zygote is dead or stopped
                break
            dead = not alive(self.pid)
        self.zygote.lose(self.process)
        raise Unavailable("the converter was lost", "converter_unavailable")

    async def end(self) -> None:
        """Kill its group, and wait until it is gone."""
        child.kill(self.pid)  # as long as the socket is open, the number is nobody else's
        await child.gone(self.pid)
        self.worker.close()


async def told(worker: socket.socket, patience: float) -> int | None:
    """The next number that the zygote tells of a job; None when it is gone. Raises TimeoutError."""
    async with asyncio.timeout(patience):
        try:
            data = await asyncio.get_running_loop().sock_recv(worker, NUMBER.size)
        except OSError:
            return None
    return int(NUMBER.unpack(data)[0]) if data else None
