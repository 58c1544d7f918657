"""IGES solids, shells and faces that have a transformation matrix of their own, which the kernel's reader forgets."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from OCP.gp import gp_Trsf
from OCP.IGESBasic import IGESBasic_Group, IGESBasic_SingularSubfigure
from OCP.IGESControl import IGESControl_Reader
from OCP.IGESData import IGESData_IGESEntity
from OCP.TDF import TDF_Label
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import document
from shapr.converters.brep.bodies import Body, Look
from shapr.converters.brep.tree import Matrix
from shapr.errors import Refused

# What becomes what.
SHAPES = {
    186: TopAbs_ShapeEnum.TopAbs_SOLID,
    514: TopAbs_ShapeEnum.TopAbs_SHELL,
    510: TopAbs_ShapeEnum.TopAbs_FACE,
}
HOLDERS = (184, 402, 408, 430)
DEEPEST = 50  # groups in groups
HEAD = 1 << 16  # bytes within which the directory begins; where it does not, all entities are looked at
FIRST = re.compile(rb"[\r\n]([^\r\n]{72}D[ 0]*1[ ]*\r?\n)")
# Columns of its lines. Of the first of two the matrix: what is a zero or nothing is none.
MATRIX, LETTER = slice(48, 56), 72
UNIFORM = 1e-4  # of a matrix: these have few digits
REFUSED = "the IGES file places a solid by a matrix of the solid's own, where it cannot be told apart from others"

Moved = dict[tuple[int, ...], TopoDS_Shape]


class Own:
    """What of a file's model is placed so."""

    def __init__(self, reader: IGESControl_Reader, path: Path) -> None:
        self.matrices: dict[int, gp_Trsf] = {}  # by the number in the directory
        self.model = reader.IGESModel()
        if not _directed(path):
            return
        millimetres = self.model.GlobalSection().UnitValue()
        for at in range(1, self.model.NbEntities() + 1):
            entity = self.model.Entity(at)
            if entity.TypeNumber() in SHAPES and entity.HasTransf():
                matrix = _matrix(entity, millimetres)
                if not np.allclose(matrix, np.eye(3, 4), rtol=0, atol=1e-9):
                    self.matrices[self.model.DNum(entity)] = _uniform(matrix)

    @property
    def resized(self) -> bool:
        return any(abs(abs(each.ScaleFactor()) - 1) > UNIFORM for each in self.matrices.values())

    def moved(self, reader: IGESControl_Reader, roots: list[TDF_Label]) -> Moved:
        """The shapes of these roots, by their entries, where they belong: those that are not there already."""
        left = set(self.matrices)
        if left and len(roots) != reader.NbRootsForTransfer():
            raise Refused("unsupported_geometry", REFUSED)
        found: Moved = {}
        for at, root in enumerate(roots if left else (), 1):
            shape = XCAFDoc_ShapeTool.GetShape_s(root)
            now = self._placed(reader.RootForTransfer(at), shape, left, 0)
            if now is not shape:
                found[document.entry(root)] = now
        if left:
            raise Refused("unsupported_geometry", REFUSED)
        return found

    def _placed(self, entity: IGESData_IGESEntity, shape: TopoDS_Shape, left: set[int], depth: int) -> TopoDS_Shape:
        number = self.model.DNum(entity)
        if number in self.matrices:
            if shape.ShapeType() != SHAPES[entity.TypeNumber()]:
                raise Refused("unsupported_geometry", REFUSED)
            left.discard(number)
            place, own = shape.Location(), TopLoc_Location(self.matrices[number])
            if depth and entity.TypeNumber() == 510 and not place.IsIdentity():  # which of it is the face's own?
                raise Refused("unsupported_geometry", REFUSED)
            return shape.Located(place.Multiplied(own) if depth else own.Multiplied(place))
        held = list(inside(entity, shape)) if depth < DEEPEST else []
        if not held and entity.TypeNumber() in HOLDERS:
            raise Refused("unsupported_geometry", REFUSED)
        now = [self._placed(inner, part, left, depth + 1) for inner, part in held]
        if all(new is part for new, (_, part) in zip(now, held, strict=True)):
            return shape
        return document.compound(now)


def inside(entity: IGESData_IGESEntity, shape: TopoDS_Shape) -> Iterator[tuple[IGESData_IGESEntity, TopoDS_Shape]]:
    """What an entity holds, each with the shape it became; nothing where they cannot be told apart."""
    if isinstance(entity, IGESBasic_Group):
        held = [entity.Entity(at) for at in range(1, entity.NbEntities() + 1)]
    elif isinstance(entity, IGESBasic_SingularSubfigure):
        figure = entity.Subfigure()
        held = [figure.AssociatedEntity(at) for at in range(1, figure.NbEntities() + 1)]
    else:
        return
    parts = list(document.children(shape)) if shape.ShapeType() == TopAbs_ShapeEnum.TopAbs_COMPOUND else [shape]
    if len(held) == len(parts):
        yield from ((inner, part) for inner, part in zip(held, parts, strict=True) if inner is not None)


def known(before: TopoDS_Shape, after: TopoDS_Shape, found: dict[int, Look]) -> dict[int, Look]:
    """What is known of the faces and curves of a shape, by the `hash` of what they are in the same shape elsewhere."""
    both = zip(Body(before).pieces, Body(after).pieces, strict=True)
    return {hash(new): found[hash(old)] for old, new in both if hash(old) in found}


def _directed(path: Path) -> bool:
    """Whether the directory gives one of these a matrix; lines that are not as long as the first one are not told."""
    content = np.fromfile(path, np.uint8)
    first = FIRST.search(content[:HEAD].tobytes())
    if first is None:
        return True
    width = first.end() - first.start(1)
    lines = content[first.start(1) :][: (len(content) - first.start(1)) // width * width].reshape(-1, width)
    of_directory = lines[:, LETTER] == ord("D")
    count = len(lines) if of_directory.all() else int(of_directory.argmin())
    if count == len(lines) or lines[count, LETTER] != ord("P"):
        return True
    begins = np.ndarray(count, "<u8", lines, strides=(width,))  # the first eight columns as a number
    chosen = lines[:count][np.isin(begins, [int.from_bytes(b"%8d" % kind, "little") for kind in SHAPES])]
    return not np.isin(chosen[:, MATRIX], list(b" 0")).all()


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
