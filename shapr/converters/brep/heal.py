"""Repair, if asked for: what the kernel finds wrong is fixed, what is open sewn, what is inside out turned."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from OCP.BRep import BRep_Tool
from OCP.BRepCheck import BRepCheck_Analyzer
from OCP.BRepLib import BRepLib
from OCP.BRepTools import BRepTools_ReShape
from OCP.ShapeFix import ShapeFix_Shape
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from shapr.converters.brep import body_names, colours, document, tree
from shapr.converters.brep.bodies import Look
from shapr.converters.brep.indicator import SILENT, Indicator
from shapr.converters.brep.measure import extent, volume
from shapr.converters.brep.sew import sewn
from shapr.converters.progress import apart

FACE, EDGE = TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_EDGE
SHELL, SOLID = TopAbs_ShapeEnum.TopAbs_SHELL, TopAbs_ShapeEnum.TopAbs_SOLID
# A repair may move an edge by this fraction of a part's diagonal, not more: what is wider apart stays as it is.
TOLERANCE = 1e-4
# Of the time of a part: checked, then fixed, then sewn; the rest is checked again. As shares of what each leaves.
CHECKED, FIXED, SEWN = 0.12, 0.4, 0.8
VALIDATED = 0.5  # of a check: then volumes are summed
CHECKING = 18_000.0  # bytes of memory that it takes for a face


@dataclass
class Wrong:
    """What is wrong with a model, in numbers."""

    invalid_solids: int = 0
    invalid_faces: int = 0
    invalid_edges: int = 0
    open_shells: int = 0
    inside_out_solids: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, each.name) for each in fields(self))

    def add(self, other: "Wrong") -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass
class Healing:
    """What was done. `tolerance` is the widest that a repair was allowed, in mm."""

    parts: int = 0
    repaired_parts: int = 0
    before: Wrong = field(default_factory=Wrong)
    after: Wrong = field(default_factory=Wrong)
    changed_faces: int = 0
    changed_edges: int = 0
    tolerance: float = 0.0


def healed(model: TDocStd_Document, progress: Indicator = SILENT) -> dict[str, Any]:
    """The document repaired in place, and what was wrong and was done: see `Healing`.

    A part without a fault, or with one that the repair does not lessen, is left as it is. Names and colours stay.
    """
    found = Healing()
    parts = {leaf.key: leaf.part for leaf in tree.leaves(model)}
    for at, part in enumerate(parts.values()):
        share = 1 / (len(parts) - at)  # of what is left
        found.parts += 1
        shape = XCAFDoc_ShapeTool.GetShape_s(part)
        wrong = faults(shape, progress, CHECKED * share)
        found.before.add(wrong)
        if wrong.total:
            wrong = _repair(model, part, wrong, found, progress, share)
        found.after.add(wrong)
    if found.repaired_parts:
        XCAFDoc_DocumentTool.ShapeTool_s(model.Main()).UpdateAssemblies()
    return asdict(found)


def faults(shape: TopoDS_Shape, progress: Indicator = SILENT, share: float = 0.0) -> Wrong:
    """`share` is how much of what is left of the progress's phase this is."""
    progress.taking(share * VALIDATED, CHECKING * document.count(shape, FACE))
    checked = BRepCheck_Analyzer(shape)
    reach = progress.step(share * (1 - VALIDATED) / (1 - share * VALIDATED))
    solids = list(document.explore(shape, SOLID))
    wrong = Wrong(
        open_shells=sum(not BRep_Tool.IsClosed_s(each) for each in document.explore(shape, SHELL))
        + sum(1 for _ in document.outside(shape, FACE, SHELL)),
        inside_out_solids=sum(volume(each, reach=part) < 0 for each, part in apart(solids, reach)),
    )
    if not checked.IsValid():
        for kind in (SOLID, FACE, EDGE):
            once = {hash(each): each for each in document.explore(shape, kind)}
            invalid = sum(not checked.IsValid(each) for each in once.values())
            setattr(wrong, {SOLID: "invalid_solids", FACE: "invalid_faces", EDGE: "invalid_edges"}[kind], invalid)
    return wrong


def _repair(
    model: TDocStd_Document, part: TDF_Label, before: Wrong, found: Healing, progress: Indicator, share: float
) -> Wrong:
    """What is wrong afterwards."""
    shape = XCAFDoc_ShapeTool.GetShape_s(part)
    box = extent(shape)
    diagonal = float(sum((box[:3] + box[3:]) ** 2)) ** 0.5
    tolerance = max(TOLERANCE * diagonal, 1e-6)
    fixing = ShapeFix_Shape(shape)
    fixing.SetMaxTolerance(tolerance)
    fixing.Perform(progress.range(FIXED * share))
    context, fixed = fixing.Context(), fixing.Shape()
    own, called = colours.faces(part), body_names.of_faces(part)
    looks: dict[int, Look] = {}
    for face in document.explore(shape, FACE):
        if hash(face) in own or hash(face) in called:
            now, look = context.Apply(face), Look(called.get(hash(face), ""), own.get(hash(face)))
            looks |= {hash(each): look for each in document.explore(now, FACE)}
    fixed, looks = _closed(fixed, looks, diagonal, progress, SEWN * share)
    for solid in document.explore(fixed, SOLID):
        if BRep_Tool.IsClosed_s(solid) and volume(solid) < 0:
            BRepLib.OrientClosedSolid_s(TopoDS.Solid(solid))
    after = faults(fixed, progress, share)
    if after.total >= before.total:
        return before
    found.changed_faces += _changed(shape, FACE, context)
    found.changed_edges += _changed(shape, EDGE, context)
    found.repaired_parts += 1
    found.tolerance = max(found.tolerance, tolerance)
    _replace(model, part, fixed, looks)
    return after


def _changed(shape: TopoDS_Shape, kind: TopAbs_ShapeEnum, context: BRepTools_ReShape) -> int:
    once = {hash(each): each for each in document.explore(shape, kind)}
    return sum(not context.Apply(each).IsSame(each) for each in once.values())


def _closed(
    shape: TopoDS_Shape, looks: dict[int, Look], diagonal: float, progress: Indicator, share: float
) -> tuple[TopoDS_Shape, dict[int, Look]]:
    """Solids that close as they are; the faces of all else sewn."""
    solids = [
        each for each in document.explore(shape, SOLID) if all(map(BRep_Tool.IsClosed_s, document.explore(each, SHELL)))
    ]
    kept = {hash(face) for solid in solids for face in document.explore(solid, FACE)}
    loose = [face for face in document.explore(shape, FACE) if hash(face) not in kept]
    if not loose:
        return shape, looks
    closed, rest = sewn(loose, looks, diagonal, progress, share)
    for body in (*closed, *rest):
        looks = looks | body.looks
    shapes = [*solids, *(body.shape for body in (*closed, *rest)), *document.free_edges(shape)]
    return shapes[0] if len(shapes) == 1 else document.compound(shapes), looks


def _replace(model: TDocStd_Document, part: TDF_Label, shape: TopoDS_Shape, looks: dict[int, Look]) -> None:
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    for label in document.sublabels(part):
        label.ForgetAllAttributes(True)
    tool.SetShape(part, shape)
    for face in document.explore(shape, FACE):
        look = looks.get(hash(face), Look())
        if look.colour is not None:
            colours.set(model, tool.AddSubShape(part, face), look.colour)
    body_names.put(model, part, looks)
