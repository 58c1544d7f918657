"""Parts of STEP that are placed larger, smaller or mirrored, by a CARTESIAN_TRANSFORMATION_OPERATOR_3D: each becomes a
part of its own, of that size and hand.

The kernel's reader scales by the inverse of what such an operator says, and does not mirror, but can be told to scale
by less than nothing, which does. What comes of that are placements that only its shapes can have: no format has them.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from OCP.BRepBuilderAPI import BRepBuilderAPI_Transform
from OCP.collections import DataMap_XCAFDoc_VisMaterial_XCAFDoc_VisMaterial
from OCP.gp import gp_Pnt, gp_Trsf, gp_Vec
from OCP.STEPCAFControl import STEPCAFControl_Reader
from OCP.StepGeom import StepGeom_CartesianPoint, StepGeom_CartesianTransformationOperator3d, StepGeom_Direction
from OCP.TCollection import TCollection_HAsciiString
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import (
    XCAFDoc_DocumentTool,
    XCAFDoc_Editor,
    XCAFDoc_ShapeTool,
)

from shapr.converters.brep import document, entities
from shapr.converters.mentions import mentions
from shapr.converters.preflight.placed import OPERATOR, SAME, mirrors
from shapr.converters.progress import Reach, silent
from shapr.errors import Refused

COPIED = 100_000  # faces of copies; more only where the parts themselves have so many
Ratios = npt.NDArray[np.float64]
Known = dict[tuple[int, float], TopoDS_Shape]  # by what it was, and of which size it is
COMPOUND = TopAbs_ShapeEnum.TopAbs_COMPOUND


def say(reader: STEPCAFControl_Reader, path: Path) -> bool:
    """Change what a reader has read of the file such that it does what the operators mean; whether it has to be made
    parts of thereafter."""
    if not mentions(path, OPERATOR):
        return False
    classes = (StepGeom_CartesianTransformationOperator3d,)
    return sum(map(_say, entities.of(reader, path.read_bytes(), (OPERATOR,), classes))) > 0


def _say(operator: StepGeom_CartesianTransformationOperator3d) -> bool:
    size = operator.Scale() if operator.HasScale() else 1.0
    x, y, z = (_ratios(axis) for axis in (operator.Axis1(), operator.Axis2(), operator.Axis3()))
    if mirrors(x, y, z):
        up = np.array((0.0, 0.0, 1.0) if z is None else z)
        across = np.array((1.0, 0.0, 0.0) if x is None else x)
        operator.SetAxis1(_direction(-across))
        operator.UnSetAxis2()
        operator.SetAxis3(_direction(-up))
        size = -size
    if abs(size - 1) <= SAME:
        return False
    operator.SetScale(1 / size)
    origin = operator.LocalOrigin()
    there = StepGeom_CartesianPoint()
    there.Init3D(TCollection_HAsciiString(""), *(origin.CoordinatesValue(at) / size for at in (1, 2, 3)))
    operator.SetLocalOrigin(there)
    return True


def _ratios(axis: StepGeom_Direction | None) -> list[float] | None:
    return None if axis is None else [axis.DirectionRatiosValue(at) for at in (1, 2, 3)]


def _direction(ratios: Ratios) -> StepGeom_Direction:
    made = StepGeom_Direction()
    made.Init3D(TCollection_HAsciiString(""), *ratios.tolist())
    return made


def settle(model: TDocStd_Document, reach: Reach = silent) -> None:
    """Make parts of what is placed so, with the names, colours and layers that they have, and leave out what is used no
    more."""
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    copies = Copies(model, reach)
    kept = {document.entry(copies.root(root)) for root in document.roots(model)}
    while spare := [root for root in document.roots(model) if document.entry(root) not in kept]:
        if not all(tool.RemoveShape(root, True) for root in spare):
            raise RuntimeError("the kernel keeps a part that nobody uses")
    tool.UpdateAssemblies()


class Copies:
    """Parts, and assemblies of them, in the sizes in which they are there: below zero those that are mirrored at the
    origin. As a matrix such a size is the same whichever way one looks at it, so a part may be scaled before it is
    turned."""

    def __init__(self, model: TDocStd_Document, reach: Reach) -> None:
        self.tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
        self.reach = reach
        self.all = len(document.labels(self.tool.GetShapes))
        self.made: dict[tuple[tuple[int, ...], float], TDF_Label] = {}
        self.faces: dict[tuple[int, ...], int] = {}
        self.copied = 0

    def root(self, root: TDF_Label) -> TDF_Label:
        part = document.referred(root)
        if part is root:
            return self.at(root, 1.0)
        place = XCAFDoc_ShapeTool.GetLocation_s(root)
        made = self.at(part, _size(place))
        if document.entry(made) == document.entry(part):
            return root
        shape = XCAFDoc_ShapeTool.GetShape_s(made)
        label = self.tool.AddShape(shape.Moved(_rigid(place)), False)
        self._described(root, label)
        return label

    def at(self, part: TDF_Label, size: float) -> TDF_Label:
        """The part of that size; itself, where it is so and nothing in it is placed at another one."""
        key = document.entry(part), float(f"{size:.12g}")
        if key not in self.made:
            whole = self._assembly(part, size) if document.components(part) else self._part(part, size)
            self.made[key] = whole
            self.reach(min(len(self.made) / self.all, 1.0))
        return self.made[key]

    def _assembly(self, part: TDF_Label, size: float) -> TDF_Label:
        inside = []
        for component in document.components(part):
            place, held = XCAFDoc_ShapeTool.GetLocation_s(component), document.referred(component)
            inside.append((component, place, held, self.at(held, size * _size(place))))
        if _is_one(size) and all(document.entry(held) == document.entry(made) for _, _, held, made in inside):
            return part
        whole = self.tool.NewShape()
        self._described(part, whole)
        for component, place, _, made in inside:
            self._described(component, self.tool.AddComponent(whole, made, _rigid(place, size)))
        return whole

    def _part(self, part: TDF_Label, size: float) -> TDF_Label:
        shape = XCAFDoc_ShapeTool.GetShape_s(part)
        if _is_one(size) and not _resized(shape):
            return part
        self._count(part, shape)
        made = _sized(shape, size, {})
        label = self.tool.AddShape(made, False)
        self._described(part, label)
        pieces = [(piece, XCAFDoc_ShapeTool.GetShape_s(piece)) for piece in document.sublabels(part)]
        now: dict[int, TopoDS_Shape] = {}
        for kind in {old.ShapeType() for _, old in pieces}:
            both = (document.explore(each, kind) for each in (shape, made))
            now |= {hash(old): new for old, new in zip(*both, strict=True)}
        for piece, old in pieces:
            self._described(piece, self.tool.AddSubShape(label, now[hash(old)]))
        return label

    def _count(self, part: TDF_Label, shape: TopoDS_Shape) -> None:
        faces = document.count(shape, TopAbs_ShapeEnum.TopAbs_FACE)
        self.faces[document.entry(part)] = faces
        self.copied += faces
        if self.copied > max(COPIED, 3 * sum(self.faces.values())):
            raise Refused("decompression_bomb", f"parts are placed at so many scales that it takes {self.copied} faces")

    def _described(self, old: TDF_Label, new: TDF_Label) -> None:
        """With what is known of it."""
        if not new.IsNull():  # the kernel finds no label for a piece of a placed part
            XCAFDoc_Editor.CloneMetaData_s(old, new, DataMap_XCAFDoc_VisMaterial_XCAFDoc_VisMaterial())


def _is_one(size: float) -> bool:
    return abs(size - 1) <= SAME


def _size(place: TopLoc_Location) -> float:
    return float(place.Transformation().ScaleFactor())


def _rigid(place: TopLoc_Location, size: float = 1.0) -> TopLoc_Location:
    """The placement without its scale, in something of that size."""
    moving = place.Transformation()
    moving.SetScaleFactor(1.0)
    moving.SetTranslationPart(gp_Vec(moving.TranslationPart()).Multiplied(size))
    return TopLoc_Location(moving)


def _resized(shape: TopoDS_Shape) -> bool:
    """Whether a piece of it that is no compound is placed so."""
    if shape.ShapeType() == COMPOUND:
        return any(map(_resized, document.children(shape)))
    return not _is_one(_size(shape.Location()))


def _sized(shape: TopoDS_Shape, size: float, known: Known) -> TopoDS_Shape:
    """The shape in another size, placed without one. What it holds several times is one in it too."""
    if shape.ShapeType() == COMPOUND:
        return document.compound(_sized(each, size, known) for each in document.children(shape))
    place = shape.Location()
    bare, whole = shape.Located(TopLoc_Location()), size * _size(place)
    key = hash(bare), float(f"{whole:.12g}")
    if key not in known:
        sizing = gp_Trsf()
        sizing.SetScale(gp_Pnt(0, 0, 0), whole)
        known[key] = BRepBuilderAPI_Transform(bare, sizing, True).Shape()
    return known[key] if place.IsIdentity() else known[key].Moved(_rigid(place, size))
