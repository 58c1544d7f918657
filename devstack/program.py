"""A program of the stack: how it is started, how we know that it serves, how it is stopped."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")


def _nothing() -> None:
    """Most programs need no preparation."""


@dataclass(frozen=True)
class Program:
    """One process of the stack. `address` is its URL in stack.json; `ready` says whether it serves."""

    role: str
    command: tuple[str, ...]
    address: str
    ready: Callable[[], Awaitable[bool]]
    ports: tuple[int, ...] = ()  # all that it listens on
    environment: dict[str, str] = field(default_factory=dict)  # all of it: a server is configured by us alone
    prepare: Callable[[], None] = _nothing  # before every start
    clean: Callable[[], None] = _nothing  # after it was stopped
    cwd: Path = Path("/")
    owner: Path | None = None  # a folder whose owner it runs as; None for our own user
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 15.0  # seconds between the signal and the kill


async def launch(program: Program, log: Path) -> asyncio.subprocess.Process:
    """Start it in a session of its own; it dies with us. What it prints is appended to `log`."""
    with log.open("ab") as out:
        return await asyncio.create_subprocess_exec(
            *launched(program.command, program.owner),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=inherited() | program.environment,
            cwd=program.cwd,
            start_new_session=True,
        )


def inherited() -> dict[str, str]:
    """What some Pythons cannot start without."""
    return {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}


def launched(command: Sequence[str], owner: Path | None = None) -> tuple[str, ...]:
    """The command that becomes `command`, and dies with the thread that started it."""
    return (sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(owner or "-"), *command)


async def stop(program: Program, process: asyncio.subprocess.Process, patience: float | None = None) -> None:
    """Ask it to end; kill it when it does not."""
    if process.returncode is None:
        process.send_signal(program.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), program.patience if patience is None else patience)
        except TimeoutError:
            process.kill()
            await process.wait()
