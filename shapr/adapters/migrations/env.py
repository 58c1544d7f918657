"""Alembic's entry: runs the migrations over asyncpg, in one transaction."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

from shapr.adapters import tables  # noqa: F401 - fills the metadata


def upgrade(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()


async def connected() -> "asyncpg.Connection[asyncpg.Record]":
    """asyncpg reads the URL, as it does for the pool: SQLAlchemy would not know all of its parameters."""
    return await asyncpg.connect(context.config.attributes["url"], timeout=10)


async def main() -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connected, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


asyncio.run(main())
