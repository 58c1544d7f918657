"""What an IGES file places larger or smaller than it is: an instance of a subfigure with a scale, a matrix with one.

The kernel's reader leaves the scale in the placement and repairs the shape beneath it, where it takes lengths of one
for lengths of the other: edges end where they should not. Here the scale is worked into the geometry, and what comes of
that is repaired.
"""

from collections import deque
from collections.abc import Iterator

from OCP.BRepBuilderAPI import BRepBuilderAPI_Transform
from OCP.BRepLib import BRepLib
from OCP.ShapeFix import ShapeFix_Shape
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import document
from shapr.converters.brep.bodies import Body, Look
from shapr.converters.progress import Reach, along

NOISE = 1e-6  # of a scale: matrices have few digits
FINEST, COARSEST = 1e-7, 1.0  # millimetres: of the kernel, and up to where its reader lets a repair go
SMOOTH = 0.01  # radians within which it calls two faces smooth

Looks = dict[int, Look]


def holds(model: TDocStd_Document) -> bool:
    """Whether a face, or an edge that bounds none, is placed so."""
    shapes = (XCAFDoc_ShapeTool.GetShape_s(root) for root in document.roots(model))
    return any(_resized(piece) for shape in shapes for piece in Body(shape).pieces)


def repaired(shape: TopoDS_Shape, known: Looks, precision: float, reach: Reach) -> tuple[TopoDS_Shape, Looks]:
    """A shape that was read without repair, as it is with it, and the looks of its pieces. Of the tree of its compounds
    there remains which of them holds what."""
    groups = list(_groups(shape))
    looks: Looks = {}
    made: list[list[TopoDS_Shape]] = [[] for _ in groups]
    leaves = [(leaf, place) for group, place in zip(groups, made, strict=True) for leaf in group]
    for leaf, place in along(leaves, len(leaves), reach):
        fixed, found = _leaf(leaf, known, precision)
        place.append(fixed)
        looks |= found
    return document.compound(map(document.compound, made)), looks


def _resized(shape: TopoDS_Shape) -> bool:
    return bool(abs(shape.Location().Transformation().ScaleFactor() - 1.0) > NOISE)


def _groups(shape: TopoDS_Shape) -> Iterator[list[TopoDS_Shape]]:
    """What each compound holds that is none itself, where it is."""
    waiting = deque([document.compound([shape])])
    while waiting:
        group: list[TopoDS_Shape] = []
        for each in document.children(waiting.popleft()):
            if each.ShapeType() == TopAbs_ShapeEnum.TopAbs_COMPOUND:
                waiting.append(each)
            else:
                group.append(each)
        yield group


def _leaf(leaf: TopoDS_Shape, known: Looks, precision: float) -> tuple[TopoDS_Shape, Looks]:
    place, bare = leaf.Location(), leaf.Located(TopLoc_Location())
    if _resized(leaf):
        bare = BRepBuilderAPI_Transform(bare, place.Transformation(), True).Shape()
        place = TopLoc_Location()
    fixing = ShapeFix_Shape(bare)
    fixing.SetPrecision(min(max(precision, FINEST), COARSEST))
    fixing.SetMaxTolerance(COARSEST)
    fixing.Perform()
    fixed, context, looks = fixing.Shape(), fixing.Context(), Looks()
    BRepLib.EncodeRegularity_s(fixed, SMOOTH)
    for before, piece in zip(Body(leaf).pieces, Body(bare).pieces, strict=True):
        if hash(before) in known:
            now = context.Apply(piece)
            looks |= {hash(each.Moved(place)): known[hash(before)] for each in document.explore(now, piece.ShapeType())}
    return fixed.Moved(place), looks
