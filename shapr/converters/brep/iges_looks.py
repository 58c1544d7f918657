"""Names, colours and layers that an IGES file gives to what it holds: the kernel's reader says them only of roots and,
of what is neither placed nor in a subfigure, where a colour is said."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from operator import itemgetter

from OCP.IGESControl import IGESControl_Reader
from OCP.IGESData import IGESData_IGESEntity
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import document, iges_lost
from shapr.converters.brep.bodies import Look, call
from shapr.converters.brep.bodies import looks as known_looks
from shapr.converters.brep.iges_entities import Entities
from shapr.converters.brep.iges_said import look, property_name
from shapr.converters.preflight.iges_curves import integer
from shapr.converters.progress import Reach, along, silent, within

KINDS = iges_lost.KINDS
HOLDERS = (*iges_lost.HOLDERS, 184, 430, 180, 186, 514)  # from the outside in
PART = (b"01", b"03")  # of a status: what depends physically on something else
FACE, EDGE = TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_EDGE


@dataclass
class Told:
    """What entities say, each with how far inside it is, by the shapes that they became."""

    exact: dict[int, list[tuple[int, Look]]] = field(default_factory=lambda: defaultdict(list))
    anywhere: dict[int, list[tuple[int, Look]]] = field(default_factory=lambda: defaultdict(list))
    named: set[int] = field(default_factory=set)  # faces
    nothing: list[IGESData_IGESEntity] = field(default_factory=list)  # what became none

    def add(self, entity: IGESData_IGESEntity, shape: TopoDS_Shape) -> None:
        said, kind = look(entity), entity.TypeNumber()
        depth = HOLDERS.index(kind) if kind in HOLDERS else len(HOLDERS)
        if said != Look():
            self.exact[hash(shape)].append((depth, said))
            self.anywhere[hash(shape.Located(TopLoc_Location()))].append((depth, said))
        if kind not in HOLDERS and shape.ShapeType() == FACE and property_name(entity):
            self.named.add(hash(shape))

    def of(self, shape: TopoDS_Shape) -> list[Look]:
        """Of this shape, as it is placed in what holds it; what the outer ones say first."""
        found = self.exact.get(hash(shape))
        if not found:
            found = self.anywhere.get(hash(shape.Located(TopLoc_Location())), [])
            found = found if len(found) == 1 else []  # several that are placed differently
        return [said for _, said in sorted(found, key=itemgetter(0))]


def looks(
    reader: IGESControl_Reader, entities: Entities, roots: list[TDF_Label], reach: Reach = silent
) -> tuple[dict[int, Look], tuple[str, ...]]:
    """The look nearest to each face and free edge inside of the roots, by its `hash`; the roots are called here. And
    what was lost, in sentences: names of faces within something, which have no place, and what could not be read."""
    told, found = _told(entities, within(reach, 0.0, 0.5)), dict[int, Look]()
    named = set(told.named)
    for root in along(roots, len(roots), within(reach, 0.5, 1.0)):
        shape = XCAFDoc_ShapeTool.GetShape_s(root)
        named.discard(hash(shape))
        outer, *inner = told.of(shape) or [Look()]
        if outer.name:  # the kernel's stops short of what is no UTF-8
            call(root, outer.name)
        if told.exact:
            _below(shape, reduce(_over, inner, replace(outer, name="")), told, found)
    names = (f"Names of faces were passed over: {len(named)}.",) if named else ()
    return found, (*names, *iges_lost.sentences(reader, told.nothing))


def more(model: TDocStd_Document, said: Mapping[int, Look]) -> bool:
    """Whether something is said that a document does not know."""
    return any(over(known, said) != known for known in map(partial(known_looks, model), document.roots(model)))


def over(known: dict[int, Look], said: Mapping[int, Look]) -> dict[int, Look]:
    """What is known of pieces, with what is said of them besides."""
    return {key: _over(each, said.get(key, Look())) for key, each in known.items()}


def _below(shape: TopoDS_Shape, outer: Look, told: Told, found: dict[int, Look]) -> None:
    """The smaller one has the last word. No recursion: groups may be nested some hundred deep."""
    waiting = [(shape, outer, outer.name)]
    while waiting:
        whole, said, name = waiting.pop()  # the name of what it is in: a face's own has no place
        if whole.ShapeType() not in (FACE, EDGE):
            alone = document.children(whole.Located(TopLoc_Location()))
            for piece, own in zip(document.children(whole), alone, strict=True):
                waiting.append((piece, reduce(_over, told.of(own), said), said.name))
        elif (said := replace(said, name=name)) != Look():
            found[hash(whole)] = said


def _over(outer: Look, own: Look) -> Look:
    return Look(own.name or outer.name, own.colour or outer.colour, own.layers or outer.layers)


def _told(entities: Entities, reach: Reach) -> Told:
    shape_of, told = entities.shapes(), Told()
    for entity in entities.of(_counts, reach):
        if (shape := shape_of(entity)) is None:
            told.nothing.append(entity)
        else:
            told.add(entity, shape)
    return told


def _counts(line: bytes) -> bool:
    kind = integer(line[:8])
    return kind in KINDS and (kind not in iges_lost.ALONE or line[66:68].replace(b" ", b"0") not in PART)
