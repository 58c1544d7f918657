"""The worker's side of a built-in converter run: a job and an answer in the scratch dir, the zygote's child between."""

import compileall
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from shapr.conversion import Error
from shapr.converters.progress import Reading
from shapr.converters.run import left
from shapr.converters.run.child import meaning
from shapr.converters.run.job import BREPS, JOB, PROGRESS, Answer, Death, Died, Job
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

    async def convert(self, job: Job, progress: Callable[[float], None]) -> Answer:
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
            return broken_off(job, broken)
        finally:
            reading.close()
        return answered(job, code, words.last)

    def close(self) -> None:
        self.zygote.close()


def inside(job: Job) -> Job:
    """The job as the child sees it, by relative paths, and just as long whatever happened before.

    The kernel orders some entities by address, and another length would move them.
    """
    source = Path(os.path.relpath(job.source, job.scratch))
    return job.model_copy(update={"scratch": Path(), "source": source, "after": None, "turns": turns(job)})


def turns(job: Job) -> str:
    """All outputs at once. After a death B-Reps, then one mesh after the other, and last of all what it died of: that
    costs no other output then."""
    died_of = job.after and job.after.making

    def turn(at: int, format: str) -> str:
        if format == died_of:
            return "z"
        return "a" if job.after is None or format in BREPS else chr(ord("b") + at)

    return "".join(turn(at, format) for at, (format, _) in enumerate(job.outputs))


def broken_off(job: Job, broken: Refused) -> Answer:
    """What a child left that broke a limit. If it had its outputs by then, it was about what people see of them, which
    is an extra."""
    answer = found(job)
    if not (job.preview and answer and not answer.making):
        return kept(job, answer, Error(code=broken.code, detail=broken.detail))
    log.warning("preview_abandoned", code=broken.code, detail=broken.detail)
    return answered(job, 0, broken.detail)


def found(job: Job) -> Answer | None:
    try:
        return left.answer(job.scratch, tuple(format for format, _ in job.outputs))
    except ValueError:
        return None


def kept(job: Job, answer: Answer | None, error: Error, *, blamed: bool = True) -> Answer:
    """What a child had made when it died of an error. Raises Died when there is nothing, or one more run to come: it
    takes the output last that is to be blamed, which none is when the child was killed from outside."""
    making = (answer and answer.making) or ""
    if job.after is None or answer is None or not any(each.path for each in answer.written):
        raise Died(Death(error=error, making=making if blamed else ""))
    turn = f"the converter ended while it made {making.upper()}, before this one's turn: {error.detail}"
    reasons = {each.format: Error(code=error.code, detail=turn) for each in answer.written}
    reasons |= {job.after.making: job.after.error, making: error}
    written = tuple(
        each if each.path or each.error else each.model_copy(update={"error": reasons[each.format]})
        for each in answer.written
    )
    log.warning("outputs_kept", code=error.code, detail=error.detail, making=making)
    return answer.model_copy(update={"written": written, "making": "", "error": None})


def answered(job: Job, code: int, last_words: str) -> Answer:
    """What the child left behind, or what its end means. A crash's last words go to the log, for whoever mends it."""
    answer = found(job)
    if answer is None or answer.making:
        log.warning("converter_ended", code=code, last_words=last_words)
        means, detail = meaning(code, last_words)
        said = answer.error if answer else None
        return kept(job, answer, said or Error(code=means, detail=detail), blamed=code != -signal.SIGKILL)
    if code and job.preview:
        log.warning("preview_crashed", code=code, last_words=last_words)
    if any(each.error and each.error.code == "converter_crashed" for each in answer.written):
        log.warning("output_crashed", last_words=last_words)
    if answer.error:
        raise Refused(answer.error.code, answer.error.detail)
    return answer
