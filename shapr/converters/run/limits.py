"""What a process is before it converts, beside its fence: tied to its parent's life, and known by its group."""

import contextlib
import ctypes
import mmap
import os
import signal
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15  # linux/prctl.h
ADDR_NO_RANDOMIZE, ASK = 0x0040000, 0xFFFFFFFF  # linux/personality.h
GROUP, SESSION = 2, 3  # which of its fields, from its state on
VICTIM = "500"  # of 1000: oom_score_adj, proc(5)

_libc = ctypes.CDLL(None, use_errno=True)


def tie(parent: int) -> None:
    """Let this process die when its parent does, whenever that is; it may have happened already."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def unrandomised() -> bool:
    """Switch the randomisation of addresses off, for what this process executes next. False when it was off already,
    or when that is forbidden.

    The kernel orders some entities by address: the same addresses give the same bytes. Where it is forbidden, such
    assemblies agree by content only.
    """
    before = _libc.personality(ASK)
    return not before & ADDR_NO_RANDOMIZE and _libc.personality(before | ADDR_NO_RANDOMIZE) >= 0


def rename(name: str) -> None:
    """What `ps` and `/proc/PID/comm` call this process: 15 characters."""
    _libc.prctl(PR_SET_NAME, name.encode(), 0, 0, 0)


def expendable() -> None:
    """When the machine's memory runs out, let it be this process that goes, not its zygote or its worker."""
    with contextlib.suppress(OSError):  # no /proc, or a read-only one
        Path("/proc/self/oom_score_adj").write_text(VICTIM)


def resident(group: int) -> int:
    """Resident bytes of a process group."""
    return sum(int(fields[21]) for fields in _members(group)) * mmap.PAGESIZE


def alive(group: int) -> bool:
    """Does anything of this process group still run? A zombie does not: it may stay for ever where init is lazy."""
    return any(fields[0] not in "ZX" for fields in _members(group))


def orphaned(session: int) -> bool:
    """Does anything of a session still run, whose groups nobody knows?"""
    return any(fields[0] not in "ZX" for fields in _members(session, SESSION))


def _members(number: int, kind: int = GROUP) -> Iterator[list[str]]:
    """What /proc/PID/stat says of each process of a group, from its state on: proc_pid_stat(5), fields 3 and up."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            if int(fields[kind]) == number:
                yield fields
