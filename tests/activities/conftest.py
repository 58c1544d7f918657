"""A world for reconcile and sweep."""

from typing import Any

import pytest

from shapr.adapters.postgres import Postgres
from shapr.settings import Settings
from tests.activities.world import World


@pytest.fixture
async def world(settings: Settings) -> Any:
    postgres = Postgres(settings)
    async with postgres.connection() as connection:  # nothing of other tests: a pass looks at everything
        await connection.execute("DELETE FROM conversions WHERE state IN ('queued', 'running', 'stalled')")
    made = World(settings, postgres)
    yield made
    await made.objects.close()
    await postgres.close()
