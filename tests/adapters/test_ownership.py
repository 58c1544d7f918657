"""Who may write a conversion's row. One suite for the real rows and for the fake ones that workflow tests stand on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from shapr.adapters.records import Records
from shapr.conversion import Conversion, Error, Outcome, Request, Run, State, Step, new_id
from tests.adapters.conftest import a_conversion
from tests.workflows.fakes import FakeRows

T0 = datetime(2026, 11, 24, tzinfo=UTC)
CRASH = Error(code="converter_crashed", detail="it died")


class Row:
    """One conversion's row, and the runs that ask for it."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        self.conversion = a_conversion(id=new_id())
        self.request = Request.of(self.conversion)

    async def create(self) -> "Row":
        if isinstance(self.rows, FakeRows):
            self.rows.add(self.request)
        else:
            await self.rows.create(self.conversion)
        return self

    async def claim(self, run: str, at: int, workflow: str = "w", step: Step = Step.UPLOAD) -> Conversion | None:
        """The claim of a run whose step was scheduled `at` seconds after T0."""
        asking = Run(workflow=workflow, id=run, scheduled=T0 + timedelta(seconds=at))
        return await self.rows.claim(self.conversion.id, asking, step)

    async def write(self, run: str, state: State, error: Error | None = None) -> bool:
        told = Outcome(request=self.request, state=state, step=Step.STORE if error else None, error=error)
        return await self.rows.write(Run(workflow="w", id=run, scheduled=T0), told)


@pytest.fixture(params=["fake", "real"])
async def row(request: pytest.FixtureRequest, records: Records) -> AsyncIterator[Row]:
    yield await Row(FakeRows() if request.param == "fake" else records).create()


async def test_the_first_claim_is_the_first_attempt(row: Row) -> None:
    claimed = await row.claim("r1", 1)
    assert claimed is not None
    assert (claimed.state, claimed.step, claimed.attempts, claimed.workflow_id) == ("running", "upload", 1, "w")


async def test_a_run_claims_at_every_step_and_as_often_as_it_likes(row: Row) -> None:
    for step in (Step.UPLOAD, Step.UPLOAD, Step.COMPRESS, Step.STORE, Step.NOTIFY):
        claimed = await row.claim("r1", 1, step=step)
        assert claimed is not None
        assert (claimed.step, claimed.attempts) == (step, 1)


async def test_a_reset_is_a_new_attempt_and_the_old_run_never_comes_back(row: Row) -> None:
    assert await row.claim("r1", 1)
    reset = await row.claim("r2", 2, step=Step.COMPRESS)
    assert reset is not None and reset.attempts == 2
    assert await row.claim("r1", 1) is None
    assert await row.claim("r1", 9) is None, "however late it is scheduled"
    assert not await row.write("r1", State.COMPLETED)
    assert await row.write("r2", State.COMPLETED)


async def test_a_run_that_was_scheduled_before_the_last_claim_is_superseded(row: Row) -> None:
    assert await row.claim("r2", 5)
    assert await row.claim("r1", 4) is None


async def test_a_reset_that_kept_the_step_its_old_run_had_scheduled_takes_over(row: Row) -> None:
    assert await row.claim("r1", 5)
    reset = await row.claim("r2", 5)
    assert reset is not None and reset.attempts == 2
    assert await row.claim("r1", 5) is None


async def test_a_resume_is_the_same_attempt(row: Row) -> None:
    assert await row.claim("r1", 1)
    assert await row.write("r1", State.STALLED, CRASH)
    resumed = await row.claim("r2", 2, step=Step.STORE)
    assert resumed is not None
    assert (resumed.state, resumed.step, resumed.attempts, resumed.error) == ("running", "store", 1, None)


async def test_a_retry_is_a_new_attempt_also_after_a_stall(row: Row) -> None:
    assert await row.claim("r1", 1)
    assert await row.write("r1", State.STALLED, CRASH)
    retried = await row.claim("r2", 2, workflow="w-2")
    assert retried is not None
    assert (retried.attempts, retried.workflow_id) == (2, "w-2")


async def test_an_end_that_is_told_twice_is_one_end(row: Row) -> None:
    assert await row.claim("r1", 1, step=Step.NOTIFY)
    assert await row.write("r1", State.FAILED, CRASH)
    again = await row.claim("r1", 1, step=Step.NOTIFY)
    assert again is not None
    assert (again.state, again.error, again.attempts) == ("failed", CRASH, 1)
    assert await row.write("r1", State.FAILED, CRASH)


async def test_nobody_writes_a_row_that_nobody_owns(row: Row) -> None:
    assert not await row.write("r1", State.COMPLETED)


RUNS = st.sampled_from(["r1", "r2", "r3", "r4", "r5"])
CLAIMS = st.tuples(st.just("claim"), RUNS, st.integers(0, 9), st.sampled_from(list(Step)))
WRITES = st.tuples(st.just("write"), RUNS, st.sampled_from([State.STALLED, State.COMPLETED, State.FAILED]))
WORKFLOWS = {"r1": "w", "r2": "w", "r3": "w-2", "r4": "w-2", "r5": "w-3"}  # resumes and resets, and two retries


@given(st.lists(CLAIMS | WRITES, min_size=2, max_size=14))
@examples(max_examples=80, deadline=None)
async def test_whatever_happens_the_real_rows_decide_as_the_rule_says(records: Records, story: list[Any]) -> None:
    real, rule = await Row(records).create(), await Row(FakeRows()).create()
    owner: str | None = None
    lost: set[str] = set()
    attempts = 0
    for what, run, *more in story:
        if what == "write":
            told = [
                await row.write(run, more[0], CRASH if more[0] is not State.COMPLETED else None) for row in (real, rule)
            ]
            assert told == [run == owner, run == owner]
            continue
        claimed, expected = [await row.claim(run, more[0], WORKFLOWS[run], more[1]) for row in (real, rule)]
        assert facts(claimed) == facts(expected)
        if claimed is None:
            assert run != owner, "an owner is never refused"
            continue
        assert run not in lost, "a row that was lost is lost for ever"
        assert claimed.attempts - attempts in (0, 1)
        attempts = claimed.attempts
        if owner not in (None, run):
            lost.add(str(owner))
        owner = run


def facts(claimed: Conversion | None) -> Any:
    if claimed is None:
        return None
    step = claimed.step if claimed.state is State.RUNNING else None
    return claimed.state, step, claimed.attempts, claimed.workflow_id, claimed.error


async def test_of_runs_that_claim_at_once_the_youngest_ends_up_with_the_row(records: Records) -> None:
    for _ in range(15):
        row = await Row(records).create()
        asking = [(f"r{at}", at) for at in (1, 2, 3, 4)] * 4
        got = await asyncio.gather(*(row.claim(run, at) for run, at in asking))
        youngest = [claimed for (run, _), claimed in zip(asking, got, strict=True) if run == "r4"]
        assert all(youngest), "its claims waited for each other, and all of them succeed"
        wrote = [await row.write(f"r{at}", State.COMPLETED) for at in (1, 2, 3, 4)]
        assert wrote == [False, False, False, True]


async def test_a_deleted_row_belongs_to_nobody(records: Records) -> None:
    asking = Run(workflow="w", id="r1", scheduled=T0)
    assert await records.claim(new_id(), asking, Step.UPLOAD) is None
