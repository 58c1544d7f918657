"""Reconcile on real rows, with an account of what Temporal knows: whatever they disagree about is put right."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities import reconcile
from shapr import keys
from shapr.conversion import Error, Outcome, Request, Source, State
from tests.activities.world import DOWN, World
from tests.adapters.saying import saying


async def test_a_queued_one_without_a_workflow_is_started(world: World) -> None:
    made = await world.queued()
    await world.reconcile.settle()
    assert world.temporal.asked == [("start", f"conversion-{made.id}")]


async def test_one_that_was_to_be_cancelled_before_it_started_is_started_and_cancelled(world: World) -> None:
    made = await world.queued()
    await world.transitions.request_cancel("acme", made.id)
    await world.reconcile.settle()
    assert world.temporal.of(made) == ["start", "cancel"]


async def test_a_workflow_that_runs_is_left_alone(world: World) -> None:
    made, stalled = await world.running(), await world.running(State.STALLED, Error(code="internal", detail="?"))
    waiting = await world.queued()
    world.temporal.workflows[keys.workflow(waiting.id, 1)] = None
    assert await world.reconcile.settle() == 0
    assert world.temporal.asked == []
    assert [(await world.get(each)).state for each in (made, stalled, waiting)] == ["running", "stalled", "queued"]


async def test_a_cancellation_that_was_lost_is_delivered(world: World) -> None:
    made = await world.running()
    await world.transitions.request_cancel("acme", made.id)
    await world.reconcile.settle()
    assert world.temporal.of(made) == ["cancel"]


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (State.COMPLETED, None),
        (State.CANCELLED, None),
        (State.FAILED, Error(code="abandoned", detail="an operator ended it")),
    ],
)
async def test_a_row_that_lags_behind_its_workflow_is_closed(world: World, state: State, error: Error | None) -> None:
    made = await world.running()
    world.ends(made, state, error)
    work = keys.work_prefix("acme", made.id) + "leftover"
    async with world.objects.receive(work) as incoming:
        await incoming.write(b"x")
    assert await world.reconcile.settle() == 1
    found = await world.get(made)
    assert (found.state, found.error) == (state, error)
    assert world.announced == [made.id]
    assert await world.objects.page(work[:-1]) == [] or work not in [k for k, _ in await world.objects.page(work[:-1])]


async def test_a_workflow_that_was_ended_before_it_claimed_its_row_fails_it(world: World) -> None:
    made = await world.queued()
    world.ends(made, State.FAILED, Error(code="abandoned", detail="an operator ended it"))
    await world.reconcile.settle()
    found = await world.get(made)
    assert (found.state, found.attempts) == (State.FAILED, 1)
    assert await world.transitions.retry(found)
    await world.reconcile.settle()
    assert world.temporal.asked == [("start", f"conversion-{made.id}-2")]


async def test_what_temporal_lost_gets_another_attempt(world: World) -> None:
    made = await world.running()
    world.temporal.workflows.clear()
    await world.reconcile.settle()
    await world.reconcile.settle()
    assert world.temporal.asked == [("start", f"conversion-{made.id}-2")]


async def test_what_temporal_lost_while_it_was_being_cancelled_is_cancelled(world: World) -> None:
    made = await world.running()
    await world.transitions.request_cancel("acme", made.id)
    world.temporal.workflows.clear()
    await world.reconcile.settle()
    await world.reconcile.settle()
    assert world.temporal.asked == [("start", f"conversion-{made.id}-2"), ("cancel", f"conversion-{made.id}-2")]


async def test_what_no_run_owns_any_more_gets_another_attempt(world: World) -> None:
    """An operator has reset an older run of it: that one found itself superseded, and had ended the younger one."""
    made, waiting = await world.running(), await world.queued()
    for each in (made, waiting):
        world.ends(each, State.SUPERSEDED)
    assert await world.reconcile.settle() == 2
    await world.reconcile.settle()
    assert sorted(world.temporal.asked) == [("start", f"conversion-{each.id}-2") for each in (made, waiting)]


@pytest.mark.parametrize("failing", ["PutObject", "GetObject", "DeleteObject"])
async def test_a_stall_by_the_store_is_over_when_the_store_works(world: World, failing: str) -> None:
    made = await world.running(State.STALLED, DOWN)
    other = await world.running(State.STALLED, Error(code="internal", detail="nobody knows"))
    with saying(world.objects, failing, 403, "AccessDenied"):
        await world.objects.ready()
        assert await world.reconcile.settle() == 0, "it answers, and does not work"
    assert await world.reconcile.settle() == 1
    assert world.temporal.of(made) == ["resume"]
    assert world.temporal.of(other) == []


async def test_a_store_is_not_tried_while_nobody_waits_for_it(world: World) -> None:
    await world.running(State.STALLED, Error(code="internal", detail="nobody knows"))
    with saying(world.objects, "PutObject", 503, "SlowDown") as asked:
        assert await world.reconcile.settle() == 0
    assert not asked


async def test_a_store_that_hangs_holds_nobody_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, ended = await world.running(State.STALLED, DOWN), await world.running()
    world.ends(ended, State.COMPLETED)

    async def hangs(_: str) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(world.objects, "probe", hangs)
    monkeypatch.setattr(reconcile, "PATIENCE", 0.1)
    assert await world.reconcile.settle() == 1
    assert (await world.get(ended)).state is State.COMPLETED
    assert world.temporal.of(made) == []


async def test_one_that_stalls_again_and_again_is_resumed_at_ever_longer_intervals(world: World) -> None:
    made = await world.running(State.STALLED, DOWN)

    async def lasted(queued: int, claimed: int) -> None:
        """Queued so many seconds ago, and claimed by its last run so many seconds ago."""
        age = "UPDATE conversions SET queued_at = now() - make_interval(secs => $2),"
        age += " claimed_at = now() - make_interval(secs => $3) WHERE id = $1"
        async with world.postgres.connection() as connection:
            await connection.execute(age, made.id, float(queued), float(claimed))

    await lasted(queued=400, claimed=150)  # resumed once, and stalled again
    await world.reconcile.settle()
    assert world.temporal.of(made) == []
    await lasted(queued=520, claimed=270)
    await world.reconcile.settle()
    assert world.temporal.of(made) == ["resume"]


async def test_a_full_store_is_left_to_an_operator(world: World) -> None:
    made = await world.running(State.STALLED, Error(code="storage_full", detail="?"))
    await world.reconcile.settle()
    assert world.temporal.of(made) == [], "it works for small objects, full as it is"


async def test_what_was_down_and_is_full_now_is_not_over(world: World) -> None:
    made = await world.running(State.STALLED, DOWN)
    with saying(world.objects, "PutObject", 507, "XMinioStorageFull"):
        assert await world.reconcile.settle() == 0
    assert world.temporal.of(made) == []


async def test_one_that_cannot_be_settled_does_not_stop_the_others(world: World) -> None:
    broken, fine = await world.running(), await world.running()
    world.ends(fine, State.COMPLETED)
    ending = world.temporal.ending

    async def sometimes(workflow_id: str, request: Request) -> Outcome | None:
        if request.id == broken.id:
            raise RuntimeError("temporal is busy")
        return await ending(workflow_id, request)

    world.temporal.ending = sometimes  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await world.reconcile.settle()
    assert (await world.get(fine)).state is State.COMPLETED


async def test_what_never_got_its_source_fails(world: World) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1, minutes=1)
    nothing = Source(name="", format="")
    made = await world.queued(state=State.AWAITING_SOURCE, source=nothing, created_at=yesterday)
    await world.reconcile.expire_sources()
    found = await world.get(made)
    assert (found.state, found.error and found.error.code) == (State.FAILED, "source_missing")
    assert made.id in world.announced


async def test_a_deletion_that_broke_off_is_finished(world: World) -> None:
    made = await world.running(State.FAILED, DOWN)
    key = keys.source("acme", made.id)
    async with world.objects.receive(key) as incoming:
        await incoming.write(b"x")
    await world.transitions.bury("acme", made.id)
    async with world.postgres.connection() as connection:
        await connection.execute("UPDATE conversions SET deleted_at = now() - interval '1 h' WHERE id = $1", made.id)
    await world.reconcile.purge_deleted()
    found = await world.get(made)
    assert found.deleted and (found.deleted.objects, found.deleted.executions) == (1, 1)
    assert world.temporal.of(made) == ["delete"]
    with pytest.raises(LookupError):
        await world.objects.open(key)


async def test_a_deletion_that_cannot_be_finished_does_not_stop_the_others(world: World, monkeypatch: Any) -> None:
    made = [await world.running(State.FAILED, DOWN) for _ in range(3)]
    for each in made:
        await world.transitions.bury("acme", each.id)
    async with world.postgres.connection() as connection:
        old = "UPDATE conversions SET deleted_at = now() - interval '1 h' WHERE id = ANY ($1)"
        await connection.execute(old, [each.id for each in made])
    delete = world.temporal.delete

    async def sometimes(id: str, attempts: int) -> int:
        if id == made[0].id:
            raise RuntimeError("temporal will not")
        return await delete(id, attempts)

    monkeypatch.setattr(world.temporal, "delete", sometimes)
    with pytest.raises(RuntimeError):
        await world.reconcile.purge_deleted()
    assert [bool((await world.get(each)).deleted) for each in made] == [False, True, True]
