"""The parts of a job, in order, each with a share of its percent by what it costs beside the others."""

from pathlib import Path

from shapr.converters.formats import FORMATS
from shapr.converters.mentions import mentions
from shapr.converters.progress import Page
from shapr.converters.run.job import Job

# Seconds of CPU, about: of a B-Rep of 37 MB as STEP, and of a mesh of 500,000 triangles.
LOOK = {"step": 1.8, "iges": 4.0, "brep": 2.5}
READ = {"step": 15.0, "iges": 12.0, "shapr": 12.0, "brep": 1.5}
WRITE = {"step": 8.0, "iges": 5.0, "brep": 1.0}
SEWN = 28.0  # for an IGES file of surfaces: more than twice what it takes with solids
MESH, SEEN = 0.8, 0.8  # a mesh read or written, and measured
TRIANGULATE, MEASURE, HEAL, SHOW = 10.0, 5.5, 12.0, 2.0
FACET = 12.0  # for a mesh that becomes a B-Rep, beside which the mesh is nothing


class Phases:
    """`begin` each by its name, in order; one that is left out takes no time."""

    def __init__(self, job: Job, page: Page) -> None:
        self.page = page
        self.ends: dict[str, tuple[float, float]] = {}
        costs = seconds(job)
        total, at = sum(costs.values()), 0.0
        for name, cost in costs.items():
            self.ends[name] = (at / total, (at + cost) / total)
            at += cost

    def begin(self, name: str) -> None:
        self.page.phase(*self.ends[name])


def seconds(job: Job) -> dict[str, float]:
    """What each phase may take: `look` before the kernel does, `read`, `heal`, `write N` of every output, `measure`,
    `read N` and `measure N` of every output as it is opened again, `show`; of several batches, one after the other."""
    mesh = FORMATS[job.source_format].kind == "mesh"
    costs = {"look": LOOK.get(job.source_format, 0.1), "read": READ.get(job.source_format, MESH)}
    if job.source_format == "iges" and not holds_solids(job.source):
        costs["read"] = SEWN
    if job.outputs[0][1].get("heal"):
        costs["heal"] = MESH if mesh else HEAL
    once = FACET if mesh else TRIANGULATE  # for the first output of the other kind
    for batch in job.batches:
        for at in batch:
            format, options = job.outputs[at]
            costs[f"write {at}"] = WRITE.get(format, MESH) * (2 if options.get("step_schema") == "AP203" else 1)
            if (format in WRITE) == mesh:
                costs[f"write {at}"] += once
                once = 0.0
        costs.setdefault("measure", SEEN if mesh else MEASURE)
        for at in sorted(batch):
            format, _ = job.outputs[at]
            costs[f"read {at}"] = READ.get(format, MESH)
            costs[f"measure {at}"] = MEASURE if format in WRITE else SEEN
    if job.preview:
        costs["show"] = SHOW
    return costs


def holds_solids(iges: Path) -> bool:
    """Whether the directory of an IGES file has one: its type, 186, at the start of a line."""
    return mentions(iges, b"\n     186")
