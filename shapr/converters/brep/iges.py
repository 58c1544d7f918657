"""IGES 5.3 in and out. Faces that close are sewn into solids on reading; solids are written as solids."""

import re
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

from OCP.BRepBuilderAPI import BRepBuilderAPI_Transform
from OCP.gp import gp_Trsf
from OCP.IFSelect import IFSelect_ReturnStatus
from OCP.IGESCAFControl import IGESCAFControl_Writer
from OCP.IGESControl import IGESControl_Reader
from OCP.IGESData import IGESData_IGESModel
from OCP.Interface import Interface_Static
from OCP.TCollection import TCollection_HAsciiString
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from shapr.converters.brep import document, ellipses, iges_looks, iges_own, patches, resized, scale, seams, torn, tree
from shapr.converters.brep.bodies import Body, Look, held, looks, unmirrored
from shapr.converters.brep.iges_entities import Entities
from shapr.converters.brep.iges_said import text
from shapr.converters.brep.indicator import SILENT, Indicator
from shapr.converters.brep.sew import sewn
from shapr.converters.brep.step import UNITS, ascii_stem
from shapr.converters.brep.unrepaired import REPAIRS, without
from shapr.converters.mesh.model import Colour
from shapr.converters.phases import holds_solids
from shapr.converters.preflight.iges_aside import geometry
from shapr.converters.preflight.iges_end import tail, unpadded
from shapr.converters.preflight.iges_lines import joined
from shapr.converters.preflight.iges_units import NAMED, NUMBERS
from shapr.converters.progress import PLAIN, along, silent
from shapr.errors import Refused

TOGETHER = 50  # solids in one root
STAMP = "20000101.000000"
# Of the global section; others are too rare to name.
UNIT_FLAGS = {1: "in", 2: "mm", 4: "ft", 6: "m", 9: "um", 10: "cm"}
ENTITY, POLE = 330, 34  # bytes of an entity: two lines of the directory, some of parameters; of a large surface's pole
# Of the time of reading: the file, then its entities as shapes, as a share of the rest. What is left is for sewing.
SOLIDS, SURFACES = (0.15, 0.8), (0.12, 0.45)
BAKING = 0.12  # of what is left
LOOKING, KNOWING = 0.35, 0.2  # likewise, for what the file says of the shapes, and what they were told of it
REPAIRING = 0.3  # likewise, where the kernel's reader may not
SEWING = 0.9  # at most, likewise; the rest is for the document
TERMINATE, ENDING = re.compile(rb"[^\r\n]{72}T"), 4096  # the last line, by its column 73; bytes to find it in


def read(path: Path, source_name: str, progress: Indicator = SILENT, repair: bool = True) -> TDocStd_Document:
    """A document in millimetres. Names, colours and layers stay with the faces that are sewn. Without repair: shapes
    just as the file has them, but sewn."""
    path = joined(unpadded(geometry(path)))
    if not TERMINATE.search(tail(path, ENDING)):
        raise Refused("corrupt_file", "the IGES file is cut short: it has no terminate section")
    reader = IGESControl_Reader()  # its kin for documents crashes on entities that became nothing; see `iges_looks.py`
    read, transferred = SOLIDS if holds_solids(path) else SURFACES
    progress.reading(read, path)
    if reader.ReadFile(str(path)) != IFSelect_ReturnStatus.IFSelect_RetDone:
        raise Refused("corrupt_file", "the IGES file breaks the rules of its syntax, or is cut short")
    _say_unit(reader.IGESModel())
    entities = Entities(reader, path)
    planes = torn.planes(entities)
    made = _transferred(reader, path, progress, transferred, repair, planes)
    own = iges_own.Own(entities)
    resize = repair and (resized.holds(made) or own.resized)
    if resize:
        reader.WS().InitTransferReader(0)  # forgets what it made
        made = _transferred(reader, path, progress, transferred, False, planes)
    said, losses = iges_looks.looks(reader, entities, document.roots(made), progress.step(LOOKING))
    losses += torn.sentences(planes)
    moved = own.moved(document.roots(made))
    head = reader.IGESModel().GlobalSection()
    units, precision = UNIT_FLAGS.get(head.UnitFlag()), head.Resolution() * head.UnitValue() if resize else None
    del reader, head, own, entities, planes  # seconds for a big file: so before the next step begins, which shows
    if resize or not document.faceless(made) or iges_looks.more(made, said):
        made = solid(made, PurePath(source_name).stem, progress, said, precision, moved)
    document.say_units(made, units)
    for loss in losses:
        document.say_unread(made, loss)
    return made


def _say_unit(model: IGESData_IGESModel) -> None:
    """By its number: the kernel knows names only in capitals, and takes others for millimetres."""
    head = model.GlobalSection()
    if head.UnitFlag() == NAMED and head.UnitName() is not None:
        head.SetUnitFlag(NUMBERS.get(text(head.UnitName()).upper(), NAMED))
        model.SetGlobalSection(head)


