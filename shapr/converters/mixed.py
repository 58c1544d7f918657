"""A model of B-Reps and of bodies that are meshes: the ones in a document of the kernel, the others beside it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from shapr.converters.brep import document, tessellate, wires
from shapr.converters.formats import FORMATS
from shapr.converters.measure import Measured
from shapr.converters.mesh import files
from shapr.converters.mesh import measure as mesh_measure
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.source import BrepModel
from shapr.errors import Refused


class MixedModel(BrepModel):
    """Mesh outputs hold solids, sheets and meshes, B-Rep outputs solids, sheets and wires; the report names the
    others."""

    bodies: Sequence[Part] = ()  # those that are meshes

    @property
    def exact(self) -> bool:
        """Whether there is any B-Rep in it."""
        return bool(document.roots(self.document))

    @property
    def solid(self) -> bool:
        """Whether any B-Rep in it has faces."""
        return self.exact and not document.faceless(self.document)

    def measured(self) -> Measured:
        if not self.bodies:
            return super().measured()
        meshes = mesh_measure.measured(Mesh(tuple(self.bodies)))
        return both(super().measured(), meshes) if self.exact else meshes

    def heal(self) -> dict[str, Any]:
        return super().heal() if self.exact else {}

    def mesh(self, most: int, apart: bool = False) -> Mesh:
        solids = super().mesh(most, apart).parts if self.solid else ()
        return Mesh((*solids, *self.bodies))

    def shown(self, most: int, apart: bool = False) -> Mesh:
        drawn = wires.tubes(self.document) if self.exact else ()
        return Mesh((*(self.mesh(most, apart).parts if self.solid or self.bodies else ()), *drawn))

    def show(self, path: Path) -> None:
        if self.bodies:
            files.write(self.shown(1 << 31, apart=True), "glb", path, {}, self.page.reach)
        else:
            super().show(path)

    def write(self, format: str, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        if not self.bodies:
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
        return files.packed(Mesh((*solids, *self.bodies)), format, path, effective, self.page.reach)


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
