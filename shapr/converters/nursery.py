"""The zygote: loads the kernel once, then forks a child for every job. `python -m shapr.converters.nursery`

It opens no source and has one thread, so that a fork copies no lock that somebody holds. Its worker
(`run/zygote.py`) is at its stdin, a socket: the zygote says READY there, and gets orders. An order comes with two
descriptors, the child's stderr and a socket of that job's own, on which the worker is told two numbers: the child's
process id, or a negative errno; and the exit code, negative for a signal. A child that has ended stays a zombie until the worker has
closed that socket: as long as the worker may kill its group, the number belongs to nobody else.
"""

import contextlib
import ctypes
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

READY = b"ready"
NUMBER = struct.Struct("i")
ORDER = 65536  # bytes of the longest order

# Loaded by our modules only when a job asks for them. lib3mf has no wheel for arm64.
LATE = ("DracoPy", "PIL.Image", "PIL.PngImagePlugin", "lib3mf", "meshopt", "numpy")
PACKAGES = ("brep", "mesh")


class Order(BaseModel):
    """One job: the scratch dir that holds it, and what it may use."""

    scratch: Path
    limits: Limits


@dataclass(frozen=True)
class Child:
    pid: int
    process: int  # a descriptor that is readable when it has ended: pidfd_open(2)
    worker: int  # the job's socket


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
        """Take an order; False when there will be none any more."""
        data, descriptors, _, _ = socket.recv_fds(self.worker, ORDER, 2)
        if not data:
            return False
        stderr, worker = descriptors
        try:
            self.bear(Order.model_validate_json(data), stderr, worker)
        except OSError as error:  # no process to be had
            tell(worker, -(error.errno or 1))
            os.close(worker)
        os.close(stderr)
        return True

    def bear(self, order: Order, stderr: int, worker: int) -> None:
        me = os.getpid()
        pid = os.fork()
        if pid == 0:
            become(order, stderr, me)
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
        os.close(descriptor)
        if descriptor == child.process:
            ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            if ended and child.worker in self.children:
                tell(child.worker, ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)
        elif child.process in self.children:  # the worker gave up before it knew whom to kill
            os.killpg(child.pid, signal.SIGKILL)
        if not {child.process, child.worker} & self.children.keys():
            os.waitpid(child.pid, 0)


def tell(worker: int, number: int) -> None:
    with contextlib.suppress(OSError):  # it has let go, which shows on this descriptor next
        os.write(worker, NUMBER.pack(number))


def become(order: Order, stderr: int, parent: int) -> NoReturn:
    """In the child: alone, limited, and then the converter."""
    code = 1
    try:
        limits.tie(parent)
        os.setpgid(0, 0)
        os.dup2(stderr, 2)
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2:
                with contextlib.suppress(OSError):  # the descriptor of the listing itself
                    os.close(int(name))
        os.chdir(order.scratch)
        limits.rename("converter")
        limits.restrict(order.limits)
        job = importlib.import_module("shapr.converters.job")
        job.main(Path())
        code = 0
    except BaseException:  # noqa: BLE001 - no way leads back into the zygote
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)  # taking a kernel document apart costs more than the process is worth


def main() -> None:
    worker = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    load()
    Nursery(worker).serve()


if __name__ == "__main__":
    main()
