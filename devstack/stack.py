"""The stack: starts programs together, starts again what dies, stops all of them; one holder per data dir."""

import asyncio
import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from devstack.identity import Identity, reap
from devstack.program import Program, kill_group, launch, stop

KEPT_UP = 5.0  # seconds after which a program counts as started for good
SLOWEST = 10.0  # seconds between two starts of a program that keeps dying


class HeldError(Exception):
    """Another process runs a stack on this data dir."""


class Stack:
    """The processes of one data dir. `say` gets a line for the log whenever something happens to one of them."""

    def __init__(self, data_dir: Path, say: Callable[[str], None]) -> None:
        self.data_dir = data_dir.resolve()
        self.logs = self.data_dir / "logs"
        self.say = say
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.programs: dict[str, Program] = {}
        self.keepers: list[asyncio.Task[None]] = []
        self.stopping = False
        self.lock = self._hold()
        for left in reap(self._identities()):
            say(f"reaped {left}, left over by a stack that was killed")

    def log(self, role: str) -> Path:
        """What a program prints; the file of the start before is kept as `.1`."""
        return self.logs / f"{role}.log"

    async def start(self, programs: Sequence[Program]) -> None:
        """Start them all at once and keep them up. `ready` says when they serve."""
        self.logs.mkdir(exist_ok=True)
        for program in programs:
            if self.log(program.role).exists():
                self.log(program.role).replace(self.logs / f"{program.role}.log.1")
            self.programs[program.role] = program
            await self._launch(program)
            self.keepers.append(asyncio.create_task(self._keep(program)))

    async def ready(self, role: str) -> None:
        """Wait until that program serves."""
        while not await self.programs[role].ready():  # noqa: ASYNC110 - no server tells us
            await asyncio.sleep(0.05)

    async def stop(self, *waves: Sequence[str], patience: float | None = None) -> None:
        """Stop the roles of each wave together, one wave after the other, then all the rest."""
        self.stopping = True
        for keeper in self.keepers:
            keeper.cancel()
        await asyncio.gather(*self.keepers, return_exceptions=True)
        for wave in (*waves, tuple(self.processes)):
            going = [role for role in wave if role in self.processes]
            await asyncio.gather(*(stop(self.programs[r], self.processes.pop(r), patience) for r in going))
        self.close()

    def kill(self) -> None:
        """Everything, now."""
        self.stopping = True
        for process in self.processes.values():
            kill_group(process.pid)

    def close(self) -> None:
        """Let go of the data dir."""
        for name in ("stack.json", "processes.json"):
            (self.data_dir / name).unlink(missing_ok=True)
        os.close(self.lock)

    async def _launch(self, program: Program) -> None:
        program.prepare()
        self.processes[program.role] = await launch(program, self.log(program.role))
        self._write()

    async def _keep(self, program: Program) -> None:
        quick = 0
        while True:
            started, process = time.monotonic(), self.processes[program.role]
            code = await process.wait()
            kill_group(process.pid)  # children of the dead
            quick = quick + 1 if time.monotonic() - started < KEPT_UP else 0
            pause = min(SLOWEST, 0.1 * 2**quick) if quick else 0.0
            self.say(f"restart: {program.role} (pid {process.pid}) {ended(code)}; again in {pause:.1f} s")
            await asyncio.sleep(pause)
            await self._launch(program)

    def _hold(self) -> int:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode().strip()
            os.close(lock)
            raise HeldError(f"{self.data_dir} is held by process {holder}: stop it, or set SHAPR_DATA_DIR") from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return lock

    def _identities(self) -> dict[str, Identity]:
        with contextlib.suppress(FileNotFoundError, ValueError):
            seen = json.loads((self.data_dir / "processes.json").read_text())
            return {role: Identity(*each) for role, each in seen.items()}
        return {}

    def _write(self) -> None:
        """stack.json for everybody, processes.json for the next start's reaping."""
        pids = {role: process.pid for role, process in self.processes.items()}
        addresses = {role: program.address for role, program in self.programs.items() if role in pids}
        identities = {role: Identity.of(pid) for role, pid in pids.items()}
        self._replace("stack.json", {"addresses": addresses, "pids": pids})
        self._replace("processes.json", {role: each for role, each in identities.items() if each})

    def _replace(self, name: str, content: object) -> None:
        new = self.data_dir / f"{name}.new"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(content, out, indent=1)
        new.replace(self.data_dir / name)


def ended(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
