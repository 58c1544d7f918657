"""Redis: how far a conversion is, and that it changed. Best effort: losing Redis loses no conversion."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from shapr.errors import Unavailable
from shapr.settings import Settings

CHANNEL = "shapr:changes"
DAY = 86_400  # seconds
REMEMBERED = 10_000  # conversions

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
        self._redis = redis.Redis.from_url(
            settings.redis_url.get_secret_value(),
            socket_timeout=2,
            socket_connect_timeout=1,
            retry=Retry(NoBackoff(), 1),
        )
        self._subscriber = redis.Redis.from_url(settings.redis_url.get_secret_value(), socket_connect_timeout=1)
        self._highest: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._waiting: dict[str, set[Changes]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._down_until = 0.0

    async def ready(self) -> None:
        try:
            await self._redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable(f"redis: {error}") from error

    async def set(self, id: str, attempt: int, percent: int) -> None:
        percent = self._remember(id, attempt, percent)
        if self._up():
            with self._forgiving():
                await self._redis.set(_key(id, attempt), percent, ex=DAY)

    async def get(self, wanted: Sequence[tuple[str, int]]) -> dict[str, int]:
        """Percent by id, for the attempts asked for; what nobody told is absent."""
        if wanted and self._up():
            with self._forgiving():
                found = await self._redis.mget([_key(*each) for each in wanted])
                for (id, attempt), value in zip(wanted, found, strict=True):
                    if value is not None:
                        self._remember(id, attempt, int(value))
        return {id: self._highest[id, attempt] for id, attempt in wanted if (id, attempt) in self._highest}

    async def announce(self, id: str) -> None:
        """Tell every waiter, in whatever process, that this conversion changed."""
        if self._up():
            with self._forgiving():
                await self._redis.publish(CHANNEL, id)

    @asynccontextmanager
    async def changes(self, id: str) -> AsyncIterator[Changes]:
        """Changes from now on; one connection listens for all waiters of this process."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())
        mine = Changes()
        self._waiting.setdefault(id, set()).add(mine)
        try:
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

    def _remember(self, id: str, attempt: int, percent: int) -> int:
        """The highest percent that this process knows: a restarted Redis must not make it fall."""
        percent = max(percent, self._highest.get((id, attempt), 0))
        self._highest[id, attempt] = percent
        self._highest.move_to_end((id, attempt))
        if len(self._highest) > REMEMBERED:
            self._highest.popitem(last=False)
        return percent

    def _up(self) -> bool:
        return time.monotonic() >= self._down_until

    def _forgiving(self) -> "_Forgiving":
        return _Forgiving(self)

    def failed(self, error: BaseException) -> None:
        """Do not ask again for a second; say so once."""
        if self._up():
            log.warning("redis_unavailable", error=str(error))
        self._down_until = time.monotonic() + 1

    async def _listen(self) -> None:
        while True:
            try:
                async with self._subscriber.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    async for message in channel.listen():
                        for waiter in self._waiting.get(message["data"].decode(), ()):
                            waiter.event.set()
            except (RedisError, OSError, TimeoutError) as error:
                self.failed(error)
                for waiters in self._waiting.values():  # they may have missed something
                    for waiter in waiters:
                        waiter.event.set()
                await asyncio.sleep(0.5)


class _Forgiving:
    """Redis is down: the conversion goes on."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, RedisError | OSError | TimeoutError):
            self.progress.failed(error)
            return True
        return False


def _key(id: str, attempt: int) -> str:
    return f"shapr:progress:{id}:{attempt}"
