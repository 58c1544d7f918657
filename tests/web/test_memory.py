"""An upload passes through the API process; it is never all there."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from cli.up import environment
from shapr.settings import Settings
from tests.end_to_end.service import free_ports
from tests.web.conftest import STL
from tests.web.test_create import EDGE, part

MB = 1 << 20
UPLOAD = int(os.environ.get("SHAPR_TEST_UPLOAD", 200 * MB))  # bytes
GROWTH = 100 * MB


@pytest.fixture
def process(settings: Settings, tmp_path: Path) -> Iterator[tuple[int, str]]:
    """An API process of its own; its pid and address."""
    (port,) = free_ports(1)
    nowhere = {"SHAPR_TEMPORAL_NAMESPACE": "nowhere"}  # nobody is to convert this
    command = [sys.executable, "-m", "uvicorn", "--factory", "web.app:create_app", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(
            command, env={**os.environ, **environment(settings), **nowhere}, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{address}/livez")
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield child.pid, address
    finally:
        child.terminate()
        child.wait(10)


def peak(pid: int) -> int:
    """The most memory a process ever had resident, bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


async def test_a_large_upload_needs_little_memory(process: tuple[int, str]) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield part("outputs", b"obj") + part("file", STL, "large.stl")[:-2]
        for _ in range(UPLOAD // MB):
            yield b"\n" * MB
        yield b"\r\n--edge--\r\n"

    pid, address = process
    async with httpx.AsyncClient(base_url=address, timeout=120) as http:
        small = part("outputs", b"obj") + part("file", STL, "small.stl") + b"--edge--\r\n"
        assert (await http.post("/v1/conversions", content=small, headers=EDGE)).status_code == 202
        before, begun = peak(pid), time.monotonic()
        answer = await http.post("/v1/conversions", content=body(), headers=EDGE)
    assert answer.status_code == 202, answer.text
    assert answer.json()["source"]["size"] >= UPLOAD
    grown, seconds = peak(pid) - before, time.monotonic() - begun
    print(f"{UPLOAD / MB:.0f} MB in {seconds:.1f} s, {UPLOAD / MB / seconds:.0f} MB/s, grew by {grown / MB:.0f} MB")
    assert grown < GROWTH
