"""Rows of conversions, in the real PostgreSQL."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import SecretStr

from shapr.adapters.postgres import Postgres, driver_errors
from shapr.adapters.records import Records
from shapr.conversion import Conversion, Error, Outcome, Output, Request, Results, Run, Source, State, Step, new_id
from shapr.errors import Unavailable
from shapr.settings import Settings
from tests.adapters.conftest import a_conversion, eventually

CRASH = Error(code="converter_crashed", detail="it died of signal 11")
RUN = Run(workflow="w", id="r1", scheduled=datetime(2026, 11, 24, tzinfo=UTC))
STL = Output(format="stl", state="completed", size=84, sha256="a" * 64, encoding="gzip", options={"units": "in"})


async def created(records: Records, **more: Any) -> Conversion:
    conversion = a_conversion(**more)
    await records.create(conversion)
    return conversion


def ended(conversion: Conversion, state: State, error: Error | None = None, step: Step | None = None) -> Outcome:
    return Outcome(request=Request.of(conversion), state=state, error=error, step=step)


async def test_what_is_created_is_what_is_there(records: Records) -> None:
    full = await created(
        records,
        batch="spring",
        priority=5,
        reuse=False,
        preview=True,
        expires_at=datetime(2027, 1, 1, 12, 0, 0, 123456, tzinfo=UTC),
        outputs=tuple(Output(format=f) for f in ("obj", "stl", "brep", "glb")),
    )
    found = await records.get("acme", full.id)
    assert found == full
    assert found and found.created_at.tzinfo is UTC


async def test_outputs_come_in_the_order_in_which_they_were_asked_for(records: Records) -> None:
    made = await created(records)
    async with records._postgres.connection() as connection:
        await connection.execute("UPDATE outputs SET position = -position WHERE conversion_id = $1", made.id)
    found = await records.get("acme", made.id)
    assert found and found.outputs == made.outputs[::-1], "whatever order the rows lie in"


async def test_another_tenants_conversion_is_not_there(records: Records) -> None:
    mine = await created(records)
    assert await records.get("somebody", mine.id) is None
    assert await records.get("acme", new_id()) is None


async def test_a_create_that_fails_leaves_nothing(records: Records) -> None:
    twice = a_conversion(outputs=(Output(format="stl"), Output(format="stl")))
    with pytest.raises(Unavailable):
        await records.create(twice)
    assert await records.get("acme", twice.id) is None


@pytest.mark.parametrize(
    "text", ["nul \0", "lone \ud800", "pair \U0001f600", "slash \\u0000 \\", "line\u2028 'quote\""]
)
async def test_no_text_makes_a_query_fail(records: Records, text: str) -> None:
    kept = text.replace("\0", "\ufffd").replace("\ud800", "\ufffd")
    source = Source.model_construct(name=text, format="step", size=1, sha256=None)
    made = a_conversion(batch="b").model_copy(update={"source": source, "batch": text, "tenant": text})
    await records.create(made)
    assert await records.claim(made.id, RUN, Step.NOTIFY)
    error = Error.model_construct(code="corrupt_file", detail=text)
    outcome = ended(made, State.STALLED).model_copy(update={"error": error})
    assert await records.write(RUN, outcome)
    assert await records.store(RUN, made.id, Results(request=Request.of(made), outputs=()), {text: [text]})
    found = await records.get(text, made.id)
    assert found and found.error and found.report
    assert [found.source.name, found.batch, found.tenant, found.error.detail, *found.report] == [kept] * 5
    assert [each.id for each in await records.list(text, limit=9, batch=text)] == [made.id]


@given(st.text(st.characters(), max_size=30))
@examples(max_examples=40, deadline=None)
async def test_every_other_name_is_kept_to_the_letter(records: Records, name: str) -> None:
    if "\0" not in name and not any("\ud800" <= c <= "\udfff" for c in name):
        made = await created(records, source=Source(name=name, format="step"))
        found = await records.get("acme", made.id)
        assert found and found.source.name == name


async def test_pages_follow_each_other_without_gap_or_repeat(records: Records) -> None:
    made = [(await created(records, tenant="pages")).id for _ in range(7)]
    seen: list[str] = []
    while page := await records.list("pages", limit=3, before=seen[-1] if seen else None):
        seen += [each.id for each in page]
    assert seen == sorted(made, reverse=True)


async def test_every_filter_leaves_what_it_names(records: Records) -> None:
    now = datetime.now(UTC)
    old = await created(records, tenant="filters", created_at=now - timedelta(days=2), batch="b1")
    iges = await created(records, tenant="filters", source=Source(name="a.igs", format="iges"))
    glb = await created(records, tenant="filters", outputs=(Output(format="glb"),), batch="b2")
    assert await records.claim(glb.id, RUN, Step.UPLOAD)

    async def found(**filters: Any) -> list[str]:
        return [each.id for each in await records.list("filters", limit=10, **filters)]

    assert await found() == [glb.id, iges.id, old.id]
    assert await found(state=State.RUNNING) == [glb.id]
    assert await found(source_format="iges") == [iges.id]
    assert await found(output_format="glb") == [glb.id]
    assert await found(batch="b1") == [old.id]
    assert await found(created_after=now - timedelta(days=1)) == [glb.id, iges.id]
    assert await found(state=State.QUEUED, output_format="stl", batch="b1", before=glb.id) == [old.id]
    assert await found(batch="b1", output_format="glb") == []


async def test_a_list_is_one_statement(settings: Settings) -> None:
    records = Records(Postgres(settings.model_copy(update={"database_pool": 1})))
    for _ in range(3):
        await created(records, tenant="round trips")
    statements: list[str] = []
    async with records._postgres.connection() as connection:  # the only one, which list will use
        connection.add_query_logger(lambda record: statements.append(record.query))
    listed = await records.list("round trips", limit=50)
    await records._postgres.close()
    assert [len(each.outputs) for each in listed] == [2, 2, 2]
    assert len(statements) == 1, statements


async def test_store_keeps_the_facts_of_outputs(records: Records) -> None:
    made = await created(records)
    failed = Output(format="obj", state="failed", error=CRASH)
    results = Results(request=Request.of(made), outputs=(failed, STL))
    assert not await records.store(RUN, made.id, results, None), "nobody owns the row"
    await records.claim(made.id, RUN, Step.STORE)
    assert await records.store(RUN, made.id, results, {"losses": []})
    found = await records.get("acme", made.id)
    assert found
    assert found.outputs == (STL, failed), "in the order in which they were asked for"
    assert found.report == {"losses": []}


async def test_what_is_pending_at_the_end_failed_for_the_conversions_reason(records: Records) -> None:
    made = await created(records)
    await records.claim(made.id, RUN, Step.STORE)
    await records.store(RUN, made.id, Results(request=Request.of(made), outputs=(STL,)), None)
    assert await records.write(RUN, ended(made, State.FAILED, CRASH, Step.COMPRESS))
    found = await records.get("acme", made.id)
    assert found
    assert found.outputs == (STL, Output(format="obj", state="failed", error=CRASH))
    assert (found.state, found.error, found.failed_step, found.step) == ("failed", CRASH, "compress", None)


async def test_a_stall_is_no_end(records: Records) -> None:
    made = await created(records)
    await records.claim(made.id, RUN, Step.STORE)
    assert await records.write(RUN, ended(made, State.STALLED, CRASH, Step.STORE))
    found = await records.get("acme", made.id)
    assert found
    assert (found.state, found.step, found.finished_at) == ("stalled", "store", None)
    assert {output.state for output in found.outputs} == {"pending"}


async def test_an_end_that_is_written_twice_keeps_its_time(records: Records) -> None:
    made = await created(records)
    await records.claim(made.id, RUN, Step.NOTIFY)
    ends = []
    for _ in range(2):
        await records.write(RUN, ended(made, State.COMPLETED))
        ends.append(await records.get("acme", made.id))
    assert ends[0] == ends[1]
    assert ends[0] and ends[0].started_at and ends[0].finished_at and ends[0].started_at <= ends[0].finished_at


async def test_another_attempt_starts_afresh_and_keeps_what_is_there(records: Records) -> None:
    made = await created(records)
    await records.claim(made.id, RUN, Step.STORE)
    await records.store(RUN, made.id, Results(request=Request.of(made), outputs=(STL,)), None)
    await records.write(RUN, ended(made, State.FAILED, CRASH, Step.COMPRESS))
    before = await records.get("acme", made.id)
    younger = RUN.model_copy(update={"id": "r2", "scheduled": RUN.scheduled + timedelta(seconds=1)})
    again = await records.claim(made.id, younger, Step.UPLOAD)
    assert again and before and before.started_at and again.started_at
    assert (again.state, again.error, again.failed_step, again.finished_at) == ("running", None, None, None)
    assert again.started_at > before.started_at
    assert again.outputs == (STL, Output(format="obj"))


async def test_a_reset_to_notify_keeps_why_an_output_failed(records: Records) -> None:
    made = await created(records)
    await records.claim(made.id, RUN, Step.STORE)
    await records.write(RUN, ended(made, State.FAILED, CRASH, Step.COMPRESS))
    younger = RUN.model_copy(update={"id": "r2", "scheduled": RUN.scheduled + timedelta(seconds=1)})
    again = await records.claim(made.id, younger, Step.NOTIFY)
    assert again and {output.error for output in again.outputs} == {CRASH}


async def test_a_statement_that_takes_too_long_is_given_up_by_the_server(settings: Settings, records: Records) -> None:
    made = await created(records)
    hasty = Records(Postgres(settings.model_copy(update={"database_timeout": 0.2})))
    blocker = await asyncpg.connect(settings.database_url.get_secret_value())
    async with blocker.transaction():
        await blocker.execute("SELECT FROM conversions WHERE id = $1 FOR UPDATE", made.id)
        with pytest.raises(Unavailable, match="QueryCanceledError"):
            await hasty.claim(made.id, RUN, Step.UPLOAD)
    assert await hasty.claim(made.id, RUN, Step.UPLOAD)
    await blocker.close()
    await hasty._postgres.close()


async def test_a_server_that_is_not_there_is_unavailable(settings: Settings) -> None:
    nowhere = Records(
        Postgres(settings.model_copy(update={"database_url": SecretStr("postgresql://u:secret@127.0.0.1:9/x")}))
    )
    with pytest.raises(Unavailable) as caught:
        await nowhere.ready()
    assert caught.value.code == "storage_unavailable"
    assert "secret" not in caught.value.detail


def test_a_full_disk_has_its_own_code() -> None:
    with pytest.raises(Unavailable) as caught, driver_errors():
        raise asyncpg.DiskFullError("could not extend file")
    assert caught.value.code == "storage_full"


async def test_the_pool_outlives_its_server(settings: Settings, kill: Callable[[str], None]) -> None:
    """kill -9 with many queries under way: each succeeds or is Unavailable, and soon all succeed again."""
    records = Records(Postgres(settings))
    made = await created(records)
    failed: list[Unavailable] = []
    until = time.monotonic() + 30
    outage_over = asyncio.Event()

    async def ask() -> None:
        while not outage_over.is_set():
            try:
                assert await records.get("acme", made.id) == made
            except Unavailable as down:
                failed.append(down)
                await asyncio.sleep(0.02)
            else:
                if failed:
                    outage_over.set()
            assert time.monotonic() < until

    asking = [asyncio.create_task(ask()) for _ in range(12)]
    await asyncio.sleep(0.2)
    assert not failed
    kill("postgres")
    await asyncio.gather(*asking)
    await eventually(records.ready)
    assert failed
    await asyncio.gather(*(records.get("acme", made.id) for _ in range(20)))
    await records._postgres.close()
