"""A program of the stack: how it is started, how we know that it serves, how it is stopped."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from devstack.privileges import before_exec


def _nothing() -> None:
    """Most programs need no preparation."""


@dataclass(frozen=True)
class Program:
    """One process of the stack. `address` is its URL in stack.json; `ready` says whether it serves."""

    role: str
    command: tuple[str, ...]
    address: str
    ready: Callable[[], Awaitable[bool]]
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = _nothing  # before every start
    clean: Callable[[], None] = _nothing  # after it was stopped
    cwd: Path = Path("/")
    as_nobody: bool = False  # it refuses to run as root
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 15.0  # seconds between the signal and the kill


async def launch(program: Program, log: Path) -> asyncio.subprocess.Process:
    """Start it in a session of its own; it dies with us. What it prints is appended to `log`."""
    with log.open("ab") as out:
        return await asyncio.create_subprocess_exec(
            *program.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **program.environment},
            cwd=program.cwd,
            start_new_session=True,
            preexec_fn=before_exec(program.as_nobody),
        )


async def stop(program: Program, process: asyncio.subprocess.Process, patience: float | None = None) -> None:
    """Ask it to end; kill its whole session when it does not."""
    if process.returncode is None:
        process.send_signal(program.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), program.patience if patience is None else patience)
        except TimeoutError:
            kill_group(process.pid)
            await process.wait()
    kill_group(process.pid)  # children that outlived their parent
    program.clean()


def kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


async def answers(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 1)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
