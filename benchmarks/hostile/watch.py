"""Who touches the bait: every opening in its folder, every connection to its port."""

import contextlib
import ctypes
import os
import select
import socket
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hostile.kit import SAMPLES, Bait

# inotify(7): IN_ACCESS, MODIFY, OPEN, MOVED_TO, CREATE, DELETE
TOUCHES = 0x1 | 0x2 | 0x20 | 0x80 | 0x100 | 0x200
IN_NONBLOCK = os.O_NONBLOCK
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Watch:
    bait: Bait
    inotify: int
    tcp: socket.socket
    udp: socket.socket

    def touched(self) -> list[str]:
        """What happened to the bait since the last time somebody asked."""
        seen = []
        with contextlib.suppress(BlockingIOError):
            events = os.read(self.inotify, 1 << 16)
            while events:
                _, mask, _, length = struct.unpack_from("iIII", events)
                name = events[16 : 16 + length].rstrip(b"\0").decode()
                seen.append(f"{name} ({mask:#x})")
                events = events[16 + length :]
        while select.select((self.tcp, self.udp), (), (), 0)[0]:
            for each, what in ((self.tcp, "TCP"), (self.udp, "UDP")):
                with contextlib.suppress(BlockingIOError):
                    each.accept()[0].close() if each is self.tcp else each.recv(1)
                    seen.append(f"a {what} connection")
        return seen


@contextlib.contextmanager
def watch() -> Iterator[Watch]:
    """A bait that any converter would like: real files of every format, and a port."""
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hostile-"))).resolve()
        folder = root / "bait"
        folder.mkdir()
        for name, sample in {"secret.step": "bracket.step", "secret.igs": "bracket.iges"}.items():
            (folder / name).write_bytes((SAMPLES / sample).read_bytes())
        (folder / "secret.mtl").write_text("newmtl secret\nKd 1 0 0\n")
        (folder / "secret.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
        (folder / "secret.bin").write_bytes(struct.pack("<12f6H", 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 2, 0, 2, 3))
        (folder / "secret.model").write_text("<model/>")
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(tcp.getsockname())
        tcp.setblocking(False)
        udp.setblocking(False)
        inotify = _libc.inotify_init1(IN_NONBLOCK)
        stack.callback(os.close, inotify)
        if _libc.inotify_add_watch(inotify, os.fsencode(folder), TOUCHES) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        yield Watch(Bait(folder, tcp.getsockname()[1]), inotify, tcp, udp)
