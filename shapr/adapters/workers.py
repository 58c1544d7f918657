"""Redis: which workers convert, and how well their converters are fenced in. The API may run on another machine."""

import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

from shapr.errors import Unavailable
from shapr.settings import Settings

KEY = "shapr:workers"  # a sorted set: what a worker says of itself, by the time it said so
PATIENCE = 1.0  # seconds that Redis has to answer
BEAT = 10.0  # seconds between two times that a worker says so; a Redis that lost it knows again by then
GONE = 35  # seconds after which a worker that says nothing is no more

# By the clock of Redis: those of the workers may differ.
TELL = """
local now = redis.call('TIME')[1]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""
ALL = "return redis.call('ZRANGEBYSCORE', KEYS[1], redis.call('TIME')[1] - ARGV[1], '+inf')"

log = structlog.get_logger()


@dataclass(frozen=True)
class Fenced:
    """The protections that all workers have, in order, and the others with the reason of one that has them not."""

    workers: int
    active: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)


class Workers:
    def __init__(self, settings: Settings) -> None:
        self._redis = redis.Redis.from_url(
            settings.redis_url.get_secret_value(), socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
        )
        self._tell, self._all = self._redis.register_script(TELL), self._redis.register_script(ALL)
        self._id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._told = True

    async def tell(self, active: Sequence[str], missing: dict[str, str]) -> None:
        """This worker converts, for the next GONE seconds. Best effort: losing Redis loses no conversion."""
        try:
            await self._tell(keys=[KEY], args=[self._saying(active, missing), GONE])
            self._told = True
        except (RedisError, OSError) as error:
            if self._told:
                log.warning("worker_untold", error=str(error))
            self._told = False

    async def leave(self, active: Sequence[str], missing: dict[str, str]) -> None:
        """This worker converts no more. If Redis does not hear it, it finds out by itself."""
        try:
            await self._redis.zrem(KEY, self._saying(active, missing))
        except (RedisError, OSError) as error:
            log.info("worker_untold", error=str(error))

    def _saying(self, active: Sequence[str], missing: dict[str, str]) -> bytes:
        return orjson.dumps({"id": self._id, "active": active, "missing": missing}, option=orjson.OPT_SORT_KEYS)

    async def fenced(self) -> Fenced:
        """What the workers say that are there. Unavailable when Redis cannot say."""
        try:
            found = [orjson.loads(each) for each in await self._all(keys=[KEY], args=[GONE])]
        except (RedisError, OSError) as error:
            raise Unavailable(f"redis: {error}") from error
        if not found:
            return Fenced(0)
        missing = {name: why for each in found for name, why in each["missing"].items()}
        return Fenced(len(found), tuple(name for name in found[0]["active"] if name not in missing), missing)

    async def close(self) -> None:
        await self._redis.aclose()
