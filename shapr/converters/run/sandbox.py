"""The fence around a converter, which the process that is going to run it puts around itself.

In this order, each as far as the kernel offers it: limits, no privileges, an empty network, Landlock (files), a system
call filter. docs/sandbox.md says what each keeps out. The standard library and ctypes only: `launch.py` starts with it.
"""

import ctypes
import functools
import os
import resource
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from shapr.converters.run import landlock, seccomp
from shapr.converters.run.landlock import called, libc

Level = Literal["strict", "degrade", "off"]
ESSENTIAL = ("landlock", "seccomp")  # what `strict` insists on

PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
CAPABILITY_VERSION = 0x20080522  # linux/capability.h: two words of 32 each
NEWUSER, NEWNET, NEWIPC = 0x10000000, 0x40000000, 0x08000000  # linux/sched.h
FILES, PROCESSES = 256, 4096
HEADROOM = 4 << 30  # bytes of address space that are no memory: libraries, thread stacks, what is only reserved

PACKAGE = Path(__file__).parents[2]
SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")
PROGRAMS = (
    *("/usr", "/bin", "/sbin", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime"),
    "/etc/fonts",
)
# What libraries ask of the machine: its processors, its memory; and the process of itself.
SEEN = (
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/filesystems"),
    *("/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu", "/dev/urandom", "/dev/random"),
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full")


class Unconfined(OSError):  # noqa: N818 - a state, not a mistake
    """The fence that was demanded cannot be put up."""


class Bounds(Protocol):
    """The part of `Limits` that the kernel enforces: CPU seconds, bytes of memory, bytes of one file."""

    @property
    def cpu(self) -> int: ...
    @property
    def memory(self) -> int: ...
    @property
    def output(self) -> int: ...


@dataclass(frozen=True)
class Fence:
    """What a converter is left.

    `scratch` is the only place it may write to, absolute for programs, which start elsewhere; `readable` what it may
    read besides. `programs`: it may start others, which cannot leave its process group; without, it may start threads
    and nothing else.
    """

    scratch: Path
    readable: tuple[Path, ...]
    limits: Bounds
    programs: bool = False


def confine(fence: Fence, level: Level = "strict") -> tuple[str, ...]:
    """Put the fence around this process, for good; gives the names of what stands, in order.

    Call it in the child, while it has one thread. `strict` raises Unconfined when Landlock or the filter fails,
    `degrade` puts up what can be put up, `off` sets the limits and gives up privileges only.
    """
    standing = []
    for name, put_up in PROTECTIONS.items():
        if level == "off" and name not in ("rlimits", "no_new_privs"):
            continue
        try:
            put_up(fence)
        except OSError as error:
            if level == "strict" and name in ESSENTIAL:
                raise Unconfined(error.errno, f"{name}: {error.strerror}") from error
        else:
            standing.append(name)
    return tuple(standing)


@functools.cache  # by the zygote, for all of its children
def runtime_paths() -> tuple[Path, ...]:
    """What our own child reads while it runs: Python, the packages, the system's libraries, our code."""
    python = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    python |= {each for each in sys.path if each.endswith(("/site-packages", "/dist-packages"))}
    parts = (*sorted(python), f"{sys.base_prefix}/lib", f"{sys.prefix}/pyvenv.cfg", sys.executable, *SYSTEM)
    return (PACKAGE, *map(Path, parts))


def program_paths(program: Path, more: tuple[Path, ...] = ()) -> tuple[Path, ...]:
    """What a program reads that is plugged in: its folder, the system's programs and libraries, our Python, `more`."""
    own = {_installed(each) for each in (program, program.resolve())}  # it may be a link to where it is installed
    return (*sorted(own), *more, *runtime_paths(), *map(Path, PROGRAMS))


def _installed(program: Path) -> Path:
    """Its folder; the program alone, where the folder holds other things than a program: a home, or ourselves."""
    others = (Path(os.environ.get("HOME", "/")), PACKAGE)
    return program if any(each.is_relative_to(program.parent) for each in others) else program.parent


def _limits(fence: Fence) -> None:
    limits = fence.limits
    space = limits.memory + HEADROOM  # a lie in a file that asks for terabytes ends here at once
    for kind, soft, hard in (
        (resource.RLIMIT_AS, space, space),
        (resource.RLIMIT_CPU, limits.cpu, limits.cpu + 5),
        (resource.RLIMIT_FSIZE, limits.output, limits.output),
        (resource.RLIMIT_NPROC, PROCESSES, PROCESSES),  # of the user, on the whole machine; root has none
        (resource.RLIMIT_NOFILE, FILES, FILES),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
    ):
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(kind, (soft, hard))


def _no_privileges(_: Fence) -> None:
    """None kept, as root has them, and none gained by running a set-user-ID program."""
    called(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    called(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


_empty = False  # this process, or the one that it was forked from, has an empty network


def empty_network() -> None:
    """Move this process into a network without interfaces, and an IPC namespace without anything. Once is enough.

    What it forks from now on is in there too. Without privileges it takes a user namespace, which the system may
    forbid: OSError. Call it while there is one thread.
    """
    global _empty
    if _empty:
        return
    if libc.unshare(NEWNET | NEWIPC):
        user, group = os.getuid(), os.getgid()
        called(libc.unshare(NEWUSER | NEWNET | NEWIPC), "empty network")
        for name, content in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            Path(f"/proc/self/{name}").write_text(content)
    _empty = True


def _network(_: Fence) -> None:
    try:
        empty_network()
    finally:
        drop_capabilities()  # it took one, and may have given all of its user namespace's


def _landlock(fence: Fence) -> None:
    readable = (*fence.readable, *map(Path, SEEN))
    landlock.restrict(readable, (fence.scratch,), map(Path, DEVICES), fence.programs)


def _seccomp(fence: Fence) -> None:
    seccomp.restrict(fence.programs)


PROTECTIONS: dict[str, Callable[[Fence], None]] = {
    "rlimits": _limits,
    "no_new_privs": _no_privileges,
    "network": _network,
    "landlock": _landlock,
    "seccomp": _seccomp,
}
