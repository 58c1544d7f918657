"""Bring the database to this checkout's revision. Two starters at once take turns."""

import asyncio
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from shapr.adapters.postgres import driver_errors
from shapr.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
TURN = 0x5AA9_2026  # an advisory lock of ours


async def migrate(settings: Settings) -> None:
    """Upgrade to the head revision: one query when there is nothing to do. `Unavailable` without a server."""
    url = settings.database_url.get_secret_value()
    with driver_errors():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            if await current(connection) == head():
                return
            await connection.execute("SELECT pg_advisory_lock($1)", TURN)  # until the connection is closed
            if await current(connection) != head():
                await asyncio.to_thread(command.upgrade, config(url), "head")  # Alembic runs a loop of its own
        finally:
            await connection.close(timeout=5)


def config(url: str) -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # it interpolates
    made.attributes["url"] = url
    return made


def head() -> str | None:
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


async def current(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    """The revision of a database; None for an empty one."""
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision
