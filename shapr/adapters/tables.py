"""The tables of PostgreSQL: the read model. Alembic's migrations are held to these definitions by a test.

Queries live in `records.py` as SQL on an asyncpg pool: ORM sessions were measured at several times the cost.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Column, DateTime, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


def _time(nullable: bool = True) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


def _text(nullable: bool = True, **more: Any) -> Any:
    return Field(default=None, sa_column=Column(Text, nullable=nullable, **more))


class ConversionRow(SQLModel, table=True):
    """One conversion. The last four columns are its ownership: which run of which workflow may write it."""

    __tablename__ = "conversions"
    __table_args__ = (
        Index("conversions_list", "tenant", "id"),
        Index("conversions_state", "tenant", "state", "id"),
        Index("conversions_source_format", "tenant", text("(source ->> 'format')"), "id"),
        Index("conversions_created", "tenant", "created_at"),
        Index("conversions_batch", "tenant", "batch", "id", postgresql_where=text("batch IS NOT NULL")),
        Index("conversions_queued", "created_at", postgresql_where=text("state = 'queued'")),
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
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    workflow_id: str | None = _text()
    run_id: str | None = _text()
    claimed_at: datetime | None = _time()
    past_runs: list[str] = Field(
        default_factory=list, sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'"))
    )


class OutputRow(SQLModel, table=True):
    """One output of a conversion; `position` keeps the order in which they were asked for."""

    __tablename__ = "outputs"
    __table_args__ = (Index("outputs_format", "format", "conversion_id"),)

    conversion_id: str = Field(
        sa_column=Column(Text, ForeignKey("conversions.id", ondelete="CASCADE"), primary_key=True)
    )
    format: str = _text(nullable=False, primary_key=True)
    position: int
    content: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
