"""Temporal: one way to connect, with the data converter that our pydantic models need."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from shapr.errors import Unavailable
from shapr.settings import Settings


async def connect(settings: Settings, *, lazy: bool = False) -> Client:
    """A client of the settings' server and namespace; `lazy` connects at the first call."""
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=pydantic_data_converter,
        lazy=lazy,
    )


async def ready(client: Client) -> None:
    """Raises Unavailable when the frontend does not answer within two seconds."""
    try:
        serving = await client.service_client.check_health(timeout=timedelta(seconds=2))
    except (RPCError, RuntimeError) as error:
        raise Unavailable(f"temporal: {error}") from error
    if not serving:
        raise Unavailable("temporal: not serving")
