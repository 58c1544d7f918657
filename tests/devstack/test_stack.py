"""The supervisor with small programs: restarts, pauses, stubbornness, leftovers."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from devstack.answers import ask
from devstack.identity import Identity
from devstack.ports import HOST, Ports, PortTakenError, candidates
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
    with closing(Ports(tmp_path / "ports.json")) as first:
        kept, lost = first.get("kept"), first.get("lost")
    assert kept != lost
    with socket.create_server((HOST, lost)), closing(Ports(tmp_path / "ports.json")) as second:
        assert second.get("kept") == kept
        assert second.get("lost") not in (lost, kept)
    with closing(Ports(tmp_path / "ports.json")) as third:
        assert third.get("lost") != lost


def test_ports_are_not_those_of_outgoing_connections() -> None:
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if high - low > 50_000:
        pytest.skip("this machine leaves no others")
    assert not [port for port in candidates() if low <= port <= high]


CLAIMS = """
import os, sys
from devstack.ports import claim
if os.geteuid() == 0:
    os.setuid(65534)  # whoever it is
mine = claim(int(sys.argv[1]))
print("claimed" if mine else "refused", flush=True)
sys.stdin.read()
"""


@contextmanager
def claiming(port: int) -> Iterator[str]:
    """What another process, of another user where we are root, is told when it claims this port."""
    command = [sys.executable, "-c", CLAIMS, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        yield other.stdout.readline().strip()
        other.kill()


def test_a_port_chosen_is_claimed_before_it_is_bound_and_until_its_chooser_ends(tmp_path: Path) -> None:
    with closing(Ports(tmp_path / "ports.json")) as ours:
        port = ours.get("it")
        with claiming(port) as answer:
            assert answer == "refused"
    with claiming(port) as answer:
        assert answer == "claimed"
        with closing(Ports(tmp_path / "ports.json")) as ours:
            assert ours.get("it") != port
            assert ours.well_known(port, "it", "SHAPR_IT") == port  # whoever set it may have chosen it
    with closing(Ports(tmp_path / "other.json")) as ours:  # that process was killed
        ours.known["it"] = port
        assert ours.get("it") == port


SERVES = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()[0].sendall(b"it")
"""


def serving(port: int) -> Program:
    async def ready() -> bool:
        return await ask(port, b"", 2) == b"it"

    return Program("it", (sys.executable, "-I", "-S", "-c", SERVES, str(port)), "", ready, ports=(port,))


@asynccontextmanager
async def losing(stack: Stack, times: int, choose: Callable[[], int]) -> AsyncIterator[list[int]]:
    """The stack with a program whose port is taken between choice and start, so many times; gives what was chosen."""
    chosen: list[int] = []
    with ExitStack() as takers:

        async def begin() -> None:
            chosen.append(choose())
            if len(chosen) <= times:
                takers.enter_context(socket.create_server((HOST, chosen[-1])))
            await stack.start([serving(chosen[-1])])
            await stack.ready("it")

        await asyncio.wait_for(stack.up(begin), 20)
        yield chosen


async def test_a_port_taken_between_choice_and_start_is_chosen_anew(tmp_path: Path) -> None:
    said: list[str] = []
    async with stacked(tmp_path, said) as stack, losing(stack, 1, lambda: stack.ports.get("it")) as (lost, found):
        assert lost != found
        assert await ask(found, b"", 2) == b"it"
        assert f"it found port {lost} taken; beginning again" in said


async def test_ports_that_are_taken_again_and_again_end_the_start(tmp_path: Path) -> None:
    async with stacked(tmp_path, []) as stack:
        with pytest.raises(PortTakenError, match="it found port"):
            async with losing(stack, 9, lambda: stack.ports.get("it")):
                pass


async def test_a_port_that_was_set_is_never_another_one(tmp_path: Path) -> None:
    with closing(Ports(tmp_path / "ports.json")) as ports:
        port = ports.get("it")
    async with stacked(tmp_path / "data", []) as stack:
        with pytest.raises(PortTakenError, match=f"port {port} for it is taken; set SHAPR_IT"):
            async with losing(stack, 1, lambda: stack.ports.well_known(port, "it", "SHAPR_IT")):
                pass
