"""Temporal: a worker that polls while it is wanted, and that tells its steps when their time is over.

A `Worker` cannot pause, and its graceful timeout is fixed when it is made. So a drain shuts one down and later makes
another; its timeout is as good as endless, and what SIGTERM allows (`SHAPR_GRACE`) is kept by `Steps` instead.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import structlog
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor, Worker

from shapr.errors import Unavailable

ENDLESS = timedelta(days=365)  # a drain waits for its steps however long they take: each has a timeout of its own
LOOK = 1.0  # seconds between two looks at the switch

log = structlog.get_logger()


class Steps(Interceptor):
    """The steps that run now in this process."""

    def __init__(self) -> None:
        self.running: set[asyncio.Task[Any]] = set()
        self.over = asyncio.Event()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Step(next, self)

    def end(self) -> None:
        """Cancel those that run, and those that begin from now on. Each is tried again, by another worker."""
        self.over.set()
        for task in self.running:
            task.cancel()


class _Step(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, steps: Steps) -> None:
        super().__init__(next)
        self.steps = steps

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        task = asyncio.current_task()
        if task is None or self.steps.over.is_set():
            raise stopping()
        self.steps.running.add(task)
        try:
            return await super().execute_activity(input)
        except asyncio.CancelledError:
            if not self.steps.over.is_set():
                raise  # the workflow's own cancellation
            task.uncancel()
            raise stopping() from None
        finally:
            self.steps.running.discard(task)


def stopping() -> ApplicationError:
    """A failure that Temporal tries again: the conversion has lost nothing but time."""
    return ApplicationError("the worker is stopping and this step did not end in time", type="worker_shutdown")


async def on_duty(
    queue: str, make: Callable[[], Worker], wanted: Callable[[], Awaitable[bool]], stop: asyncio.Event
) -> None:
    """Poll the queue while that is wanted, until `stop`. Returns when the steps that ran have ended.

    While nobody can say what is wanted, it goes on as it was.
    """
    on = await answer(wanted, True)
    while not stop.is_set():
        if on:
            async with make():
                log.info("worker_polling", queue=queue)
                while on and not await pause(stop):
                    on = await answer(wanted, on)
                log.info("worker_stopping" if stop.is_set() else "worker_draining", queue=queue)
        else:
            log.info("worker_idle", queue=queue)
            while not on and not await pause(stop):
                on = await answer(wanted, on)


async def answer(wanted: Callable[[], Awaitable[bool]], otherwise: bool) -> bool:
    try:
        return await wanted()
    except Unavailable as down:
        log.warning("switches_unreadable", detail=down.detail)
        return otherwise


async def pause(stop: asyncio.Event) -> bool:
    """Until the next look; True as soon as it is time to stop."""
    try:
        async with asyncio.timeout(LOOK):
            return await stop.wait()
    except TimeoutError:
        return False
