"""The zygote: loads the kernel once, then forks a child for every job. `python -m shapr.converters.nursery WORKER`

It opens no source and has one thread, so that a fork copies no lock that somebody holds. It knows of no child but the
spare, which waits for the next order: what it does for one must not move its heap, for the next child begins with that
heap, and the kernel orders some entities by address. The same job gives the same bytes, whatever runs beside it.

WORKER is the process id of its worker (`run/zygote.py`), who is at the other end of its stdin, a socket: the zygote
says READY there, and does what it is told, a word at a time. An order comes with two descriptors, the child's stderr
and its scratch dir, and is answered by the child's process id, or a negative errno. A query, about the child that the
worker has seen to end, is answered by the exit code, negative for a signal. A dismissal has no answer: until then the
child stays a zombie, and its number is nobody else's.
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
import tempfile
import traceback
from array import array
from pathlib import Path
from typing import NoReturn

from pydantic import BaseModel

from shapr.converters.run import limits
from shapr.converters.run.job import Limits
from shapr.converters.run.pages import Pages
from shapr.converters.run.sandbox import Fence, Level, confine, empty_network, runtime_paths

READY = b"ready"
NUMBER = struct.Struct("i")
WORD = struct.Struct("ci")
ENDED, DISMISS = b"e", b"d"  # words about a child; any other message is an order
DESCRIPTORS = struct.Struct("ii")
HELD = 64  # more descriptors than a zygote ever has: three, its socket, that to the spare, and two of an order
MINE = 3  # of the spare: where it is told
ORDER = 1024  # bytes of the longest order: a few numbers
PRESSURE = Path("/proc/pressure/cpu")
WAITED = 20.0  # percent of its time

# Loaded only when a job asks for them, by our modules, by numpy (masked arrays: 60 ms, for want of a compiled file), by
# PIL when it saves, by zipfile. lib3mf has no wheel for arm64.
LATE = (
    *("DracoPy", "lib3mf", "meshopt", "numpy.ma", "sqlite3", "encodings.ascii", "encodings.cp437"),
    *(f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Ppm")),
)
PACKAGES = ("brep", "mesh", "shaprfile")


class Order(BaseModel):
    """What one job may use. No path: its length would move the heap."""

    limits: Limits
    level: Level


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
    from OCP.IGESCAFControl import IGESCAFControl_Writer
    from OCP.IGESControl import IGESControl_Reader
    from OCP.STEPCAFControl import STEPCAFControl_Reader, STEPCAFControl_Writer

    for table in (STEPCAFControl_Reader, STEPCAFControl_Writer, IGESControl_Reader, IGESCAFControl_Writer):
        table()
    importlib.import_module("shapr.converters.brep.rehearsal").rehearse()
    runtime_paths()
    gc.collect()
    gc.freeze()  # what is here now is garbage in no child: looking through it would only copy its pages
    gc.disable()


def study() -> Pages:
    """What memory a child takes for a job: one does a job, as all later ones will."""
    rehearsal = importlib.import_module("shapr.converters.brep.rehearsal")
    pages = Pages()
    with tempfile.TemporaryDirectory() as folder:
        rehearsal.job(Path(folder))

        def rehearsed() -> None:
            os.chdir(folder)
            work(Order(limits=rehearsal.LIMITS, level="degrade"))

        pages.learn(rehearsed)
    return pages


class Spare:
    """The next job's child, forked before there is a job: a fork of so large a process takes as long as a small job.

    Two numbers in a place of their own, which no life of a child moves.
    """

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.held = array("i", (0, -1))  # its process id, 0 for none; the descriptor by which it is told

    def fork(self) -> None:
        """Have one ready. OSError when there is no process to be had."""
        me = os.getpid()
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, its:
            if (pid := os.fork()) == 0:
                wait(its.fileno(), me, self.pages)
            self.held[0], self.held[1] = pid, ours.detach()
        with contextlib.suppress(OSError):  # it has done so itself, or is dead already
            os.setpgid(pid, pid)  # before the worker knows it, who kills groups

    def take(self, order: memoryview, stderr: int, scratch: int) -> int:
        """Give it the order; its process id. OSError when it is dead, or never lived."""
        pid, descriptor = self.held
        self.held[0], self.held[1] = 0, -1
        if not pid:
            raise ProcessLookupError
        with socket.socket(fileno=descriptor) as told:
            try:
                told.sendmsg([order], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, DESCRIPTORS.pack(stderr, scratch))])
            except OSError:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise
        return int(pid)


def serve(worker: socket.socket, pages: Pages) -> None:
    """Do what the worker says, until it hangs up."""
    message, spare = bytearray(ORDER), Spare(pages)
    with contextlib.suppress(OSError):  # as for every later one: the order will ask again
        spare.fork()
    worker.send(READY)
    while listen(worker, message, spare):
        pass


def listen(worker: socket.socket, message: bytearray, spare: Spare) -> bool:
    """Do the next word; False when there will be none any more. Whatever it takes, it has given back when it ends."""
    length, given, _, _ = worker.recvmsg_into([message], socket.CMSG_SPACE(DESCRIPTORS.size))
    if not length:
        return False
    if given:
        stderr, scratch = DESCRIPTORS.unpack(given[0][2])
        tell(worker, bear(spare, memoryview(message)[:length], stderr, scratch))
        os.close(stderr)
        os.close(scratch)
        with contextlib.suppress(OSError):
            spare.fork()
        return True
    word, pid = WORD.unpack_from(message)
    if word == ENDED:
        tell(worker, ended(pid))
    else:
        os.waitpid(pid, os.WNOHANG)  # one that even a kill does not end would hold up all others: it is left
    return True


def bear(spare: Spare, order: memoryview, stderr: int, scratch: int) -> int:
    """The process id of the child that has the order now, or a negative errno."""
    with contextlib.suppress(OSError):
        return spare.take(order, stderr, scratch)
    try:
        spare.fork()
        return spare.take(order, stderr, scratch)
    except OSError as error:
        return -(error.errno or 1)


def ended(pid: int) -> int:
    """The exit code. Of no child of ours, 0: the worker has dismissed it since, and hears no answer."""
    with contextlib.suppress(ChildProcessError):
        if found := os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
    return 0


def tell(worker: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # it has hung up, which shows next
        worker.send(NUMBER.pack(number))


def wait(descriptor: int, parent: int, pages: Pages) -> NoReturn:
    """In the child: alone, until it is told of a job."""
    code = 1
    try:
        limits.tie(parent)
        os.setpgid(0, 0)
        limits.rename("converter-spare")
        os.dup2(descriptor, MINE)
        os.closerange(MINE + 1, HELD)
        with socket.socket(fileno=MINE) as told:
            if quiet():
                pages.take(lambda: bool(select.select([told], [], [], 0)[0]))
            order, given, _, _ = told.recvmsg(ORDER, socket.CMSG_SPACE(DESCRIPTORS.size))
        if given:
            become(order, *DESCRIPTORS.unpack(given[0][2]))
        code = 0
    except BaseException:  # noqa: BLE001 - no way leads back into the zygote
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)  # taking a kernel document apart costs more than the process is worth


def quiet() -> bool:
    """Whether there is a processor for what the next job may not need. Where they are all taken, jobs that need little
    would pay for those that need more: a tenth of their CPU.

    By the percent of the last ten seconds in which something had to wait for one (Linux 4.20), or else by the load,
    which goes on for minutes after it is over.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):  # not every system tells
        return float(PRESSURE.read_text().partition("avg10=")[2].split(maxsplit=1)[0]) < WAITED
    return os.getloadavg()[0] < len(os.sched_getaffinity(0))


def become(order: bytes, stderr: int, scratch: int) -> None:
    """Limited, and then the converter."""
    os.dup2(stderr, 2)
    os.fchdir(scratch)
    os.closerange(3, HELD)
    work(Order.model_validate_json(order))


def work(asked: Order) -> None:
    """In the current folder."""
    limits.rename("converter")
    limits.expendable()
    confine(Fence(Path(), runtime_paths(), asked.limits), asked.level)
    importlib.import_module("shapr.converters.job").main(Path())


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
    pages = study()
    limits.tie(parent)  # a change of credentials has undone it
    serve(worker, pages)


if __name__ == "__main__":
    main(int(sys.argv[1]))
