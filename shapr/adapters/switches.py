"""PostgreSQL: the switches that operators turn, and the depth of the queue. Every process goes by the same rows.

They are kept with the conversions, not in Redis: a cache that is lost must not open a service that was closed.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from shapr.adapters.postgres import Postgres, storable
from shapr.adapters.tables import WAITING

Name = Literal["read-only", "drain"]
READ_ONLY: Name = "read-only"  # the API refuses everything that creates or changes
DRAIN: Name = "drain"  # workers give no further conversion to a converter
NAMES: tuple[Name, ...] = (READ_ONLY, DRAIN)

FRESH = 1.0  # seconds that what was read may be gone by

# One round trip. The count goes over the partial index `conversions_waiting` and stops at its limit, so that a flood
# costs no more to refuse than to take; the oldest one is the first entry of the same index.
LOOK = f"""
    SELECT
        (SELECT jsonb_object_agg(name, jsonb_build_array(reason, extract(epoch FROM since))) FROM switches) AS switches,
        (SELECT count(*) FROM (SELECT FROM conversions WHERE {WAITING} LIMIT $1) AS w) AS depth,
        (SELECT extract(epoch FROM now() - queued_at)::float8 FROM conversions WHERE {WAITING}
          ORDER BY queued_at LIMIT 1) AS oldest
"""  # noqa: S608 - WAITING is a constant
# Given to a converter, and not yet ended: what a drain waits for.
IN_HAND = "SELECT count(*) FROM conversions WHERE state = 'running' AND step <> 'upload'"
TURN_ON = """
    INSERT INTO switches AS s (name, reason) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET reason = excluded.reason
"""
TURN_OFF = "DELETE FROM switches WHERE name = $1"


@dataclass(frozen=True)
class Switch:
    """A switch that is on. `since` is not known of one that the environment of a process turned on."""

    reason: str
    since: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """What was read. `depth` was counted no further than one above the limit; `began` is this process's clock."""

    on: Mapping[str, Switch] = field(default_factory=dict)
    depth: int = 0
    oldest: float = 0.0
    began: float = 0.0


class Switches:
    """`limit` is the depth that matters to whoever asks."""

    def __init__(self, postgres: Postgres, limit: int = 0) -> None:
        self._postgres = postgres
        self._limit = limit
        self._reading = asyncio.Lock()
        self.seen: Seen | None = None  # the last that could be read, however old

    async def look(self, fresh: float = FRESH) -> Seen:
        """The switches and the depth, at most `fresh` seconds old. `Unavailable` when they cannot be read."""
        asked = time.monotonic()
        if (seen := self._fresh(asked, fresh)) is not None:
            return seen
        async with self._reading:  # one reads for all that ask meanwhile
            return self._fresh(asked, fresh) or await self._read()

    def _fresh(self, now: float, fresh: float) -> Seen | None:
        return self.seen if self.seen is not None and now - self.seen.began < fresh else None

    async def _read(self) -> Seen:
        began = time.monotonic()
        async with self._postgres.connection() as connection:
            (row,) = await connection.fetch(LOOK, self._limit + 1)
        on = {name: Switch(reason, moment(since)) for name, (reason, since) in (row["switches"] or {}).items()}
        self.seen = Seen(on, row["depth"], row["oldest"] or 0.0, began)
        return self.seen

    async def turn_on(self, name: Name, reason: str) -> None:
        """Again gives it another reason; it has been on since the first time."""
        async with self._postgres.connection() as connection:
            await connection.execute(TURN_ON, name, storable(reason))
        self._forget()

    async def turn_off(self, name: Name) -> None:
        async with self._postgres.connection() as connection:
            await connection.execute(TURN_OFF, name)
        self._forget()

    def _forget(self) -> None:
        """Who turned it must not be answered by what was read before; it stays for when nothing can be read."""
        if self.seen is not None:
            self.seen = replace(self.seen, began=-FRESH)

    async def in_hand(self) -> int:
        """Conversions that a converter has been given and that have not ended."""
        async with self._postgres.connection() as connection:
            count: int = await connection.fetchval(IN_HAND)
        return count


def moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
