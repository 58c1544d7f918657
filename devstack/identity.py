"""Which process a pid was: pids are used again, so a start time and a command belong to it."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Identity(NamedTuple):
    """A process that leads a session: its pid, its start in clock ticks since a boot, and its command line's end."""

    pid: int
    started: int
    boot: str
    command: list[str]

    @classmethod
    def of(cls, pid: int, command: list[str]) -> "Identity | None":
        """The process that has this pid now; None for none and for one that has ended."""
        started = _started(pid)
        return None if started is None else cls(pid, started, _boot(), command)

    def alive(self) -> bool:
        end = time.monotonic() + 1
        while self.boot == _boot() and _started(self.pid) == self.started and time.monotonic() < end:
            with suppress(FileNotFoundError, ProcessLookupError):
                arguments = Path(f"/proc/{self.pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
                if arguments:
                    return arguments[-len(self.command) :] == self.command  # launch.py's own end in them too
            time.sleep(0.001)  # in exec, and at its end, it has none for a moment
        return False

    def session(self) -> list[int]:
        """The living processes of its session. None are its, once the pid has passed to another process."""
        if self.boot != _boot() or (_started(self.pid) is not None and not self.alive()):
            return []
        seen = ((int(each.name), _stat(int(each.name))) for each in Path("/proc").iterdir() if each.name.isdigit())
        return [pid for pid, stat in seen if stat and int(stat[3]) == self.pid and stat[0] not in "ZX"]


def reap(recorded: dict[str, Identity], seconds: float = 5) -> list[str]:
    """Kill what is left of recorded processes and of their sessions; gives what was killed, by role and pid.

    A session's number is given to no new process while one of its members lives, so this kills no stranger.
    """
    killed = {role: identity for role, identity in recorded.items() if identity.session()}
    end = time.monotonic() + seconds
    while left := [pid for identity in killed.values() for pid in identity.session()]:
        if time.monotonic() > end:
            raise TimeoutError(f"processes {left} do not die")
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    return [f"{role} (pid {identity.pid})" for role, identity in killed.items()]


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _started(pid: int) -> int | None:
    """Clock ticks since boot; None when there is no such process, or only its exit code is left."""
    stat = _stat(pid)
    return int(stat[19]) if stat and stat[0] not in "ZX" else None


def _stat(pid: int) -> list[str]:
    """proc(5), stat, from the third field on: state, parent, group, session..."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()  # a command's name may hold spaces and parentheses
