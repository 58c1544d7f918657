"""The child: reads one source, writes its outputs, measures both, and says how far it is.

It holds no address and no secret, works in the scratch dir that it is started in, and leaves its answer there. B-Rep
and mesh outputs of one source share one parse and one tessellation.
"""

import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from shapr.conversion import Error
from shapr.converters import archive, detect, preflight, preview, report
from shapr.converters.formats import FORMATS
from shapr.converters.phases import Phases
from shapr.converters.progress import Page
from shapr.converters.run.job import ANSWER, JOB, PROGRESS, Answer, Job, Spent, Written
from shapr.converters.source import File, Model, read
from shapr.errors import Refused

T = TypeVar("T")


def run(job: Job, page: Page) -> tuple[Answer, Model | None]:
    """The job's answer: its outputs, each written or failed by itself, or why the source is refused. And the source."""
    phases = Phases(job, page)
    options = job.outputs[0][1]  # those that concern the source are the same for every output
    try:
        phases.begin("look")
        path = archive.unpacked(job.source, job.source_format, job.source_name, job.scratch / "unpacked")
        file = File(
            path,
            job.source_format,
            job.source_name,
            unit=options.get("source_units", "mm"),
            hidden=options.get("include_hidden", False),
            partial=options.get("partial", False),
            scratch=job.scratch,
            threads=job.threads,
            meshed=job.meshed,
        )
        detect.check(job.source_format, path)
        preflight.begin(job.source_format, path, page)
        lost = preflight.check(job.source_format, path, page.reach)
        phases.begin("read")
        model = read(file, page, job.limits.mesh_to_brep)
        healing = None
        if options.get("heal"):
            phases.begin("heal")
            healing = kernel(model.heal, "healing")
    except Refused as refused:
        return Answer(error=Error(code=refused.code, detail=refused.detail)), None
    written = {}
    for at in job.order:
        phases.begin(f"write {at}")
        written[at] = output(job, model, at)
    as_asked = [written[at] for at in range(len(job.outputs))]
    return Measuring(job, page, phases, file, lost).answer(model, as_asked, healing), model


def output(job: Job, model: Model, at: int) -> Written:
    format, options = job.outputs[at]
    path = job.scratch / f"output-{at}.{format}"
    try:
        effective = kernel(lambda: model.write(format, path, options), f"writing {format.upper()}")
        if not path.exists() or not path.stat().st_size:
            raise Refused("no_geometry", f"nothing could be written as {format.upper()}")
    except Refused as refused:
        return failed(format, options, refused)
    return Written(format=format, path=path, options=effective, spent=Spent.now())


def failed(format: str, options: dict[str, Any], refused: Refused) -> Written:
    return Written(format=format, path=None, options=options, error=Error(code=refused.code, detail=refused.detail))


def kernel(work: Callable[[], T], what: str) -> T:
    """Do it; a failure of the kernel, or of ours, leaves its trace to the worker and a sentence to the caller."""
    try:
        return work()
    except (Refused, MemoryError):
        raise
    except Exception as failure:
        traceback.print_exception(failure)
        raise Refused("converter_crashed", f"{what} failed ({type(failure).__name__})") from failure


@dataclass(frozen=True)
class Measuring:
    """The last part of a job: every file that was written is opened again, as a stranger would."""

    job: Job
    page: Page
    phases: Phases
    file: File
    lost: tuple[str, ...]  # before the source was read

    def answer(self, model: Model, written: list[Written], healing: dict[str, Any] | None) -> Answer:
        """An output that cannot be read again, or holds nothing, has failed."""
        self.phases.begin("measure")
        try:
            source = kernel(lambda: self.opened(self.file.format, model, self.lost), "measuring the source")
        except Refused as refused:
            return Answer(error=Error(code=refused.code, detail=refused.detail))
        told, checked = {}, []
        for at, each in enumerate(written):
            if each.path is not None:
                try:
                    told[each.format] = self.again(at, each, each.path), each.options
                except Refused as refused:
                    each = failed(each.format, each.options, refused)
            checked.append(each)
        return Answer(written=tuple(checked), report=report.report(source, told, healing))

    def again(self, at: int, written: Written, path: Path) -> report.Opened:
        """An output as it is read back: a phase for reading, another for measuring."""
        self.phases.begin(f"read {at}")
        options, title = written.options, written.format.upper()
        unit, up_axis = options.get("units", "mm"), options.get("up_axis", "z")
        faceted = FORMATS[self.file.format].kind == "mesh"
        file = File(path, written.format, self.job.source_name, unit, up_axis, faceted=faceted)
        try:
            model = read(file, self.page, self.job.limits.mesh_to_brep)
            self.phases.begin(f"measure {at}")
            return kernel(lambda: self.opened(written.format, model), f"measuring {title}")
        except Refused as refused:
            if refused.code in ("no_geometry", "invalid_geometry"):
                raise Refused(
                    refused.code, f"the {title} that was written holds none of it: {refused.detail}"
                ) from None
            raise Refused(
                "converter_crashed", f"the {title} that was written cannot be read: {refused.detail}"
            ) from None

    def opened(self, format: str, model: Model, lost: tuple[str, ...] = ()) -> report.Opened:
        return report.Opened(
            format,
            model.measured(),
            model.assembly,
            (*lost, *model.losses),
            model.meshes,
            model.wires,
            model.about,
            stem=Path(self.job.source_name).stem,
        )


def main(scratch: Path) -> None:
    job = Job.model_validate_json((scratch / JOB).read_bytes())
    page = Page(scratch / PROGRESS)
    model = None
    try:
        answer, model = run(job, page)
    except MemoryError:
        answer = Answer(error=Error(code="out_of_memory", detail="it needs more memory than allowed"))
    leave(scratch, answer)
    if job.preview and model is not None and answer.error is None:
        signal.alarm(preview.PATIENCE)  # deadly: whatever happens from here on, the answer is there
        Phases(job, page).begin("show")
        made = preview.make(model, job, page)
        losses = [*(answer.report or {}).get("losses", ()), *made.losses]
        told = answer.report and {**answer.report, "losses": losses}
        leave(scratch, Answer(written=answer.written, report=told, thumbnail=made.thumbnail, preview=made.preview))
        signal.alarm(0)
    page.phase(1.0, 1.0)


def leave(scratch: Path, answer: Answer) -> None:
    new = scratch / f"{ANSWER}.new"
    new.write_bytes(answer.model_copy(update={"spent": Spent.now()}).model_dump_json().encode())
    new.rename(scratch / ANSWER)  # whole or not at all


if __name__ == "__main__":
    main(Path())
    os._exit(0)  # taking a kernel document apart costs more than the process is worth
