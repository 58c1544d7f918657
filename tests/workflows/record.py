"""Records the histories that `test_replay.py` replays, on a real Temporal server with fakes for the adapters.

    .venv/bin/python -m tests.workflows.record [PATH...]

Record a path again only when its sequence of commands changed on purpose and no running conversion has the old one.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

import worker_main
from shapr.conversion import Outcome, Request, State
from shapr.settings import Settings
from tests.workflows.fakes import FakeParts
from workflows import visibility
from workflows.conversion import ConversionWorkflow
from workflows.policy import POLICIES
from workflows.start import start

HISTORIES = Path(__file__).parent / "histories"
Handle = WorkflowHandle[ConversionWorkflow, Outcome]


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
        await handle.cancel()
        await self.until(f"cnv_{name}", State.CANCELLED)
        await asyncio.sleep(0.5)
        return [handle]

    async def cancelled_stalled(self, name: str) -> list[Handle]:
        [handle] = await self.stalled(name)
        await handle.cancel()
        await self.until(f"cnv_{name}", State.CANCELLED)
        await asyncio.sleep(0.5)
        return [handle]


PATHS = ("completed", "failed", "partly_failed", "stalled", "resumed", "abandoned", "cancelled", "cancelled_stalled")


def quick() -> None:
    """Incidents in a second instead of minutes; retry policies are no part of a history's determinism."""
    impatient = RetryPolicy(initial_interval=timedelta(seconds=0.1), maximum_attempts=3)
    for policy in (POLICIES.upload, POLICIES.compress, POLICIES.store, POLICIES.notify):
        policy["retry_policy"] = impatient


async def main(wanted: list[str]) -> None:
    quick()
    server = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        data_converter=pydantic_data_converter,
        search_attributes=list(visibility.ALL),
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(server)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        parts, settings = FakeParts(Path(folder)), Settings(grace=1)
        await stack.enter_async_context(worker_main.conversions(server.client, parts, settings))
        await stack.enter_async_context(worker_main.compress(server.client, parts, settings))
        recorder = Recorder(server.client, parts)
        HISTORIES.mkdir(exist_ok=True)
        for path in wanted:
            record: Callable[[str], Awaitable[list[Handle]]] = getattr(recorder, path)
            for number, handle in enumerate(await record(path)):
                name = path if number == 0 else "continued"
                history = await handle.fetch_history()
                await asyncio.to_thread((HISTORIES / f"{name}.json").write_text, history.to_json() + "\n")
                print(f"{name}: {len(history.events)} events")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or list(PATHS)))
    sys.stdout.flush()
    os._exit(0)
