"""What `make up` is told, `shapr up` hears."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.up import addressed
from shapr.settings import Settings
from tests.end_to_end.service import REPOSITORY

LISTENS = f"""
import asyncio, os, sys
sys.path.insert(0, {str(REPOSITORY)!r})
from cli.up import watch_make

async def main():
    stop = asyncio.Event()
    watching = asyncio.create_task(watch_make(os.getppid(), stop))
    await asyncio.sleep(0.1)  # it has looked once
    print("begun", flush=True)
    await asyncio.wait_for(stop.wait(), 20)
    print("told to stop", flush=True)

asyncio.run(main())
"""


def test_the_seeds_api_is_served_unless_the_environment_says_no(tmp_path: Path) -> None:
    (tmp_path / "s3").mkdir()
    addresses = {"temporal": "http://a", "postgres": "postgresql://b", "redis": "redis://c", "s3": "http://d"}
    assert addressed(Settings(), tmp_path, addresses).legacy
    assert not addressed(Settings(legacy=False), tmp_path, addresses).legacy


@pytest.mark.timeout(60)
def test_an_interrupt_of_make_alone_stops_what_it_runs(tmp_path: Path) -> None:
    (tmp_path / "listens.py").write_text(LISTENS)
    (tmp_path / "Makefile").write_text(f"up:\n\t@{sys.executable} listens.py\n")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    with subprocess.Popen(
        ["make", "up"], cwd=tmp_path, env=ours, stdout=subprocess.PIPE, start_new_session=True
    ) as make:
        assert make.stdout
        assert make.stdout.readline() == b"begun\n"
        make.send_signal(signal.SIGINT)
        said, _ = make.communicate(timeout=30)
    assert b"told to stop" in said
