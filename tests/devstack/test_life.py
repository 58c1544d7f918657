"""Start, stop, crash and start again: one holder, nothing lost, nothing left behind."""

import json
import signal
import socket
from pathlib import Path

import pytest

from tests.devstack import belongings
from tests.devstack.running import SERVERS, Running, running, start, until


async def test_killed_altogether_it_leaves_no_process_and_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "data") as stack:
        for role in SERVERS:
            await belongings.keep(stack, role)
        addresses = stack.stack()["addresses"]
        assert len(stack.processes()) > len(SERVERS)
        refuses_a_second_holder(stack)
        stack.supervisor.send_signal(signal.SIGKILL)
        stack.supervisor.wait(5)
        until(lambda: not stack.processes(), 5)

    with running(tmp_path / "data") as stack:
        assert {role: stack.address(role) for role in ("postgres", "redis", "s3")} == {
            role: addresses[role] for role in ("postgres", "redis", "s3")
        }
        for role in SERVERS:
            assert await belongings.found(stack, role), role
        assert stack.stop() == 0
        assert stack.processes() == []
        assert not (stack.data_dir / "stack.json").exists()
        ports = json.loads((stack.data_dir / "ports.json").read_text()).values()
        sockets = [path for port in ports for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]
        assert sockets == []


def refuses_a_second_holder(stack: Running) -> None:
    second = start(stack.data_dir, SHAPR_HOST="127.0.0.1")
    assert second.supervisor.wait(20) == 1
    assert f"held by process {stack.supervisor.pid}" in second.output.read_text()
    assert stack.supervisor.poll() is None


@pytest.mark.parametrize("setting", ["SHAPR_TEMPORAL_PORT", "SHAPR_TEMPORAL_UI_PORT"])
def test_a_taken_port_is_named_with_its_setting(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        refused = start(tmp_path / "data", **{setting: port})
        assert refused.supervisor.wait(20) == 1
        said = refused.output.read_text()
        assert port in said
        assert setting in said
