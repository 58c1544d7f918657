"""The worker's side of a built-in converter run: a job and an answer in the scratch dir, a child process between."""

import compileall
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from shapr.converters.progress import Reading
from shapr.converters.run import child, left
from shapr.converters.run.child import Program, meaning
from shapr.converters.run.job import JOB, PROGRESS, Job, Written
from shapr.errors import Refused
from shapr.settings import Settings

log = structlog.get_logger()

ROOT = Path(__file__).parents[3]


class Converter:
    """Runs jobs, each in a process group of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # The child writes nothing here; compiled beforehand, it starts sooner and the same way every time.
        compileall.compile_dir(ROOT / "shapr", quiet=2)

    async def convert(self, job: Job, progress: Callable[[int], None]) -> tuple[Written, ...]:
        """The outputs of a job; `progress` gets 0..100, never falling.

        Raises Refused when the source as a whole is refused or the child broke a limit. A cancellation kills the
        child's group, and leaves when it is gone.
        """
        (job.scratch / JOB).write_text(inside(job).model_dump_json())
        reading = Reading(job.scratch / PROGRESS)
        program = Program((sys.executable, "-sP", "-m", "shapr.converters.job"), job.scratch, environment())
        try:
            end = time.monotonic() + job.limits.wall
            # Its stdout goes nowhere: the kernel chats.
            code, words = await child.run(program, job.limits, end, look=lambda: progress(reading.percent()))
        finally:
            reading.close()
        return answered(job, code, words.last)


def inside(job: Job) -> Job:
    """The job as the child sees it, by relative paths.

    The kernel orders some entities by address, and the length of a path would move them.
    """
    return job.model_copy(update={"scratch": Path(), "source": Path(os.path.relpath(job.source, job.scratch))})


def environment() -> dict[str, str]:
    """Nothing of ours: no addresses, no secrets. Hash seed and threads are fixed so that a job repeats exactly."""
    return {
        "PATH": os.defpath,
        "HOME": "/",
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "LC_ALL": "C.UTF-8",
    }


def answered(job: Job, code: int, last_words: str) -> tuple[Written, ...]:
    """What the child left behind, or what its end means. A crash's last words go to the log, for whoever mends it."""
    try:
        answer = left.answer(job.scratch, tuple(format for format, _ in job.outputs))
    except ValueError:
        answer = None
    if answer is None:
        log.warning("converter_ended", code=code, last_words=last_words)
        raise Refused(*meaning(code, last_words))
    if any(each.error and each.error.code == "converter_crashed" for each in answer.written):
        log.warning("output_crashed", last_words=last_words)
    if answer.error:
        raise Refused(answer.error.code, answer.error.detail)
    return answer.written
