"""A B-Rep model: an XCAF document (solids, assembly tree, names, colours), in millimetres."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

from OCP.Bnd import Bnd_Box
from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepBndLib import BRepBndLib
from OCP.BRepBuilderAPI import BRepBuilderAPI_Transform
from OCP.collections import IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher, Sequence_TDF_Label
from OCP.Geom import Geom_BSplineSurface
from OCP.gp import gp_Pnt, gp_Trsf
from OCP.Message import Message, Message_Printer
from OCP.TCollection import TCollection_ExtendedString
from OCP.TDataStd import TDataStd_Comment, TDataStd_Name
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp, TopExp_Explorer
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Compound, TopoDS_Iterator, TopoDS_Shape
from OCP.XCAFApp import XCAFApp_Application
from OCP.XCAFDoc import XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from shapr.converters.progress import Reach, apart, silent, within
from shapr.errors import Refused

MAX_INSTANCES = 100_000
LARGEST = 1e9  # millimetres: a box beyond it is a lie, or infinite
SMALLEST = 1e-6  # likewise: what the kernel's tolerance alone makes of a point, and some more
NARROWEST = 1e-100  # of a surface's parameters: near the end of what a number can say the kernel meshes for ever
UNREAD = 99  # the label of what was passed over, beyond those of the kernel's own

Message.DefaultMessenger_s().RemovePrinters(Message_Printer.get_type_descriptor_s())


def new() -> TDocStd_Document:
    document = TDocStd_Document(TCollection_ExtendedString("BinXCAF"))
    XCAFApp_Application.GetApplication_s().InitDocument(document)
    XCAFDoc_DocumentTool.SetLengthUnit_s(document, 0.001)
    XCAFDoc_ShapeTool.SetAutoNaming_s(False)  # "COMPOUND" is no name
    return document


def say_units(document: TDocStd_Document, units: str | None) -> None:
    """Note the units that a file says it is in; the model is in millimetres all the same."""
    TDataStd_Comment.Set_s(document.Main(), TCollection_ExtendedString(units or ""))


def units(document: TDocStd_Document) -> str | None:
    """um, mm, cm, m, in or ft as the file says; None where it says nothing, or something else."""
    comment = TDataStd_Comment()
    if not document.Main().IsAttribute(TDataStd_Comment.GetID_s()):
        return None
    document.Main().FindAttribute(TDataStd_Comment.GetID_s(), comment)
    return str(comment.Get().ToExtString()) or None


def say_unread(document: TDocStd_Document, sentence: str) -> None:
    """Note what else the reader of the file had to pass over."""
    told = "\n".join((*unread(document), sentence))
    TDataStd_Comment.Set_s(document.Main().FindChild(UNREAD), TCollection_ExtendedString(told))


def unread(document: TDocStd_Document) -> tuple[str, ...]:
    label, comment = document.Main().FindChild(UNREAD), TDataStd_Comment()
    if not label.IsAttribute(TDataStd_Comment.GetID_s()):
        return ()
    label.FindAttribute(TDataStd_Comment.GetID_s(), comment)
    return tuple(str(comment.Get().ToExtString()).split("\n"))


def kernel_gave_up(failure: Exception) -> bool:
    """Whether it is an exception of the kernel: those have no ancestor in common."""
    return type(failure).__module__.startswith("OCP")


def holding(shape: TopoDS_Shape, name: str) -> TDocStd_Document:
    """A document of one shape, named like its file."""
    document = new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(document.Main())
    label = tool.AddShape(shape, False)
    TDataStd_Name.Set_s(label, TCollection_ExtendedString(PurePath(name).stem, True))
    return document


def shape(document: TDocStd_Document) -> TopoDS_Shape:
    return XCAFDoc_DocumentTool.ShapeTool_s(document.Main()).GetOneShape()


def roots(document: TDocStd_Document) -> list[TDF_Label]:
    return labels(XCAFDoc_DocumentTool.ShapeTool_s(document.Main()).GetFreeShapes)


def components(label: TDF_Label) -> list[TDF_Label]:
    return labels(lambda found: XCAFDoc_ShapeTool.GetComponents_s(label, found))


def sublabels(part: TDF_Label) -> list[TDF_Label]:
    """The labels of a part's solids, shells, faces... that have something of their own: a colour, a name, a layer."""
    return labels(lambda found: XCAFDoc_ShapeTool.GetSubShapes_s(part, found))


