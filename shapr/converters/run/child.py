"""A child process: started alone in a group of its own, watched, and killed as a group. The only way to run one."""

import asyncio
import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from shapr.converters.run.job import Limits
from shapr.converters.run.launch import Bounds, Order
from shapr.converters.run.limits import alive, resident
from shapr.converters.run.sandbox import Fence, Level
from shapr.errors import Refused

LOOK = 0.25  # seconds between two looks at a running child
PIPE = 1 << 20  # bytes a child may be ahead of our next look; who writes more waits for it
KEPT = 2000  # bytes of a child's first and of its last words
GONE = 500  # hundredths of a second that a killed group has to be gone


@dataclass(frozen=True)
class Program:
    """What to start: the command, the folder it works in, all of its environment, and the fence around it."""

    command: tuple[str, ...]
    folder: Path
    environment: dict[str, str]
    fence: Fence
    level: Level

    def launched(self, report: int) -> tuple[str, ...]:
        """The command by way of the launcher, which puts up the fence."""
        limits, readable = self.fence.limits, tuple(map(str, self.fence.readable))
        bounds = Bounds(limits.cpu, limits.memory, limits.output)
        scratch, programs = str(self.fence.scratch), self.fence.programs
        return Order(os.getpid(), report, self.level, scratch, readable, bounds, programs).command(self.command)


class Words:
    """What a child wrote to stderr: its first and last words, however much there was between them."""

    def __init__(self) -> None:
        self._first = self._last = b""

    def hear(self, data: bytes) -> None:
        self._first += data[: KEPT - len(self._first)]
        self._last = (self._last + data)[-KEPT:]

    @property
    def first(self) -> str:
        return self._first.decode(errors="replace")

    @property
    def last(self) -> str:
        return self._last.decode(errors="replace")


class Pipe:
    """What a child writes, a bounded piece at a time: a flood holds up the child, not us."""

    def __enter__(self) -> "Pipe":
        self.mine, self.childs = os.pipe()
        os.set_blocking(self.mine, False)
        with contextlib.suppress(OSError):  # a user's pipes may be used up: the usual size does too
            fcntl.fcntl(self.mine, fcntl.F_SETPIPE_SZ, PIPE)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self.mine)
        self.started()

    def started(self) -> None:
        """The child has its end: let go of ours."""
        if self.childs >= 0:
            os.close(self.childs)
            self.childs = -1

    def take(self) -> bytes:
        """What is there now, at most PIPE bytes. Never waits: a grandchild may hold the other end for ever."""
        try:
            return os.read(self.mine, PIPE)
        except BlockingIOError:
            return b""


async def run(
    program: Program, limits: Limits, end: float, look: Callable[[], None], hear: Callable[[bytes], None] | None = None
) -> tuple[int, Words]:
    """The exit code, negative for a signal, and what was said on stderr.

    `end` on the monotonic clock is when the time is over. `look` is called while it runs and once after it; `hear` gets
    its stdout in pieces, which else goes nowhere. Raises OSError when it cannot be started, Refused when it broke a
    limit. Whatever happens, its group is gone when this returns or raises.
    """
    words = Words()
    with Pipe() as stderr, Pipe() as stdout, Pipe() as report:
        child = await asyncio.create_subprocess_exec(
            *program.launched(report.childs),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout.childs if hear else asyncio.subprocess.DEVNULL,
            stderr=stderr.childs,
            cwd=program.folder,
            env=program.environment,
            start_new_session=True,
            pass_fds=(report.childs,),
        )

        def listen() -> None:
            words.hear(stderr.take())
            if hear:
                hear(stdout.take())
            look()

        try:
            stderr.started()
            stdout.started()
            report.started()
            code = await watch(child.wait(), child.pid, limits, end, listen)
        finally:
            await asyncio.shield(_kill(child))
        if prevented := report.take():
            number, _, why = prevented.decode().partition(" ")
            raise OSError(int(number), why)
    return code, words


async def watch(
    ending: Coroutine[None, None, int], group: int, limits: Limits, end: float, listen: Callable[[], None]
) -> int:
    """The exit code that `ending` gives; Refused when the group has used up its time or memory."""
    waiting = asyncio.ensure_future(ending)
    try:
        while True:
            done, _ = await asyncio.wait((waiting,), timeout=LOOK)
            listen()
            if done:
                return waiting.result()
            if time.monotonic() > end:
                raise out_of_time(limits)
            if resident(group) > limits.memory:
                raise Refused("out_of_memory", f"it needs more than {limits.memory >> 20} MB")
    finally:
        waiting.cancel()


async def _kill(child: asyncio.subprocess.Process) -> None:
    kill(child.pid)
    await child.wait()
    await gone(child.pid)


def kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


async def gone(number: int, lives: Callable[[int], bool] = alive) -> None:
    """Wait until nothing of a killed group runs, or of what `lives` looks at: the scratch dir is removed next."""
    for _ in range(GONE):
        if not lives(number):
            return
        await asyncio.sleep(0.01)


def out_of_time(limits: Limits) -> Refused:
    return Refused("conversion_timeout", f"it took more than {limits.wall:g} s")


def meaning(code: int, words: str) -> tuple[str, str]:
    """The error of a child that ended without an answer."""
    if code == -signal.SIGXCPU:
        return "conversion_timeout", "it used up its CPU time"
    if code == -signal.SIGKILL:  # not by us, who answer for our kills: the system does it when memory runs out
        return "out_of_memory", "the system killed it, as it does when memory runs out"
    if code == -signal.SIGXFSZ:
        return "limit_exceeded", "an output would be larger than allowed"
    if "MemoryError" in words or "bad_alloc" in words:
        return "out_of_memory", "it needs more memory than allowed"
    return "converter_crashed", f"the converter ended by {_how(code)}"


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    named = next((number.name for number in signal.Signals if number == -code), None)
    return f"signal {named or -code}"
