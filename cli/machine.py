"""What `shapr doctor` looks at on this machine: before a service runs, and whether one does."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cli.listener import listener
from devstack import postgres, redis
from devstack.ports import is_free
from devstack.s3 import WEED
from devstack.temporal import TEMPORAL
from shapr.converters.run.allocator import allocator
from shapr.converters.run.probe import Protections, probe
from shapr.settings import Settings

OLDEST, NEWEST = (3, 11), (3, 13)
LIBRARIES = ("libGL.so.1", "libX11.so.6")  # what the kernel's wheel expects of the system
KERNEL = "from OCP.gp import gp_Pnt; gp_Pnt(0, 0, 0)"
KERNEL_SECONDS = 60.0
GIB = 1 << 30
FULL, NARROW = 1 * GIB, 5 * GIB  # free bytes; the embedded object store takes nothing below the first
INSTALL = "Run `make install`; if that does not help, `make clean` first."


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `do` says what helps, when something is wrong."""

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    do: str = ""


def machine(settings: Settings) -> Iterator[Check]:
    """Everything that can be known without asking a service."""
    yield python()
    yield from map(library, LIBRARIES)
    yield kernel()
    yield memory(allocator())
    yield sandbox(probe(), demanded="sandbox" in settings.model_fields_set and settings.sandbox == "strict")
    yield from binaries()
    yield from data_dir(settings.data_dir)
    pids = stack(settings.data_dir)
    yield from processes(settings.data_dir, pids)
    yield port("API", settings.port, "SHAPR_PORT", pids)
    yield port("Temporal", settings.temporal_port, "SHAPR_TEMPORAL_PORT", pids)
    yield port("Temporal UI", settings.temporal_ui_port, "SHAPR_TEMPORAL_UI_PORT", pids)


def python() -> Check:
    version = f"{sys.version.split()[0]} in {sys.prefix}"
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return Check("Python", "ok", version)
    return Check("Python", "fail", version, "Use 3.11, 3.12 or 3.13: make PYTHON=python3.12 install")


def library(name: str) -> Check:
    try:
        ctypes.CDLL(name)
    except OSError as error:
        return Check(name, "fail", str(error), "On Debian and Ubuntu: apt-get install libgl1 libx11-6")
    return Check(name, "ok", "found")


def kernel(command: tuple[str, ...] = (sys.executable, "-c", KERNEL), seconds: float = KERNEL_SECONDS) -> Check:
    """In a process of its own: a broken kernel may crash the one that imports it."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return Check("CAD kernel", "fail", f"not loaded after {seconds:g} s", "Is the disk or the machine overloaded?")
    except OSError as error:
        return Check("CAD kernel", "fail", str(error), INSTALL)
    if done.returncode == 0:
        return Check("CAD kernel", "ok", "it loads")
    said = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
    return Check("CAD kernel", "fail", said[0], INSTALL)


def memory(found: str | None) -> Check:
    """Who serves the kernel's memory: that of the C library takes a third more time for a STEP file."""
    if found:
        return Check("kernel's memory", "ok", found)
    do = "STEP takes a quarter less time with tcmalloc. On Debian and Ubuntu: apt-get install libtcmalloc-minimal4"
    return Check("kernel's memory", "warn", "by the C library", do)


def sandbox(found: Protections, demanded: bool) -> Check:
    """What would fence converters in here. `make up` converts without, unless `strict` was demanded."""
    if not found.missing:
        return Check("sandbox", "ok", ", ".join(found.active))
    lacking = "; ".join(f"{name}: {why}" for name, why in found.missing.items())
    status: Literal["warn", "fail"] = "fail" if demanded and not found.essential else "warn"
    return Check("sandbox", status, f"incomplete: {lacking}", "docs/sandbox.md says what the system has to allow.")


def binaries() -> Iterator[Check]:
    """The servers of the embedded stack."""
    places: dict[str, Callable[[], Path]] = {
        "Temporal": lambda: TEMPORAL,
        "PostgreSQL": lambda: postgres.binaries() / "postgres",
        "S3": lambda: WEED,
        "Redis": redis.executable,
    }
    for name, place in places.items():
        try:
            program = place()
            there = program.is_file() and os.access(program, os.X_OK)
            found = str(program) if there else f"{program} is not there, or may not be run"
        except RuntimeError as error:
            there, found = False, str(error)
        yield Check(f"{name} binary", "ok", found) if there else Check(f"{name} binary", "fail", found, INSTALL)


def data_dir(path: Path) -> Iterator[Check]:
    """Can it be written, and is there room?"""
    here = path.absolute()
    there = next(each for each in (here, *here.parents) if each.exists())
    elsewhere = "Set SHAPR_DATA_DIR to a folder of yours"
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        why = error.strerror or type(error).__name__
        yield Check("data dir", "fail", f"{there} cannot be written: {why}", f"{elsewhere}.")
    else:
        yield Check("data dir", "ok", str(here) if there == here else f"{here} will be made")
    free = shutil.disk_usage(there).free
    found = f"{free / GIB:.1f} GiB free"
    if free >= NARROW:
        yield Check("disk", "ok", found)
    else:
        status: Literal["warn", "fail"] = "warn" if free >= FULL else "fail"
        yield Check("disk", status, found, f"Make room, at least {NARROW // GIB} GiB. {elsewhere} on another disk.")


def stack(data_dir: Path) -> dict[str, int]:
    """The pids of our own stack by role, as its stack.json says; none when it does not run."""
    try:
        told: Any = json.loads((data_dir / "stack.json").read_text())
        return {str(role): int(pid) for role, pid in told["pids"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def processes(data_dir: Path, pids: dict[str, int]) -> Iterator[Check]:
    """Of a stack that runs, are all processes alive? It starts again what dies: what is dead keeps dying."""
    for role, pid in pids.items():
        if not Path(f"/proc/{pid}").exists():
            log = data_dir / "logs" / f"{role}.log"
            yield Check(role, "warn", f"its process {pid} is dead", f"Look into {log}; then stop and start `make up`.")


def port(name: str, number: int, setting: str, pids: dict[str, int]) -> Check:
    """Is it free for `make up`, or held by our own stack, or by somebody else?"""
    about = f"port {number} ({name})"
    if is_free(number):
        return Check(about, "ok", "free")
    holder = listener(number)
    if holder and holder.session in pids.values():
        return Check(about, "ok", f"held by our own stack (pid {holder.pid})")
    if holder and of_another_stack(holder.pid):
        found = f"held by a stack with another data dir (pid {holder.pid})"
        return Check(
            about, "warn", found, f"Set SHAPR_DATA_DIR as its `make up` had it; for a second one, set {setting}."
        )
    who = f"{holder.name} (pid {holder.pid})" if holder else "a process of another user, or out of sight"
    return Check(about, "fail", f"held by {who}", f"Stop that, or set {setting} to another port.")


def of_another_stack(pid: int) -> bool:
    """Is this the API or the Temporal server of some `shapr up`? Their command lines tell."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return False
    return b"web.app:create_app" in command or b"/temporal/temporal.db" in command
