"""PostgreSQL: what changes a conversion from outside its steps: callers, and reconcile.

Each is one statement that says from which states it may happen: of two that race, one finds nothing left to change.
"""

from collections.abc import Sequence

from shapr.adapters.postgres import Postgres, storable
from shapr.adapters.records import CONVERSION, PENDING_AGAIN, columns, of_row
from shapr.conversion import Conversion, Deleted, Error, Outcome, Source, Standing, State

SUPPLY = """
    WITH mine AS (
        UPDATE conversions SET state = 'queued', queued_at = now(), source = $3
        WHERE tenant = $1 AND id = $2 AND state = 'awaiting_source' AND deleted_at IS NULL RETURNING id),
    known AS (
        UPDATE outputs o SET content = asked.content
        FROM mine, unnest($4::text[], $5::jsonb[]) AS asked (format, content)
        WHERE o.conversion_id = mine.id AND o.format = asked.format)
    SELECT id FROM mine
"""
WITHDRAW = """
    UPDATE conversions SET state = 'awaiting_source', queued_at = NULL, source = '{"name": "", "format": ""}'
    WHERE tenant = $1 AND id = $2 AND state = 'queued' AND deleted_at IS NULL
      AND attempts = 0 AND run_id IS NULL AND NOT cancel_requested
    RETURNING id
"""
# A conversion whose workflow never ran ends here; its outputs fail for the same reason.
REFUSE = """
    WITH mine AS (
        UPDATE conversions SET state = 'failed', finished_at = now(), error = $3, failed_step = 'upload',
            source = coalesce($4, source)
        WHERE id = ANY ($1) AND state = ANY ($2) AND deleted_at IS NULL RETURNING id),
    unmade AS (
        UPDATE outputs o SET content = o.content || jsonb_build_object('state', 'failed', 'error', $3::jsonb)
        FROM mine WHERE o.conversion_id = mine.id AND o.content ->> 'state' = 'pending')
    SELECT id FROM mine
"""
OVERDUE = """
    SELECT id FROM conversions
    WHERE state = 'awaiting_source' AND deleted_at IS NULL AND created_at < now() - make_interval(secs => $1)
    ORDER BY created_at LIMIT $2
"""
# Nothing runs yet for what awaits its source, so that is cancelled at once. The others end by their workflow.
CANCEL = """
    UPDATE conversions SET
        cancel_requested = state <> 'awaiting_source',
        finished_at = CASE WHEN state = 'awaiting_source' THEN now() END,
        state = CASE WHEN state = 'awaiting_source' THEN 'cancelled' ELSE state END
    WHERE tenant = $1 AND id = $2 AND deleted_at IS NULL
      AND state IN ('awaiting_source', 'queued', 'running', 'stalled')
    RETURNING state
"""
# The run that owned the row has lost it for good. A cancellation that it was still asked for has not.
RETRY = """
    UPDATE conversions SET
        state = 'queued', queued_at = now(), step = NULL, started_at = NULL, finished_at = NULL,
        error = NULL, failed_step = NULL, attempts = $5,
        past_runs = CASE WHEN run_id IS NULL THEN past_runs ELSE past_runs || run_id END, run_id = NULL
    WHERE id = $1 AND attempts = $2 AND run_id IS NOT DISTINCT FROM $3 AND state = ANY ($4) AND deleted_at IS NULL
      AND source ->> 'sha256' IS NOT NULL
    RETURNING id
"""
BURY = """
    WITH mine AS (
        UPDATE conversions SET
            deleted_at = now(), source = '{"name": "", "format": ""}', error = NULL, report = NULL, batch = NULL,
            pictures = NULL, expires_at = NULL,
            past_runs = CASE WHEN run_id IS NULL THEN past_runs ELSE past_runs || run_id END, run_id = NULL
        WHERE tenant = $1 AND id = $2 AND deleted_at IS NULL
          AND state IN ('awaiting_source', 'completed', 'failed', 'cancelled')
        RETURNING id),
    emptied AS (DELETE FROM outputs o USING mine WHERE o.conversion_id = mine.id)
    SELECT id FROM mine
"""
# Taken in turn: whoever was looked at is at the end of the queue.
UNENDED = """
    UPDATE conversions SET looked_at = now()
    WHERE id IN (
        SELECT id FROM conversions
        WHERE state IN ('queued', 'running', 'stalled')
          AND greatest(queued_at, claimed_at) < now() - make_interval(secs => $2)
        ORDER BY looked_at NULLS FIRST LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id, run_id, coalesce(now() - claimed_at > claimed_at - queued_at, true) AS rested
"""
CLOSE = """
    WITH mine AS (
        UPDATE conversions SET
            state = $4, step = NULL, error = $5, failed_step = $6, finished_at = now(), cancel_requested = false,
            attempts = $7, workflow_id = $8
        WHERE id = $1 AND attempts = $2 AND run_id IS NOT DISTINCT FROM $3
          AND state IN ('queued', 'running', 'stalled') AND deleted_at IS NULL
        RETURNING id),
    unmade AS (
        UPDATE outputs o SET content = o.content || jsonb_build_object('state', 'failed', 'error', $5::jsonb)
        FROM mine WHERE o.conversion_id = mine.id AND o.content ->> 'state' = 'pending')
    SELECT id FROM mine
"""


