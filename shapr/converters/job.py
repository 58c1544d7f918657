"""The child: reads one source, writes its outputs, measures both, and says how far it is.

It holds no address and no secret, works in the scratch dir that it is started in, and leaves its answer there. B-Rep
and mesh outputs of one source share one parse and one tessellation.
"""

import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from shapr.conversion import Error
from shapr.converters import archive, detect, preflight, preview, report
from shapr.converters.phases import Phases
from shapr.converters.progress import Page
from shapr.converters.run.job import ANSWER, JOB, PROGRESS, Answer, Job, Spent, Written
from shapr.converters.source import File, MeshModel, Model, read
from shapr.errors import Refused

T = TypeVar("T")


def run(job: Job, page: Page) -> tuple[Answer, Model | None]:
    """The job's answer: its outputs, each written or failed by itself, or why the source is refused. And the source."""
    phases = Phases(job, page)
    options = job.outputs[0][1]  # those that concern the source are the same for every output
    try:
        phases.begin("look")
        path = archive.unpacked(job.source, job.source_format, job.source_name, job.scratch / archive.FOLDER)
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
    return Making(job, page, phases, file, model, lost, healing).answer(), model


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


@dataclass
class Making:
    """The outputs of a source that was read: each is written, and opened again as a stranger would."""

    job: Job
    page: Page
    phases: Phases
    file: File
    model: Model
    lost: tuple[str, ...]  # before the source was read
    healing: dict[str, Any] | None
    made: dict[int, Written] = field(default_factory=dict)
    told: dict[int, report.Opened] = field(default_factory=dict)
    source: report.Opened = field(init=False)
    kept: Answer = field(default_factory=Answer)  # what is there, should this process die

    def answer(self) -> Answer:
        try:
            for batch in self.job.batches:
                self.batch(batch)
        except Refused as refused:  # the source cannot be measured
            return Answer(error=Error(code=refused.code, detail=refused.detail))
        return self.kept

    def batch(self, batch: list[int]) -> None:
        written = {at: self.written(at) for at in batch}
        if not self.made:
            self.phases.begin("measure")
            self.source = kernel(lambda: self.opened(self.file.format, self.model), "measuring the source")
        for at in sorted(batch):
            self.made[at] = self.checked(at, written[at])
        self.kept = Answer(written=tuple(map(self.so_far, range(len(self.job.outputs)))), report=self.reported())

    def so_far(self, at: int) -> Written:
        format, options = self.job.outputs[at]
        return self.made.get(at) or Written(format=format, path=None, options=options)

    def reported(self) -> Any:
        source = replace(self.source, losses=(*self.lost, *self.model.losses))  # a mesh may have been made of it since
        told = {self.made[at].format: (self.told[at], self.made[at].options) for at in sorted(self.told)}
        return report.report(source, told, self.healing)

    def note(self, at: int) -> None:
        """Leave word of what is being done, for it may end us."""
        if len(self.job.outputs) > 1:
            leave(self.job.scratch, self.kept.model_copy(update={"making": self.job.outputs[at][0]}))

    def written(self, at: int) -> Written:
        format, options = self.job.outputs[at]
        path = self.job.scratch / f"output-{at}.{format}"
        self.note(at)
        self.phases.begin(f"write {at}")
        try:
            effective = kernel(lambda: self.model.write(format, path, options), f"writing {format.upper()}")
            if not path.exists() or not path.stat().st_size:
                raise Refused("no_geometry", f"nothing could be written as {format.upper()}")
        except Refused as refused:
            return failed(format, options, refused)
        return Written(format=format, path=path, options=effective, spent=Spent.now())

    def checked(self, at: int, written: Written) -> Written:
        """An output that cannot be read again, or holds nothing, has failed."""
        if written.path is None:
            return written
        self.note(at)
        try:
            self.told[at] = self.again(at, written, written.path)
        except Refused as refused:
            return failed(written.format, written.options, refused)
        return written

    def again(self, at: int, written: Written, path: Path) -> report.Opened:
        """An output as it is read back: a phase for reading, another for measuring."""
        self.phases.begin(f"read {at}")
        options, title = written.options, written.format.upper()
        unit, up_axis = options.get("units", "mm"), options.get("up_axis", "z")
        faceted = isinstance(self.model, MeshModel)
        file = File(path, written.format, self.job.source_name, unit, up_axis, faceted=faceted, measured=True)
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

    def opened(self, format: str, model: Model) -> report.Opened:
        return report.Opened(
            format,
            model.measured(),
            model.assembly,
            model.losses,
            model.meshes,
            model.wires,
            model.about,
            stem=Path(self.job.source_name).stem,
            shaded=model.shaded,
        )


def main(scratch: Path) -> None:
    job = Job.model_validate_json((scratch / JOB).read_bytes())
    page = Page(scratch / PROGRESS)
    model = None
    try:
        answer, model = run(job, page)
    except MemoryError:
        error = Error(code="out_of_memory", detail="it needs more memory than allowed")
        answer = noted(scratch).model_copy(update={"error": error})
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


def noted(scratch: Path) -> Answer:
    """What was left last."""
    place = scratch / ANSWER
    return Answer.model_validate_json(place.read_bytes()) if place.exists() else Answer()


if __name__ == "__main__":
    main(Path())
    os._exit(0)  # taking a kernel document apart costs more than the process is worth
