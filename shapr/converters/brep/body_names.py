"""What a STEP file calls the bodies of a part that has several: the kernel's reader says it only together with the name
of every face, of which some systems give thousands."""

import re
from collections.abc import Iterator
from pathlib import Path

from OCP.STEPCAFControl import STEPCAFControl_Reader
from OCP.STEPConstruct import STEPConstruct
from OCP.StepShape import StepShape_ShellBasedSurfaceModel, StepShape_SolidModel
from OCP.StepVisual import StepVisual_TessellatedShell, StepVisual_TessellatedSolid
from OCP.TCollection import TCollection_ExtendedString
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from shapr.converters.brep import document, entities
from shapr.converters.brep.bodies import Body, Look, call
from shapr.converters.preflight.hybrid import BODIES, HOLDERS

TYPES = (*BODIES, *HOLDERS)
NAMED = re.compile(rb"\b(?:%b)\s*\(\s*'[^']" % b"|".join(TYPES))
CLASSES = (
    *(StepShape_SolidModel, StepShape_ShellBasedSurfaceModel),
    *(StepVisual_TessellatedSolid, StepVisual_TessellatedShell),
)
NOBODY = frozenset({"", "none", "solid", "shell"})  # what systems write where there is no name
FACE = TopAbs_ShapeEnum.TopAbs_FACE


def keep(reader: STEPCAFControl_Reader, path: Path, model: TDocStd_Document) -> None:
    """Call the bodies of parts that have several like the file does, but for those that are called like their part."""
    several = [part for part in _parts(model) if len(_bodies(part)) > 1]
    content = path.read_bytes() if several else b""
    if not NAMED.search(content):
        return
    names = _names(reader, content)
    for part in several:
        for body in _bodies(part):
            _call(model, part, body, names.get(hash(body.Located(TopLoc_Location())), ""))


def put(model: TDocStd_Document, part: TDF_Label, looks: dict[int, Look]) -> None:
    """Call a part's bodies, if it has several, like most of their faces are."""
    bodies = _bodies(part) if any(look.name for look in looks.values()) else []
    for body in bodies if len(bodies) > 1 else ():
        _call(model, part, body, Body(body, looks).called)


def of_faces(part: TDF_Label) -> dict[int, str]:
    """By the `hash` of a part's faces, the name of the body that each is of."""
    return {hash(face): name for name, body in _named(part) for face in document.explore(body, FACE)}


def of_bodies(part: TDF_Label) -> dict[int, str]:
    """By the `hash` of a part's bodies, their names."""
    return {hash(body): name for name, body in _named(part)}


def within(part: TDF_Label) -> frozenset[str]:
    """The names of a part's bodies."""
    return frozenset(name for name, _ in _named(part))


def _named(part: TDF_Label) -> Iterator[tuple[str, TopoDS_Shape]]:
    for label in document.sublabels(part):
        if name := document.name(label):
            shape = XCAFDoc_ShapeTool.GetShape_s(label)
            if int(shape.ShapeType()) < int(FACE):
                yield name, shape


def _call(model: TDocStd_Document, part: TDF_Label, body: TopoDS_Shape, name: str) -> None:
    if name and name != document.name(part):
        label = XCAFDoc_DocumentTool.ShapeTool_s(model.Main()).AddSubShape(part, body)
        if not label.IsNull():  # the kernel finds no label for a piece of a placed part
            call(label, name)


def _parts(model: TDocStd_Document) -> Iterator[TDF_Label]:
    found = document.labels(XCAFDoc_DocumentTool.ShapeTool_s(model.Main()).GetShapes)
    return (label for label in found if not document.components(label))


def _bodies(part: TDF_Label) -> list[TopoDS_Shape]:
    return _inside(XCAFDoc_ShapeTool.GetShape_s(part))


def _inside(shape: TopoDS_Shape) -> list[TopoDS_Shape]:
    """Its solids, and its shells that belong to none."""
    kinds = TopAbs_ShapeEnum
    return [
        *document.explore(shape, kinds.TopAbs_SOLID),
        *document.outside(shape, kinds.TopAbs_SHELL, kinds.TopAbs_SOLID),
    ]


def _names(reader: STEPCAFControl_Reader, content: bytes) -> dict[int, str]:
    """By the `hash` of the solids and shells, where they stand in their part."""
    transferred = reader.ChangeReader().WS().TransferReader().TransientProcess()
    found: dict[int, str] = {}
    for entity in entities.of(reader, content, TYPES, CLASSES):
        shape = STEPConstruct.FindShape_s(transferred, entity)
        name = str(TCollection_ExtendedString(entity.Name().String(), True).ToExtString()).strip()
        if shape is not None and not shape.IsNull() and name.lower() not in NOBODY:
            found |= {hash(body.Located(TopLoc_Location())): name for body in _inside(shape)}
    return found
