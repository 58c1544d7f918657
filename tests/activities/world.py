"""Real rows and a real bucket, with an account of what Temporal knows."""

from datetime import UTC, datetime
from typing import Any

from activities.reconcile import Reconcile
from shapr import keys
from shapr.adapters.idempotency import Keys
from shapr.adapters.objects import Objects
from shapr.adapters.postgres import Postgres
from shapr.adapters.records import Records
from shapr.adapters.transitions import Transitions
from shapr.conversion import Conversion, Error, Outcome, Output, Request, Run, Source, State, Step, new_id
from shapr.settings import Settings

DOWN = Error(code="storage_unavailable", detail="the store step was retried in vain; it waits for an operator")


class Known:
    """What Temporal knows, by workflow id: an outcome, or None while it runs."""

    def __init__(self) -> None:
        self.workflows: dict[str, Outcome | None] = {}
        self.asked: list[tuple[str, str]] = []

    async def start(self, request: Request, attempt: int) -> None:
        self.asked.append(("start", keys.workflow(request.id, attempt)))

    async def cancel(self, workflow_id: str) -> None:
        self.asked.append(("cancel", workflow_id))

    async def resume(self, workflow_id: str) -> None:
        self.asked.append(("resume", workflow_id))

    async def ending(self, workflow_id: str, request: Request) -> Outcome | None:
        return self.workflows[workflow_id]  # KeyError is a LookupError

    async def delete(self, id: str, attempts: int) -> int:
        self.asked.append(("delete", id))
        return attempts

    def of(self, conversion: Conversion) -> list[str]:
        return [what for what, name in self.asked if conversion.id in name]


class World:
    def __init__(self, settings: Settings, postgres: Postgres) -> None:
        self.records = Records(postgres)
        self.transitions = Transitions(postgres)
        self.objects = Objects(settings)
        self.temporal = Known()
        self.announced: list[str] = []
        self.postgres = postgres
        self.reconcile = Reconcile(
            self.transitions, Keys(postgres), self.objects, self, self.temporal, age=0, source_patience=86_400
        )

    async def announce(self, id: str) -> None:
        self.announced.append(id)

    async def queued(self, **more: Any) -> Conversion:
        made = Conversion.model_validate(
            {
                "id": new_id(),
                "tenant": "acme",
                "state": State.QUEUED,
                "created_at": datetime.now(UTC),
                "source": Source(name="bracket.step", format="step", size=9, sha256="0" * 64),
                "outputs": (Output(format="stl"),),
            }
            | more
        )
        await self.records.create(made)
        return made

    async def running(self, state: State = State.RUNNING, error: Error | None = None) -> Conversion:
        made = await self.queued()
        run = Run(workflow=keys.workflow(made.id, 1), id=new_id(), scheduled=datetime.now(UTC))
        assert await self.records.claim(made.id, run, Step.STORE)
        if state is not State.RUNNING:
            outcome = Outcome(request=Request.of(made), state=state, step=Step.STORE, error=error)
            assert await self.records.write(run, outcome)
        self.temporal.workflows[run.workflow] = None
        return await self.get(made)

    async def get(self, conversion: Conversion) -> Conversion:
        found = await self.records.get("acme", conversion.id)
        assert found
        return found

    def ends(self, conversion: Conversion, state: State, error: Error | None = None, attempt: int = 1) -> None:
        outcome = Outcome(request=Request.of(conversion), state=state, error=error)
        self.temporal.workflows[keys.workflow(conversion.id, attempt)] = outcome
