"""Progress and changes, over the real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio as redis
from pydantic import SecretStr
from structlog.testing import capture_logs

from shapr.adapters import progress as adapter
from shapr.adapters.progress import CHANNEL, DAY, Progress
from shapr.conversion import new_id
from shapr.errors import Unavailable
from shapr.settings import Settings
from tests.adapters.conftest import eventually


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Progress]:
    made = Progress(settings)
    yield made
    await made.close()


@pytest.fixture
async def there(settings: Settings) -> AsyncIterator[Progress]:
    """Another process, as far as the adapter can tell."""
    made = Progress(settings)
    yield made
    await made.close()


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator["redis.Redis"]:
    client = redis.Redis.from_url(settings.redis_url.get_secret_value())
    yield client
    await client.aclose()


async def test_what_one_process_tells_another_knows(here: Progress, there: Progress) -> None:
    first, second, silent = new_id(), new_id(), new_id()
    await here.set(first, 1, 40)
    await here.set(second, 3, 7.3)
    assert await there.get([(first, 1), (second, 3), (silent, 1)]) == {first: 40, second: 7.3}
    assert await there.get([]) == {}


async def test_progress_never_falls_whoever_tells_it(settings: Settings, here: Progress, there: Progress) -> None:
    id = new_id()
    await here.set(id, 1, 80)
    await there.set(id, 1, 10)  # the step's next try, on another worker
    third = Progress(settings)
    assert await third.get([(id, 1)]) == {id: 80}
    await there.set(id, 1, 80.1)
    assert await third.get([(id, 1)]) == {id: 80.1}
    await third.close()


async def test_another_attempt_begins_anew(here: Progress, there: Progress) -> None:
    id = new_id()
    await here.set(id, 1, 80)
    await here.set(id, 2, 5)
    assert await there.get([(id, 2)]) == {id: 5}


async def test_progress_is_forgotten_after_a_day(here: Progress, server: "redis.Redis") -> None:
    id = new_id()
    await here.set(id, 1, 80)
    assert DAY - 5 < await server.ttl(f"shapr:progress:{id}:1") <= DAY


async def test_a_redis_that_lost_everything_does_not_make_it_fall(here: Progress, server: "redis.Redis") -> None:
    id = new_id()
    await here.set(id, 1, 80)
    await server.flushall()
    assert await here.get([(id, 1)]) == {id: 80}
    await here.set(id, 1, 30)
    assert await server.get(f"shapr:progress:{id}:1") == b"80"


async def test_what_is_remembered_is_bounded(here: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "REMEMBERED", 3)
    for at in range(10):
        await here.set(f"c{at}", 1, at)
    assert [id for id, _ in here._highest] == ["c7", "c8", "c9"]


async def test_an_announcement_wakes_those_who_wait_for_it(here: Progress, there: Progress) -> None:
    mine, other = new_id(), new_id()
    async with here.changes(mine) as changes, here.changes(mine) as too, here.changes(other) as others:
        await there.announce(mine)
        assert await changes.wait(2)
        assert await too.wait(2)
        assert not await others.wait(0.1)
        assert not await changes.wait(0.1), "once"


async def test_an_announcement_right_after_the_start_is_not_missed(settings: Settings, there: Progress) -> None:
    for _ in range(10):
        fresh = Progress(settings)
        async with fresh.changes("cnv_x") as changes:
            await there.announce("cnv_x")
            assert await changes.wait(2)
        await fresh.close()


async def test_a_process_listens_once_for_all_its_waiters(here: Progress, server: "redis.Redis") -> None:
    async def listeners() -> int:
        return (await server.pubsub_numsub(CHANNEL))[0][1]

    before = await listeners()
    async with here.changes("a"), here.changes("b"), here.changes("b"):
        assert await listeners() == before + 1
    assert here._waiting == {}


async def test_redis_down_raises_nothing_and_is_said_once(settings: Settings) -> None:
    down = Progress(settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:9/0")}))
    with capture_logs() as logs:
        async with down.changes("a") as changes:
            for _ in range(3):
                begun = time.monotonic()
                await down.set("a", 1, 40)
                await down.announce("a")
                assert await down.get([("a", 1)]) == {"a": 40}
                assert time.monotonic() - begun < 1
                await changes.wait(1.1)
    assert [log["event"] for log in logs] == ["redis_unavailable"]
    with pytest.raises(Unavailable):
        await down.ready()
    await down.close()


async def test_a_redis_that_hangs_costs_a_second_and_not_more(settings: Settings) -> None:
    async def silence(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hanging = Progress(settings.model_copy(update={"redis_url": SecretStr(f"redis://127.0.0.1:{port}/0")}))
    begun = time.monotonic()
    for percent in (10, 20, 30):
        await hanging.set("a", 1, percent)
    assert time.monotonic() - begun < 2
    await hanging.close()
    server.close()


async def test_everything_goes_on_after_redis_was_killed(
    here: Progress, there: Progress, kill: Callable[[str], None]
) -> None:
    id = new_id()
    await there.ready()
    with capture_logs() as logs:
        async with here.changes(id) as changes:
            await there.set(id, 1, 50)
            kill("redis")
            assert await changes.wait(5), "a waiter looks again when the line is dead"
            await there.set(id, 1, 60)
            await eventually(there.ready)
            async with asyncio.timeout(10):
                while here._down or there._down:
                    await asyncio.sleep(0.05)
                    await there.set(id, 1, 60)
            assert await changes.wait(1), "and when it is back"
            await there.announce(id)
            assert await changes.wait(2)
            await there.set(id, 1, 70)
            async with asyncio.timeout(10):  # it does not ask a Redis that was down a moment ago
                while await here.get([(id, 1)]) != {id: 70}:
                    await asyncio.sleep(0.1)
    events = [log["event"] for log in logs]
    assert events.count("redis_unavailable") == events.count("redis_available") <= 2, "one outage, two processes"
