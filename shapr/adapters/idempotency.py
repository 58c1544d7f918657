"""PostgreSQL: Idempotency-Keys. A key is held while its first request is read, then stands for a conversion.

The conversion and the key that stands for it commit in one statement (`Keys.create`): a crash leaves both or neither,
and a holder that died lets go when its lease ends.
"""

from dataclasses import dataclass

from shapr.adapters.postgres import Postgres, storable
from shapr.adapters.records import CREATE, created_values
from shapr.conversion import Conversion

LEASE = 60.0  # seconds; a living holder renews it
KEPT = 24 * 3600.0  # seconds that a key is remembered

# Takes a key that is new, expired, or whose holder has died.
HOLD = """
    INSERT INTO idempotency_keys AS k (tenant, key, holder, held_until, expires_at)
    VALUES ($1, $2, $3, now() + make_interval(secs => $4), now() + make_interval(secs => $5))
    ON CONFLICT (tenant, key) DO UPDATE SET
        holder = excluded.holder, held_until = excluded.held_until, expires_at = excluded.expires_at,
        fingerprint = NULL, conversion_id = NULL
    WHERE k.expires_at < now() OR (k.conversion_id IS NULL AND k.held_until < now())
    RETURNING holder
"""
LOOK = """
    SELECT fingerprint, conversion_id, extract(epoch FROM held_until - now())::float8 AS seconds
    FROM idempotency_keys WHERE tenant = $1 AND key = $2
"""
RENEW = """
    UPDATE idempotency_keys SET held_until = now() + make_interval(secs => $4)
    WHERE tenant = $1 AND key = $2 AND holder = $3 AND conversion_id IS NULL RETURNING holder
"""
FREE = "DELETE FROM idempotency_keys WHERE tenant = $1 AND key = $2 AND holder = $3 AND conversion_id IS NULL"
STAND = """
    UPDATE idempotency_keys SET conversion_id = $4, fingerprint = $5, expires_at = now() + make_interval(secs => $6)
    WHERE tenant = $1 AND key = $2 AND holder = $3 AND conversion_id IS NULL RETURNING holder
"""


@dataclass(frozen=True)
class Held:
    """The key is this request's, until it is freed or its lease ends."""

    tenant: str
    key: str
    holder: str


@dataclass(frozen=True)
class Stands:
    """The key stands for a conversion, made by a request of this fingerprint."""

    conversion: str
    fingerprint: str


@dataclass(frozen=True)
class InFlight:
    """Another request holds the key, for at most so many more seconds if it is dead."""

    seconds: float


class Keys:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def hold(self, tenant: str, key: str, holder: str) -> Held | Stands | InFlight:
        """Take the key for `holder`, a name that no other request has; or what stands in the way."""
        where = (storable(tenant), key)
        async with self._postgres.connection() as connection:
            if await connection.fetchval(HOLD, *where, holder, LEASE, KEPT):
                return Held(tenant, key, holder)
            row = await connection.fetchrow(LOOK, *where)
        if row is None or row["conversion_id"] is None:  # freed just now, or held
            return InFlight(max(row["seconds"], 0.0) if row else 0.0)
        return Stands(row["conversion_id"], row["fingerprint"])

    async def renew(self, held: Held) -> bool:
        """Hold it for another `LEASE`; False when somebody else has it."""
        async with self._postgres.connection() as connection:
            return bool(await connection.fetchval(RENEW, held.tenant, held.key, held.holder, LEASE))

    async def free(self, held: Held) -> None:
        """The request was refused: the key may be used again, for anything."""
        async with self._postgres.connection() as connection:
            await connection.execute(FREE, held.tenant, held.key, held.holder)

    async def create(self, conversion: Conversion, held: Held, fingerprint: str) -> bool:
        """The conversion, and the key that stands for it from now on; neither, if somebody else has the key."""
        async with self._postgres.connection() as connection, connection.transaction():
            stands = (held.tenant, held.key, held.holder, conversion.id, fingerprint, KEPT)
            if not await connection.fetchval(STAND, *stands):
                return False
            await connection.execute(CREATE, *created_values(conversion))
        return True

    async def forget(self) -> int:
        """Delete the keys whose time is over."""
        async with self._postgres.connection() as connection:
            gone = await connection.fetch("DELETE FROM idempotency_keys WHERE expires_at < now() RETURNING key")
        return len(gone)
