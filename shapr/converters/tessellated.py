"""A STEP file whose shapes are tessellated, all or some, as a model."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapr.converters.brep import document, proxies, step, tree
from shapr.converters.formats import TESSELLATION
from shapr.converters.mesh.model import Mesh, check
from shapr.converters.mixed import MixedModel
from shapr.converters.preflight import instead
from shapr.converters.preflight.tessellated import Aside, put_aside
from shapr.converters.progress import Page
from shapr.converters.source import File, MeshModel, Model
from shapr.errors import Refused

if TYPE_CHECKING:
    from OCP.TDocStd import TDocStd_Document

# Shares of reading: until the kernel has the file, until it has read it; then lists are read. Bytes of memory that the
# first takes for each of the file.
ASIDE, READ = 0.4, 0.5
TAKING = 8.0


def read(file: File, page: Page, limit: int) -> Model:
    """A mesh, where all of it is tessellated. `limit` is in triangles: a larger mesh becomes no B-Rep."""
    model = TessellatedModel(file, page)
    if not model.bodies or proxies.exact(model.document):
        return model
    whole = Mesh(tuple(model.bodies), document.units(model.document), losses=model.losses, tree=model.assembly)
    if not whole.triangles:
        raise Refused("no_geometry", "the tessellated faces of the STEP file have no triangles")
    check(whole)
    return TrianglesModel(whole, file, page, limit)


class TrianglesModel(MeshModel):
    """How finely surfaces are to be triangulated means nothing here."""

    def write(self, format: str, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        written = super().write(format, path, options)
        return {name: value for name, value in written.items() if name not in TESSELLATION}


class TessellatedModel(MixedModel):
    """Tessellated shapes are meshes beside the exact ones; those that present an exact one are left out."""

    def _read(self, file: File) -> "TDocStd_Document":
        begin, end = self.page.at, self.page.end
        self.page.taking(ASIDE, TAKING * file.path.stat().st_size)
        aside = put_aside(instead.understood(file.path))
        self.page.phase(begin + ASIDE * (end - begin), begin + READ * (end - begin))
        read = step.read(aside.path, self.indicator, meshed=file.meshed, alone=True)
        self.page.phase(begin + READ * (end - begin), end)
        tree.inherit(read)
        found = proxies.gathered(read, aside, self.page.reach)
        self.bodies = found.parts
        self.losses = (*document.unread(read), *_passed_over(aside, found))
        if not found.parts or proxies.exact(read):
            proxies.take_out(read)
            document.check(read)
        self.meshes = tuple(dict.fromkeys(part.name for part in found.parts))
        return read


def _passed_over(aside: Aside, found: proxies.Gathered) -> Iterator[str]:
    if found.again:
        yield f"Tessellated bodies that lie where an exact one does were passed over: {found.again}."
    if unseen := len(aside.items - found.shown - aside.doubles) + aside.again:
        yield f"Tessellated faces that no part shows, or that are to stand in two places, were passed over: {unseen}."
    if aside.curved:
        yield f"Tessellated faces that are curved (Bezier triangles) were passed over: {aside.curved}."
