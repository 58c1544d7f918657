"""reconcile: what the rows say and what Temporal does are one and the same again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from temporalio import activity

from activities import purge
from activities.run import refusals
from shapr import keys
from shapr.conversion import Conversion, Outcome, Request, Standing, State, new_id
from shapr.errors import Unavailable

PASS = 500  # rows a pass: more would outlive the pause between two passes
AT_ONCE = 16  # rows looked at together
CURED = "storage_unavailable"  # a stall for this is over when the bucket works; what was full is an operator's to judge
PATIENCE = 10  # seconds a probe may take: a store that hangs must not hold up the rest of the pass

Thing = TypeVar("Thing")


class Rows(purge.Tombs, Protocol):
    async def expire(self, age_seconds: float, limit: int) -> list[str]: ...
    async def unended(self, limit: int, age_seconds: float) -> list[Standing]: ...
    async def requeue(self, standing: Standing, attempts: int) -> bool: ...
    async def settle(self, standing: Standing, outcome: Outcome, attempt: int, workflow_id: str) -> bool: ...
    async def unpurged(self, limit: int) -> list[Conversion]: ...


class Keys(Protocol):
    async def forget(self) -> int: ...


class Bucket(purge.Bucket, Protocol):
    async def probe(self, key: str) -> None:
        """Write an object, read it and delete it. Unavailable while that cannot be done."""


class Listeners(Protocol):
    async def announce(self, id: str) -> None: ...


class Executions(purge.Executions, Protocol):
    async def start(self, request: Request, attempt: int) -> object: ...
    async def cancel(self, workflow_id: str) -> None: ...
    async def resume(self, workflow_id: str) -> None: ...
    async def ending(self, workflow_id: str, request: Request) -> Outcome | None:
        """How it ended; None while it runs. LookupError when Temporal knows no such workflow."""


class Reconcile:
    """One pass is these activities, one after the other. Each gives how many conversions it changed."""

    def __init__(
        self,
        rows: Rows,
        keys: Keys,
        bucket: Bucket,
        listeners: Listeners,
        executions: Executions,
        *,
        age: float,
        source_patience: float,
    ) -> None:
        self.rows = rows
        self.keys = keys
        self.bucket = bucket
        self.listeners = listeners
        self.executions = executions
        self.age = age
        self.source_patience = source_patience

    @activity.defn
    async def expire_sources(self) -> int:
        """What has waited too long for its source fails."""
        with refusals():
            expired = await self.rows.expire(self.source_patience, PASS)
            for id in expired:
                await self.listeners.announce(id)
            return len(expired)

    @activity.defn
    async def settle(self) -> int:
        """Bring rows and workflows together: start, cancel, resume, close, whatever is missing."""
        with refusals():
            unended = await self.rows.unended(PASS, self.age)
            cured = any(map(waits, unended)) and await self.cured()

            async def one(standing: Standing) -> bool:
                return await self.settle_one(standing, cured)

            return sum(await together(one, unended))

    @activity.defn
    async def purge_deleted(self) -> int:
        """Finish deletions that broke off."""
        with refusals():

            async def one(gone: Conversion) -> bool:
                await purge.purge(self.rows, self.bucket, self.executions, gone)
                return True

            return sum(await together(one, await self.rows.unpurged(PASS)))

    @activity.defn
    async def forget_keys(self) -> int:
        """Idempotency keys are kept for a day."""
        with refusals():
            return await self.keys.forget()

    async def settle_one(self, standing: Standing, cured: bool) -> bool:
        conversion = standing.conversion
        request, queued = Request.of(conversion), conversion.state is State.QUEUED
        attempt = conversion.attempts + queued
        name = keys.workflow(conversion.id, attempt) if queued else conversion.workflow_id or ""
        try:
            outcome = await self.executions.ending(name, request)
        except LookupError:
            if not queued:  # Temporal has lost it: it gets another attempt, in the next pass
                return await self.rows.requeue(standing, attempt)
            await self.executions.start(request, attempt)
            if conversion.cancel_requested:
                await self.executions.cancel(name)
            return True
        if outcome is None:
            return await self.prompt(conversion, name, cured and waits(standing))
        if outcome.state is State.SUPERSEDED:  # by a run that is gone as well: another attempt, in the next pass
            return await self.rows.requeue(standing, attempt)
        if not await self.rows.settle(standing, outcome, attempt, name):
            return False
        await self.bucket.delete_prefix(keys.work_prefix(conversion.tenant, conversion.id))
        await self.listeners.announce(conversion.id)
        return True

    async def prompt(self, conversion: Conversion, name: str, over: bool) -> bool:
        """A workflow that runs may have missed a cancellation, or may wait for an incident that is over."""
        if conversion.cancel_requested:
            await self.executions.cancel(name)
        elif over:
            await self.executions.resume(name)
        else:
            return False
        return True

    async def cured(self) -> bool:
        """Do the stores work? The rows do, or nobody would come to ask. A bucket may answer well before it does."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.bucket.probe(keys.probe(new_id()))
        except (Unavailable, TimeoutError):
            return False
        return True


def waits(standing: Standing) -> bool:
    """Whether it is stalled for a store, and has rested since it was resumed last."""
    conversion = standing.conversion
    stalled = conversion.state is State.STALLED and conversion.error is not None and conversion.error.code == CURED
    return stalled and standing.rested


async def together(do: Callable[[Thing], Awaitable[bool]], things: Iterable[Thing]) -> list[bool]:
    """Do it for all, a few at once. One that fails does not stop the others; it is raised when all are done."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(thing: Thing) -> bool:
        async with turn:
            return await do(thing)

    done = await asyncio.gather(*(one(thing) for thing in things), return_exceptions=True)
    for each in done:
        if isinstance(each, BaseException):
            raise each
    return [each for each in done if isinstance(each, bool)]
