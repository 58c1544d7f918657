"""The `shapr` command as a user runs it: a process of its own, in a folder of its own, against a real service."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.service import BIN, REPOSITORY, Service, free_ports

SAMPLES = REPOSITORY / "samples"


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Its one document: json refuses anything before or after it."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Shapr:
    """`shapr` with these variables, in this folder."""

    folder: Path
    environment: Mapping[str, str]

    def start(
        self,
        *arguments: str | bytes | Path,
        stderr: int = subprocess.PIPE,
        before: Callable[[], None] | None = None,
        **more: str,
    ) -> subprocess.Popen[bytes]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SHAPR_")}
        return subprocess.Popen(
            [BIN / "shapr", *arguments],
            cwd=self.folder,
            env={**clean, **self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            preexec_fn=before,
        )

    def __call__(self, *arguments: str | bytes | Path, **more: str) -> Said:
        with self.start(*arguments, **more) as process:
            out, err = process.communicate(timeout=120)
        return Said(process.returncode, out.decode(), err.decode())

    def file(self, name: str | bytes, content: bytes | None = None) -> Path:
        """A file in the folder; a small solid unless told otherwise."""
        path = self.folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((SAMPLES / "bracket.stl").read_bytes() if content is None else content)
        return path


@pytest.fixture
def shapr(service: Service, tmp_path: Path) -> Shapr:
    """A command that finds the service."""
    return Shapr(tmp_path, {"SHAPR_URL": str(service.http.base_url)})


@pytest.fixture
def alone(tmp_path: Path) -> Shapr:
    """A command on a machine where no service runs."""
    api, temporal, ui = free_ports(3)
    ports = {"SHAPR_PORT": str(api), "SHAPR_TEMPORAL_PORT": str(temporal), "SHAPR_TEMPORAL_UI_PORT": str(ui)}
    return Shapr(tmp_path, ports)
