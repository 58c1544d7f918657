"""Between the worker and a program: `python -I -S launch.py ORDER COMMAND...` fences itself in and becomes COMMAND.

A program of its own, because nothing but C may run between fork and exec of a process with threads, as a worker is.
ORDER is an `Order` as JSON. What prevents the start goes to its pipe, as a number and words; the pipe closes with exec.
"""

import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]

PR_SET_PDEATHSIG = 1  # linux/prctl.h
ADDR_NO_RANDOMIZE = 0x0040000  # linux/personality.h


@dataclass(frozen=True)
class Bounds:
    cpu: int
    memory: int
    output: int


@dataclass(frozen=True)
class Order:
    """What the worker asks for. `parent`: its process id; `report`: the descriptor of the pipe."""

    parent: int
    report: int
    level: str
    scratch: str
    readable: tuple[str, ...]
    limits: Bounds
    programs: bool

    def command(self, command: tuple[str, ...]) -> tuple[str, ...]:
        return (sys.executable, "-I", "-S", __file__, json.dumps(asdict(self)), *command)


def main(order: Order, command: list[str]) -> None:
    from shapr.converters.run.sandbox import Fence, confine

    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != order.parent:
        return  # the worker is dead: there is nobody to convert for
    # The kernel orders some entities by address: the same addresses give the same bytes. Where it is forbidden,
    # such assemblies agree by content only.
    libc.personality(ADDR_NO_RANDOMIZE)
    os.set_inheritable(order.report, False)
    fence = Fence(Path(order.scratch), tuple(map(Path, order.readable)), order.limits, order.programs)
    try:
        confine(fence, order.level)  # type: ignore[arg-type]
        os.execv(command[0], command)
    except OSError as error:
        os.write(order.report, f"{error.errno} {error.strerror}".encode())


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    told = json.loads(sys.argv[1])
    main(Order(**{**told, "limits": Bounds(**told["limits"])}), sys.argv[2:])
    sys.exit(127)
