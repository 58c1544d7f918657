"""The real servers and the whole service, each started at most once per run, on free ports in a temp dir."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from cli.prepare import prepare
from cli.up import SERVERS, addressed
from devstack import postgres, redis, s3, temporal
from devstack.stack import Stack
from shapr.settings import Settings
from tests.end_to_end.service import Service, serving


def pytest_configure() -> None:
    """Programs under test hear Ctrl-C, also where the run was started in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `pytest -n`: what shares the servers stays in one process, what shares the service too; else file by file."""
    for item in items:
        shared = [name for name in ("service", "servers") if name in getattr(item, "fixturenames", ())]
        item.add_marker(pytest.mark.xdist_group(shared[0] if shared else str(item.path)))


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Temporal, PostgreSQL, S3 and Redis; `servers.programs[role].address` says where."""
    stack = Stack(tmp_path_factory.mktemp("servers"), print)
    home, ports = stack.data_dir, stack.ports

    async def begin() -> None:
        chosen = Settings(temporal_port=ports.get("temporal"), temporal_ui_port=ports.get("temporal.ui"))
        await stack.start(
            [
                temporal.program(home / "temporal", ports, chosen),
                postgres.program(home / "postgres", ports),
                s3.program(home / "s3", ports),
                redis.program(home / "redis", ports),
            ]
        )
        await asyncio.gather(*(stack.ready(role) for role in SERVERS))

    await stack.up(begin)
    yield stack
    await stack.stop(patience=2)


@pytest.fixture(scope="session")
async def settings(servers: Stack) -> Settings:
    """Settings for the servers: migrated, with bucket, namespace and search attributes."""
    addresses = {role: program.address for role, program in servers.programs.items()}
    made = addressed(Settings(), servers.data_dir, addresses).model_copy(update={"s3_bucket": "tests"})
    assert isinstance(made.database_url, SecretStr)
    await prepare(made, {role: servers.ready(role) for role in SERVERS})
    return made


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`shapr up`, shared by the tests that leave it as they found it."""
    # A dead worker is noticed after 8 s here, not after 30.
    with serving(tmp_path_factory.mktemp("service") / "data", SHAPR_HEARTBEAT_TIMEOUT="8") as running:
        yield running
