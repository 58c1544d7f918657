"""What servers need before the service can use them: tables, a bucket, a namespace, search attributes. Idempotent.

`python -m cli.prepare` reads the names of servers from stdin, one a line, as they begin to serve. `shapr up` runs it as
a process of its own: the clients it needs would stay in the supervisor's memory for ever.
"""

import asyncio
import sys
from collections.abc import Awaitable, Mapping
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from shapr.adapters import temporal
from shapr.adapters.migrate import migrate
from shapr.adapters.objects import Objects
from shapr.settings import Settings
from workflows import visibility

RETENTION = timedelta(days=7)  # as long as a stalled conversion waits


async def prepare(settings: Settings, up: Mapping[str, Awaitable[object]]) -> None:
    """Everything, each part as soon as its server serves. `up` has an awaitable per server."""

    async def after(role: str, work: Awaitable[None]) -> None:
        await up[role]
        await work

    await asyncio.gather(
        after("postgres", migrate(settings)),
        after("s3", bucket(settings)),
        after("temporal", workflows(settings)),
        up["redis"],
    )


async def bucket(settings: Settings) -> None:
    objects = Objects(settings)
    try:
        await objects.create_bucket()
    finally:
        await objects.close()


async def workflows(settings: Settings) -> None:
    """The namespace with its retention, and the search attributes."""
    client = await temporal.connect(settings)
    await namespace(client, settings.temporal_namespace)
    await search_attributes(client, settings.temporal_namespace)


async def namespace(client: Client, name: str) -> None:
    service, retention = client.workflow_service, Duration(seconds=int(RETENTION.total_seconds()))
    try:
        described = await service.describe_namespace(DescribeNamespaceRequest(namespace=name))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        await service.register_namespace(
            RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
        )
        return
    if described.config.workflow_execution_retention_ttl.seconds < retention.seconds:
        config = NamespaceConfig(workflow_execution_retention_ttl=retention)
        await service.update_namespace(UpdateNamespaceRequest(namespace=name, config=config))


async def search_attributes(client: Client, name: str) -> None:
    operator = client.operator_service
    known = (await operator.list_search_attributes(ListSearchAttributesRequest(namespace=name))).custom_attributes
    missing = {
        key.name: IndexedValueType.ValueType(key.indexed_value_type) for key in visibility.ALL if key.name not in known
    }
    if missing:
        await operator.add_search_attributes(AddSearchAttributesRequest(namespace=name, search_attributes=missing))


async def main() -> None:
    up = {role: asyncio.Event() for role in ("postgres", "s3", "temporal", "redis")}

    async def listen() -> None:
        while line := await asyncio.to_thread(sys.stdin.readline):
            up[line.strip()].set()

    listening = asyncio.create_task(listen())
    await prepare(Settings(), {role: event.wait() for role, event in up.items()})
    await listening


if __name__ == "__main__":
    asyncio.run(main())
