"""What callers and reconcile may change, and when it is too late for it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shapr.adapters.postgres import Postgres
from shapr.adapters.records import ALIKE, Records
from shapr.adapters.transitions import Transitions
from shapr.conversion import (
    Conversion,
    Deleted,
    Error,
    Outcome,
    Output,
    Request,
    Results,
    Run,
    Source,
    Standing,
    State,
    Step,
    new_id,
)
from tests.adapters.conftest import a_conversion

GONE = Error(code="abandoned", detail="an operator ended it")
NOBODY = Source(name="", format="")
PART = Source(name="part.step", format="step", size=9, sha256="0" * 64)


@pytest.fixture(scope="session")
def transitions(postgres: Postgres) -> Transitions:
    return Transitions(postgres)


@pytest.fixture
def rows(records: Records, transitions: Transitions) -> "Rows":
    return Rows(records, transitions)


class Rows:
    """Conversions in the states they are wanted in."""

    def __init__(self, records: Records, transitions: Transitions) -> None:
        self.records = records
        self.transitions = transitions

    async def queued(self, **more: Any) -> Conversion:
        made = a_conversion(**more)
        await self.records.create(made)
        return await self.get(made.id)

    async def awaiting(self, **more: Any) -> Conversion:
        return await self.queued(state=State.AWAITING_SOURCE, source=NOBODY, outputs=(Output(format="stl"),), **more)

    async def running(self, run: str = "r1", step: Step = Step.UPLOAD) -> Conversion:
        made = await self.queued()
        claimed = await self.records.claim(made.id, run_of(made, run), step)
        assert claimed
        return claimed

    async def ended(self, state: State) -> Conversion:
        made = await self.running()
        assert await self.records.write(run_of(made, "r1"), outcome(made, state))
        return await self.get(made.id)

    async def get(self, id: str) -> Conversion:
        found = await self.records.get("acme", id)
        assert found
        return found

    async def standing(self, id: str) -> Standing | None:
        return next((each for each in await self.transitions.unended(100_000, 0) if each.conversion.id == id), None)


def run_of(conversion: Conversion, run: str, at: datetime | None = None) -> Run:
    return Run(workflow=f"conversion-{conversion.id}", id=run, scheduled=at or datetime.now(UTC))


def outcome(conversion: Conversion, state: State) -> Outcome:
    error = GONE if state in (State.FAILED, State.STALLED) else None
    return Outcome(request=Request.of(conversion), state=state, step=Step.STORE if error else None, error=error)


async def test_a_source_that_arrives_makes_it_queued_with_the_options_that_fit_it(rows: Rows) -> None:
    made = await rows.awaiting()
    supplied = made.model_copy(update={"source": PART, "outputs": (Output(format="stl", options={"units": "in"}),)})
    assert await rows.transitions.supply(supplied)
    found = await rows.get(made.id)
    assert (found.state, found.source, found.outputs) == (State.QUEUED, PART, supplied.outputs)
    assert not await rows.transitions.supply(supplied), "a second one comes too late"


async def test_of_two_sources_at_once_one_is_taken(rows: Rows) -> None:
    made = (await rows.awaiting()).model_copy(update={"source": PART})
    done = await asyncio.gather(*(rows.transitions.supply(made) for _ in range(8)))
    assert sum(done) == 1


async def test_a_source_that_is_refused_ends_it(rows: Rows) -> None:
    made = await rows.awaiting()
    mismatch = Error(code="format_mismatch", detail="the content is a PNG picture")
    assert await rows.transitions.refuse(made.id, PART, mismatch)
    found = await rows.get(made.id)
    assert (found.state, found.error, found.source.name) == (State.FAILED, mismatch, "part.step")
    assert found.outputs[0].error == mismatch
    assert not await rows.transitions.refuse(made.id, PART, mismatch)


async def test_a_source_that_does_not_come_in_time_is_missing(rows: Rows) -> None:
    old = await rows.awaiting(created_at=datetime.now(UTC) - timedelta(days=2))
    young = await rows.awaiting()
    expired = await rows.transitions.expire(86_400, 500)
    assert old.id in expired
    assert young.id not in expired
    found = await rows.get(old.id)
    assert (found.state, found.error and found.error.code) == (State.FAILED, "source_missing")
    assert found.finished_at
    assert (await rows.get(young.id)).state is State.AWAITING_SOURCE


async def test_deleted_ones_do_not_take_the_place_of_those_whose_time_is_over(rows: Rows) -> None:
    older, old = [await rows.awaiting(created_at=datetime.now(UTC) - timedelta(days=days)) for days in (4000, 3999)]
    await rows.transitions.bury("acme", older.id)
    assert await rows.transitions.expire(86_400, 1) == [old.id]


async def test_what_awaits_its_source_is_cancelled_at_once_and_not_tried_again(rows: Rows) -> None:
    made = await rows.awaiting()
    assert await rows.transitions.request_cancel("acme", made.id) is State.CANCELLED
    found = await rows.get(made.id)
    assert (found.state, found.cancel_requested) == (State.CANCELLED, False)
    assert not await rows.transitions.retry(found), "there is nothing to convert"


async def test_a_cancellation_is_noted_until_the_end(rows: Rows) -> None:
    made = await rows.running()
    assert await rows.transitions.request_cancel("other", made.id) is None
    assert await rows.transitions.request_cancel("acme", made.id) is State.RUNNING
    assert (await rows.get(made.id)).cancel_requested
    assert await rows.records.write(run_of(made, "r1"), outcome(made, State.STALLED))
    assert (await rows.get(made.id)).cancel_requested, "a stall is no end"
    assert await rows.records.write(run_of(made, "r1"), outcome(made, State.CANCELLED))
    assert not (await rows.get(made.id)).cancel_requested
    assert await rows.transitions.request_cancel("acme", made.id) is None


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.STALLED])
async def test_what_has_not_ended_is_looked_at(rows: Rows, state: State) -> None:
    made = await (rows.queued() if state is State.QUEUED else rows.running())
    if state is State.STALLED:
        await rows.records.write(run_of(made, "r1"), outcome(made, state))
    standing = await rows.standing(made.id)
    assert standing
    assert (standing.conversion.state, standing.run) == (state, None if state is State.QUEUED else "r1")


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
async def test_what_has_ended_is_not(rows: Rows, state: State) -> None:
    assert await rows.standing((await rows.ended(state)).id) is None


async def test_everyone_is_looked_at_in_turn(rows: Rows) -> None:
    for _ in range(3):
        await rows.queued()
    everyone = {each.conversion.id for each in await rows.transitions.unended(100_000, 0)}
    seen: set[str] = set()
    while len(seen) < len(everyone):
        turn = {each.conversion.id for each in await rows.transitions.unended(7, 0)}
        assert turn - seen, "nobody is looked at twice before everybody was once"
        seen |= turn


async def test_what_was_touched_just_now_is_left_alone(rows: Rows) -> None:
    made = await rows.running()
    assert made.id not in [each.conversion.id for each in await rows.transitions.unended(100_000, 60)]


async def test_an_end_that_the_workflow_could_not_write_is_written(rows: Rows) -> None:
    made = await rows.running()
    standing = await rows.standing(made.id)
    assert standing
    assert await rows.transitions.settle(standing, outcome(made, State.FAILED), 1, "conversion-x")
    found = await rows.get(made.id)
    assert (found.state, found.error, found.attempts) == (State.FAILED, GONE, 1)
    assert {output.error for output in found.outputs} == {GONE}
    assert not await rows.transitions.settle(standing, outcome(made, State.FAILED), 1, "conversion-x")


async def test_an_end_is_not_written_over_a_run_that_has_taken_over(rows: Rows) -> None:
    made = await rows.running()
    standing = await rows.standing(made.id)
    assert standing
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert await rows.records.claim(made.id, run_of(made, "a reset", later), Step.UPLOAD)
    assert not await rows.transitions.settle(standing, outcome(made, State.FAILED), 1, "conversion-x")
    assert not await rows.transitions.requeue(standing, 1)
    assert (await rows.get(made.id)).state is State.RUNNING


async def test_a_queued_one_whose_workflow_was_ended_may_be_tried_again(rows: Rows) -> None:
    """Its next workflow must have another name, or Temporal refuses it."""
    made = await rows.queued()
    standing = await rows.standing(made.id)
    assert standing
    assert await rows.transitions.settle(standing, outcome(made, State.FAILED), 1, f"conversion-{made.id}")
    found = await rows.get(made.id)
    assert (found.attempts, found.workflow_id) == (1, f"conversion-{made.id}")
    assert await rows.transitions.retry(found)


async def test_a_conversion_that_temporal_lost_is_queued_for_another_attempt(rows: Rows) -> None:
    made = await rows.running()
    standing = await rows.standing(made.id)
    assert standing
    assert await rows.transitions.requeue(standing, 1)
    found = await rows.get(made.id)
    assert (found.state, found.attempts) == (State.QUEUED, 1)
    assert await rows.records.claim(made.id, run_of(made, "r1"), Step.STORE) is None, "its old run is superseded"


async def test_a_tombstone_has_no_content_and_is_no_ones(rows: Rows) -> None:
    made = await rows.ended(State.COMPLETED)
    assert not await rows.transitions.bury("other", made.id)
    assert await rows.transitions.bury("acme", made.id)
    assert not await rows.transitions.bury("acme", made.id)
    found = await rows.get(made.id)
    assert (found.source, found.outputs, found.deleted) == (NOBODY, (), None)
    assert found.deleted_at
    assert not await rows.transitions.retry(found)
    assert not await rows.records.write(run_of(made, "r1"), outcome(made, State.FAILED))
    assert await rows.transitions.living([made.id]) == set()
    await rows.transitions.buried(made.id, Deleted(objects=3, executions=1))
    assert (await rows.get(made.id)).deleted == Deleted(objects=3, executions=1)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
async def test_what_has_not_ended_is_not_buried(rows: Rows, state: State) -> None:
    made = await (rows.queued() if state is State.QUEUED else rows.running())
    assert not await rows.transitions.bury("acme", made.id)
    assert await rows.transitions.living([made.id, new_id()]) == {made.id}


async def test_a_deletion_that_broke_off_is_found_again(rows: Rows, postgres: Postgres) -> None:
    made = await rows.ended(State.COMPLETED)
    await rows.transitions.bury("acme", made.id)
    assert made.id not in [each.id for each in await rows.transitions.unpurged(1000)], "it is just being done"
    async with postgres.connection() as connection:
        old = "UPDATE conversions SET deleted_at = now() - interval '2 minutes' WHERE id = $1"
        await connection.execute(old, made.id)
    assert made.id in [each.id for each in await rows.transitions.unpurged(1000)]
    await rows.transitions.buried(made.id, Deleted(objects=0, executions=0))
    assert made.id not in [each.id for each in await rows.transitions.unpurged(1000)]


async def test_outputs_alike_are_found_newest_first_and_not_in_tombs(rows: Rows) -> None:
    recipe = new_id()
    made = []
    for size in (1, 2):
        conversion = await rows.running(f"r{size}", Step.STORE)
        stl = Output(format="stl", state="completed", size=size, sha256="a" * 64, recipe=recipe)
        run = run_of(conversion, f"r{size}")
        results = outcome(conversion, State.COMPLETED)
        assert await rows.records.store(run, conversion.id, results_of(conversion, stl), None)
        assert await rows.records.write(run, results)
        made.append(conversion)
    assert (await rows.records.alike([recipe, "none"], "me"))[recipe].id == made[1].id
    assert (await rows.records.alike([recipe], made[1].id))[recipe].id == made[0].id
    await rows.transitions.bury("acme", made[1].id)
    found = (await rows.records.alike([recipe], "me"))[recipe]
    assert (found.id, found.output.size) == (made[0].id, 1)


async def test_what_is_converted_again_and_again_is_found_as_fast(rows: Rows, postgres: Postgres) -> None:
    made, recipe = await rows.ended(State.COMPLETED), new_id()
    many = """
        WITH again AS (
            INSERT INTO conversions (id, tenant, state, created_at, source)
            SELECT $1 || n, 'acme', 'completed', now(), '{}' FROM generate_series(1, 5000) n RETURNING id)
        INSERT INTO outputs SELECT id, 'stl', 1, '{"state": "completed"}', $2 FROM again
    """
    async with postgres.connection() as connection:
        await connection.execute(many, made.id, recipe)
        await connection.execute("ANALYZE conversions, outputs")
        plan = await connection.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {ALIKE}", [recipe, "none"], "me")
        await connection.execute("DELETE FROM conversions WHERE id LIKE $1 || '_%'", made.id)
    assert not [line for (line,) in plan if "Sort" in line], plan


def results_of(conversion: Conversion, *outputs: Output) -> Results:
    return Results(request=Request.of(conversion), outputs=outputs)
