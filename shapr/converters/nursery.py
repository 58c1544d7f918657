"""The zygote: loads the kernel once, then forks a child for every job. `python -m shapr.converters.nursery WORKER`

It opens no source and has one thread, so that a fork copies no lock that somebody holds. WORKER is the process id of
its worker (`run/zygote.py`), who is at the other end of its stdin, a socket: the zygote says READY there, and gets
orders. An order comes with two descriptors, the child's stderr and a socket of that job's own, on which the worker is
told two numbers: the child's process id, or a negative errno; and the exit code, negative for a signal. A child that
has ended stays a zombie until the worker closes that socket: while the worker may kill its group, the number is nobody
else's.
"""

import contextlib
import gc
import importlib
import os
import pkgutil
import select
import signal
import socket
import struct
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pydantic import BaseModel

from shapr.converters.run import limits
from shapr.converters.run.job import Limits
from shapr.converters.run.sandbox import Fence, Level, confine, empty_network, runtime_paths

READY = b"ready"
NUMBER = struct.Struct("i")
DESCRIPTOR = struct.Struct("i")
ORDER = 8192  # bytes of the longest order: a path, and a few numbers

# Loaded only when a job asks for them, by our modules, by numpy (masked arrays: 60 ms, for want of a compiled file), by
# PIL when it saves, by zipfile. lib3mf has no wheel for arm64.
LATE = (
    *("DracoPy", "lib3mf", "meshopt", "numpy.ma", "sqlite3", "encodings.ascii", "encodings.cp437"),
    *(f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Ppm")),
)
PACKAGES = ("brep", "mesh", "shaprfile")


class Order(BaseModel):
    """One job: the scratch dir that holds it, and what it may use."""

    scratch: Path
    limits: Limits
    level: Level


@dataclass(slots=True)
class Child:
    pid: int
    process: int  # a descriptor that is readable when it has ended: pidfd_open(2)
    worker: int  # the job's socket
    ended: bool = False
    free: bool = False


def load() -> None:
    """Import all that a job may need, and let the kernel build its tables. Nothing parallel: no thread may be left."""
    for package in PACKAGES:
        path = Path(__file__).parent / package
        for module in pkgutil.iter_modules([str(path)]):
            importlib.import_module(f"shapr.converters.{package}.{module.name}")
    for name in LATE:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    importlib.import_module("shapr.converters.job")
    from OCP.IGESCAFControl import IGESCAFControl_Reader, IGESCAFControl_Writer
    from OCP.STEPCAFControl import STEPCAFControl_Reader, STEPCAFControl_Writer

    for table in (STEPCAFControl_Reader, STEPCAFControl_Writer, IGESCAFControl_Reader, IGESCAFControl_Writer):
        table()
    importlib.import_module("shapr.converters.brep.rehearsal").rehearse()
    gc.collect()
    gc.freeze()  # what is here now is garbage in no child: looking through it would only copy its pages
    gc.disable()


class Nursery:
    """Forks, tells and reaps, until the worker hangs up."""

    def __init__(self, worker: socket.socket) -> None:
        self.worker = worker
        self.children: dict[int, Child] = {}  # by both descriptors
        self.order = bytearray(ORDER)
        self.poll = select.poll()
        self.poll.register(worker, select.POLLIN)

    def serve(self) -> None:
        self.worker.send(READY)
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor != self.worker.fileno():
                    self.look(descriptor)
                elif not self.take():
                    return

    def take(self) -> bool:
        """Take an order; False when there will be none any more. It is for the child to read: what happens in this
        process must not move its heap, for the next child begins with that, and the same job gives the same bytes."""
        length, given, _, _ = self.worker.recvmsg_into([self.order], socket.CMSG_SPACE(2 * DESCRIPTOR.size))
        if not length:
            return False
        stderr, worker = (DESCRIPTOR.unpack_from(given[0][2], at * DESCRIPTOR.size)[0] for at in range(2))
        try:
            self.bear(length, stderr, worker)
        except OSError as error:  # no process to be had
            tell(worker, -(error.errno or 1))
            os.close(worker)
        os.close(stderr)
        return True

    def bear(self, length: int, stderr: int, worker: int) -> None:
        me = os.getpid()
        pid = os.fork()
        if pid == 0:
            become(bytes(self.order[:length]), stderr, me)
        with contextlib.suppress(OSError):  # it has done so itself, or is dead already
            os.setpgid(pid, pid)  # before the worker knows it, who kills groups
        try:
            process = os.pidfd_open(pid)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        child = Child(pid, process, worker)
        for descriptor in (child.process, child.worker):
            self.children[descriptor] = child
            self.poll.register(descriptor, select.POLLIN)
        tell(worker, pid)

    def look(self, descriptor: int) -> None:
        """A child has ended, or its worker has let go of it. When both are true it is reaped."""
        child = self.children.pop(descriptor)
        self.poll.unregister(descriptor)
        os.close(descriptor)  # from here on the number may be another child's
        if child.ended or child.free:
            os.waitpid(child.pid, 0)
        elif descriptor == child.process:
            child.ended = True
            if ended := os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT):
                tell(child.worker, ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)
        else:  # the worker gave it up
            child.free = True
            os.killpg(child.pid, signal.SIGKILL)


def tell(worker: int, number: int) -> None:
    with contextlib.suppress(OSError):  # it has let go, which shows on this descriptor next
        os.write(worker, NUMBER.pack(number))


def become(data: bytes, stderr: int, parent: int) -> NoReturn:
    """In the child: alone, limited, and then the converter."""
    code = 1
    try:
        limits.tie(parent)
        os.setpgid(0, 0)
        os.dup2(stderr, 2)
        for descriptor in [int(each.name) for each in Path("/proc/self/fd").iterdir()]:
            if descriptor > 2:
                with contextlib.suppress(OSError):  # the descriptor of the listing itself
                    os.close(descriptor)
        order = Order.model_validate_json(data)
        os.chdir(order.scratch)
        limits.rename("converter")
        limits.expendable()
        confine(Fence(order.scratch, runtime_paths(), order.limits), order.level)
        job = importlib.import_module("shapr.converters.job")
        job.main(Path())
        code = 0
    except BaseException:  # noqa: BLE001 - no way leads back into the zygote
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)  # taking a kernel document apart costs more than the process is worth


def main(parent: int) -> None:
    limits.tie(parent)
    if limits.unrandomised():
        os.execv(sys.executable, sys.orig_argv)
    worker = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    load()
    with contextlib.suppress(OSError):  # forbidden here: each child tries it, and says what it lacks
        empty_network()
    limits.tie(parent)  # a change of credentials has undone it
    Nursery(worker).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
