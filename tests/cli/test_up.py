"""What `make up` is told, `shapr up` hears."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.service import REPOSITORY

LISTENS = f"""
import asyncio, os, sys
sys.path.insert(0, {str(REPOSITORY)!r})
from cli.up import watch_make

async def main():
    stop = asyncio.Event()
    watching = asyncio.create_task(watch_make(os.getppid(), stop))
    print("begun", flush=True)
    await asyncio.wait_for(stop.wait(), 20)
    print("told to stop", flush=True)

asyncio.run(main())
"""


@pytest.mark.timeout(60)
def test_an_interrupt_of_make_alone_stops_what_it_runs(tmp_path: Path) -> None:
    (tmp_path / "listens.py").write_text(LISTENS)
    (tmp_path / "Makefile").write_text(f"up:\n\t@{sys.executable} listens.py\n")
    with subprocess.Popen(["make", "up"], cwd=tmp_path, stdout=subprocess.PIPE, start_new_session=True) as make:
        assert make.stdout
        assert make.stdout.readline() == b"begun\n"
        make.send_signal(signal.SIGINT)
        said, _ = make.communicate(timeout=30)
    assert b"told to stop" in said
