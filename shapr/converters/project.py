"""A Shapr3D project as a model: solids and sheets in a document of the kernel, mesh bodies beside it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from shapr.converters.brep import document
from shapr.converters.measure import Measured
from shapr.converters.mixed import MixedModel
from shapr.converters.shaprfile import reader
from shapr.converters.source import File

if TYPE_CHECKING:
    from OCP.TDocStd import TDocStd_Document


class ProjectModel(MixedModel):
    def _read(self, file: File) -> "TDocStd_Document":
        self.project = reader.read(file.path, file.scratch, file.hidden, file.partial, self.page.reach)
        self.losses = tuple(self.project.losses)
        self.about = {"shapr": self.project.about}
        self.bodies = self.project.meshes
        self.meshes = tuple(part.name for part in self.bodies)
        self.wires = tuple(self.project.wires)
        if document.roots(self.project.document):
            document.check(self.project.document)
        return self.project.document

    def measured(self) -> Measured:
        return replace(super().measured(), units="m")
