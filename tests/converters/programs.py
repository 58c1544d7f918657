"""Programs of the converter contract, written for a test, and jobs for them."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shapr.converters import formats
from shapr.converters.run.external import External
from shapr.converters.run.job import Job, Limits, Written
from shapr.settings import Settings

COPY = 'cp "$1" "$3"'
SOURCE = b"PK\x03\x04 a workspace"


def program(folder: Path, script: str, shell: str = "/bin/sh") -> Path:
    """An executable in a folder of its own, outside the scratch dir."""
    path = folder / "vendor" / "convert"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{shell}\n{script}\n")
    path.chmod(0o755)
    return path


def python(folder: Path, script: str) -> Path:
    return program(folder, script, f"{sys.executable} -I")


def job(folder: Path, outputs: str = "stl", name: str = "leg.shapr", source: bytes = SOURCE, **limits: Any) -> Job:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    (scratch / "source").write_bytes(source)
    return Job(
        source=scratch / "source",
        source_format=formats.ALIASES[name.rpartition(".")[2].lower()],
        source_name=name,
        outputs=tuple((output, {}) for output in outputs.split(",")),
        scratch=scratch,
        limits=Limits.of(Settings()).model_copy(update=limits),
    )


async def convert(path: Path, job: Job, progress: Callable[[int], None] = lambda _: None) -> dict[str, Written]:
    external = External((str(path),), path.name, "external")
    return {each.format: each for each in await external.convert(job, progress)}


def code(written: Written) -> str:
    assert written.error and written.path is None
    return written.error.code


def running(word: str) -> list[str]:
    """Processes, zombies apart, with this word in their command: number, state and command."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command, stat = (entry / "cmdline").read_bytes(), (entry / "stat").read_text()
            except OSError:
                continue
            state = stat.rpartition(")")[2].split()[0]
            if word.encode() in command and state not in "ZX":
                found.append(f"{entry.name} {state} {command!r}")
    return found
