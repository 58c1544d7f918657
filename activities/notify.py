"""notify: write the state, say it, and leave nothing behind."""

from typing import Protocol

from temporalio import activity

from activities.run import Claims, alive, claim, refusals, this_run
from shapr import keys
from shapr.conversion import Outcome, Run, State, Step
from shapr.errors import SUPERSEDED, Refused


class Rows(Claims, Protocol):
    async def write(self, run: Run, outcome: Outcome) -> bool:
        """Compare-and-set on `run`; False when a younger run owns the row."""


class Listeners(Protocol):
    async def announce(self, id: str) -> None:
        """Something about this conversion changed. Best effort: who missed it asks again."""


class Work(Protocol):
    async def delete_prefix(self, prefix: str) -> int: ...


class Notify:
    def __init__(self, rows: Rows, listeners: Listeners, work: Work) -> None:
        self.rows = rows
        self.listeners = listeners
        self.work = work

    @activity.defn
    async def notify(self, outcome: Outcome) -> Outcome:
        with refusals():
            async with alive():
                conversion = await claim(self.rows, outcome.request.id, Step.NOTIFY)
                if not await self.rows.write(this_run(), outcome):
                    raise Refused(SUPERSEDED, "a younger run owns this conversion")
                await self.listeners.announce(conversion.id)
                if outcome.state is not State.STALLED:  # a stalled one goes on from what is there
                    await self.work.delete_prefix(keys.work_prefix(conversion.tenant, conversion.id))
            return outcome
