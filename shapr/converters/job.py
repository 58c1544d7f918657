"""The child: reads one source, writes its outputs, and says how far it is. `python -m shapr.converters.job`

It holds no address and no secret, works in the scratch dir that it is started in, and leaves its answer there. B-Rep
and mesh outputs of one source share one parse and one tessellation.
"""

import os
import traceback
from pathlib import Path

from shapr.conversion import Error
from shapr.converters import detect, preflight
from shapr.converters.progress import Page
from shapr.converters.run.job import ANSWER, JOB, PROGRESS, Answer, Job, Written
from shapr.converters.source import Model, read
from shapr.errors import Refused

READ = 0.4  # of the job; the outputs share the rest


def run(job: Job, page: Page) -> Answer:
    """The job's answer: its outputs, each written or failed by itself, or why the source is refused."""
    try:
        detect.check(job.source_format, job.source)
        preflight.check(job.source_format, job.source)
        page.phase(0.0, READ)
        model = read(job, page)
    except Refused as refused:
        return Answer(error=Error(code=refused.code, detail=refused.detail))
    written = []
    for at in range(len(job.outputs)):
        page.phase(*(READ + (1 - READ) * part / len(job.outputs) for part in (at, at + 1)))
        written.append(output(job, model, at))
    return Answer(written=tuple(written))


def output(job: Job, model: Model, at: int) -> Written:
    format, options = job.outputs[at]
    path = job.scratch / f"output-{at}.{format}"
    try:
        effective = model.write(format, path, options)
        if not path.exists() or not path.stat().st_size:
            raise Refused("no_geometry", f"nothing could be written as {format.upper()}")
    except Exception as failure:  # noqa: BLE001 - one output's failure is not the others'
        refused = failure if isinstance(failure, Refused) else unwritten(format, failure)
        return Written(format=format, path=None, options=options, error=Error(code=refused.code, detail=refused.detail))
    return Written(format=format, path=path, options=effective)


def unwritten(format: str, failure: Exception) -> Refused:
    """A failure of the kernel, or of ours: the trace goes to the worker, a sentence to the caller."""
    if isinstance(failure, MemoryError):
        raise failure
    traceback.print_exception(failure)
    return Refused("converter_crashed", f"writing {format.upper()} failed ({type(failure).__name__})")


def main(scratch: Path) -> None:
    job = Job.model_validate_json((scratch / JOB).read_bytes())
    page = Page(scratch / PROGRESS)
    try:
        answer = run(job, page)
    except MemoryError:
        answer = Answer(error=Error(code="out_of_memory", detail="it needs more memory than allowed"))
    page.phase(1.0, 1.0)
    new = scratch / f"{ANSWER}.new"
    new.write_text(answer.model_dump_json())
    new.rename(scratch / ANSWER)  # whole or not at all


if __name__ == "__main__":
    main(Path())
    os._exit(0)  # taking a kernel document apart costs more than the process is worth
