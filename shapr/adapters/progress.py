"""Redis: how far a conversion is, and that it changed. Best effort: losing Redis loses no conversion."""

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from shapr.errors import Unavailable
from shapr.settings import Settings

CHANNEL = "shapr:changes"
DAY = 86_400  # seconds
PATIENCE = 1.0  # seconds that Redis has to answer; then nobody asks it for as long again
REMEMBERED = 10_000  # conversions

# An older try of a step may still be running somewhere: the highest percent stays, whoever tells it.
RAISE = """
local percent = math.max(tonumber(ARGV[1]), tonumber(redis.call('GET', KEYS[1]) or ARGV[1]))
redis.call('SET', KEYS[1], percent, 'EX', ARGV[2])
return tostring(percent)
"""
# A listener's connection is silent for hours, so the kernel asks whether the other end is still there.
KEEPALIVE = {socket.TCP_KEEPIDLE: 15, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}

log = structlog.get_logger()


class Changes:
    """A subscription to one conversion's changes."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Whether something changed before the time was over."""
        try:
            await asyncio.wait_for(self.event.wait(), seconds)
        except TimeoutError:
            return False
        self.event.clear()
        return True


class Progress:
    """Percent by conversion and attempt; it never falls. Nothing here raises but `ready`."""

    def __init__(self, settings: Settings) -> None:
        url = settings.redis_url.get_secret_value()
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            # Once more, at once: after a restart of Redis the connections in the pool are dead.
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
        )
        # Never by itself: whoever listened across a lost connection has to look again.
        self._subscriber = redis.Redis.from_url(
            url,
            socket_connect_timeout=PATIENCE,
            socket_keepalive=True,
            socket_keepalive_options=KEEPALIVE,
            retry=Retry(NoBackoff(), 0),
        )
        self._raise = self._redis.register_script(RAISE)
        self._highest: OrderedDict[tuple[str, int], float] = OrderedDict()
        self._waiting: dict[str, set[Changes]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()  # the listener listens, or has found Redis down
        self._down = False
        self._quiet_until = 0.0

    async def ready(self) -> None:
        try:
            await self._redis.ping()
        except (RedisError, OSError) as error:
            raise Unavailable(f"redis: {error}") from error

    async def set(self, id: str, attempt: int, percent: float) -> None:
        percent = self._remember(id, attempt, percent)
        if self._asked():
            with self._forgiven():
                self._remember(id, attempt, float(await self._raise(keys=[_key(id, attempt)], args=[percent, DAY])))

    async def get(self, wanted: Sequence[tuple[str, int]]) -> dict[str, float]:
        """Percent by id, for the attempts asked for; what nobody told is absent."""
        if wanted and self._asked():
            with self._forgiven():
                found = await self._redis.mget([_key(*each) for each in wanted])
                for (id, attempt), value in zip(wanted, found, strict=True):
                    if value is not None:
                        self._remember(id, attempt, float(value))
        return {id: self._highest[id, attempt] for id, attempt in wanted if (id, attempt) in self._highest}

    async def announce(self, id: str) -> None:
        """Tell every waiter, in whatever process, that this conversion changed."""
        if self._asked():
            with self._forgiven():
                await self._redis.publish(CHANNEL, id)

    @asynccontextmanager
    async def changes(self, id: str) -> AsyncIterator[Changes]:
        """Changes from now on; one connection listens for all waiters of this process."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())
        mine = Changes()
        self._waiting.setdefault(id, set()).add(mine)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), PATIENCE)
            mine.event.clear()
            yield mine
        finally:
            self._waiting[id].discard(mine)
            if not self._waiting[id]:
                del self._waiting[id]

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        await self._subscriber.aclose()
        await self._redis.aclose()

    def _remember(self, id: str, attempt: int, percent: float) -> float:
        """The highest percent that this process knows: a restarted Redis must not make it fall."""
        percent = max(percent, self._highest.get((id, attempt), 0))
        self._highest[id, attempt] = percent
        self._highest.move_to_end((id, attempt))
        if len(self._highest) > REMEMBERED:
            self._highest.popitem(last=False)
        return percent

    def _asked(self) -> bool:
        """Is it time to ask Redis (again)?"""
        return time.monotonic() >= self._quiet_until

    @contextmanager
    def _forgiven(self) -> Iterator[None]:
        try:
            yield
            self._answered()
        except (RedisError, OSError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if not self._down:
            log.warning("redis_unavailable", error=str(error))
        self._down = True
        self._quiet_until = time.monotonic() + PATIENCE

    def _answered(self) -> None:
        if self._down:
            log.info("redis_available")
        self._down = False

    async def _listen(self) -> None:
        while True:
            try:
                async with self._subscriber.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    async for message in channel.listen():
                        if message["type"] == "message":
                            self._wake(self._waiting.get(message["data"].decode(errors="replace"), ()))
                        elif message["type"] == "subscribe":
                            self._answered()
                            self._wake_all()
            except (RedisError, OSError) as error:
                self._failed(error)
                self._wake_all()
            await asyncio.sleep(PATIENCE / 2)

    def _wake_all(self) -> None:
        """Whatever was said while nobody listened has to be looked up."""
        for waiting in self._waiting.values():
            self._wake(waiting)
        self._settled.set()

    @staticmethod
    def _wake(waiting: Iterable[Changes]) -> None:
        for each in waiting:
            each.event.set()


def _key(id: str, attempt: int) -> str:
    return f"shapr:progress:{id}:{attempt}"
