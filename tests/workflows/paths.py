"""The paths of a conversion: each drives one to its end and gives the handles of the runs to keep the history of."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, cast

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import (
    PauseActivityRequest,
    ResetWorkflowExecutionRequest,
    UnpauseActivityRequest,
)
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import RetryPolicy

from shapr.conversion import Outcome, Request, Run, State, Step
from shapr.errors import Unavailable
from tests.workflows.fakes import FakeParts
from workflows.conversion import ConversionWorkflow
from workflows.policy import POLICIES, QUEUE
from workflows.reconcile import ReconcileWorkflow, SweepWorkflow
from workflows.start import start

Handle = WorkflowHandle[ConversionWorkflow, Outcome]
TASK_COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


class Recorder:
    """One path each: a method that drives a conversion there and gives the handles whose histories to keep."""

    def __init__(self, client: Client, parts: FakeParts) -> None:
        self.client = client
        self.parts = parts

    async def begin(self, name: str, source: str = "bracket.step") -> Handle:
        request = Request(
            id=f"cnv_{name}", tenant="acme", source_name=source, source_format="step", outputs=("stl", "obj")
        )
        self.parts.records.add(request)
        return await start(self.client, request)

    async def until(self, id: str, state: State) -> None:
        while self.parts.records[id].state is not state:
            await asyncio.sleep(0.05)

    async def started(self, id: str) -> None:
        while id not in self.parts.converter.pids:
            await asyncio.sleep(0.05)

    async def completed(self, name: str) -> list[Handle]:
        handle = await self.begin(name)
        await handle.result()
        return [handle]

    async def failed(self, name: str) -> list[Handle]:
        handle = await self.begin(name, "corrupt.step")
        await handle.result()
        return [handle]

    async def partly_failed(self, name: str) -> list[Handle]:
        handle = await self.begin(name, "half.step")
        await handle.result()
        return [handle]

    async def stalled(self, name: str) -> list[Handle]:
        self.parts.objects.broken = True
        handle = await self.begin(name)
        await self.until(f"cnv_{name}", State.STALLED)
        self.parts.objects.broken = False
        await asyncio.sleep(0.5)
        return [handle]

    async def resumed(self, name: str) -> list[Handle]:
        [first] = await self.stalled(name)
        await first.signal(ConversionWorkflow.resume)
        await self.until(f"cnv_{name}", State.COMPLETED)
        second = self.client.get_workflow_handle_for(ConversionWorkflow.run, first.id)
        await second.result()
        continued = self.client.get_workflow_handle_for(ConversionWorkflow.run, first.id, run_id=first.result_run_id)
        return [second, continued]

    async def abandoned(self, name: str) -> list[Handle]:
        [handle] = await self.stalled(name)
        await handle.signal(ConversionWorkflow.abandon)
        await handle.result()
        return [handle]

    async def cancelled(self, name: str) -> list[Handle]:
        handle = await self.begin(name, "slow-60.step")
        await self.started(f"cnv_{name}")
        return await self.cancel(handle)

    async def cancelled_stalled(self, name: str) -> list[Handle]:
        [handle] = await self.stalled(name)
        return await self.cancel(handle)

    async def cancelled_queued(self, name: str) -> list[Handle]:
        """No compress worker is there (`WITHOUT_COMPRESS`)."""
        handle = await self.begin(name)
        while self.parts.records[f"cnv_{name}"].step is not Step.UPLOAD:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        return await self.cancel(handle)

    async def cancelled_waiting(self, name: str) -> list[Handle]:
        """Between two attempts of a step."""
        POLICIES.store["retry_policy"] = RetryPolicy(initial_interval=timedelta(seconds=30))
        self.parts.objects.broken = True
        handle = await self.begin(name)
        await asyncio.sleep(3)
        await self.cancel(handle)
        self.parts.objects.broken = False
        return [handle]

    async def cancelled_late(self, name: str) -> list[Handle]:
        """While notify tells of the end: too late."""
        with self.slow_news():
            handle = await self.begin(name)
            await self.until(f"cnv_{name}", State.COMPLETED)
            await handle.cancel()
            await handle.result()
        return [handle]

    async def cancelled_while_stalling(self, name: str) -> list[Handle]:
        self.parts.objects.broken = True
        with self.slow_news():
            handle = await self.begin(name)
            await self.until(f"cnv_{name}", State.STALLED)
            await self.cancel(handle)
        self.parts.objects.broken = False
        return [handle]

    async def cancelled_in_vain(self, name: str) -> list[Handle]:
        """Upload ends although it is being cancelled."""
        with self.replaced(self.parts.objects, "verify", self.deaf(self.parts.objects.verify)):
            handle = await self.begin(name)
            await asyncio.sleep(1)
            return await self.cancel(handle)

    async def cancelled_dead_worker(self, name: str) -> list[Handle]:
        """The step's worker says nothing any more: its heartbeat times out while the cancellation is pending."""

        async def silent(id: str, attempt: int, percent: float) -> None:
            await asyncio.Event().wait()

        POLICIES.compress["heartbeat_timeout"] = timedelta(seconds=3)
        handle = await self.begin(name, "slow-60.step")
        await self.started(f"cnv_{name}")
        with self.replaced(self.parts.progress, "set", silent):
            await asyncio.sleep(1.5)
            self.parts.converter.tell(f"cnv_{name}", 20)
            await asyncio.sleep(1.5)
            return await self.cancel(handle)

    async def cancel(self, handle: Handle) -> list[Handle]:
        await handle.cancel()
        while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            await asyncio.sleep(0.1)
        return [handle]

    async def stalled_upload(self, name: str) -> list[Handle]:
        async def down(key: str) -> tuple[int, str]:
            raise Unavailable("the bucket does not answer")

        with self.replaced(self.parts.objects, "verify", down):
            handle = await self.begin(name)
            await self.until(f"cnv_{name}", State.STALLED)
            await asyncio.sleep(0.5)
        return [handle]

    async def expired(self, name: str) -> list[Handle]:
        POLICIES.patience = timedelta(seconds=1)
        [handle] = await self.stalled(name)
        await self.until(f"cnv_{name}", State.FAILED)
        await asyncio.sleep(0.5)
        return [handle]

    async def notify_resumed(self, name: str) -> list[Handle]:
        [first] = await self.notify_stalled(name)
        await first.signal(ConversionWorkflow.resume)
        second = self.client.get_workflow_handle_for(ConversionWorkflow.run, first.id)
        while (await second.describe()).run_id == first.result_run_id:
            await asyncio.sleep(0.1)
        await second.result()
        return [self.client.get_workflow_handle_for(ConversionWorkflow.run, first.id)]

    async def notify_abandoned(self, name: str) -> list[Handle]:
        [handle] = await self.notify_stalled(name)
        await handle.signal(ConversionWorkflow.abandon)
        with suppress(WorkflowFailureError):
            await handle.result()
        return [handle]

    async def notify_stalled(self, name: str) -> list[Handle]:
        async def down(id: str) -> None:
            raise Unavailable("nobody listens")

        with self.replaced(self.parts.progress, "announce", down):
            handle = await self.begin(name)
            while "stalled" not in str((await handle.describe()).typed_search_attributes):
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.5)
        return [handle]

    async def superseded(self, name: str) -> list[Handle]:
        async def younger(id: str, run: Run, step: Step) -> None:
            return None

        with self.replaced(self.parts.records, "claim", younger):
            handle = await self.begin(name)
            await handle.result()
        return [handle]

    async def reset(self, name: str) -> list[Handle]:
        """The run that an operator's reset begins, after the workflow task that had upload behind it."""
        handle = await self.begin(name)
        await handle.result()
        tasks = [event.event_id async for event in handle.fetch_history_events() if event.event_type == TASK_COMPLETED]
        asked = ResetWorkflowExecutionRequest(
            namespace=self.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.result_run_id),
            reason="recorded",
            request_id=name,
            workflow_task_finish_event_id=tasks[1],
        )
        made = await self.client.workflow_service.reset_workflow_execution(asked)
        again = self.client.get_workflow_handle_for(ConversionWorkflow.run, handle.id, run_id=made.run_id)
        await again.result()
        return [again]

    async def retried(self, name: str) -> list[Handle]:
        await self.failed(name)
        request = Request(
            id=f"cnv_{name}", tenant="acme", source_name="bracket.step", source_format="step", outputs=("stl", "obj")
        )
        self.parts.records.add(request)
        handle = await start(self.client, request, 2)
        await handle.result()
        return [handle]

    async def paused(self, name: str) -> list[Handle]:
        """An operator pauses compress and lets it run again."""
        handle = await self.begin(name, "slow-3.step")
        await self.started(f"cnv_{name}")
        which: Any = {"namespace": self.client.namespace, "execution": WorkflowExecution(workflow_id=handle.id)}
        await self.client.workflow_service.pause_activity(PauseActivityRequest(**which, type="compress"))
        await asyncio.sleep(4)
        await self.client.workflow_service.unpause_activity(UnpauseActivityRequest(**which, type="compress"))
        await handle.result()
        return [handle]

    async def reconcile(self, name: str) -> list[Handle]:
        handle = await self.client.start_workflow(ReconcileWorkflow.run, id=name, task_queue=QUEUE)
        await handle.result()
        return [cast(Handle, handle)]

    async def sweep(self, name: str) -> list[Handle]:
        handle = await self.client.start_workflow(SweepWorkflow.run, id=name, task_queue=QUEUE)
        await handle.result()
        return [cast(Handle, handle)]

    @contextmanager
    def slow_news(self) -> Iterator[None]:
        async def slowly(id: str) -> None:
            await asyncio.sleep(2)

        with self.replaced(self.parts.progress, "announce", slowly):
            yield

    @contextmanager
    def replaced(self, part: object, name: str, other: object) -> Iterator[None]:
        """A method of a fake, replaced for the block."""
        setattr(part, name, other)
        try:
            yield
        finally:
            delattr(part, name)

    @staticmethod
    def deaf(real: Callable[[str], Awaitable[tuple[int, str]]]) -> Callable[[str], Awaitable[tuple[int, str]]]:
        async def verify(key: str) -> tuple[int, str]:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(20)
            return await real(key)

        return verify


PATHS = (
    *("completed", "failed", "partly_failed", "stalled", "stalled_upload", "resumed", "abandoned", "expired"),
    *("cancelled", "cancelled_stalled", "cancelled_queued", "cancelled_waiting", "cancelled_late"),
    *("cancelled_while_stalling", "cancelled_in_vain", "cancelled_dead_worker"),
    *("notify_stalled", "notify_resumed", "notify_abandoned", "superseded", "reset", "retried", "paused"),
    *("reconcile", "sweep"),
)
WITHOUT_COMPRESS = ("cancelled_queued",)
