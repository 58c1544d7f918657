"""Connecting to the real Temporal server."""

import time

import pytest

from shapr.adapters import temporal
from shapr.errors import Unavailable
from shapr.settings import Settings


async def test_a_server_that_serves_is_ready(settings: Settings) -> None:
    await temporal.ready(await temporal.connect(settings))
    await temporal.ready(await temporal.connect(settings, lazy=True))


async def test_a_lazy_client_needs_no_server_until_it_is_used() -> None:
    client = await temporal.connect(Settings(temporal_address="127.0.0.1:9"), lazy=True)
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await temporal.ready(client)
    assert time.monotonic() - begun < 5
