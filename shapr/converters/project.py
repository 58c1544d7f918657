"""A Shapr3D project as a model: solids and sheets in a document of the kernel, mesh bodies beside it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapr.converters.brep import document, measure, tessellate, wires
from shapr.converters.formats import FORMATS
from shapr.converters.measure import Measured
from shapr.converters.mesh import files
from shapr.converters.mesh import measure as mesh_measure
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.shaprfile import reader
from shapr.converters.source import BrepModel, File
from shapr.errors import Refused

if TYPE_CHECKING:
    from OCP.TDocStd import TDocStd_Document


class ProjectModel(BrepModel):
    """Mesh outputs hold solids, sheets and meshes, B-Rep outputs solids, sheets and wires; the report names the
    others."""

    def _read(self, file: File) -> "TDocStd_Document":
        self.project = reader.read(file.path, file.scratch, file.hidden, file.partial, self.page.reach)
        self.losses = tuple(self.project.losses)
        self.about = {"shapr": self.project.about}
        self.meshes = tuple(part.name for part in self.project.meshes)
        self.wires = tuple(self.project.wires)
        if self.exact:
            document.check(self.project.document)
        return self.project.document

    @property
    def exact(self) -> bool:
        """Whether there is any B-Rep in it."""
        return bool(document.roots(self.project.document))

    @property
    def solid(self) -> bool:
        """Whether any B-Rep in it has faces."""
        return self.exact and not document.faceless(self.project.document)

    def measured(self) -> Measured:
        found = []
        if self.exact:
            found.append(measure.measured(self.document, self.indicator.step()))
        if self.project.meshes:
            found.append(mesh_measure.measured(Mesh(tuple(self.project.meshes))))
        return replace(found[0] if len(found) == 1 else both(*found), units="m")

    def heal(self) -> dict[str, Any]:
        return super().heal() if self.exact else {}

    def mesh(self, most: int, apart: bool = False) -> Mesh:
        solids = super().mesh(most, apart).parts if self.solid else ()
        return Mesh((*solids, *self.project.meshes))

    def shown(self, most: int, apart: bool = False) -> Mesh:
        drawn = wires.tubes(self.document) if self.exact else ()
        return Mesh((*(self.mesh(most, apart).parts if self.solid or self.project.meshes else ()), *drawn))

    def show(self, path: Path) -> None:
        if self.project.meshes:
            files.write(self.shown(1 << 31, apart=True), "glb", path, {}, self.page.reach)
        else:
            super().show(path)

    def write(self, format: str, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        if not self.project.meshes:
            return super().write(format, path, options)
        if FORMATS[format].kind == "brep":
            if not self.exact:
                names = ", ".join(self.meshes)
                raise Refused("unsupported_geometry", f"a body that is a mesh has no exact shape: {names}")
            return super().write(format, path, options)
        effective, solids = options, tuple[Part, ...]()
        if self.solid:
            effective = options | self.triangulate(options)
            solids = tessellate.mesh(self.document, self.indicator, apart=format in files.APART).parts
        return files.packed(Mesh((*solids, *self.project.meshes)), format, path, effective, self.page.reach)


def both(solids: Measured, meshes: Measured) -> Measured:
    """Of B-Reps and meshes together."""
    volumes = [each for each in (solids.volume, meshes.volume) if each is not None]
    return replace(
        solids,
        bodies=solids.bodies + meshes.bodies,
        triangles=meshes.triangles,
        low=corner(min, solids.low, meshes.low),
        high=corner(max, solids.high, meshes.high),
        volume=sum(volumes) if volumes else None,
        area=solids.area + meshes.area,
        watertight=solids.watertight and meshes.watertight,
        names=len(solids.labels | meshes.labels),
        labels=solids.labels | meshes.labels,
        colours=max(solids.colours, meshes.colours),
    )


def corner(
    extreme: Callable[[tuple[float, float]], float], a: tuple[float, float, float], b: tuple[float, float, float]
) -> tuple[float, float, float]:
    x, y, z = (extreme(pair) for pair in zip(a, b, strict=True))
    return x, y, z
