"""The supervisor with small programs: restarts, pauses, stubbornness, leftovers."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devstack.identity import Identity
from devstack.ports import Ports, free_port
from devstack.program import Program, launched
from devstack.stack import DeadError, HeldError, Stack

SLEEP = ("/bin/sleep", "60")


def program(*command: str, role: str = "it") -> Program:
    async def ready() -> bool:
        return False

    return Program(role=role, command=command, address="", ready=ready)


@asynccontextmanager
async def stacked(folder: Path, said: list[str]) -> AsyncIterator[Stack]:
    stack = Stack(folder, said.append)
    try:
        yield stack
    finally:
        await stack.stop(patience=0.2)


async def test_one_that_dies_at_once_is_started_again_after_longer_and_longer_pauses(tmp_path: Path) -> None:
    said: list[str] = []
    async with stacked(tmp_path, said) as stack:
        await stack.start([program("/bin/sh", "-c", "echo I cannot; exit 3")])
        with pytest.raises(DeadError, match="I cannot"):
            await asyncio.wait_for(stack.ready("it"), 20)
    pauses = [float(line.split("again in ")[1].removesuffix(" s")) for line in said]
    assert len(pauses) >= 4
    assert pauses == sorted(pauses)
    assert pauses[-1] > 2 * pauses[0]
    assert all("ended with code 3" in line for line in said)


async def test_one_that_does_not_listen_is_killed_with_its_children(tmp_path: Path) -> None:
    async with stacked(tmp_path, []) as stack:
        await stack.start([program("/bin/sh", "-c", "trap '' TERM INT; sleep 61 & sleep 62; sleep 63")])
        identity = stack_identity(tmp_path)
        while len(identity.session()) < 3:
            await asyncio.sleep(0.02)
    assert identity.session() == []


def stack_identity(folder: Path) -> Identity:
    return Identity(*json.loads((folder / "processes.json").read_text())["it"])


async def test_leftovers_of_a_crash_are_killed_with_their_children(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "sleep 64 & sleep 65"]
    with session(*command) as leftover:
        identity = record(tmp_path, leftover.pid, command)
        while len(identity.session()) < 3:
            await asyncio.sleep(0.02)
        said: list[str] = []
        async with stacked(tmp_path, said):
            assert identity.session() == []
            assert f"it (pid {leftover.pid})" in said[0]
        assert leftover.wait(1) == -signal.SIGKILL


@pytest.mark.parametrize("changed", [{"started": 1}, {"boot": "another"}, {"command": ["/bin/another"]}])
async def test_a_stranger_with_a_recorded_pid_is_left_alone(tmp_path: Path, changed: dict[str, object]) -> None:
    with session(*SLEEP) as stranger:
        record(tmp_path, stranger.pid, list(SLEEP), changed)
        said: list[str] = []
        async with stacked(tmp_path, said):
            lives = stranger.poll() is None
        stranger.kill()
    assert lives
    assert said == []


def session(*command: str) -> subprocess.Popen[bytes]:
    """A process that leads a session, and is nobody's."""
    return subprocess.Popen(command, start_new_session=True)


def record(folder: Path, pid: int, command: list[str], changed: dict[str, object] | None = None) -> Identity:
    identity = Identity.of(pid, command)
    assert identity
    (folder / "processes.json").write_text(json.dumps({"it": identity._replace(**changed or {})}))
    return identity


async def test_a_folder_has_one_holder_at_a_time(tmp_path: Path) -> None:
    async with stacked(tmp_path, []):
        with pytest.raises(HeldError, match=str(os.getpid())):
            Stack(tmp_path, print)
    async with stacked(tmp_path, []):
        pass


def test_a_program_dies_with_its_supervisor_however_that_ends(tmp_path: Path) -> None:
    supervise = f"""
import asyncio
from pathlib import Path
from tests.devstack.test_stack import SLEEP, program
from devstack.stack import Stack
async def main():
    stack = Stack(Path({str(tmp_path)!r}), print)
    await stack.start([program(*SLEEP)])
    print("started", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", supervise], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout
        assert supervisor.stdout.readline() == b"started\n"
        identity = stack_identity(tmp_path)
        assert identity.session()
        supervisor.kill()
    end = time.monotonic() + 5
    while identity.session():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_server_of_another_user_reaches_below_a_private_folder(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    (tmp_path / "home").mkdir(mode=0o700)
    theirs, ours = tmp_path / "home" / "theirs", tmp_path / "home" / "program"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, 65534, 65534)
    ours.write_text("#!/bin/sh\nid -u\n")
    ours.chmod(0o755)
    # `test` asks access(2), as PostgreSQL does, which by default leaves capabilities out of account.
    command = ("/bin/sh", "-c", f"cd / && test -x {ours} && {ours} && touch {theirs}/mine")
    done = subprocess.run(launched(command, theirs), capture_output=True, text=True, check=True)
    assert done.stdout == "65534\n"
    assert (theirs / "mine").stat().st_uid == 65534


def test_a_remembered_port_is_given_up_only_when_taken(tmp_path: Path) -> None:
    first = Ports(tmp_path / "ports.json")
    kept, lost = first.get("kept"), first.get("lost")
    assert kept != lost
    with socket.create_server(("127.0.0.1", lost)):
        second = Ports(tmp_path / "ports.json")
        assert second.get("kept") == kept
        assert second.get("lost") not in (lost, kept)
    assert Ports(tmp_path / "ports.json").get("lost") != lost


def test_free_ports_are_not_those_of_outgoing_connections() -> None:
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if high - low > 50_000:
        pytest.skip("this machine leaves no others")
    assert not low <= free_port() <= high