def referred(label: TDF_Label) -> TDF_Label:
    """The part that an instance is one of; a part itself."""
    found = TDF_Label()
    return found if XCAFDoc_ShapeTool.GetReferredShape_s(label, found) else label


def name(label: TDF_Label) -> str:
    if not label.IsAttribute(TDataStd_Name.GetID_s()):  # the wheel crashes on looking for what is not there
        return ""
    attribute = TDataStd_Name()
    label.FindAttribute(TDataStd_Name.GetID_s(), attribute)
    return str(attribute.Get().ToExtString())


@contextmanager
def renamed(document: TDocStd_Document, how: Callable[[str], str]) -> Iterator[None]:
    """For a while every part, body and instance is called what `how` makes of its name."""
    found = labels(XCAFDoc_DocumentTool.ShapeTool_s(document.Main()).GetShapes)
    every = (label for part in found for label in (part, *components(part), *sublabels(part)))
    names = {entry(label): (label, name(label)) for label in every}
    changed = [(label, given) for label, given in names.values() if how(given) != given]
    for label, given in changed:
        TDataStd_Name.Set_s(label, TCollection_ExtendedString(how(given), True))
    yield
    for label, given in changed:
        TDataStd_Name.Set_s(label, TCollection_ExtendedString(given, True))


def explore(shape: TopoDS_Shape, kind: TopAbs_ShapeEnum) -> Iterator[Any]:
    explorer = TopExp_Explorer(shape, kind)
    while explorer.More():
        yield explorer.Current()
        explorer.Next()


def once(shape: TopoDS_Shape, kind: TopAbs_ShapeEnum) -> Iterator[Any]:
    """Those of a kind, shared ones once."""
    known = IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher()
    TopExp.MapShapes_s(shape, kind, known)
    return (known.FindKey(at) for at in range(1, known.Extent() + 1))


def compound(shapes: Iterable[TopoDS_Shape]) -> TopoDS_Compound:
    builder, made = BRep_Builder(), TopoDS_Compound()
    builder.MakeCompound(made)
    for shape in shapes:
        builder.Add(made, shape)
    return made


def children(shape: TopoDS_Shape) -> Iterator[TopoDS_Shape]:
    """What a shape is made of directly, where it is."""
    iterator = TopoDS_Iterator(shape)
    while iterator.More():
        yield iterator.Value()
        iterator.Next()


def outside(shape: TopoDS_Shape, kind: TopAbs_ShapeEnum, holder: TopAbs_ShapeEnum) -> Iterator[Any]:
    """Those that belong to no shape of another kind."""
    explorer = TopExp_Explorer(shape, kind, holder)
    while explorer.More():
        yield explorer.Current()
        explorer.Next()


def free_edges(shape: TopoDS_Shape) -> list[TopoDS_Shape]:
    """The edges that bound no face: wires, curves."""
    return list(outside(shape, TopAbs_ShapeEnum.TopAbs_EDGE, TopAbs_ShapeEnum.TopAbs_FACE))


def faceless(document: TDocStd_Document) -> bool:
    """Whether there is nothing in it that could be triangulated."""
    return next(explore(shape(document), TopAbs_ShapeEnum.TopAbs_FACE), None) is None


def count(shape: TopoDS_Shape, kind: TopAbs_ShapeEnum) -> int:
    return sum(1 for _ in explore(shape, kind))


def check_instances(document: TDocStd_Document) -> None:
    """Count the leaves of the assembly by arithmetic: thirty nested doublings would be a billion shapes."""
    known: dict[tuple[int, ...], int] = {}

    def leaves(label: TDF_Label) -> int:
        label = referred(label)
        key = entry(label)
        if key not in known:
            known[key] = -1
            inside = components(label)
            known[key] = sum(map(leaves, inside)) if inside else 1
        if known[key] < 0:
            raise Refused("corrupt_file", "an assembly contains itself")
        return known[key]

    try:
        total = sum(map(leaves, roots(document)))
    except RecursionError:
        raise Refused("limit_exceeded", "the assembly is nested too deeply") from None
    if total == 0:
        raise Refused("no_geometry", "the file holds no shape")
    if total > MAX_INSTANCES:
        raise Refused("decompression_bomb", f"the assembly expands to {total} parts; {MAX_INSTANCES} are allowed")


