"""The four embedded servers: what they keep, whom they let in, and that they come back."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from tests.devstack import belongings
from tests.devstack.running import SERVERS, Running, running, until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    # A space, and a folder that another user cannot enter: both have broken servers before.
    home = tmp_path_factory.mktemp("my home")
    home.chmod(0o700)
    with running(home / "data") as started:
        yield started


@pytest.mark.parametrize("role", SERVERS)
async def test_a_killed_server_is_back_on_its_address_with_its_data(stack: Running, role: str) -> None:
    await belongings.keep(stack, role)
    dead, address = stack.pid(role), stack.address(role)
    os.kill(dead, signal.SIGKILL)
    until(lambda: stack.pid(role) != dead)
    assert await belongings.found(stack, role)
    assert stack.address(role) == address
    assert f"restart: {role} (pid {dead})" in stack.output.read_text()


def test_every_port_is_on_loopback(stack: Running) -> None:
    listening = [address for pid in stack.processes() for address in listeners(pid)]
    assert len(listening) >= 12
    assert {address for address in listening if not address.startswith("0100007F:")} == set()  # 127.0.0.1


def listeners(pid: int) -> list[str]:
    """The addresses (hexadecimal, as in /proc/net/tcp) a process listens on."""
    inodes = {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()}
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]


async def test_postgres_wants_the_password_and_speaks_utf8(stack: Running) -> None:
    address = stack.address("postgres")
    connection = await asyncpg.connect(address)
    try:
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        assert await connection.fetchval("SHOW unix_socket_directories") == ""
    finally:
        await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(address, password="guessed")


def test_postgres_is_never_root(stack: Running) -> None:
    if os.geteuid() != 0:
        pytest.skip("we are not root ourselves")
    assert Path(f"/proc/{stack.pid('postgres')}").stat().st_uid != 0


def test_s3_serves_nobody_without_the_key(stack: Running) -> None:
    unsigned = Config(signature_version=botocore.UNSIGNED)
    for client in (
        boto3.client("s3", endpoint_url=stack.address("s3"), region_name="us-east-1", config=unsigned),
        belongings.s3(stack, secret="guessed"),
    ):
        with pytest.raises(ClientError) as refusal:
            client.list_objects_v2(Bucket=belongings.BUCKET)
        assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


async def test_redis_wants_the_password(stack: Running) -> None:
    async with Redis.from_url(stack.address("redis").replace("redis://:", "redis://:wrong")) as redis:
        with pytest.raises(AuthenticationError):
            await redis.ping()


def test_files_with_secrets_are_for_their_owner_only(stack: Running) -> None:
    assert stat.S_IMODE(stack.data_dir.stat().st_mode) == 0o700
    for name in ("stack.json", "postgres/password", "s3/password", "s3/identities.json", "redis/valkey.conf"):
        assert stat.S_IMODE((stack.data_dir / name).stat().st_mode) == 0o600, name


def test_a_server_is_recognised_by_more_than_its_pid(stack: Running) -> None:
    identity = stack.identities()["redis"]
    assert identity.alive()
    assert not identity._replace(started=identity.started + 1).alive()
    assert not identity._replace(command=["another", "program"]).alive()
    assert not identity._replace(boot="another").alive()
