"""PostgreSQL: the rows of conversions and the rule of who may write them.

Plain SQL, most of it one statement. Every driver error becomes `Unavailable`, so a step retries it and the API says so.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from shapr.adapters.postgres import Postgres, storable
from shapr.conversion import Alike, Conversion, Outcome, Output, Results, Run, State, Step

CONVERSION = """
    SELECT c.id, c.tenant, c.state, c.step, c.created_at, c.started_at, c.finished_at, c.expires_at, c.batch,
        c.priority, c.reuse, c.preview, c.source, c.error, c.failed_step, c.report, c.attempts, c.workflow_id,
        c.pictures, c.cancel_requested, c.legacy, c.deleted_at, c.deleted,
        (SELECT jsonb_agg(o.content || jsonb_build_object('format', o.format) ORDER BY o.position)
           FROM outputs o WHERE o.conversion_id = c.id) AS outputs
    FROM conversions c
"""

CREATE = """
    WITH made AS (
        INSERT INTO conversions
            (id, tenant, state, created_at, expires_at, batch, priority, reuse, preview, source, attempts, legacy,
             queued_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
            CASE WHEN $3 = 'awaiting_source' THEN NULL ELSE now() END))
    INSERT INTO outputs (conversion_id, format, position, content)
    SELECT $1, format, position, content
    FROM unnest($13::text[], $14::jsonb[]) WITH ORDINALITY AS o (format, content, position)
"""

# The ownership rule (LIFECYCLE.md, "What was learned" 8). A run takes the row over unless it has lost it before, or was
# scheduled before the last takeover; at the same time is not before: a reset keeps a step that was scheduled already.
# That is a new attempt, unless it goes on with a stalled one.
TAKE_OVER = """
    UPDATE conversions SET
        state = 'running', step = $5, finished_at = NULL, error = NULL, failed_step = NULL,
        attempts = CASE WHEN state = 'stalled' AND workflow_id = $2 THEN attempts ELSE attempts + 1 END,
        started_at = CASE WHEN state = 'stalled' AND workflow_id = $2 THEN started_at ELSE now() END,
        past_runs = CASE WHEN run_id IS NULL THEN past_runs ELSE past_runs || run_id END,
        workflow_id = $2, run_id = $3, claimed_at = $4
    WHERE id = $1 AND deleted_at IS NULL AND run_id IS DISTINCT FROM $3
      AND NOT $3 = ANY (past_runs) AND (claimed_at IS NULL OR claimed_at <= $4)
    RETURNING id
"""
# The owner goes on. What it has ended stays ended: notify may be told twice.
GO_ON = """
    UPDATE conversions SET step = CASE WHEN state IN ('completed', 'failed', 'cancelled') THEN step ELSE $3 END
    WHERE id = $1 AND run_id = $2
    RETURNING id
"""
# Another attempt may yet make what failed in the last one.
PENDING_AGAIN = """
    UPDATE outputs SET content = content || '{"state": "pending", "error": null}'
    WHERE conversion_id = $1 AND content ->> 'state' = 'failed'
"""

STORE = """
    WITH mine AS (UPDATE conversions SET report = $3, pictures = $7 WHERE id = $1 AND run_id = $2 RETURNING id),
    facts AS (
        UPDATE outputs o SET content = made.content, recipe = made.recipe
        FROM mine, unnest($4::text[], $5::jsonb[], $6::text[]) AS made (format, content, recipe)
        WHERE o.conversion_id = mine.id AND o.format = made.format)
    SELECT id FROM mine
"""

WRITE = """
    WITH mine AS (
        UPDATE conversions SET state = $3, step = $4, error = $5, failed_step = $6,
            finished_at = CASE WHEN $7 THEN coalesce(finished_at, now()) END,
            cancel_requested = cancel_requested AND NOT $7
        WHERE id = $1 AND run_id = $2 RETURNING id),
    unmade AS (
        UPDATE outputs o SET content = o.content || jsonb_build_object('state', 'failed', 'error', $5::jsonb)
        FROM mine WHERE $7 AND o.conversion_id = mine.id AND o.content ->> 'state' = 'pending')
    SELECT id FROM mine
"""

# The newest of each recipe whose bytes are still there: one step into an index, however many there are.
ALIKE = """
    SELECT asked.recipe, newest.*
    FROM unnest($1::text[]) AS asked (recipe), LATERAL (
        SELECT c.id, c.report, c.pictures, o.content || jsonb_build_object('format', o.format) AS output
        FROM outputs o JOIN conversions c ON c.id = o.conversion_id
        WHERE o.recipe = asked.recipe AND c.id <> $2 AND o.content ->> 'state' = 'completed' AND c.deleted_at IS NULL
        ORDER BY o.conversion_id DESC LIMIT 1) AS newest
