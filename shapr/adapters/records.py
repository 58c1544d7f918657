"""PostgreSQL: the rows of conversions and the rule of who may write them.

Plain SQL on a fixed asyncpg pool. Every driver error becomes `Unavailable`, so a step retries it and the API says so.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from shapr.conversion import Conversion, Outcome, Output, Request, Results, Run, State, Step
from shapr.errors import Unavailable
from shapr.settings import Settings

Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

COLUMNS = """
    c.id, c.tenant, c.state, c.step, c.created_at, c.started_at, c.finished_at, c.expires_at, c.batch, c.priority,
    c.reuse, c.preview, c.source, c.error, c.failed_step, c.report, c.attempts, c.workflow_id,
    (SELECT jsonb_agg(o.content || jsonb_build_object('format', o.format) ORDER BY o.position)
       FROM outputs o WHERE o.conversion_id = c.id) AS outputs
"""

# The ownership rule (docs/architecture.md): the same run may always; a past run or one that was scheduled before the
# last claim may not; any other takes over. A takeover is a new attempt, unless it resumes a stalled one.
CLAIM = """
    UPDATE conversions SET
        step = CASE WHEN run_id = $3 AND state IN ('completed', 'failed', 'cancelled') THEN step ELSE $5 END,
        state = CASE WHEN run_id = $3 AND state IN ('completed', 'failed', 'cancelled') THEN state ELSE 'running' END,
        attempts = attempts + CASE WHEN {same_attempt} THEN 0 ELSE 1 END,
        started_at = CASE WHEN {same_attempt} THEN started_at ELSE now() END,
        finished_at = CASE WHEN run_id = $3 THEN finished_at END,
        error = CASE WHEN run_id = $3 THEN error END,
        failed_step = CASE WHEN run_id = $3 THEN failed_step END,
        past_runs = CASE WHEN run_id <> $3 THEN past_runs || run_id ELSE past_runs END,
        workflow_id = $2, run_id = $3,
        claimed_at = CASE WHEN run_id = $3 THEN claimed_at ELSE $4 END
    WHERE id = $1
      AND (run_id = $3 OR run_id IS NULL OR (NOT $3 = ANY (past_runs) AND (claimed_at IS NULL OR $4 > claimed_at)))
    RETURNING id