def _transferred(
    reader: IGESControl_Reader, path: Path, progress: Indicator, share: float, repair: bool, planes: torn.Planes
) -> TDocStd_Document:
    made = document.new()
    with without(reader, () if repair else REPAIRS):
        alone = scale.IGES_ALONE if reader.NbRootsForTransfer() == 1 else PLAIN
        taken = scale.IGES_MEMORY * path.stat().st_size
        reader.ClearShapes()
        torn.skip(reader, planes)
        reader.TransferRoots(progress.range(share, alone, taken, scale.BY_POSITION, again=True))
    tool = XCAFDoc_DocumentTool.ShapeTool_s(made.Main())
    for at in range(1, reader.NbShapes() + 1):
        tool.AddShape(reader.Shape(at), False)
    if planes and torn.empty(made):
        raise Refused("invalid_geometry", torn.SENTENCE)
    if not document.roots(made):
        raise Refused("no_geometry", "the IGES file holds no shape that can be read")
    return made


def solid(
    model: TDocStd_Document,
    stem: str,
    progress: Indicator = SILENT,
    said: Mapping[int, Look] = MappingProxyType({}),
    precision: float | None = None,
    moved: Mapping[tuple[int, ...], TopoDS_Shape] = MappingProxyType({}),
) -> TDocStd_Document:
    """The same bodies with their faces sewn: first within each group of the file; what a group leaves open, with what
    the others do. `said`: looks that the document may not know. `precision`, in millimetres: of a file that
    was read without repair, since it places things scaled. `moved`: roots that are elsewhere, by their entries."""
    parts = _parts(model, said, precision, moved, progress)
    whole = document.compound(shape for _, shape, _ in parts)
    left = document.count(whole, TopAbs_ShapeEnum.TopAbs_FACE)
    low, high = document.box(whole)
    diagonal = low.Distance(high)
    groups: list[tuple[str, list[Body]]] = []
    pool: list[TopoDS_Shape] = []
    known: dict[int, Look] = {}
    for name, shape, found in parts:
        bodies: list[Body] = []
        torn: list[list[TopoDS_Shape]] = []
        for each in document.explore(shape, TopAbs_ShapeEnum.TopAbs_SOLID):
            faces = list(document.explore(each, TopAbs_ShapeEnum.TopAbs_FACE))
            if any(map(_mirrored, faces)):
                torn.append(faces)
            else:
                bodies.append(Body(each, found))
        for faces in (*torn, *_groups(shape)):
            share = len(faces) / max(left, len(faces))
            reach = progress.step(BAKING * share) if len(faces) > 1 else silent
            group = [_baked(face, found) for face in along(faces, len(faces), reach)]
            closed, open_ = sewn(group, found, diagonal, progress, SEWING * share) if len(group) > 1 else ([], [])
            left -= len(group)
            if open_ or len(group) == 1:
                known |= {key: replace(look, name=look.name or name) for key, look in found.items()}
                pool += group
            else:
                bodies += closed
        if curves := document.free_edges(shape):
            bodies.append(Body(document.compound(curves), found, name))
        if bodies:
            groups.append((name, bodies))
    if pool:
        closed, open_ = sewn(pool, known, diagonal, progress, SEWING)
        groups += [("", [body]) for body in closed + open_]
    return held(groups, stem, progress.step())


def _parts(
    model: TDocStd_Document,
    said: Mapping[int, Look],
    precision: float | None,
    moved: Mapping[tuple[int, ...], TopoDS_Shape],
    progress: Indicator,
) -> list[tuple[str, TopoDS_Shape, dict[int, Look]]]:
    """The roots: what each is called, its shape, and the looks of its faces."""
    made, roots = [], document.roots(model)
    for root in along(roots, len(roots), progress.step(KNOWING) if precision is None else silent):
        shape = XCAFDoc_ShapeTool.GetShape_s(root)
        found = iges_looks.over(looks(model, root), said)
        if (now := moved.get(document.entry(root))) is not None:
            shape, found = now, iges_own.known(shape, now, found)
        if precision is not None:
            shape, found = resized.repaired(shape, found, precision, progress.step(REPAIRING / len(roots)))
        made.append((document.name(root), *unmirrored(shape, found)))
    return made


def _mirrored(face: TopoDS_Shape) -> bool:
    placed = face.Location()
    return not placed.IsIdentity() and bool(placed.Transformation().VectorialPart().Determinant() < 0)


def _baked(face: TopoDS_Shape, found: dict[int, Look]) -> TopoDS_Shape:
    """A mirrored placement worked into the face's geometry. The kernel's reader makes such ones without marking them
    as negative, so its own tools would turn the face inside out or leave it as it is."""
    if not _mirrored(face):
        return face
    marked = gp_Trsf()
    marked.SetValues(*tree.matrix(face.Location()).ravel().tolist())
    made = BRepBuilderAPI_Transform(face.Located(TopLoc_Location()), marked, True).Shape()
    if hash(face) in found:
        found[hash(made)] = found[hash(face)]
    return made