"""


class Records:
    """Conversions by id. Text that PostgreSQL cannot keep (NUL, lone surrogates) is kept with U+FFFD in its place."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def ready(self) -> None:
        async with self._postgres.connection() as connection:
            await connection.fetchval("SELECT 1")

    async def create(self, conversion: Conversion) -> None:
        """The row and its outputs, or neither."""
        async with self._postgres.connection() as connection:
            await connection.execute(CREATE, *created_values(conversion))

    async def get(self, tenant: str, id: str) -> Conversion | None:
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(
                f"{CONVERSION} WHERE c.tenant = $1 AND c.id = $2", storable(tenant), storable(id)
            )
        return of_row(row) if row else None

    async def list(
        self,
        tenant: str,
        *,
        limit: int,
        before: str | None = None,
        state: State | None = None,
        source_format: str | None = None,
        output_format: str | None = None,
        batch: str | None = None,
        created_after: datetime | None = None,
        legacy: bool | None = None,
    ) -> list[Conversion]:
        """Newest first, without the deleted ones; `before` is the last id of the page before this one."""
        wanted: dict[str, Any] = {
            "c.tenant = {}": tenant,
            "c.id < {}": before,
            "c.state = {}": state,
            "c.source ->> 'format' = {}": source_format,
            "EXISTS (SELECT FROM outputs f WHERE f.conversion_id = c.id AND f.format = {})": output_format,
            "c.batch = {}": batch,
            "c.created_at > {}": created_after,
        }
        given = {condition: value for condition, value in wanted.items() if value is not None}
        where = " AND ".join(condition.format(f"${at}") for at, condition in enumerate(given, 2))
        if legacy is not None:  # in words: as a parameter, it would not lead to the index of the legacy ones
            where += " AND c.legacy" if legacy else " AND NOT c.legacy"
        values = [storable(value) if isinstance(value, str) else value for value in given.values()]
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(
                f"{CONVERSION} WHERE {where} AND c.deleted_at IS NULL ORDER BY c.id DESC LIMIT $1", limit, *values
            )
        return [of_row(row) for row in rows]

    async def claim(self, id: str, run: Run, step: Step) -> Conversion | None:
        """Own the row for `run`, from this step on; None when a younger run owns it, or it was deleted.

        First take over, then go on: two claims of one run that wait for the same row then both succeed.
        """
        async with self._postgres.connection() as connection, connection.transaction():
            if await connection.fetchval(TAKE_OVER, id, run.workflow, run.id, run.scheduled, step):
                if step in (Step.UPLOAD, Step.COMPRESS):
                    await connection.execute(PENDING_AGAIN, id)
            elif not await connection.fetchval(GO_ON, id, run.id, step):
                return None
            row = await connection.fetchrow(f"{CONVERSION} WHERE c.id = $1", id)
        return of_row(row) if row else None

    async def store(self, run: Run, id: str, results: Results, report: dict[str, Any] | None) -> bool:
        """Record what was published; False when a younger run owns the row."""
        async with self._postgres.connection() as connection:
            recipes = [output.recipe for output in results.outputs]
            pictures = results.pictures.model_dump() if results.pictures else None
            made = (*columns(results.outputs), recipes, pictures)
            return bool(await connection.fetchval(STORE, id, run.id, report, *made))

    async def alike(self, recipes: Sequence[str], other_than: str) -> dict[str, Alike]:
        """By recipe: a completed output of it that another conversion has."""
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(ALIKE, recipes, other_than)
        return {row["recipe"]: Alike.model_validate(dict(row)) for row in rows}

    async def write(self, run: Run, outcome: Outcome) -> bool:
        """The state that the run came to; False when a younger run owns the row. Writing it twice changes nothing.

        Outputs that are still pending at a terminal state failed for the conversion's reason.
        """
        async with self._postgres.connection() as connection:
            mine = await connection.fetchval(
                WRITE,
                outcome.request.id,
                run.id,
                outcome.state,
                outcome.step if outcome.state is State.STALLED else None,
                outcome.error.model_dump() if outcome.error else None,
                outcome.step if outcome.error else None,
                outcome.state.terminal,
            )
        return bool(mine)


def created_values(conversion: Conversion) -> tuple[Any, ...]:
    """The parameters of CREATE."""
    return (
        storable(conversion.id),
        storable(conversion.tenant),
        conversion.state,
        conversion.created_at,
        conversion.expires_at,
        storable(conversion.batch) if conversion.batch is not None else None,
        conversion.priority,
        conversion.reuse,
        conversion.preview,
        conversion.source.model_dump(mode="json"),
        conversion.attempts,
        conversion.legacy,
        *columns(conversion.outputs),
    )


def columns(outputs: tuple[Output, ...]) -> tuple[list[str], list[dict[str, Any]]]:
    """Formats, and what is told of each."""
    return [o.format for o in outputs], [o.model_dump(mode="json", exclude={"format", "recipe"}) for o in outputs]


def of_row(row: asyncpg.Record) -> Conversion:
    return Conversion.model_validate({**row, "outputs": row["outputs"] or []})
