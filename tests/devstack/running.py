"""The four servers under their supervisor, in a process that a test may interrupt or kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.identity import Identity
from tests.end_to_end.service import free_ports

REPOSITORY = Path(__file__).parents[2]
SERVERS = ("postgres", "redis", "s3", "temporal")
UP = "import asyncio, sys; from cli.up import up; from shapr.settings import Settings; "
UP += f"sys.exit(asyncio.run(up(Settings(), {SERVERS})))"


@dataclass(frozen=True)
class Running:
    supervisor: subprocess.Popen[bytes]
    data_dir: Path
    output: Path

    def stack(self) -> dict[str, Any]:
        return json.loads((self.data_dir / "stack.json").read_text())

    def pid(self, role: str) -> int:
        return self.stack()["pids"][role]

    def address(self, role: str) -> str:
        return self.stack()["addresses"][role]

    def identities(self) -> dict[str, Identity]:
        return {k: Identity(*v) for k, v in json.loads((self.data_dir / "processes.json").read_text()).items()}

    def processes(self) -> list[int]:
        """All that work on the data dir, PostgreSQL's many among them; the supervisor does not count."""
        pids = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
        return [pid for pid in pids if str(self.data_dir) in works_on(pid)]

    def stop(self) -> int:
        """Ctrl-C; gives the exit code."""
        self.supervisor.send_signal(signal.SIGINT)
        return self.supervisor.wait(30)

    def says(self, words: str, seconds: float = 60) -> None:
        def said() -> bool:
            assert self.supervisor.poll() is None or words in self.output.read_text(), self.output.read_text()
            return words in self.output.read_text()

        until(said, seconds)


def works_on(pid: int) -> str:
    """The command line and the working folder of a process."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        return f"{command} {Path(f'/proc/{pid}/cwd').readlink()}"
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return ""  # it has ended, or is another user's


def until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def start(data_dir: Path, **environment: str) -> Running:
    names = ("SHAPR_PORT", "SHAPR_TEMPORAL_PORT", "SHAPR_TEMPORAL_UI_PORT")
    ports = dict(zip(names, map(str, free_ports(len(names))), strict=True))
    output = data_dir.with_name(f"{data_dir.name}.output")
    with output.open("wb") as out:
        supervisor = subprocess.Popen(
            [sys.executable, "-c", UP],
            cwd=REPOSITORY,
            env={**os.environ, **ports, "SHAPR_DATA_DIR": str(data_dir), **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C at pytest is not meant for it
        )
    return Running(supervisor, data_dir, output)


@contextmanager
def running(data_dir: Path, **environment: str) -> Iterator[Running]:
    """Servers that are ready; interrupted at the end of the block, unless they have ended."""
    stack = start(data_dir, **environment)
    try:
        stack.says("ready: ")
        yield stack
    finally:
        if stack.supervisor.poll() is None:
            try:
                stack.stop()
            except subprocess.TimeoutExpired:
                stack.supervisor.kill()
                raise