""".format(same_attempt="(run_id IS NOT NULL AND (run_id = $3 OR (state = 'stalled' AND workflow_id = $2)))")


class Records:
    """Conversions by id. The pool connects at the first query and again whenever the server comes back."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_url.get_secret_value()
        self._size = settings.database_pool
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    async def ready(self) -> None:
        async with self._connection() as connection:
            await connection.fetchval("SELECT 1")

    async def create(self, conversion: Conversion) -> None:
        """The row and its outputs, in one transaction."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO conversions (id, tenant, state, created_at, expires_at, batch, priority, reuse, preview,"
                " source, attempts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                conversion.id,
                conversion.tenant,
                conversion.state,
                conversion.created_at,
                conversion.expires_at,
                conversion.batch,
                conversion.priority,
                conversion.reuse,
                conversion.preview,
                conversion.source.model_dump(mode="json"),
                conversion.attempts,
            )
            await connection.executemany(
                "INSERT INTO outputs (conversion_id, format, position, content) VALUES ($1, $2, $3, $4)",
                [(conversion.id, o.format, at, _content(o)) for at, o in enumerate(conversion.outputs)],
            )

    async def get(self, tenant: str, id: str) -> Conversion | None:
        async with self._connection() as connection:
            row = await connection.fetchrow(
                f"SELECT {COLUMNS} FROM conversions c WHERE c.tenant = $1 AND c.id = $2",  # noqa: S608
                tenant,
                id,
            )
        return _conversion(row) if row else None

    async def forgotten(self, limit: int, age_seconds: float) -> list[tuple[Request, int]]:
        """Queued rows older than that, oldest first, each with the attempt that is to be started."""
        query = (
            f"SELECT {COLUMNS} FROM conversions c WHERE c.state = 'queued'"  # noqa: S608
            " AND c.created_at < now() - make_interval(secs => $2) ORDER BY c.created_at LIMIT $1"
        )
        async with self._connection() as connection:
            rows = [_conversion(row) for row in await connection.fetch(query, limit, age_seconds)]
        return [(Request.of(row), row.attempts + 1) for row in rows]

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
    ) -> list[Conversion]:
        """Newest first; `before` is the last id of the page before this one."""
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
        where = " AND ".join(condition.format(f"${at}") for at, condition in enumerate(given, 1))
        query = f"SELECT {COLUMNS} FROM conversions c WHERE {where} ORDER BY c.id DESC LIMIT {int(limit)}"  # noqa: S608
        async with self._connection() as connection:
            return [_conversion(row) for row in await connection.fetch(query, *given.values())]

    async def claim(self, id: str, run: Run, step: Step) -> Conversion | None:
        """Own the row for `run`, from this step on; None when a younger run owns it, or it was deleted."""
        async with self._connection() as connection, connection.transaction():
            if not await connection.fetchval(CLAIM, id, run.workflow, run.id, run.scheduled, step):
                return None
            row = await connection.fetchrow(f"SELECT {COLUMNS} FROM conversions c WHERE c.id = $1", id)  # noqa: S608
        return _conversion(row) if row else None

    async def store(self, run: Run, id: str, results: Results, report: dict[str, Any] | None) -> bool:
        """Record what was published; False when a younger run owns the row."""
        async with self._connection() as connection, connection.transaction():
            owned = await connection.fetchval(
                "UPDATE conversions SET report = $3 WHERE id = $1 AND run_id = $2 RETURNING id", id, run.id, report
            )
            if not owned:
                return False
            await connection.executemany(
                "UPDATE outputs SET content = $3 WHERE conversion_id = $1 AND format = $2",
                [(id, output.format, _content(output)) for output in results.outputs],
            )
        return True

    async def write(self, run: Run, outcome: Outcome) -> bool:
        """The state that the run came to; False when a younger run owns the row.

        Outputs that are still pending at a terminal state failed for the conversion's reason.
        """
        error = outcome.error.model_dump() if outcome.error else None
        async with self._connection() as connection, connection.transaction():
            owned = await connection.fetchval(
                "UPDATE conversions SET state = $3, step = $4, error = $5, failed_step = $6,"
                " finished_at = CASE WHEN $7 THEN now() END WHERE id = $1 AND run_id = $2 RETURNING id",
                outcome.request.id,
                run.id,
                outcome.state,
                outcome.step if outcome.state is State.STALLED else None,
                error,
                outcome.step if error else None,
                outcome.state.terminal,
            )
            if owned and outcome.state in (State.FAILED, State.CANCELLED):
                await connection.execute(
                    "UPDATE outputs SET content = content || $2"
                    " WHERE conversion_id = $1 AND content ->> 'state' = 'pending'",
                    outcome.request.id,
                    {"state": "failed", "error": error},
                )
        return bool(owned)

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            pool = self._pool or await self._open()
            async with pool.acquire(timeout=10) as connection:
                yield connection
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            full = isinstance(error, asyncpg.DiskFullError)
            raise Unavailable(
                f"postgres: {type(error).__name__}: {error}", "storage_full" if full else "storage_unavailable"
            ) from error

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url, min_size=0, max_size=self._size, command_timeout=20, timeout=3, init=_codecs
                )
            return self._pool


async def _codecs(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + orjson.dumps(value),  # a version byte comes before the text
        decoder=lambda value: orjson.loads(value[1:]),
        format="binary",
    )


def _content(output: Output) -> dict[str, Any]:
    return output.model_dump(mode="json", exclude={"format"})


def _conversion(row: asyncpg.Record) -> Conversion:
    return Conversion.model_validate({**row, "outputs": row["outputs"] or []})
