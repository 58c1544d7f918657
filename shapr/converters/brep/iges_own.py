"""IGES solids, shells and faces that have a transformation matrix of their own, which the kernel's reader forgets."""

from collections.abc import Iterable, Iterator

import numpy as np
from OCP.gp import gp_Trsf
from OCP.IGESData import IGESData_IGESEntity
from OCP.TDF import TDF_Label
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import document
from shapr.converters.brep.bodies import Body, Look
from shapr.converters.brep.iges_entities import Entities
from shapr.converters.brep.tree import Matrix
from shapr.converters.preflight.iges_curves import integer
from shapr.errors import Refused

# What becomes what.
SHAPES = {
    186: TopAbs_ShapeEnum.TopAbs_SOLID,
    514: TopAbs_ShapeEnum.TopAbs_SHELL,
    510: TopAbs_ShapeEnum.TopAbs_FACE,
}
MATRIX = slice(48, 56)  # of a line of the directory; what is a zero or nothing is none
UNIFORM = 1e-4  # of a matrix: these have few digits
REFUSED = "the IGES file places a solid by a matrix of the solid's own, where it cannot be told apart from others"

Moved = dict[tuple[int, ...], TopoDS_Shape]


class Own:
    """What of a file's model is placed so."""

    def __init__(self, entities: Entities) -> None:
        self.entities = entities
        self.placed: list[tuple[IGESData_IGESEntity, gp_Trsf]] = []
        millimetres = entities.model.GlobalSection().UnitValue()
        for entity in entities.of(_may_be_placed):
            if entity.TypeNumber() in SHAPES and entity.HasTransf():
                matrix = _matrix(entity, millimetres)
                if not np.allclose(matrix, np.eye(3, 4), rtol=0, atol=1e-9):
                    self.placed.append((entity, _uniform(matrix)))

    @property
    def resized(self) -> bool:
        return any(abs(abs(each.ScaleFactor()) - 1) > UNIFORM for _, each in self.placed)

    def moved(self, roots: list[TDF_Label]) -> Moved:
        """The shapes of these roots, by their entries, where they belong: those that are not there already."""
        places = Places(self._places())
        found: Moved = {}
        for root in roots if places.of else ():
            shape = XCAFDoc_ShapeTool.GetShape_s(root)
            now = places.placed(shape)
            if now is not shape:
                found[document.entry(root)] = now
        if places.of.keys() - places.met:
            raise Refused("unsupported_geometry", REFUSED)
        return found

    def _places(self) -> Iterator[tuple[TopoDS_Shape, TopLoc_Location]]:
        """What is placed, and the matrix as it acts before the place that it has already."""
        shape_of = self.entities.shapes()
        for entity, matrix in self.placed:
            shape = shape_of(entity)
            if shape is None or shape.ShapeType() != SHAPES[entity.TypeNumber()]:
                raise Refused("unsupported_geometry", REFUSED)
            already = shape.Location()
            yield shape, already.Inverted().Multiplied(TopLoc_Location(matrix)).Multiplied(already)


class Places:
    """Where shapes go that are found within others, whatever these place."""

    def __init__(self, places: Iterable[tuple[TopoDS_Shape, TopLoc_Location]]) -> None:
        self.of = {_itself(shape): place for shape, place in places}
        self.met: set[int] = set()

    def placed(self, shape: TopoDS_Shape) -> TopoDS_Shape:
        key = _itself(shape)
        if key in self.of:
            self.met.add(key)
            return shape.Located(shape.Location().Multiplied(self.of[key]))
        if shape.ShapeType() != TopAbs_ShapeEnum.TopAbs_COMPOUND:
            return shape
        held = list(document.children(shape))
        now = list(map(self.placed, held))
        same = all(new is part for new, part in zip(now, held, strict=True))
        return shape if same else document.compound(now)


def _itself(shape: TopoDS_Shape) -> int:
    """Wherever it is."""
    return hash(shape.Located(TopLoc_Location()))


def _may_be_placed(line: bytes) -> bool:
    return bool(line[MATRIX].strip(b" 0")) and integer(line[:8]) in SHAPES


def known(before: TopoDS_Shape, after: TopoDS_Shape, found: dict[int, Look]) -> dict[int, Look]:
    """What is known of the faces and curves of a shape, by the `hash` of what they are in the same shape elsewhere."""
    both = zip(Body(before).pieces, Body(after).pieces, strict=True)
    return {hash(new): found[hash(old)] for old, new in both if hash(old) in found}


def _matrix(entity: IGESData_IGESEntity, millimetres: float) -> Matrix:
    said = entity.CompoundLocation()
    values = np.array([[said.Value(row, column) for column in (1, 2, 3, 4)] for row in (1, 2, 3)])
    values[:, 3] *= millimetres
    return values


def _uniform(matrix: Matrix) -> gp_Trsf:
    squares = matrix[:, :3] @ matrix[:, :3].T
    if not (
        np.isfinite(matrix).all()
        and np.allclose(squares, np.eye(3) * squares[0, 0], rtol=0, atol=UNIFORM * squares[0, 0])
    ):
        raise Refused("unsupported_geometry", "the IGES file places a solid by a matrix that bends it")
    if not squares[0, 0] > 0:
        raise Refused("invalid_geometry", "the IGES file places a solid by a matrix that leaves nothing of it")
    made = gp_Trsf()
    made.SetValues(*matrix.ravel().tolist())
    return made
