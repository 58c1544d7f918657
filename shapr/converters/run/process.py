"""The worker's side of a built-in converter run: a job and an answer in the scratch dir, the zygote's child between."""

import compileall
import os
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from shapr.converters.progress import Reading
from shapr.converters.run import left
from shapr.converters.run.child import meaning
from shapr.converters.run.job import ANSWER, JOB, PROGRESS, Answer, Job
from shapr.converters.run.zygote import ROOT, Zygote
from shapr.errors import Refused
from shapr.settings import Settings

log = structlog.get_logger()


class Converter:
    """Runs jobs, each in a process group of its own. `close` it: it has a zygote."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.zygote = Zygote(settings.sandbox)
        # The child writes nothing here; compiled beforehand, it starts sooner and the same way every time.
        compileall.compile_dir(ROOT / "shapr", quiet=2)

    async def convert(self, job: Job, progress: Callable[[int], None]) -> Answer:
        """The outputs of a job and the report; `progress` gets 0..100, never falling.

        Raises Refused when the source as a whole is refused or the child broke a limit, Unavailable when the zygote
        cannot be started or died. A cancellation kills the child's group, and leaves when it is gone.
        """
        (job.scratch / JOB).write_bytes(inside(job).model_dump_json().encode())
        reading = Reading(job.scratch / PROGRESS)
        try:
            end = time.monotonic() + job.limits.wall
            code, words = await self.zygote.run(job.scratch, job.limits, end, lambda: progress(reading.percent()))
        except Refused as broken:
            # It broke a limit. If it had its outputs by then, it was about what people see of them, which is an extra.
            if not (job.preview and (job.scratch / ANSWER).exists()):
                raise
            log.warning("preview_abandoned", code=broken.code, detail=broken.detail)
            return answered(job, 0, broken.detail)
        finally:
            reading.close()
        return answered(job, code, words.last)

    def close(self) -> None:
        self.zygote.close()


def inside(job: Job) -> Job:
    """The job as the child sees it, by relative paths.

    The kernel orders some entities by address, and the length of a path would move them.
    """
    return job.model_copy(update={"scratch": Path(), "source": Path(os.path.relpath(job.source, job.scratch))})


def answered(job: Job, code: int, last_words: str) -> Answer:
    """What the child left behind, or what its end means. A crash's last words go to the log, for whoever mends it."""
    try:
        answer = left.answer(job.scratch, tuple(format for format, _ in job.outputs))
    except ValueError:
        answer = None
    if answer is None:
        log.warning("converter_ended", code=code, last_words=last_words)
        raise Refused(*meaning(code, last_words))
    if code and job.preview:
        log.warning("preview_crashed", code=code, last_words=last_words)
    if any(each.error and each.error.code == "converter_crashed" for each in answer.written):
        log.warning("output_crashed", last_words=last_words)
    if answer.error:
        raise Refused(answer.error.code, answer.error.detail)
    return answer
