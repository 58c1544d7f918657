"""A file once it is parsed, as a B-Rep or as a mesh: what it measures, and what can be written of it."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from shapr.conversion import UNIT_MM, Unit
from shapr.converters.formats import FORMATS
from shapr.converters.measure import Measured
from shapr.converters.mesh import colour, files, packing
from shapr.converters.mesh.model import Y_UP, Mesh, check
from shapr.converters.preflight.tessellated import mentioned
from shapr.converters.progress import Page
from shapr.errors import Refused

BOXED = 0.01  # of the time of a mesh file: its box, by which it is triangulated
UNNAMED = ""  # a name that the file does not say is not counted; what is written is called after the file

if TYPE_CHECKING:
    from OCP.TDocStd import TDocStd_Document

    from shapr.converters.brep.indicator import Indicator


@dataclass(frozen=True)
class File:
    """A file to read, and what is known of it beside its content.

    `name` is that of the source: for parts that have none. `unit` and `up_axis` count where the format has none.
    """

    path: Path
    format: str
    name: str
    unit: Unit = "mm"
    up_axis: str = "z"
    hidden: bool = False  # of a project: hidden bodies too
    faceted: bool = False  # a mesh that we made a B-Rep: flat triangles, with nothing to repair
    partial: bool = False  # of a project: what can be converted, if it is not all
    scratch: Path = Path()  # where a reader may put what it unpacks
    threads: int = 1  # that the kernel may run at once
    meshed: bool = False  # nothing but meshes will be made of it, just as it is
    measured: bool = False  # it is an output of ours, and not even these


class Model(Protocol):
    losses: tuple[str, ...]  # what the reader had to pass over, in words
    about: dict[str, Any]  # what else there is to report of the source
    meshes: tuple[str, ...]  # names of bodies that are meshes, beside B-Reps
    wires: tuple[str, ...]  # names of bodies with edges that bound no face, as far as bodies are named

    @property
    def shaded(self) -> bool:
        """Whether triangles of it have corners of several colours, of which a B-Rep face keeps one."""

    @property
    def assembly(self) -> bool:
        """Whether it has a tree of parts."""

    def write(self, format: str, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        """Write one output; gives the options as they took effect."""

    def heal(self) -> dict[str, Any]:
        """Mend it, and say what was mended."""

    def measured(self) -> Measured: ...

    def mesh(self, most: int) -> Mesh:
        """Its triangles: of a B-Rep as last triangulated, else at standard quality; coarser if there are too many."""

    def shown(self, most: int) -> Mesh:
        """What a picture shows: its triangles, and its curves as thin tubes."""

    def show(self, path: Path) -> None:
        """Write that as GLB."""


def read(file: File, page: Page, limit: int) -> Model:
    """Parse a file. `limit` is in triangles: a larger mesh becomes no B-Rep."""
    if file.format == "shapr":
        from shapr.converters.project import ProjectModel

        return ProjectModel(file, page)
    if file.format == "step" and not file.measured and mentioned(file.path):
        from shapr.converters import tessellated

        return tessellated.read(file, page, limit)
    if FORMATS[file.format].kind == "brep":
        return BrepModel(file, page)
    mesh = files.read(file.format, file.path, UNNAMED, page.reach)
    if FORMATS[file.format].unitless:
        mesh = mesh.scaled(UNIT_MM[file.unit])
    if file.up_axis == "y":
        mesh = mesh.turned(Y_UP.T)
    check(mesh)
    page.reach(1.0)
    return MeshModel(mesh, file, page, limit)


class MeshModel:
    """A mesh. Mesh outputs never go through a B-Rep; the kernel is needed only if one is asked for."""

    meshes: tuple[str, ...] = ()
    wires: tuple[str, ...] = ()

    def __init__(self, mesh: Mesh, file: File, page: Page, limit: int) -> None:
        self.about: dict[str, Any] = {}
        self._mesh = mesh
        self.losses = mesh.losses
        self.file = file
        self.page = page
        self.limit = limit

    @property
    def shaded(self) -> bool:
        return self._mesh.triangles <= self.limit and any(map(colour.shaded, self._mesh.parts))

    @property
    def assembly(self) -> bool:
        return self._mesh.tree

    def mesh(self, most: int = 0) -> Mesh:  # noqa: ARG002 - a mesh is what it is
        """Parts without a name are called after the file."""
        stem = Path(self.file.name).stem
        parts = (part if part.name else replace(part, name=stem) for part in self._mesh.parts)
        return replace(self._mesh, parts=tuple(parts))

    shown = mesh

    def show(self, path: Path) -> None:
        files.write(self.mesh(), "glb", path, {}, self.page.reach)

    def measured(self) -> Measured:
        from shapr.converters.mesh import measure

        return measure.measured(self._mesh, self.page.reach)

    def heal(self) -> dict[str, Any]:
        from shapr.converters.mesh import heal

        self._mesh, told = heal.healed(self._mesh, self.page.reach)
        return told

    @cached_property
    def brep(self) -> "BrepWriter":
        from shapr.converters.brep import facet
        from shapr.converters.brep.indicator import Indicator

        indicator = Indicator(self.page)
        model = facet.faceted(self.mesh(), self.limit, Path(self.file.name).stem, indicator)
        return BrepWriter(model, self.file.name, indicator)

    def write(self, format: str, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        if FORMATS[format].kind == "mesh":
            return files.packed(self.mesh(), format, path, options, self.page.reach)
        self.brep.write(format, path, options)
        return options


class BrepModel:
    """A B-Rep."""

    meshes: tuple[str, ...] = ()
    wires: tuple[str, ...] = ()
    shaded = False

    def __init__(self, file: File, page: Page) -> None:
        from shapr.converters.brep.document import kernel_gave_up
        from shapr.converters.brep.indicator import Indicator

        self.page = page
        self.indicator = Indicator(page)
        self.threads = file.threads
        self.losses: tuple[str, ...] = ()
        self.about: dict[str, Any] = {}
        try:
            self.document = self._read(file)
        except Exception as failure:
            if not kernel_gave_up(failure):
                raise
            reason = f"the kernel gave up reading it ({type(failure).__name__})"
            raise Refused("corrupt_file", reason) from failure
        self.given = self.losses  # by the reader
        self.nameless = file.format == "brep"  # the format has none: what its one part is called is ours
        self.writer = BrepWriter(self.document, file.name, self.indicator)
        self.triangulated: tuple[float, float] | None = None

    def _read(self, file: File) -> "TDocStd_Document":
        from shapr.converters.brep import brep, document, iges, roots, step, tree

        if file.format == "step":
            repair, path = not file.faceted, file.path
            with roots.unplaced() if file.faceted else nullcontext():
                read = step.read(
                    path, self.indicator, repair, meshed=file.meshed, measured=file.measured, threads=file.threads
                )
        elif file.format == "iges":
            read = iges.read(file.path, file.name, self.indicator, repair=not file.faceted)
        else:
            read = brep.read(file.path, file.name, {"source_units": file.unit}, self.indicator)
        document.check(read, self.indicator.step())
        self.losses = document.unread(read)
        tree.inherit(read)
        return read

    @property
    def assembly(self) -> bool:
        from shapr.converters.brep import document

        return any(document.components(root) for root in document.roots(self.document))

    def measured(self) -> Measured:
        from shapr.converters.brep import measure

        found = measure.measured(self.document, self.indicator.step())
        return replace(found, names=0, labels=frozenset()) if self.nameless else found

    def heal(self) -> dict[str, Any]:
        from shapr.converters.brep import heal

        return heal.healed(self.document, self.indicator)

    def mesh(self, most: int, apart: bool = False) -> Mesh:
        from shapr.converters.brep import tessellate

        if self.triangulated is None:
            self.triangulate({"quality": "standard"})
        mesh = tessellate.mesh(self.document, apart=apart)
        if mesh.triangles > most:
            self.triangulate({"quality": "draft"})
            mesh = tessellate.mesh(self.document, apart=apart)
        return mesh

    def shown(self, most: int, apart: bool = False) -> Mesh:
        from shapr.converters.brep import document, wires

        drawn = wires.tubes(self.document)
        solids = () if drawn and document.faceless(self.document) else self.mesh(most, apart).parts
        return Mesh((*solids, *drawn))

    def show(self, path: Path) -> None:
        from shapr.converters.brep import document, glb

        if document.free_edges(document.shape(self.document)):
            files.write(self.shown(1 << 31, apart=True), "glb", path, {}, self.page.reach)
        else:
            glb.write(self.document, path, self.indicator)

    def write(self, format: str, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        if FORMATS[format].kind == "brep":
            self.writer.write(format, path, options)
            return options
        from shapr.converters.brep import glb, tessellate

        effective = options | self.triangulate(options)
        if format == "glb":
            glb.write(self.document, path, self.indicator, packing.share(options))
            return packing.packed(path, effective, self.indicator.step())
        mesh = tessellate.mesh(self.document, self.indicator, apart=format in files.APART)
        files.write(mesh, format, path, options, self.indicator.step())
        return effective

    def triangulate(self, options: dict[str, Any]) -> dict[str, float]:
        from shapr.converters.brep import document, tessellate

        shape = document.shape(self.document)
        if document.faceless(self.document):
            named = f": {', '.join(self.wires)}" if self.wires else ""
            raise Refused("no_geometry", f"there are only curves, and a mesh cannot hold a curve{named}")
        reach = self.indicator.step(BOXED)
        wanted = tessellate.deflections(shape, options)
        reach(1.0)
        if wanted != self.triangulated:
            bare = tessellate.triangulate(shape, *wanted, self.indicator, self.threads)
            missing = (f"{bare} faces could not be triangulated: meshes lack them",) if bare else ()
            self.losses = (*self.given, *missing)
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
            brep.write(self.model, path, options, self.indicator)
        else:
            writer = {"step": step.write, "iges": iges.write}[format]
            writer(self.model, path, self.source_name, options, self.indicator)
