"""Switches and the depth of the queue, in the real PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from shapr.adapters import switches as module
from shapr.adapters.postgres import Postgres
from shapr.adapters.records import Records
from shapr.adapters.switches import DRAIN, LOOK, READ_ONLY, Switches
from shapr.conversion import Run, State, Step
from shapr.errors import Unavailable
from shapr.settings import Settings
from tests.adapters.conftest import a_conversion


@pytest.fixture
async def switches(postgres: Postgres) -> AsyncIterator[Switches]:
    """As of another process each time: nothing is remembered from the last test."""
    made = Switches(postgres, 1_000_000)
    yield made
    for name in (READ_ONLY, DRAIN):
        await made.turn_off(name)


async def test_a_switch_is_on_with_its_reason_until_it_is_turned_off(switches: Switches) -> None:
    await switches.turn_on(DRAIN, "deploy 42")
    seen = (await switches.look()).on
    assert list(seen) == [DRAIN]
    assert seen[DRAIN].reason == "deploy 42"
    assert seen[DRAIN].since and datetime.now(UTC) - seen[DRAIN].since < timedelta(minutes=1)
    await switches.turn_off(DRAIN)
    assert (await switches.look()).on == {}
    await switches.turn_off(DRAIN)  # harmless


async def test_turning_it_on_again_changes_the_reason_and_not_the_time(switches: Switches) -> None:
    await switches.turn_on(READ_ONLY, "first")
    first = (await switches.look()).on[READ_ONLY]
    await switches.turn_on(READ_ONLY, "second \0")
    second = (await switches.look()).on[READ_ONLY]
    assert (second.reason, second.since) == ("second \N{REPLACEMENT CHARACTER}", first.since)


async def test_another_process_sees_it_within_about_a_second(switches: Switches, postgres: Postgres) -> None:
    other = Switches(postgres)
    assert (await other.look()).on == {}
    await switches.turn_on(DRAIN, "deploy")
    async with asyncio.timeout(module.FRESH + 1):
        while DRAIN not in (await other.look()).on:
            await asyncio.sleep(0.05)


async def test_many_who_ask_at_once_cost_one_query(switches: Switches) -> None:
    seen = await asyncio.gather(*(switches.look() for _ in range(50)))
    assert len({id(each) for each in seen}) == 1


async def test_what_waits_is_counted_and_what_a_converter_has_is_not(switches: Switches, records: Records) -> None:
    async def depth() -> int:
        return (await Switches(switches._postgres, 1_000_000).look()).depth

    before, in_hand = await depth(), await switches.in_hand()
    made = a_conversion()
    await records.create(made)
    await records.create(a_conversion(state=State.AWAITING_SOURCE))
    assert await depth() == before + 1
    run = Run(workflow="w", id="r1", scheduled=datetime.now(UTC))
    assert await records.claim(made.id, run, Step.UPLOAD)
    assert await depth() == before + 1, "verified, and still waiting for a converter"
    assert await switches.in_hand() == in_hand
    assert await records.claim(made.id, run, Step.COMPRESS)
    assert await depth() == before
    assert await switches.in_hand() == in_hand + 1


async def test_the_oldest_one_says_how_long_the_queue_is(switches: Switches, records: Records) -> None:
    made = a_conversion()
    await records.create(made)
    async with switches._postgres.connection() as connection:
        await connection.execute("UPDATE conversions SET queued_at = now() - interval '1 day' WHERE id = $1", made.id)
    assert 86_400 <= (await switches.look()).oldest < 86_500
    async with switches._postgres.connection() as connection:
        await connection.execute("UPDATE conversions SET state = 'cancelled' WHERE id = $1", made.id)


async def test_counting_uses_the_partial_index_and_stops_at_the_limit(postgres: Postgres) -> None:
    """Among 30,000 ended conversions and 3,000 that wait, a limit of 100 reads 101 index entries."""
    fill = """
        INSERT INTO conversions (id, tenant, state, created_at, queued_at, source)
        SELECT 'flood-' || n, 'flood', CASE WHEN n % 11 = 0 THEN 'queued' ELSE 'completed' END, now(), now(), '{}'
        FROM generate_series(1, 33000) n
    """
    async with postgres.connection() as connection:
        try:
            await connection.execute(fill)
            await connection.execute("VACUUM ANALYZE conversions")
            await connection.execute("SET plan_cache_mode = force_generic_plan")  # as for a prepared statement
            await connection.execute(f"PREPARE look (bigint) AS {LOOK.replace('$1', '$1::bigint')}")
            (explained,) = await connection.fetchrow("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE look (101)")
        finally:
            await connection.execute("DEALLOCATE look")
            await connection.execute("RESET plan_cache_mode")
            await connection.execute("DELETE FROM conversions WHERE tenant = 'flood'")
    scans = list(found(json.loads(explained)[0]["Plan"]))
    on_conversions = [scan for scan in scans if scan.get("Relation Name") == "conversions"]
    assert on_conversions
    assert {scan.get("Index Name") for scan in on_conversions} == {"conversions_waiting"}, scans
    assert max(scan["Actual Rows"] for scan in on_conversions) == 101


def found(plan: dict) -> list[dict]:
    """Every node of a plan."""
    return [plan, *(node for each in plan.get("Plans", []) for node in found(each))]


async def test_what_was_seen_is_kept_while_it_cannot_be_read(settings: Settings, switches: Switches) -> None:
    lost = Switches(Postgres(settings.model_copy(update={"database_url": SecretStr("postgresql://x@127.0.0.1:1/x")})))
    with pytest.raises(Unavailable):
        await lost.look()
    assert lost.seen is None
    await switches.turn_on(DRAIN, "deploy")
    await switches.look()
    switches._postgres = lost._postgres
    switches._forget()
    with pytest.raises(Unavailable):
        await switches.look()
    assert switches.seen and DRAIN in switches.seen.on
    switches._postgres = Postgres(settings)
