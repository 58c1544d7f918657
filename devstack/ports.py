"""Ports: well-known ones from the settings, free ones remembered in the data dir.

A remembered port is an address that survives a restart.
"""

import json
import socket
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
            port = free_port()
            self.known[name] = port
            self.file.write_text(json.dumps(self.known, indent=1))
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def well_known(port: int, what: str, setting: str) -> int:
    """`port`, if nobody holds it."""
    if not is_free(port):
        raise PortTakenError(f"port {port} for {what} is taken; set {setting} to another one")
    return port
