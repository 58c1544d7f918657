"""Ports: well-known ones from the settings, free ones remembered in the data dir.

A remembered port is an address that survives a restart.
"""

import json
import random
import socket
from collections.abc import Collection
from pathlib import Path

HOST = "127.0.0.1"


class PortTakenError(Exception):
    """A well-known port is held by somebody else."""


class Ports:
    """The remembered ports of a data dir; a remembered port that somebody took is chosen anew."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}

    def get(self, name: str) -> int:
        """The same free port as last time, if it is still free."""
        port = self.known.get(name)
        if port is None or not is_free(port):
            port = free_port(besides=self.known.values())
            self.known[name] = port
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(self.known, indent=1))
            new.replace(self.file)
        return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A server that was just killed leaves connections behind; they do not keep a port from its successor.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port(besides: Collection[int] = ()) -> int:
    """A port nobody listens on, outside the range that outgoing connections take theirs from.

    Inside it, a client that knocks at a dead server again and again may be given that server's port, and so
    connect to itself and keep the server from coming back.
    """
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    candidates = [port for port in range(10_000, 65_536) if not low <= port <= high] or range(10_000, 65_536)
    for port in random.SystemRandom().sample(candidates, len(candidates)):
        if port not in besides and is_free(port):
            return port
    raise PortTakenError("no port is free")


def well_known(port: int, what: str, setting: str) -> int:
    """`port`, if nobody holds it."""
    if not is_free(port):
        raise PortTakenError(f"port {port} for {what} is taken; set {setting} to another one")
    return port
