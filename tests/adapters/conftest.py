"""Adapters on the real servers, and the servers' sudden death."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from shapr.adapters.postgres import Postgres
from shapr.adapters.records import Records
from shapr.conversion import Conversion, Output, Source, State, new_id
from shapr.errors import Unavailable
from shapr.settings import Settings


@pytest.fixture(scope="session")
async def postgres(settings: Settings) -> AsyncIterator[Postgres]:
    made = Postgres(settings)
    yield made
    await made.close()


@pytest.fixture(scope="session")
def records(postgres: Postgres) -> Records:
    return Records(postgres)


@pytest.fixture
def kill(settings: Settings) -> Callable[[str], None]:
    """kill -9 of an embedded server by its role; its supervisor starts it again."""

    def kill(role: str) -> None:
        stack = json.loads((settings.data_dir / "stack.json").read_text())
        os.kill(stack["pids"][role], signal.SIGKILL)

    return kill


async def eventually(ready: Callable[[], Awaitable[None]], seconds: float = 30) -> None:
    """Wait until a dependency is back."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await ready()
            except Unavailable:
                await asyncio.sleep(0.05)


def a_conversion(**more: Any) -> Conversion:
    """A queued conversion of a STEP file to STL and OBJ."""
    given = {
        "id": new_id(),
        "tenant": "acme",
        "state": State.QUEUED,
        "created_at": datetime.now(UTC),
        "source": Source(name="bracket.step", format="step", size=9, sha256="0" * 64),
        "outputs": (Output(format="stl", options={"quality": "fine", "units": "mm"}), Output(format="obj")),
    }
    return Conversion.model_validate(given | more)
