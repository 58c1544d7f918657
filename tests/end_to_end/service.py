"""A whole service of its own: `shapr up` in a temp dir on free ports, driven from outside like a user's."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from devstack.ports import candidates, claim

REPOSITORY = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CORPUS = REPOSITORY.parent / "shared" / "corpus"
TERMINAL = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class Service:
    """A running service; `log` is what `shapr up` printed."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    log: Path
    http: httpx.Client

    def stack(self) -> dict[str, Any]:
        return json.loads((self.data_dir / "stack.json").read_text())

    def pid(self, role: str) -> int:
        return self.stack()["pids"][role]

    def kill(self, role: str) -> int:
        """kill -9 the process of a role; gives its pid."""
        pid = self.pid(role)
        os.kill(pid, signal.SIGKILL)
        return pid

    @contextmanager
    def without(self, role: str) -> Iterator[None]:
        """A server is dead for the block: its supervisor stands still, so that nobody starts it again."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            self.kill(role)
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def submit(self, source: Path, outputs: str, name: str | None = None, **fields: Any) -> dict[str, Any]:
        """Create a conversion; gives its answer, or the problem."""
        with source.open("rb") as file:
            form = {"outputs": outputs, **{k: v if isinstance(v, str) else json.dumps(v) for k, v in fields.items()}}
            answer = self.http.post("/v1/conversions", data=form, files={"file": (name or source.name, file)})
        return answer.json()

    def act(self, id: str, action: str) -> httpx.Response:
        """`:cancel` or `:retry`."""
        return self.http.post(f"/v1/conversions/{id}:{action}")

    def get(self, id: str) -> dict[str, Any]:
        answer = self.http.get(f"/v1/conversions/{id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, id: str, seconds: float = 120) -> dict[str, Any]:
        """The conversion once it is terminal. Answers that fail in between are asked again: servers may be down."""
        end = time.monotonic() + seconds
        seen: dict[str, Any] = {}
        while time.monotonic() < end:
            try:
                answer = self.http.get(f"/v1/conversions/{id}", params={"wait": 5}, timeout=20)
                if answer.status_code == 200:
                    seen = answer.json()
                    if seen["state"] in TERMINAL:
                        return seen
                else:
                    time.sleep(0.5)
            except httpx.HTTPError:
                time.sleep(0.5)
        raise TimeoutError(f"{id} is not terminal after {seconds} s: {seen}")

    def convert(self, source: Path, outputs: str, seconds: float = 120, **fields: Any) -> dict[str, Any]:
        created = self.submit(source, outputs, **fields)
        assert "id" in created, created
        return self.wait(created["id"], seconds)

    def download(self, conversion: dict[str, Any], format: str) -> bytes:
        answer = self.http.get(f"/v1/conversions/{conversion['id']}/outputs/{format}")
        assert answer.status_code == 200, answer.text
        return answer.content

    def temporal(self, *arguments: str) -> Any:
        """The `temporal` CLI against this service's server, its JSON read."""
        return json.loads(self.tell(*arguments, "-o", "json"))

    def tell(self, *arguments: str) -> str:
        """The `temporal` CLI, as an operator uses it; gives what it printed."""
        address = self.stack()["addresses"]["temporal"].removeprefix("http://").removeprefix("grpc://")
        command = [str(BIN / "temporal"), *arguments, "--address", address]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def until(what: Callable[[], Any], seconds: float = 30) -> Any:
    """The first truthy answer."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.1)
    return found


CLAIMS: list[socket.socket] = []


def free_ports(count: int) -> list[int]:
    """Ports that nobody holds, claimed as long as this process lives: what is started on them takes seconds."""
    ours = list(islice(((port, mine) for port in candidates() if (mine := claim(port))), count))
    CLAIMS.extend(mine for _, mine in ours)
    return [port for port, _ in ours]


@contextmanager
def serving(data_dir: Path, seconds: float = 120, **environment: str) -> Iterator[Service]:
    """`shapr up`, until the block ends; then Ctrl-C."""
    api, temporal, ui = free_ports(3)
    log = data_dir.parent / f"{data_dir.name}.log"
    settings = {
        "SHAPR_DATA_DIR": str(data_dir),
        "SHAPR_PORT": str(api),
        "SHAPR_TEMPORAL_PORT": str(temporal),
        "SHAPR_TEMPORAL_UI_PORT": str(ui),
        **environment,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(BIN / "shapr"), "up"],
            cwd=REPOSITORY,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        await_line(process, log, b"ready: ", seconds)
        with httpx.Client(base_url=f"http://127.0.0.1:{api}", timeout=60) as http:
            yield Service(process, data_dir, log, http)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def await_line(process: subprocess.Popen[bytes], log: Path, start: bytes, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if any(line.startswith(start) for line in log.read_bytes().splitlines()):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"no line '{start.decode()}' in {seconds} s:\n{log.read_text(errors='replace')[-4000:]}")
