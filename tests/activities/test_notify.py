"""Notify is short, but its worker can die in it, and a server can lose it on the way to a worker."""

import asyncio

from temporalio.testing import ActivityEnvironment

from activities.notify import Notify
from shapr.conversion import Outcome, Request, State
from tests.workflows.fakes import FakeRows


class Slow:
    """A listener and a bucket that take their time."""

    async def announce(self, id: str) -> None:
        await asyncio.sleep(1.5)

    async def delete_prefix(self, prefix: str) -> int:
        return 0


async def test_it_is_missed_when_its_worker_is_gone() -> None:
    rows, environment, beats = FakeRows(), ActivityEnvironment(), []
    environment.on_heartbeat = lambda *details: beats.append(details)
    request = Request(id="cnv_1", tenant="acme", source_name="a.step", source_format="step", outputs=("stl",))
    rows.add(request)
    outcome = Outcome(request=request, state=State.COMPLETED)
    await environment.run(Notify(rows, Slow(), Slow()).notify, outcome)
    assert len(beats) >= 2
