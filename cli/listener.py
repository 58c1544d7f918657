"""Who listens on a port of this machine: proc(5) knows, for the processes that we may look into."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"  # state of a socket in /proc/net/tcp


@dataclass(frozen=True)
class Listener:
    """A process and the leader of its session."""

    pid: int
    session: int
    name: str


def listener(port: int) -> Listener | None:
    """The process that listens on this port; None for nobody, and for one of another user."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    if not sockets:
        return None
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):  # it has ended, or is another user's
                if any(str(each.readlink()) in sockets for each in (process / "fd").iterdir()):
                    pid = int(process.name)
                    return Listener(pid, os.getsid(pid), (process / "comm").read_text().strip())
    return None


def _inodes(port: int) -> Iterator[str]:
    """Of the sockets that listen on this port, at any address. The fields are those of proc_net_tcp(5)."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                local, state, inode = (line.split()[column] for column in (1, 3, 9))
                if state == LISTEN and int(local.rpartition(":")[2], 16) == port:
                    yield inode
