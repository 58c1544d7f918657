"""Which process a pid was: pids are used again, so a start time belongs to it."""

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple


class Identity(NamedTuple):
    """A process: its pid and its start in clock ticks since boot (proc(5), stat field 22)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        """The process that has this pid now; None for none and for one that has ended."""
        fields = _stat(pid)
        return cls(pid, int(fields[19])) if fields and fields[0] != "Z" else None

    def alive(self) -> bool:
        return Identity.of(self.pid) == self


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()  # a command's name may hold spaces and parentheses


def reap(recorded: dict[str, Identity], seconds: float = 5) -> list[str]:
    """Kill what is left of recorded processes and their sessions; gives what was killed, by role and pid."""
    left = {role: identity for role, identity in recorded.items() if identity.alive()}
    for identity in left.values():
        os.killpg(identity.pid, signal.SIGKILL)  # each leads a session and a group of its own
    end = time.monotonic() + seconds
    while any(identity.alive() for identity in left.values()) and time.monotonic() < end:
        time.sleep(0.02)
    return [f"{role} (pid {identity.pid})" for role, identity in left.items()]