def box(shape: TopoDS_Shape) -> tuple[gp_Pnt, gp_Pnt]:
    """The corners of a quick bounding box in millimetres; refused when there is none or it is not finite."""
    found = Bnd_Box()
    BRepBndLib.Add_s(shape, found, False)
    if found.IsVoid():
        raise Refused("no_geometry", "the file holds no shape that has a size")
    low, high = found.CornerMin(), found.CornerMax()
    values = [v for corner in (low, high) for v in (corner.X(), corner.Y(), corner.Z())]
    if not all(abs(v) < LARGEST for v in values):  # a NaN is not smaller either
        raise Refused("invalid_geometry", "the model's size is not finite")
    return low, high


def check(document: TDocStd_Document, reach: Reach = silent) -> None:
    """Something to convert, of a finite size, every vertex of every part and every placement too: the kernel's boxes
    pass over what is not a number."""
    whole = shape(document)
    if whole is None or whole.IsNull() or (faceless(document) and not free_edges(whole)):
        raise Refused("no_geometry", "the file holds no face and no curve")
    low, high = box(whole)
    if low.Distance(high) < SMALLEST:
        raise Refused("no_geometry", "the shapes of the file are no larger than a point")
    reach(0.5)
    shapes = labels(XCAFDoc_DocumentTool.ShapeTool_s(document.Main()).GetShapes)
    for label, own in apart(shapes, within(reach, 0.5, 1.0)):
        inside = components(label)
        placements = [XCAFDoc_ShapeTool.GetLocation_s(each) for each in inside]
        if not inside:
            vertices = once(XCAFDoc_ShapeTool.GetShape_s(label), TopAbs_ShapeEnum.TopAbs_VERTEX)
            points = (BRep_Tool.Pnt_s(TopoDS.Vertex(each)) for each in vertices)
            _check_surfaces(XCAFDoc_ShapeTool.GetShape_s(label), own)
        else:
            points = (gp_Pnt(*_moved(each)) for each in placements)
        if not all(math.isfinite(sum(point.Coord())) for point in points):
            raise Refused("invalid_geometry", "a point of the model is not a number, or infinite")


def _check_surfaces(shape: TopoDS_Shape, reach: Reach) -> None:
    """Surfaces that the kernel would mesh for ever; and the tessellated shapes of AP242, faces of nothing but
    triangles, which it cannot measure or write."""
    surfaces = [BRep_Tool.Surface_s(TopoDS.Face(face)) for face in explore(shape, TopAbs_ShapeEnum.TopAbs_FACE)]
    reach(0.5)
    if any(isinstance(surface, Geom_BSplineSurface) and _narrow(surface) for surface in surfaces):
        raise Refused("invalid_geometry", "the parameters of a surface have no extent")
    bare = sum(surface is None for surface in surfaces)
    if bare:
        raise Refused(
            "unsupported_geometry",
            f"{bare} of {len(surfaces)} faces of a part are triangles without a surface (tessellated shapes)",
        )


def _narrow(surface: Geom_BSplineSurface) -> bool:
    from_u, to_u, from_v, to_v = surface.Bounds()
    return bool(min(to_u - from_u, to_v - from_v) < NARROWEST)


def _moved(location: TopLoc_Location) -> list[float]:
    """Where a placement takes the point 1 1 1."""
    transform = location.Transformation()
    return [sum(transform.Value(row, column) for column in (1, 2, 3, 4)) for row in (1, 2, 3)]


def scaled(shape: TopoDS_Shape, factor: float) -> TopoDS_Shape:
    if factor == 1.0:
        return shape
    scaling = gp_Trsf()
    scaling.SetScale(gp_Pnt(0, 0, 0), factor)
    return BRepBuilderAPI_Transform(shape, scaling, True).Shape()


def labels(fill: Callable[[Sequence_TDF_Label], Any]) -> list[TDF_Label]:
    found = Sequence_TDF_Label()
    fill(found)
    return items(found)


def items(sequence: Any) -> list[Any]:
    """What a sequence of the kernel holds. Not by iteration, nor by `Length()`: the wheel throws a C++ exception inside
    both, which costs half a millisecond each time."""
    return [sequence.Value(at) for at in range(1, len(sequence) + 1)]


def entry(label: TDF_Label) -> tuple[int, ...]:
    tags = []
    while not label.IsRoot():
        tags.append(label.Tag())
        label = label.Father()
    return tuple(tags)
