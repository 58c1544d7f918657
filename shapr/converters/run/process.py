"""The worker's side of a converter run: a child process per job, watched and, if need be, killed as a group."""

import asyncio
import compileall
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from pydantic import ValidationError

from shapr.converters.progress import Reading
from shapr.converters.run.job import ANSWER, JOB, PROGRESS, Answer, Job, Written
from shapr.converters.run.limits import before_exec, resident
from shapr.errors import Refused
from shapr.settings import Settings

log = structlog.get_logger()

ROOT = Path(__file__).parents[3]
LOOK = 0.25  # seconds between two looks at a running child
TAIL = 2000  # characters of a dead child's last words that go to the log


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
        words = job.scratch / "stderr"
        with words.open("wb") as stderr:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-sP", "-m", "shapr.converters.job"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,  # the kernel chats
                stderr=stderr,
                cwd=job.scratch,
                env=environment(),
                start_new_session=True,
                preexec_fn=before_exec(job.limits),
            )
        try:
            code = await self._watch(child, job, reading, progress)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await asyncio.shield(child.wait())
            reading.close()
        return answered(job.scratch, code, words)

    async def _watch(
        self, child: asyncio.subprocess.Process, job: Job, reading: Reading, progress: Callable[[int], None]
    ) -> int:
        """Its exit code; Refused when it has used up its time or memory."""
        end = time.monotonic() + job.limits.wall
        waiting = asyncio.ensure_future(child.wait())
        try:
            while True:
                done, _ = await asyncio.wait((waiting,), timeout=LOOK)
                progress(reading.percent())
                if done:
                    return waiting.result()
                if time.monotonic() > end:
                    raise Refused("conversion_timeout", f"it took more than {job.limits.wall:g} s")
                if resident(child.pid) > job.limits.memory:
                    raise Refused("out_of_memory", f"it needs more than {job.limits.memory >> 20} MB")
        finally:
            waiting.cancel()


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


def answered(scratch: Path, code: int, words: Path) -> tuple[Written, ...]:
    """What the child left behind, or what its end means. A crash's last words go to the log, for whoever mends it."""
    last_words = words.read_text(errors="replace")[-TAIL:]
    try:
        answer = Answer.model_validate_json((scratch / ANSWER).read_bytes())
    except (FileNotFoundError, ValidationError):
        log.warning("converter_ended", code=code, last_words=last_words)
        raise Refused(*meaning(code, last_words)) from None
    if any(each.error and each.error.code == "converter_crashed" for each in answer.written):
        log.warning("output_crashed", last_words=last_words)
    if answer.error:
        raise Refused(answer.error.code, answer.error.detail)
    return tuple(
        each.model_copy(update={"path": scratch / each.path}) if each.path else each for each in answer.written
    )


def meaning(code: int, words: str) -> tuple[str, str]:
    """The error of a child that ended without an answer."""
    if code == -signal.SIGXCPU:
        return "conversion_timeout", "it used up its CPU time"
    if code == -signal.SIGKILL:  # not by us, who answer for our kills: the system does it when memory runs out
        return "out_of_memory", "the system killed it, as it does when memory runs out"
    if code == -signal.SIGXFSZ:
        return "limit_exceeded", "an output would be larger than allowed"
    if "MemoryError" in words or "bad_alloc" in words:
        return "out_of_memory", "it needs more memory than allowed"
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return "converter_crashed", f"the converter ended by {how}"
