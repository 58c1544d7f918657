"""The source once it is parsed, as a B-Rep or as a mesh, and what can be written of it."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from shapr.conversion import UNIT_MM
from shapr.converters.formats import FORMATS
from shapr.converters.mesh import files
from shapr.converters.mesh.model import Mesh
from shapr.converters.progress import Page
from shapr.converters.run.job import Job
from shapr.errors import Refused

if TYPE_CHECKING:
    from OCP.TDocStd import TDocStd_Document

    from shapr.converters.brep.indicator import Indicator


class Model(Protocol):
    def write(self, format: str, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        """Write one output; gives the options as they took effect."""


def read(job: Job, page: Page) -> Model:
    """Parse the source once. Options that concern the source are the same for every output."""
    options = job.outputs[0][1]
    if FORMATS[job.source_format].kind == "mesh":
        mesh = files.read(job.source_format, job.source, Path(job.source_name).stem, page.reach)
        mesh = mesh.scaled(UNIT_MM[options.get("source_units", "mm")])
        page.reach(1.0)
        return MeshModel(mesh, job, page)
    return BrepModel(job, page)


class MeshModel:
    """A mesh source. Mesh outputs never go through a B-Rep; the kernel is loaded only if one is asked for."""

    def __init__(self, mesh: Mesh, job: Job, page: Page) -> None:
        self.mesh = mesh
        self.job = job
        self.page = page

    @cached_property
    def brep(self) -> "BrepWriter":
        from shapr.converters.brep import facet
        from shapr.converters.brep.indicator import Indicator

        stem = Path(self.job.source_name).stem
        model = facet.faceted(self.mesh, self.job.limits.mesh_to_brep, stem, self.page.reach)
        return BrepWriter(model, self.job.source_name, Indicator(self.page.memory))

    def write(self, format: str, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        if FORMATS[format].kind == "mesh":
            files.write(self.mesh, format, path, options, self.page.reach)
        else:
            self.brep.write(format, path, options)
        return options


class BrepModel:
    """A B-Rep source."""

    def __init__(self, job: Job, page: Page) -> None:
        from shapr.converters.brep.indicator import Indicator

        self.page = page
        self.indicator = Indicator(page.memory)
        try:
            self.document = self._read(job)
        except Exception as failure:
            if not type(failure).__module__.startswith("OCP"):  # its exceptions have no ancestor in common
                raise
            reason = f"the kernel gave up reading it ({type(failure).__name__})"
            raise Refused("corrupt_file", reason) from failure
        self.writer = BrepWriter(self.document, job.source_name, self.indicator)
        self.triangulated: tuple[float, float] | None = None

    def _read(self, job: Job) -> "TDocStd_Document":
        from shapr.converters.brep import brep, document, iges, step

        if job.source_format == "step":
            read = step.read(job.source, self.indicator.range())
        elif job.source_format == "iges":
            read = iges.read(job.source, job.source_name, self.indicator.range())
        else:
            read = brep.read(job.source, job.source_name, job.outputs[0][1])
        document.check(read)
        return read

    def write(self, format: str, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        if FORMATS[format].kind == "brep":
            self.writer.write(format, path, options)
            return options
        from shapr.converters.brep import glb, tessellate

        effective = options | self._triangulate(options)
        if format == "glb":
            glb.write(self.document, path, self.indicator.range())
        else:
            files.write(tessellate.mesh(self.document), format, path, options, self.page.reach)
        return effective

    def _triangulate(self, options: dict[str, Any]) -> dict[str, float]:
        from shapr.converters.brep import document, tessellate

        shape = document.shape(self.document)
        wanted = tessellate.deflections(shape, options)
        if wanted != self.triangulated:
            tessellate.triangulate(shape, *wanted, self.indicator.range())
            self.triangulated = wanted
        return dict(zip(("linear_deflection", "angular_deflection"), wanted, strict=True))


class BrepWriter:
    """Writes a document as any B-Rep format."""

    def __init__(self, model: "TDocStd_Document", source_name: str, indicator: "Indicator") -> None:
        self.model = model
        self.source_name = source_name
        self.indicator = indicator

    def write(self, format: str, path: Path, options: dict[str, Any]) -> None:
        from shapr.converters.brep import brep, iges, step

        if format == "brep":
            brep.write(self.model, path, options)
        else:
            writer = {"step": step.write, "iges": iges.write}[format]
            writer(self.model, path, self.source_name, options, self.indicator.range())
