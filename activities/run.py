"""What the four steps share: who they are, how they say no, how they stay in touch."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from shapr.conversion import PROGRESS_AT, Conversion, Run, Step, hundredths
from shapr.errors import SUPERSEDED, TABLE, Refused, Unavailable

LAST_WORDS = 3.0  # seconds that a step waits for its last progress to be told


class Claims(Protocol):
    async def claim(self, id: str, run: Run, step: Step) -> Conversion | None:
        """Own the row, if no younger run does, and note the step. Asking twice changes nothing."""


class Tells(Protocol):
    async def set(self, id: str, attempt: int, percent: float) -> None: ...


def this_run() -> Run:
    me = activity.info()
    if not (me.workflow_id and me.workflow_run_id):
        raise RuntimeError("a step belongs to a workflow run")
    return Run(workflow=me.workflow_id, id=me.workflow_run_id, scheduled=me.scheduled_time)


async def claim(rows: Claims, id: str, step: Step) -> Conversion:
    """The conversion, whose row this run owns from here on."""
    conversion = await rows.claim(id, this_run(), step)
    if conversion is None:
        raise Refused(SUPERSEDED, "a younger run owns this conversion")
    return conversion


@contextmanager
def refusals() -> Iterator[None]:
    """Our words in Temporal's: the code is the type, and the error table says whether a retry may cure it."""
    try:
        yield
    except Refused as refused:
        final = refused.code not in TABLE or not TABLE[refused.code].retryable
        # Benign: a bad file is not an incident, and gets no stack trace in the worker's log.
        benign = ApplicationErrorCategory.BENIGN if final else ApplicationErrorCategory.UNSPECIFIED
        raise ApplicationError(refused.detail, type=refused.code, non_retryable=final, category=benign) from refused
    except Unavailable as down:
        raise ApplicationError(down.detail, type=down.code) from down
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ApplicationError("the local disk is full", type="storage_full") from error


@asynccontextmanager
async def alive() -> AsyncIterator[None]:
    """Heartbeat in the background, so that a step whose worker died, or that reached none, is soon tried again."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(1)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


@asynccontextmanager
async def in_touch(progress: Tells, conversion: Conversion, step: Step) -> AsyncIterator[Callable[[float], None]]:
    """Heartbeat in the background, so that a cancellation reaches the step and its progress reaches the world.

    Yields a function that takes the step's own percent, 0..100, and maps it to the conversion's. It only notes the
    number: it may be called from a tight loop.
    """
    start, end = PROGRESS_AT[step], min([at for at in PROGRESS_AT.values() if at > PROGRESS_AT[step]], default=100)
    percent = float(start)

    def reach(own: float) -> None:
        nonlocal percent
        percent = max(percent, hundredths(start + (end - start) * min(own, 100) / 100))

    done = asyncio.Event()

    async def beat() -> None:
        told = -1.0
        while not done.is_set():
            activity.heartbeat(percent)
            if percent != told:
                told = percent
                await progress.set(conversion.id, conversion.attempts, told)
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), 1)

    beating = asyncio.create_task(beat())
    try:
        yield reach
    finally:
        # Told, not cancelled: a driver can swallow a cancellation, and the step would wait for its beat for ever.
        done.set()
        await asyncio.wait((beating,), timeout=LAST_WORDS)
        beating.cancel()
