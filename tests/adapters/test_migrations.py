"""The migrated schema is the one that `tables.py` declares, wherever the package is installed."""

import asyncio
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlmodel import SQLModel

from shapr.adapters import tables
from shapr.adapters.migrate import config, current, head, migrate
from shapr.errors import Unavailable
from shapr.settings import Settings

REPOSITORY = Path(__file__).parents[2]
CATALOG = {
    "columns": "SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default"
    " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
    "constraints": "SELECT conrelid::regclass::text, contype, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2, 3",
}


class Database:
    """An empty database of its own."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.url = urlsplit(settings.database_url.get_secret_value())._replace(path=f"/{name}").geturl()
        self.settings = settings.model_copy(update={"database_url": SecretStr(self.url)})

    async def current(self) -> str | None:
        connection = await asyncpg.connect(self.url)
        try:
            return await current(connection)
        finally:
            await connection.close()

    async def run(self, work: Any) -> Any:
        engine = create_async_engine(self.url.replace("postgresql", "postgresql+asyncpg", 1))
        try:
            async with engine.begin() as connection:
                assert isinstance(connection, AsyncConnection)
                return await connection.run_sync(work)
        finally:
            await engine.dispose()

    async def catalog(self) -> dict[str, list[tuple[Any, ...]]]:
        """What PostgreSQL says there is, but for Alembic's own table."""
        connection = await asyncpg.connect(self.url)
        try:
            found = {what: [tuple(row) for row in await connection.fetch(query)] for what, query in CATALOG.items()}
        finally:
            await connection.close()
        return {what: [row for row in rows if row[0] != "alembic_version"] for what, rows in found.items()}


@pytest.fixture
async def database(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    name = f"migrations_{os.urandom(4).hex()}"
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    await connection.execute(f"CREATE DATABASE {name}")
    yield Database(settings, name)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def test_the_migrated_schema_is_the_declared_one(settings: Settings, database: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata)

    await migrate(database.settings)
    assert await database.run(differences) == []


async def test_postgresql_sees_no_difference_either(settings: Settings, database: Database) -> None:
    """Alembic does not compare the conditions of indexes."""
    await database.run(SQLModel.metadata.create_all)
    declared = await database.catalog()
    await database.run(SQLModel.metadata.drop_all)
    await migrate(database.settings)
    assert await database.catalog() == declared
    assert {row[0] for row in declared["columns"]} == set(SQLModel.metadata.tables)
    assert tables.ConversionRow.__tablename__ in SQLModel.metadata.tables


async def test_starters_take_turns_and_all_find_the_head(database: Database) -> None:
    assert await database.current() is None
    await asyncio.gather(*(migrate(database.settings) for _ in range(4)))
    assert await database.current() == head()


async def test_a_migrated_database_is_left_alone_in_no_time(database: Database) -> None:
    await migrate(database.settings)
    before = await database.catalog()
    begun = time.perf_counter()
    await migrate(database.settings)
    assert time.perf_counter() - begun < 1
    assert await database.catalog() == before


async def test_there_is_a_way_back(database: Database) -> None:
    await migrate(database.settings)
    await asyncio.to_thread(command.downgrade, config(database.url), "base")
    assert (await database.catalog())["columns"] == []
    await migrate(database.settings)
    assert await database.current() == head()


async def test_no_server_is_unavailable(settings: Settings) -> None:
    with pytest.raises(Unavailable):
        await migrate(settings.model_copy(update={"database_url": SecretStr("postgresql://u:p@127.0.0.1:9/x")}))


def test_an_installed_package_brings_its_migrations(tmp_path: Path) -> None:
    """Build the wheel, unpack it elsewhere, and ask the copy for the head revision."""
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    ask = "from shapr.adapters import migrate; print(migrate.MIGRATIONS, migrate.head())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    told = subprocess.run(
        (sys.executable, "-c", ask), cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    where, revision = told.stdout.split()
    assert Path(where).is_relative_to(tmp_path)
    assert revision == head()
