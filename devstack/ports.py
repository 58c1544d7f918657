"""Ports: well-known ones from the settings, free ones remembered in the data dir.

A remembered port is an address that survives a restart.
"""

import errno
import json
import random
import socket
from pathlib import Path

HOST = "127.0.0.1"


class PortTakenError(Exception):
    """A well-known port is held by somebody else."""


class Ports:
    """The ports of a data dir, claimed until `close`: no other stack chooses one, also while its server is down.

    A remembered port that somebody took is chosen anew.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        self.claims: dict[tuple[str, int], socket.socket] = {}

    def get(self, name: str) -> int:
        """The same free port as last time, if it is still free and nobody else's."""
        port = self.known.get(name)
        if port is None or not self._claim(name, port):
            others = self.known.values()
            port = next((port for port in candidates() if port not in others and self._claim(name, port)), None)
            if port is None:
                raise PortTakenError("no port is free")
            self.known[name] = port
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(self.known, indent=1))
            new.replace(self.file)
        return port

    def well_known(self, port: int, what: str, setting: str) -> int:
        """`port` itself, if nobody listens on it. Whoever chose it for us, as tests do, may have claimed it."""
        if not self._claim(setting, port) and not is_free(port):
            raise PortTakenError(f"port {port} for {what} is taken; set {setting} to another one")
        return port

    def close(self) -> None:
        """Give up the claims."""
        while self.claims:
            self.claims.popitem()[1].close()

    def _claim(self, name: str, port: int) -> bool:
        """Is it free, and claimed for this name?"""
        if (name, port) in self.claims:
            return is_free(port)
        if mine := claim(port):
            self.claims[name, port] = mine
        return mine is not None


def claim(port: int) -> socket.socket | None:
    """A free port is ours among all who choose ports here, until this is closed or we die; None if it is not free.

    A server binds its port long after it was chosen. The name of an abstract socket is one's alone at once, whoever the
    users are, and belongs to a network namespace, as ports do (unix(7)). No file is left behind.
    """
    mine = socket.socket(socket.AF_UNIX)
    try:
        mine.bind(f"\0shapr-port-{port}")
    except OSError as error:
        mine.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    if not is_free(port):
        mine.close()
        return None
    return mine


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A server that was just killed leaves connections behind; they do not keep a port from its successor.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def candidates() -> list[int]:
    """Ports outside the range that outgoing connections take theirs from, in any order.

    Inside it, a client that knocks at a dead server again and again may be given that server's port, and so
    connect to itself and keep the server from coming back.
    """
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    outside = [port for port in range(10_000, 65_536) if not low <= port <= high] or list(range(10_000, 65_536))
    random.SystemRandom().shuffle(outside)
    return outside
