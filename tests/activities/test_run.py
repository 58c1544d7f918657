"""A step stays in touch while it works, and ends when its work ends."""

import asyncio
import errno
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.run import LAST_WORDS, in_touch, refusals
from shapr.conversion import Conversion, Output, Source, State, Step
from shapr.errors import Refused, Unavailable

CONVERSION = Conversion(
    id="cnv_1",
    tenant="acme",
    state=State.RUNNING,
    created_at=datetime.now(UTC),
    source=Source(name="a.step", format="step"),
    outputs=(Output(format="stl"),),
    attempts=1,
)


class Told:
    """Progress that takes its time; `deaf` loses cancellations, as drivers do."""

    def __init__(self, seconds: float = 0.0, deaf: bool = False) -> None:
        self.seconds, self.deaf = seconds, deaf
        self.seen: list[float] = []

    async def set(self, id: str, attempt: int, percent: float) -> None:
        self.seen.append(percent)
        end = time.monotonic() + self.seconds
        while (left := end - time.monotonic()) > 0:
            with suppress(*[asyncio.CancelledError] if self.deaf else []):
                await asyncio.sleep(left)


async def worked(told: Told, step: Step, *percents: float, pause: float = 0.0) -> list[tuple[object, ...]]:
    """Do a step's work; gives its heartbeats."""
    environment, beats = ActivityEnvironment(), []
    environment.on_heartbeat = lambda *details: beats.append(details)

    async def work() -> None:
        async with in_touch(told, CONVERSION, step) as reach:
            for percent in percents:
                reach(percent)
                await asyncio.sleep(pause)

    await environment.run(work)
    return beats


@pytest.mark.timeout(20)
@pytest.mark.parametrize("deaf", [False, True])
async def test_a_step_ends_while_its_progress_is_being_told(deaf: bool) -> None:
    begun = time.monotonic()
    await worked(Told(0.5, deaf), Step.UPLOAD, 0)
    assert time.monotonic() - begun < 2


@pytest.mark.timeout(20)
async def test_a_step_does_not_wait_for_ever_for_its_last_words() -> None:
    begun = time.monotonic()
    await worked(Told(60), Step.UPLOAD, 0)
    assert time.monotonic() - begun < LAST_WORDS + 2


async def test_a_steps_own_percent_is_its_share_of_the_conversions() -> None:
    told = Told()
    beats = await worked(told, Step.COMPRESS, 0, 50.2, 20, 100, pause=1.2)
    assert told.seen == [10, 50.16, 90]
    assert [details[0] for details in beats] == sorted(details[0] for details in beats)


def test_the_table_decides_what_a_retry_may_cure() -> None:
    for error, code, final in (
        (Refused("corrupt_file", "x"), "corrupt_file", True),
        (Refused("superseded", "x"), "superseded", True),
        (Refused("converter_unavailable", "x"), "converter_unavailable", False),
        (Unavailable("x", "storage_full"), "storage_full", False),
        (OSError(errno.ENOSPC, "No space left on device", "/secret/place"), "storage_full", False),
    ):
        with pytest.raises(ApplicationError) as caught, refusals():
            raise error
        assert (caught.value.type, caught.value.non_retryable) == (code, final)
        assert "/secret" not in str(caught.value)
    with pytest.raises(FileNotFoundError), refusals():
        raise FileNotFoundError
