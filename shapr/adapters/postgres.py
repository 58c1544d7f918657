"""PostgreSQL connections: a fixed pool that connects at its first use, and again whenever the server was away."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson

from shapr.errors import Unavailable
from shapr.settings import Settings

if TYPE_CHECKING:  # generic in the stubs only
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    Borrowed = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

CONNECT = 3.0  # seconds to connect
QUEUE = 30.0  # seconds to wait for a free connection: a burst of 1,000 creates takes 2 to 6 s on two busy cores
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Postgres:
    """The connections of one process. Nothing is connected before the first query."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: Pool | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def connection(self) -> "AsyncIterator[Borrowed]":
        """A connection for the block. Every driver error in it leaves it as `Unavailable`."""
        with driver_errors():
            pool = self._pool or await self._open()
            async with pool.acquire(timeout=QUEUE) as connection:
                yield connection

    async def close(self) -> None:
        """Wait for running queries for a moment, then cut them off."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                async with asyncio.timeout(2):
                    await pool.close()
            except (TimeoutError, *DRIVER_ERRORS):
                pool.terminate()

    async def _open(self) -> "Pool":
        async with self._opening:
            if self._pool is None:
                seconds = self._settings.database_timeout
                self._pool = await asyncpg.create_pool(
                    self._settings.database_url.get_secret_value(),
                    min_size=0,
                    max_size=self._settings.database_pool,
                    timeout=CONNECT,
                    command_timeout=seconds + 2,  # for a server that does not keep its own limit any more
                    server_settings={"application_name": "shapr", "statement_timeout": f"{seconds * 1000:.0f}"},
                    init=_codecs,
                    # Sessions keep no state here: the statement that would undo it is a round trip saved per query.
                    reset=_nothing,
                )
            return self._pool


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turn what asyncpg and the network raise into `Unavailable`: retrying later helps, or an operator has to look."""
    try:
        yield
    except DRIVER_ERRORS as error:
        code = "storage_full" if isinstance(error, asyncpg.DiskFullError) else "storage_unavailable"
        raise Unavailable(f"postgres: {type(error).__name__}: {error}", code) from error


def storable(text: str) -> str:
    """Text as PostgreSQL can keep it: NUL and lone surrogates become U+FFFD, so that no name makes a query fail."""
    return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def document(value: Any) -> bytes:
    """JSON as PostgreSQL can keep it."""
    try:
        text = orjson.dumps(value)
    except TypeError:  # a lone surrogate, or what is no JSON at all: then it fails again
        return orjson.dumps(_storable(value))
    return orjson.dumps(_storable(value)) if b"\\u0000" in text else text


def _storable(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case dict():
            return {storable(key): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
    return value


async def _codecs(connection: "Connection") -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + document(value),  # the version byte of jsonb's binary form
        decoder=lambda value: orjson.loads(value[1:]),
        format="binary",
    )


async def _nothing(connection: "Connection") -> None:
    """There is nothing to undo."""
