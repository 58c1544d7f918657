"""One thing kept in each server, to be found again after its death."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import boto3
from botocore.config import Config
from redis.asyncio import Redis
from temporalio.client import Client

from devstack.s3 import ACCESS_KEY
from tests.devstack.running import Running

BUCKET, NAME = "belongings", "kept"


async def keep(stack: Running, role: str) -> None:
    await patiently(lambda: KEEP[role](stack))


async def found(stack: Running, role: str) -> bool:
    return await patiently(lambda: FIND[role](stack))


async def patiently(call: Callable[[], Awaitable[Any]], seconds: float = 30) -> Any:
    """A server that was killed takes a moment to come back."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await call()
            except Exception as error:  # noqa: BLE001 - each driver has its own
                last = error
                await asyncio.sleep(0.1)
                assert not isinstance(last, AssertionError), last


async def keep_row(stack: Running) -> None:
    connection = await asyncpg.connect(stack.address("postgres"), timeout=5)
    try:
        await connection.execute(f"CREATE TABLE IF NOT EXISTS {NAME} (it int)")
    finally:
        await connection.close()


async def find_row(stack: Running) -> bool:
    connection = await asyncpg.connect(stack.address("postgres"), timeout=5)
    try:
        return await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", NAME)
    finally:
        await connection.close()


async def keep_key(stack: Running) -> None:
    async with Redis.from_url(stack.address("redis")) as redis:
        await redis.set(NAME, "1")
    await asyncio.sleep(1.2)  # it writes to disk every second


async def find_key(stack: Running) -> bool:
    async with Redis.from_url(stack.address("redis")) as redis:
        return await redis.get(NAME) == b"1"


def s3(stack: Running, secret: str | None = None) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=stack.address("s3"),
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret or (stack.data_dir / "s3" / "password").read_text(),
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5),
    )


async def keep_object(stack: Running) -> None:
    client = await asyncio.to_thread(s3, stack)
    await asyncio.to_thread(client.create_bucket, Bucket=BUCKET)
    await asyncio.to_thread(client.put_object, Bucket=BUCKET, Key=NAME, Body=b"1")


async def find_object(stack: Running) -> bool:
    client = await asyncio.to_thread(s3, stack)
    answer = await asyncio.to_thread(client.get_object, Bucket=BUCKET, Key=NAME)
    return answer["Body"].read() == b"1"


async def keep_workflow(stack: Running) -> None:
    client = await Client.connect(address(stack))
    await client.start_workflow("Nothing", id=NAME, task_queue="nobody")


async def find_workflow(stack: Running) -> bool:
    client = await Client.connect(address(stack))
    return (await client.get_workflow_handle(NAME).describe()).workflow_type == "Nothing"


def address(stack: Running) -> str:
    return urlsplit(f"//{stack.address('temporal').rpartition('//')[2]}").netloc


KEEP = {"postgres": keep_row, "redis": keep_key, "s3": keep_object, "temporal": keep_workflow}
FIND = {"postgres": find_row, "redis": find_key, "s3": find_object, "temporal": find_workflow}
