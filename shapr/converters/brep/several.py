"""The bodies of parts that have several: each is an object of its own where the format has such."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from OCP.TDF import TDF_Label
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import body_names, document, tree

# Bodies, those of every instance counted. Beyond it parts stay whole: who opens the file would wait for each of them,
# and our own readers take 100,000 parts at most.
MOST = 20_000
KINDS = TopAbs_ShapeEnum
HOLDERS = (KINDS.TopAbs_COMPOUND, KINDS.TopAbs_COMPSOLID)
BODIES = (KINDS.TopAbs_SOLID, KINDS.TopAbs_SHELL)


@dataclass(frozen=True)
class Inside:
    """A body of a part: its name if the file gives it one."""

    shape: TopoDS_Shape
    name: str


Key = tuple[int, ...]  # of a part
Bodies = dict[Key, list[Inside]]  # of those parts that have several


class Names:
    """Names that occur once: parts of one name would be one object."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}

    def once(self, name: str) -> str:
        given = name
        while given in self._count:
            self._count[name] += 1
            given = f"{name} {self._count[name]}"
        self._count[given] = 1
        return given


def of(leaves: Iterable[tree.Leaf]) -> Bodies:
    """The bodies of those parts that have several."""
    known: Bodies = {}
    total = 0
    for leaf in leaves:
        if leaf.key not in known:
            known[leaf.key] = _inside(leaf.part)
        total += len(known[leaf.key])
        if total > MOST:
            return {}
    return {key: inside for key, inside in known.items() if inside}


def called(name: str, inside: Sequence[Inside]) -> list[str]:
    """What the bodies of a part of that name are called, each once: those that nobody named like it, with a number."""
    names = Names()
    given = [body.name and names.once(body.name) for body in inside]
    return [own or names.once(f"{name} {number}") for number, own in enumerate(given, 1)]


def _inside(part: TDF_Label) -> list[Inside]:
    shape = XCAFDoc_ShapeTool.GetShape_s(part)
    if shape.ShapeType() not in HOLDERS:
        return []
    found = list(_bodies(shape))
    if len(found) < 2:
        return []
    names = body_names.of_bodies(part)
    return [Inside(body, names.get(hash(body), "")) for body in found]


def _bodies(shape: TopoDS_Shape) -> Iterator[TopoDS_Shape]:
    """Its solids, shells outside of them, and loose faces that follow each other as one; in the order of its faces."""
    waiting, loose = [shape], list[TopoDS_Shape]()
    while waiting:
        each = waiting.pop()
        kind = each.ShapeType()
        if kind in HOLDERS:
            waiting += reversed(list(document.children(each)))
        elif kind == KINDS.TopAbs_FACE:
            loose.append(each)
        elif kind in BODIES and next(document.explore(each, KINDS.TopAbs_FACE), None) is not None:
            if loose:
                yield document.compound(loose)
                loose = []
            yield each
    if loose:
        yield document.compound(loose)
