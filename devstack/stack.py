"""The stack: starts programs together, starts again what dies, stops all of them; one holder per data dir."""

import asyncio
import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from devstack.identity import Identity, reap
from devstack.ports import Ports, PortTakenError, is_free
from devstack.program import Program, launch, stop

KEPT_UP = 5.0  # seconds after which a program counts as started for good
SLOWEST = 10.0  # seconds between two starts of a program that keeps dying
TRIES = 3  # beginnings; who takes a port each time does not do so by chance
STARTS = 4  # deaths before a program has ever served, after which we stop waiting for it


class HeldError(Exception):
    """Another process runs a stack on this data dir."""


class DeadError(Exception):
    """A program dies again and again, and has never served."""


class Stack:
    """The processes of one data dir. `say` gets a line for the log whenever something happens to one of them."""

    def __init__(self, data_dir: Path, say: Callable[[str], None]) -> None:
        self.data_dir = data_dir.resolve()
        self.logs = self.data_dir / "logs"
        self.say = say
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.programs: dict[str, Program] = {}
        self.identities: dict[str, Identity] = {}
        self.deaths: dict[str, int] = {}
        self.keepers: list[asyncio.Task[None]] = []
        self.lost: asyncio.Future[str] | None = None  # until all serve: who lost which port
        self.lock = self._hold()
        self.ports = Ports(self.data_dir / "ports.json")
        for killed in reap(self._recorded()):
            say(f"reaped {killed}, left over by a stack that was killed")

    def log(self, role: str) -> Path:
        """What a program prints; the file of the start before is kept as `.1`."""
        return self.logs / f"{role}.log"

    async def up(self, begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `begin`: it chooses ports, starts programs and waits until they serve.

        A stranger may take a port before its server does. Then all is stopped and begins again on another port, as each
        has the addresses of the others. A port that was set is refused by name then: PortTakenError.
        """
        for left in reversed(range(TRIES)):
            self.lost = lost = asyncio.get_running_loop().create_future()
            beginning = asyncio.create_task(begin())
            try:
                await asyncio.wait((beginning, lost), return_when=asyncio.FIRST_COMPLETED)
                if not lost.done():
                    beginning.result()
                    return
            finally:
                beginning.cancel()
            await asyncio.gather(beginning, return_exceptions=True)
            if not left:
                raise PortTakenError(lost.result())
            self.say(f"{lost.result()}; beginning again")
            await self.halt()

    async def start(self, programs: Sequence[Program]) -> None:
        """Start them all at once and keep them up. `ready` says when they serve."""
        self.logs.mkdir(exist_ok=True)
        for program in programs:
            if self.log(program.role).exists():
                self.log(program.role).replace(self.logs / f"{program.role}.log.1")
            self.programs[program.role] = program
            self.deaths[program.role] = 0
            await self._launch(program)
            self.keepers.append(asyncio.create_task(self._keep(program)))

    async def ready(self, role: str) -> None:
        """Wait until that program serves; DeadError when it never will."""
        while not await self.programs[role].ready():
            if self.deaths[role] >= STARTS:
                end = self.log(role).read_text(errors="replace")[-2000:]
                raise DeadError(f"{role} does not start. The end of {self.log(role)}:\n{end}")
            await asyncio.sleep(0.05)
        self.deaths[role] = 0

    async def stop(self, *waves: Sequence[str], patience: float | None = None) -> None:
        """Halt, and let go of the data dir."""
        await self.halt(*waves, patience=patience)
        self.close()

    async def halt(self, *waves: Sequence[str], patience: float | None = None) -> None:
        """Stop the roles of each wave together, one wave after the other, then all the rest."""
        for keeper in self.keepers:
            keeper.cancel()
        await asyncio.gather(*self.keepers, return_exceptions=True)
        for wave in (*waves, tuple(self.processes)):
            going = [role for role in wave if role in self.processes]
            await asyncio.gather(*(stop(self.programs[r], self.processes.pop(r), patience) for r in going))
            for role in going:
                self._bury(role)
        self.keepers.clear()

    def kill(self) -> None:
        """Everything, now."""
        reap(self.identities)
        for program in self.programs.values():
            program.clean()

    def close(self) -> None:
        """Let go of the data dir."""
        for name in ("stack.json", "processes.json"):
            (self.data_dir / name).unlink(missing_ok=True)
        self.ports.close()
        os.close(self.lock)

    async def _launch(self, program: Program) -> None:
        program.prepare()
        process = self.processes[program.role] = await launch(program, self.log(program.role))
        if identity := Identity.of(process.pid, list(program.command)):
            self.identities[program.role] = identity
        try:
            self._write()
        except OSError as error:  # a full disk: it runs all the same
            self.say(f"cannot write stack.json: {error}")

    async def _keep(self, program: Program) -> None:
        quick = 0
        while True:
            started, process = time.monotonic(), self.processes[program.role]
            code = await process.wait()
            self._bury(program.role)
            self.deaths[program.role] += 1
            taken = [port for port in program.ports if not is_free(port)]
            if taken and self.lost and not self.lost.done():
                self.lost.set_result(f"{program.role} found port {taken[0]} taken")
            quick = quick + 1 if time.monotonic() - started < KEPT_UP else 0
            pause = min(SLOWEST, 0.1 * 2**quick) if quick else 0.0
            self.say(f"restart: {program.role} (pid {process.pid}) {ended(code)}; again in {pause:.1f} s")
            await asyncio.sleep(pause)
            await self._relaunch(program)

    async def _relaunch(self, program: Program) -> None:
        """Launch, in a while if it cannot be done now: a full disk or a lack of memory must not end the keeping."""
        while True:
            try:
                return await self._launch(program)
            except OSError as error:
                self.say(f"cannot restart {program.role}: {error}")
                await asyncio.sleep(SLOWEST)

    def _bury(self, role: str) -> None:
        """After its death: its children go too, and what it left where it should not be."""
        try:
            if identity := self.identities.pop(role, None):
                reap({role: identity})
            self.programs[role].clean()
        except OSError as error:
            self.say(f"cannot clean up after {role}: {error}")

    def _hold(self) -> int:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
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

    def _recorded(self) -> dict[str, Identity]:
        with contextlib.suppress(FileNotFoundError, TypeError, ValueError):  # none, or of another version
            seen = json.loads((self.data_dir / "processes.json").read_text())
            return {role: Identity(*each) for role, each in seen.items()}
        return {}

    def _write(self) -> None:
        """stack.json for everybody, processes.json for the next start's reaping."""
        pids = {role: process.pid for role, process in self.processes.items()}
        addresses = {role: program.address for role, program in self.programs.items() if role in pids}
        self._replace("stack.json", {"addresses": addresses, "pids": pids})
        self._replace("processes.json", self.identities)

    def _replace(self, name: str, content: object) -> None:
        new = self.data_dir / f"{name}.new"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(content, out, indent=1)
        new.replace(self.data_dir / name)


def ended(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
