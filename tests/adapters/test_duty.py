"""When a worker polls: as the switch wants it, and as before while nobody can say what that is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from shapr.adapters import duty
from shapr.adapters.duty import on_duty
from shapr.errors import Unavailable


class Post:
    """A switch, and a worker that notes whether it polls; the real ones are in tests/end_to_end/test_drain.py."""

    def __init__(self) -> None:
        self.wanted: bool | Unavailable = True
        self.polling = False
        self.made = 0
        self.stop = asyncio.Event()

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        self.made, self.polling = self.made + 1, True
        yield
        self.polling = False

    async def ask(self) -> bool:
        if isinstance(self.wanted, Unavailable):
            raise self.wanted
        return self.wanted

    async def settle(self) -> bool:
        await asyncio.sleep(0.1)
        return self.polling


@pytest.fixture
async def post(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Post]:
    monkeypatch.setattr(duty, "LOOK", 0.01)
    made = Post()
    worker: Any = made.worker
    serving = asyncio.create_task(on_duty("queue", worker, made.ask, made.stop))
    yield made
    made.stop.set()
    await serving
    assert not made.polling


async def test_it_polls_while_that_is_wanted(post: Post) -> None:
    for wanted in (True, False, True):
        post.wanted = wanted
        assert await post.settle() is wanted
    assert post.made == 2


@pytest.mark.parametrize("before", [True, False])
async def test_it_goes_on_as_it_was_while_the_switch_cannot_be_read(post: Post, before: bool) -> None:
    post.wanted = before
    assert await post.settle() is before
    post.wanted = Unavailable("postgres: gone")
    assert await post.settle() is before
    post.wanted = not before
    assert await post.settle() is not before


async def test_a_worker_that_fails_is_not_started_again_in_silence() -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[None]:
        raise RuntimeError("no such namespace")
        yield

    async def always() -> bool:
        return True

    make: Any = broken
    with pytest.raises(RuntimeError, match="namespace"), suppress(TimeoutError):
        await asyncio.wait_for(on_duty("queue", make, always, asyncio.Event()), 5)