def _groups(shape: TopoDS_Shape) -> Iterator[list[TopoDS_Shape]]:
    """The faces outside of solids, by the compound that they are in: an exporter groups those of a body."""
    waiting = deque([shape])
    while waiting:
        whole = waiting.popleft()
        group: list[TopoDS_Shape] = []
        inside = document.children(whole) if whole.ShapeType() == TopAbs_ShapeEnum.TopAbs_COMPOUND else [whole]
        for each in inside:
            if each.ShapeType() == TopAbs_ShapeEnum.TopAbs_COMPOUND:
                waiting.append(each)
            else:
                group += document.outside(each, TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_SOLID)
        if group:
            yield group


def _apart(model: TDocStd_Document, stem: str) -> TDocStd_Document:
    """A model of many solids with each as a root of its own. IGES has no tree to lose, and the kernel's time grows with
    the square of what one root holds: 1,296 solids took 33 s. Also one of which faces have to change, and an assembly:
    readers call what is in a group after the group, if anything."""
    whole = document.shape(model)
    few = document.count(whole, TopAbs_ShapeEnum.TopAbs_SOLID) <= TOGETHER
    fit = not seams.loose(whole) and not ellipses.swept(whole)
    if few and fit and not any(map(document.components, document.roots(model))):
        return model
    bodies: list[Body] = []
    for leaf in tree.leaves(model):
        shape = XCAFDoc_ShapeTool.GetShape_s(leaf.part)
        placed = _placed(shape, leaf.location)
        known = looks(model, leaf.part, leaf.colour)
        both = (Body(each).pieces for each in (shape, placed))
        there = {
            hash(now): _coloured(known.get(hash(face), Look()), leaf.colour) for face, now in zip(*both, strict=True)
        }
        solids = list(document.explore(placed, TopAbs_ShapeEnum.TopAbs_SOLID))
        loose = next(document.outside(placed, TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_SOLID), None)
        divisible = loose is None and not document.free_edges(placed)
        parts = solids if divisible else [placed]
        made = [Body(ellipses.unswept(seams.cut(each, there), there), there) for each in parts]
        bodies += [replace(body, name=body.called or leaf.name) for body in made]
    return held([("", bodies)], stem)


def _placed(shape: TopoDS_Shape, location: TopLoc_Location) -> TopoDS_Shape:
    """With its place worked into the geometry: the kernel finds no label for a face of a placed shape to colour."""
    if location.IsIdentity():
        return shape
    return BRepBuilderAPI_Transform(shape, location.Transformation(), True).Shape()


def _coloured(look: Look, colour: Colour | None) -> Look:
    return look if look.colour else replace(look, colour=colour)


def write(
    model: TDocStd_Document, path: Path, source_name: str, options: dict[str, Any], progress: Indicator = SILENT
) -> None:
    IGESCAFControl_Writer()  # creates the settings below
    for key, value in (
        ("unit", UNITS[options["units"]]),
        ("header.company", ""),
        ("header.product", "part"),
    ):
        Interface_Static.SetCVal_s(f"write.iges.{key}", value)
    Interface_Static.SetIVal_s("write.iges.brep.mode", 1)  # solids; without it their faces, and volume 0
    writer = IGESCAFControl_Writer()
    writer.SetColorMode(True)
    writer.SetNameMode(True)
    apart = _apart(model, PurePath(source_name).stem)
    with document.renamed(apart, plain), ellipses.as_splines(document.shape(apart)):
        transferred = writer.Transfer(apart, progress.range(0.6))
    if not transferred:
        raise Refused("unsupported_geometry", "the kernel cannot write this model as IGES")
    writer.ComputeModel()
    entities = writer.Model()
    header = entities.GlobalSection()
    header.SetDate(TCollection_HAsciiString(STAMP))
    header.SetLastChangeDate(TCollection_HAsciiString(STAMP))
    header.SetFileName(TCollection_HAsciiString(f"{ascii_stem(source_name)}.igs"))
    header.SetAuthorName(TCollection_HAsciiString(""))  # else the name of the system's user
    entities.SetGlobalSection(header)
    expected = ENTITY * entities.NbEntities() + POLE * patches.poles(document.shape(apart))
    progress.writing(1.0, path, expected)
    if not writer.Write(str(path)):
        raise Refused("unsupported_geometry", "the kernel cannot write this model as IGES")


def plain(name: str) -> str:
    """A name in ASCII, all that IGES has: without accents where that is enough, else with underscores."""
    apart = (each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    return "".join(each if each.isascii() and each.isprintable() else "_" for each in apart)
