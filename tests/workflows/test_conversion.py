"""The life of a conversion, in skipped time: every ending, with fakes for the adapters."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from shapr import keys
from shapr.conversion import Outcome, Request, SoFar, State, Step
from shapr.errors import Unavailable
from tests.workflows.conftest import Workers
from tests.workflows.fakes import FakeParts
from workflows.conversion import ConversionWorkflow
from workflows.policy import QUEUE

RUNNERS = pytest.mark.parametrize(
    "runner", [SandboxedWorkflowRunner(), UnsandboxedWorkflowRunner()], ids=["sandboxed", "production"]
)
number = count(1)


def request(name: str = "bracket.step", outputs: tuple[str, ...] = ("stl", "obj")) -> Request:
    id = f"cnv_{next(number)}"
    return Request(id=id, tenant="acme", source_name=name, source_format="step", outputs=outputs)


async def begin(client: Client, parts: FakeParts, asked: Request) -> WorkflowHandle[ConversionWorkflow, Outcome]:
    """Started plainly: the time-skipping server knows no static summaries and no priorities."""
    parts.records.add(asked)
    return await client.start_workflow(
        ConversionWorkflow.run, SoFar(request=asked), id=keys.workflow(asked.id, 1), task_queue=QUEUE
    )


async def activities(handle: WorkflowHandle[ConversionWorkflow, Outcome]) -> list[str]:
    """The names of the activities that were scheduled, in order."""
    history = await handle.fetch_history()
    scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
    return [attributes.activity_type.name for attributes in scheduled if attributes.activity_type.name]


@RUNNERS
async def test_a_conversion_is_upload_compress_store_notify(time_skipping, workers: Workers, parts: FakeParts, runner):
    asked = request()
    async with workers(time_skipping.client, workflow_runner=runner):
        handle = await begin(time_skipping.client, parts, asked)
        outcome = await handle.result()
    assert await activities(handle) == ["upload", "compress", "store", "notify"]
    assert (outcome.state, outcome.error) == (State.COMPLETED, None)
    row = parts.records[asked.id]
    assert (row.state, row.attempts, [o.state for o in row.outputs]) == (State.COMPLETED, 1, ["completed"] * 2)
    assert row.report == {"losses": ["it is a fake"]}
    assert len(parts.objects.published) == 2
    assert parts.objects.discarded == [f"acme/{asked.id}/work/"]
    assert parts.progress.seen[asked.id] == sorted(parts.progress.seen[asked.id])


async def test_a_bad_file_fails_the_conversion_and_not_the_workflow(time_skipping, workers, parts):
    asked = request("corrupt.step")
    async with workers(time_skipping.client):
        handle = await begin(time_skipping.client, parts, asked)
        outcome = await handle.result()
    assert await activities(handle) == ["upload", "compress", "notify"]
    assert (outcome.state, outcome.step) == (State.FAILED, Step.COMPRESS)
    assert parts.records[asked.id].error.code == "corrupt_file"
    assert parts.converter.ran == [asked.id]
    assert parts.objects.published == []


async def test_a_crash_of_the_converter_gets_one_more_run(time_skipping, workers, parts):
    asked = request("crash.step")
    async with workers(time_skipping.client):
        outcome = await (await begin(time_skipping.client, parts, asked)).result()
    assert outcome.error.code == "converter_crashed"
    assert parts.converter.ran == [asked.id] * 2


async def test_one_failed_output_fails_the_conversion_and_keeps_the_others(time_skipping, workers, parts):
    asked = request("half.step")
    async with workers(time_skipping.client):
        outcome = await (await begin(time_skipping.client, parts, asked)).result()
    assert (outcome.state, outcome.error.code) == (State.FAILED, "no_geometry")
    states = {output.format: output.state for output in parts.records[asked.id].outputs}
    assert states == {"stl": "completed", "obj": "failed"}
    assert [key.rsplit(".", 1)[1] for key in parts.objects.published] == ["stl"]


async def test_an_incident_stalls_and_resume_repeats_no_finished_step(time_skipping, workers, parts):
    asked = request()
    parts.objects.broken = True
    async with workers(time_skipping.client):
        handle = await begin(time_skipping.client, parts, asked)
        await time_skipping.sleep(timedelta(minutes=10))
        row = parts.records[asked.id]
        assert (row.state, row.error.code) == (State.STALLED, "storage_unavailable")
        assert "bucket" not in row.error.detail
        parts.objects.broken = False
        await handle.signal(ConversionWorkflow.resume)
        outcome = await time_skipping.client.get_workflow_handle_for(ConversionWorkflow.run, handle.id).result()
    assert outcome.state is State.COMPLETED
    assert parts.records[asked.id].attempts == 1
    assert parts.converter.ran == [asked.id]
    assert len(parts.objects.verified) == 1


@pytest.mark.parametrize("step", ["verify", "copy"])
async def test_a_step_that_ends_before_its_cancellation_reaches_it_does_not_swallow_it(
    time_skipping, workers, parts, monkeypatch, step
):
    asked = request()
    real, under_way = getattr(parts.objects, step), asyncio.Event()

    async def deaf(*given):
        if not under_way.is_set():
            under_way.set()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(20)
        return await real(*given)

    monkeypatch.setattr(parts.objects, step, deaf)
    async with workers(time_skipping.client):
        handle = await begin(time_skipping.client, parts, asked)
        await under_way.wait()
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    assert parts.records[asked.id].state is State.CANCELLED
    assert (await activities(handle))[-2:] == ["upload" if step == "verify" else "store", "notify"]


async def test_a_store_without_anything_to_publish_fails_and_does_not_stall(time_skipping, workers, parts, monkeypatch):
    asked = request()

    async def nothing(source: str, target: str) -> None:
        raise LookupError(source)

    monkeypatch.setattr(parts.objects, "copy", nothing)
    async with workers(time_skipping.client):
        outcome = await (await begin(time_skipping.client, parts, asked)).result()
    assert (outcome.state, outcome.step, outcome.error.code) == (State.FAILED, Step.STORE, "internal")
    assert "try the conversion again" in outcome.error.detail


async def test_an_operator_can_abandon_a_stalled_conversion(time_skipping, workers, parts):
    asked = request()
    parts.objects.broken = True
    async with workers(time_skipping.client):
        handle = await begin(time_skipping.client, parts, asked)
        await time_skipping.sleep(timedelta(minutes=10))
        await handle.signal(ConversionWorkflow.abandon)
        outcome = await handle.result()
    assert (outcome.state, outcome.step, outcome.error.code) == (State.FAILED, Step.STORE, "abandoned")


@RUNNERS
async def test_a_stalled_conversion_fails_after_seven_days(time_skipping, workers, parts, runner):
    asked = request()
    parts.objects.broken = True
    async with workers(time_skipping.client, workflow_runner=runner):
        handle = await begin(time_skipping.client, parts, asked)
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
        execution = await handle.describe()
    assert failure.value.cause.type == "abandoned"
    passed = execution.close_time - execution.start_time
    assert timedelta(days=7) < passed < timedelta(days=7, minutes=10)
    assert (parts.records[asked.id].state, parts.records[asked.id].error.code) == (State.FAILED, "abandoned")


async def test_a_day_of_failed_notifications_stalls(time_skipping: WorkflowEnvironment, workers, parts, monkeypatch):
    asked = request()

    async def refuse(id: str) -> None:
        raise Unavailable("nobody listens")

    monkeypatch.setattr(parts.progress, "announce", refuse)
    async with workers(time_skipping.client):
        handle = await begin(time_skipping.client, parts, asked)
        await time_skipping.sleep(timedelta(hours=23))
        assert (await handle.describe()).raw_description.pending_activities[0].activity_type.name == "notify"
        await time_skipping.sleep(timedelta(hours=2))
        assert not (await handle.describe()).raw_description.pending_activities
        monkeypatch.undo()
        await handle.signal(ConversionWorkflow.resume)
        outcome = await time_skipping.client.get_workflow_handle_for(ConversionWorkflow.run, handle.id).result()
    assert outcome.state is State.COMPLETED
    assert parts.converter.ran == [asked.id]


async def test_a_run_that_lost_its_row_changes_nothing(time_skipping, workers, parts, monkeypatch):
    asked = request()

    async def younger(id, run, step):
        return None

    monkeypatch.setattr(parts.records, "claim", younger)
    async with workers(time_skipping.client):
        outcome = await (await begin(time_skipping.client, parts, asked)).result()
    assert outcome.state is State.SUPERSEDED
    assert parts.records[asked.id].state is State.QUEUED
    assert parts.objects.discarded == parts.progress.announced == []