class Transitions:
    """Every method says whether it happened; doing it again does not."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def supply(self, conversion: Conversion) -> bool:
        """`awaiting_source` to `queued`, with the source and the outputs' options of `conversion`."""
        given = (conversion.source.model_dump(mode="json"), *columns(conversion.outputs))
        return await self._done(SUPPLY, storable(conversion.tenant), conversion.id, *given)

    async def withdraw(self, tenant: str, id: str) -> bool:
        """`queued` back to `awaiting_source`: its source did not get into the bucket. Not once a workflow has it."""
        return await self._done(WITHDRAW, storable(tenant), storable(id))

    async def refuse(self, id: str, source: Source, error: Error) -> bool:
        """`awaiting_source` to `failed`: this source cannot be converted."""
        awaiting = [State.AWAITING_SOURCE]
        return await self._done(REFUSE, [id], awaiting, error.model_dump(), source.model_dump(mode="json"))

    async def expire(self, age_seconds: float, limit: int) -> list[str]:
        """`awaiting_source` to `failed`, for those older than that; gives their ids."""
        error = Error(code="source_missing", detail="no source arrived in time")
        async with self._postgres.connection() as connection:
            overdue = [row["id"] for row in await connection.fetch(OVERDUE, age_seconds, limit)]
            rows = await connection.fetch(REFUSE, overdue, [State.AWAITING_SOURCE], error.model_dump(), None)
        return [row["id"] for row in rows]

    async def request_cancel(self, tenant: str, id: str) -> State | None:
        """The state it is in now: `cancelled` already, or one that its workflow has to end; None if it had ended."""
        async with self._postgres.connection() as connection:
            state = await connection.fetchval(CANCEL, storable(tenant), storable(id))
        return State(state) if state else None

    async def retry(self, conversion: Conversion) -> bool:
        """`failed` or `cancelled` to `queued`: a new attempt, unless another caller was faster."""
        async with self._postgres.connection() as connection, connection.transaction():
            run = await connection.fetchval("SELECT run_id FROM conversions WHERE id = $1", conversion.id)
            over = [State.FAILED, State.CANCELLED]
            done = await connection.fetchval(RETRY, conversion.id, conversion.attempts, run, over, conversion.attempts)
            if done:
                await connection.execute(PENDING_AGAIN, conversion.id)
        return bool(done)

    async def requeue(self, standing: Standing, attempts: int) -> bool:
        """`queued` for the attempt after so many: no workflow of those will end it any more."""
        was, over = standing.conversion, [State.QUEUED, State.RUNNING, State.STALLED]
        return await self._done(RETRY, was.id, was.attempts, standing.run, over, attempts)

    async def bury(self, tenant: str, id: str) -> bool:
        """Leave a tombstone of an ended conversion; what it kept elsewhere is to be deleted next."""
        return await self._done(BURY, storable(tenant), storable(id))

    async def buried(self, id: str, deleted: Deleted) -> None:
        """Everything that a deleted conversion kept elsewhere is gone."""
        async with self._postgres.connection() as connection:
            await connection.execute("UPDATE conversions SET deleted = $2 WHERE id = $1", id, deleted.model_dump())

    async def unpurged(self, limit: int) -> list[Conversion]:
        """Tombstones whose objects and executions may still be there."""
        query = f"{CONVERSION} WHERE c.deleted_at < now() - interval '1 minute' AND c.deleted IS NULL LIMIT $1"
        async with self._postgres.connection() as connection:
            return [of_row(row) for row in await connection.fetch(query, limit)]

    async def unended(self, limit: int, age_seconds: float) -> list[Standing]:
        """Queued, running and stalled ones that nobody has touched for so long; who was looked at waits its turn."""
        async with self._postgres.connection() as connection, connection.transaction():
            runs = {row["id"]: row for row in await connection.fetch(UNENDED, limit, age_seconds)}
            rows = await connection.fetch(f"{CONVERSION} WHERE c.id = ANY ($1) ORDER BY c.queued_at", list(runs))
        found = ((of_row(row), runs[row["id"]]) for row in rows)
        return [Standing(conversion=each, run=run["run_id"], rested=run["rested"]) for each, run in found]

    async def settle(self, standing: Standing, outcome: Outcome, attempt: int, workflow_id: str) -> bool:
        """End it as its workflow `workflow_id`, the `attempt`-th, has ended; not if a run has claimed it since."""
        was, error = standing.conversion, outcome.error.model_dump() if outcome.error else None
        failed_step = outcome.step if outcome.error else None
        given = (outcome.state, error, failed_step, attempt, workflow_id)
        return await self._done(CLOSE, was.id, was.attempts, standing.run, *given)

    async def living(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that have a row which is not a tombstone."""
        query = "SELECT id FROM conversions WHERE id = ANY ($1) AND deleted_at IS NULL"
        async with self._postgres.connection() as connection:
            return {row["id"] for row in await connection.fetch(query, [storable(id) for id in ids])}

    async def _done(self, statement: str, *values: object) -> bool:
        async with self._postgres.connection() as connection:
            return bool(await connection.fetchval(statement, *values))
