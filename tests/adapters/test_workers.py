"""What workers say of themselves reaches the API, and is forgotten with them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from shapr.adapters import workers
from shapr.adapters.workers import Fenced, Workers
from shapr.errors import Unavailable
from shapr.settings import Settings

ALL = ("rlimits", "landlock", "seccomp")


@pytest.fixture
async def pair(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Workers, Workers]]:
    """Two workers, and nobody else's word."""
    monkeypatch.setattr(workers, "KEY", f"test:{request.node.name}")
    both = Workers(settings), Workers(settings)
    yield both
    for each in both:
        await each.close()


async def test_nobody_is_no_protection(pair: tuple[Workers, Workers]) -> None:
    assert await pair[0].fenced() == Fenced(0)


async def test_active_is_what_all_have_and_missing_what_one_lacks(pair: tuple[Workers, Workers]) -> None:
    good, poor = pair
    await good.tell(ALL, {})
    await good.tell(ALL, {})
    assert await poor.fenced() == Fenced(1, ALL, {})
    await poor.tell(("rlimits", "seccomp"), {"landlock": "Landlock: Function not implemented"})
    missing = {"landlock": "Landlock: Function not implemented"}
    assert await good.fenced() == Fenced(2, ("rlimits", "seccomp"), missing)
    await poor.leave(("rlimits", "seccomp"), missing)
    assert await good.fenced() == Fenced(1, ALL, {})


async def test_a_worker_that_says_nothing_more_is_forgotten(
    pair: tuple[Workers, Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "GONE", 1)
    await pair[0].tell(ALL, {})
    await asyncio.sleep(2.1)
    assert await pair[1].fenced() == Fenced(0)


async def test_without_redis_a_worker_goes_on_and_says_so_once(settings: Settings) -> None:
    alone = Workers(settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")}))
    with capture_logs() as logs:
        for _ in range(3):
            await alone.tell(ALL, {})
    assert [each["event"] for each in logs] == ["worker_untold"]
    with pytest.raises(Unavailable):
        await alone.fenced()
    await alone.close()
