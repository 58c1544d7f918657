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

from temporalio.common import RetryPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

import worker_main
from shapr.settings import Settings
from tests.workflows.fakes import FakeParts
from tests.workflows.paths import PATHS, WITHOUT_COMPRESS, Handle, Recorder
from workflows import visibility
from workflows.policy import POLICIES

HISTORIES = Path(__file__).parent / "histories"


def quick() -> None:
    """Incidents in a second instead of minutes; policies are no part of a history's determinism."""
    POLICIES.patience = timedelta(days=7)
    POLICIES.compress["heartbeat_timeout"] = timedelta(seconds=30)
    impatient = RetryPolicy(initial_interval=timedelta(seconds=0.1), maximum_attempts=3)
    for policy in (POLICIES.upload, POLICIES.compress, POLICIES.store, POLICIES.notify):
        policy["retry_policy"] = impatient


async def main(wanted: list[str]) -> None:
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
        recorder = Recorder(server.client, parts)
        HISTORIES.mkdir(exist_ok=True)
        for path in wanted:
            quick()
            record: Callable[[str], Awaitable[list[Handle]]] = getattr(recorder, path)
            async with AsyncExitStack() as with_compress:
                if path not in WITHOUT_COMPRESS:
                    await with_compress.enter_async_context(worker_main.compress(server.client, parts, settings))
                handles = await record(path)
            for number, handle in enumerate(handles):
                name = path if number == 0 else "continued"
                history = await handle.fetch_history()
                await asyncio.to_thread((HISTORIES / f"{name}.json").write_text, history.to_json() + "\n")
                print(f"{name}: {len(history.events)} events")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or list(PATHS)))
    sys.stdout.flush()
    os._exit(0)
