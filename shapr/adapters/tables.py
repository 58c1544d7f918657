"""The tables of PostgreSQL: the read model. Alembic's migrations are held to these definitions by a test.

Queries live in `records.py` as SQL on an asyncpg pool: ORM sessions were measured at several times the cost.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Column, DateTime, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

# Accepted, and not yet given to a converter: what the depth of the queue counts.
WAITING = "state = 'queued' OR (state = 'running' AND step = 'upload')"


def _time(nullable: bool = True) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


def _text(nullable: bool = True, **more: Any) -> Any:
    return Field(default=None, sa_column=Column(Text, nullable=nullable, **more))


class ConversionRow(SQLModel, table=True):
    """One conversion.

    `workflow_id` to `past_runs` are its ownership: which run of which workflow may write it. A deleted one keeps its
    row, without content; `deleted` counts what was deleted with it, once all of it is.
    """

    __tablename__ = "conversions"
    __table_args__ = (
        Index("conversions_list", "tenant", "id"),
        Index("conversions_state", "tenant", "state", "id"),
        Index("conversions_source_format", "tenant", text("(source ->> 'format')"), "id"),
        Index("conversions_created", "tenant", "created_at"),
        Index("conversions_batch", "tenant", "batch", "id", postgresql_where=text("batch IS NOT NULL")),
        Index("conversions_awaiting", "created_at", postgresql_where=text("state = 'awaiting_source'")),
        Index("conversions_waiting", "queued_at", postgresql_where=text(WAITING)),
        Index("conversions_unended", "looked_at", postgresql_where=text("state IN ('queued', 'running', 'stalled')")),
        Index(
            "conversions_unpurged",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL AND deleted IS NULL"),
        ),
        Index("conversions_legacy", "tenant", "id", postgresql_where=text("legacy")),
    )

    id: str = _text(nullable=False, primary_key=True)
    tenant: str = _text(nullable=False)
    state: str = _text(nullable=False)
    step: str | None = _text()
    created_at: datetime = _time(nullable=False)
    started_at: datetime | None = _time()
    finished_at: datetime | None = _time()
    expires_at: datetime | None = _time()
    batch: str | None = _text()
    priority: int = Field(default=3, sa_column_kwargs={"server_default": text("3")})
    reuse: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    preview: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    source: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    failed_step: str | None = _text()
    report: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    pictures: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    workflow_id: str | None = _text()
    run_id: str | None = _text()
    claimed_at: datetime | None = _time()
    past_runs: list[str] = Field(
        default_factory=list, sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'"))
    )
    queued_at: datetime | None = _time()  # of the attempt that waits, or waited last
    cancel_requested: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    looked_at: datetime | None = _time()  # by reconcile, which takes them in turn
    deleted_at: datetime | None = _time()
    deleted: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    legacy: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class OutputRow(SQLModel, table=True):
    """One output of a conversion; `position` keeps the order in which they were asked for.

    Outputs with the same `recipe` have the same bytes: see `activities/reuse.py`.
    """

    __tablename__ = "outputs"
    __table_args__ = (
        Index("outputs_format", "format", "conversion_id"),
        Index("outputs_recipe", "recipe", "conversion_id", postgresql_where=text("recipe IS NOT NULL")),
    )

    conversion_id: str = Field(
        sa_column=Column(Text, ForeignKey("conversions.id", ondelete="CASCADE"), primary_key=True)
    )
    format: str = _text(nullable=False, primary_key=True)
    position: int
    content: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    recipe: str | None = _text()


class IdempotencyRow(SQLModel, table=True):
    """An Idempotency-Key: held by a request until `held_until`, then, if it was accepted, standing for a conversion."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idempotency_keys_expires", "expires_at"),)

    tenant: str = _text(nullable=False, primary_key=True)
    key: str = _text(nullable=False, primary_key=True)
    holder: str = _text(nullable=False)
    held_until: datetime = _time(nullable=False)
    fingerprint: str | None = _text()
    conversion_id: str | None = _text()
    expires_at: datetime = _time(nullable=False)


class SwitchRow(SQLModel, table=True):
    """A switch that an operator turned on, for every process: a row that is there is on."""

    __tablename__ = "switches"

    name: str = _text(nullable=False, primary_key=True)
    reason: str = _text(nullable=False)
    since: datetime = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("now()"))
    )
