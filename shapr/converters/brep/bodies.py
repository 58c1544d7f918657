"""Bodies and what is known of them, put into a document: names, colours and layers that survive a change of shape."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from OCP.BRepTools import BRepTools_PurgeLocations
from OCP.TCollection import TCollection_ExtendedString
from OCP.TDataStd import TDataStd_Name, TDataStd_NamedData
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_DocumentTool, XCAFDoc_LayerTool, XCAFDoc_ShapeTool

from shapr.converters.brep import colours, document
from shapr.converters.mesh.model import LONGEST_NAME, Colour
from shapr.converters.progress import Reach, along, silent


@dataclass(frozen=True)
class Look:
    """What a file says of a face, or of what the face belongs to."""

    name: str = ""
    colour: Colour | None = None
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Body:
    """A solid, shell, face, wire or compound of such, and the looks of its faces and free edges by their `hash`."""

    shape: TopoDS_Shape
    looks: dict[int, Look] = field(default_factory=dict)
    name: str = ""

    @property
    def called(self) -> str:
        """Its name, or the one that most of its faces have from what they came from."""
        names = Counter(look.name for look in self._looks() if look.name)
        return self.name or max(names, key=names.__getitem__, default="")

    def _looks(self) -> list[Look]:
        return [self.looks.get(hash(each), Look()) for each in self.pieces]

    @property
    def pieces(self) -> list[TopoDS_Shape]:
        """Its faces, and its edges that bound none."""
        return [
            *document.explore(self.shape, TopAbs_ShapeEnum.TopAbs_FACE),
            *document.free_edges(self.shape),
        ]

    def put(self, model: TDocStd_Document, name: str) -> TDF_Label:
        """As a part of a document: one colour is the part's, several are those of its faces."""
        tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
        placed = not self.shape.Location().IsIdentity()  # then the kernel knows no pieces of it
        part = tool.AddShape(document.compound([self.shape]) if placed else self.shape, False)
        call(part, self.called or name)
        found = self._looks()
        different = {look.colour for look in found}
        if len(different) == 1:
            if (colour := different.pop()) is not None:
                colours.set(model, part, colour)
        else:
            for piece, look in zip(self.pieces, found, strict=True):
                if look.colour is not None:
                    colours.set(model, tool.AddSubShape(part, piece), look.colour)
        layers = XCAFDoc_DocumentTool.LayerTool_s(model.Main())
        for layer in sorted({layer for look in found for layer in look.layers}):
            layers.SetLayer(part, TCollection_ExtendedString(layer, True))
        return part


def call(label: TDF_Label, name: str) -> None:
    """Not by more than a name can be: the kernel does not read STEP with a string of 32 kB, as IGES may have."""
    TDataStd_Name.Set_s(label, TCollection_ExtendedString(name[:LONGEST_NAME], True))


def held(groups: Sequence[tuple[str, Sequence[Body]]], stem: str, reach: Reach = silent) -> TDocStd_Document:
    """A document of bodies. A group that has a name and several bodies is an assembly of them, each called like it if
    nobody named it; other bodies without a name are called after the file, with a number where they are several."""
    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    unnamed = sum(not (body.called or name) for name, bodies in groups for body in bodies)
    number = 0
    for name, bodies in along(groups, len(groups), reach):
        assembly = tool.NewShape() if name and len(bodies) > 1 else None
        if assembly is not None:
            call(assembly, name)
        for body in bodies:
            number += not (body.called or name)
            part = body.put(model, name or (stem if unnamed == 1 else f"{stem} {number}"))
            if assembly is not None:
                call(tool.AddComponent(assembly, part, TopLoc_Location()), document.name(part))
    tool.UpdateAssemblies()
    return model


def looks(model: TDocStd_Document, part: TDF_Label, colour: Colour | None = None) -> dict[int, Look]:
    """The looks of a part's faces and free edges; names are those of its solids and shells. `colour`: that of an
    instance, which its faces have instead of the part's."""
    found: dict[int, Look] = {}
    own = colours.faces(part)
    base, whole = colour or colours.of(part), layers(model, part)
    names: dict[int, str] = {}
    for label in document.sublabels(part):
        shape, name = XCAFDoc_ShapeTool.GetShape_s(label), document.name(label)
        inside = tuple(document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE))
        if name and shape.ShapeType() != TopAbs_ShapeEnum.TopAbs_FACE:
            names |= dict.fromkeys(map(hash, inside), name)
        for layer in layers(model, label):
            for face in inside:
                found[hash(face)] = Look(layers=(*found.get(hash(face), Look()).layers, layer))
    for face in document.explore(XCAFDoc_ShapeTool.GetShape_s(part), TopAbs_ShapeEnum.TopAbs_FACE):
        key = hash(face)
        mine = found[key].layers if key in found else whole
        found[key] = Look(names.get(key, ""), own.get(key, base), mine)
    if free_edges := document.free_edges(XCAFDoc_ShapeTool.GetShape_s(part)):
        own, base = colours.edges(part), colours.of_curves(part)
        found |= {hash(edge): Look("", own.get(hash(edge), base), whole) for edge in free_edges}
    return found


def layers(model: TDocStd_Document, label: TDF_Label) -> tuple[str, ...]:
    tool = XCAFDoc_DocumentTool.LayerTool_s(model.Main())
    return tuple(map(document.name, document.labels(lambda found: tool.GetLayers(label, found))))


def used_layers(model: TDocStd_Document) -> int:
    """How many layers have something on them."""
    every = document.labels(XCAFDoc_DocumentTool.LayerTool_s(model.Main()).GetLayerLabels)
    return sum(bool(document.labels(partial(XCAFDoc_LayerTool.GetShapesOfLayer_s, layer))) for layer in every)


def properties(model: TDocStd_Document) -> int:
    """How many materials parts are made of, and how many parts, assemblies and uses have attributes of a user's."""
    shapes = document.labels(XCAFDoc_DocumentTool.ShapeTool_s(model.Main()).GetShapes)
    every = (each for shape in shapes for each in (shape, *document.components(shape)))
    described = sum(label.IsAttribute(TDataStd_NamedData.GetID_s()) for label in every)
    return int(described) + len(document.labels(XCAFDoc_DocumentTool.MaterialTool_s(model.Main()).GetMaterialLabels))


def unmirrored(shape: TopoDS_Shape, known: dict[int, Look]) -> tuple[TopoDS_Shape, dict[int, Look]]:
    """The shape with mirrored and scaled placements worked into its geometry: the kernel's own tools, its GLB writer
    among them, take what is placed so for inside out. Where only the wires within faces are placed so, it stays as it
    is: the kernel deals with those, and its purging would tear them from their faces."""
    purging = BRepTools_PurgeLocations()
    faces = document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE)
    if not any(map(_resized, faces)) or not purging.Perform(shape):
        return shape, known
    moved = {
        hash(purging.ModifiedShape(face)): known[hash(face)]
        for face in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE)
        if hash(face) in known
    }
    return purging.GetResult(), moved


def _resized(shape: TopoDS_Shape) -> bool:
    placed = shape.Location().Transformation()
    return bool(placed.IsNegative() or placed.ScaleFactor() != 1.0)
