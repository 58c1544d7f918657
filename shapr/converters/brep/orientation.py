"""Whether the faces of shells are turned alike, as the kernel's repair would turn them.

For that it takes each face as often as the shell has faces, seconds where they are thousands, and tells nobody. Here
they are counted in one pass; the kernel is asked where they are not as they should be, and then it does what it does.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from OCP.BRep import BRep_Tool
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import document, tree
from shapr.converters.progress import Reach, apart

FACE, EDGE = TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_EDGE
SHELL, SOLID = TopAbs_ShapeEnum.TopAbs_SHELL, TopAbs_ShapeEnum.TopAbs_SOLID
FORWARD, REVERSED = TopAbs_Orientation.TopAbs_FORWARD, TopAbs_Orientation.TopAbs_REVERSED
MANY = 4_000  # faces of a shell with which the kernel takes a fifth of a second; four times that for twice as many


def consistent(model: TDocStd_Document, reach: Reach) -> bool:
    """Whether each shell hangs together, has no edge twice in the same direction, says whether it closes as it does,
    and closes if it is a solid's."""
    parts = {leaf.key: XCAFDoc_ShapeTool.GetShape_s(leaf.part) for leaf in tree.leaves(model)}
    shells = [each for part in parts.values() for each in _shells(part)]
    return all(_consistent(shell, solid, each) for (shell, solid), each in apart(shells, reach))


def _shells(part: TopoDS_Shape) -> Iterator[tuple[TopoDS_Shape, bool]]:
    """Each with whether it is a solid's."""
    for solid in document.explore(part, SOLID):
        yield from ((shell, True) for shell in document.explore(solid, SHELL))
    yield from ((shell, False) for shell in document.outside(part, SHELL, SOLID))


def _consistent(shell: TopoDS_Shape, solid: bool, reach: Reach) -> bool:
    faces = list(document.explore(shell, FACE))
    uses: defaultdict[int, list[tuple[int, Any]]] = defaultdict(list)  # of an edge: by which face, and its edge
    for (number, face), part in apart(list(enumerate(faces)), reach):
        part(0.0)
        for edge in document.explore(face, EDGE):
            uses[hash(edge)].append((number, edge))
    alone = [use[0][1] for use in uses.values() if len(use) == 1]
    closed = all(BRep_Tool.Degenerated_s(TopoDS.Edge(edge)) for edge in alone)
    if shell.Closed() is not closed or (solid and not closed):
        return False
    if not all(_opposite(use) for use in uses.values()):
        return False
    return _together(len(faces), ([number for number, _ in use] for use in uses.values()))


def _opposite(use: list[tuple[int, Any]]) -> bool:
    directions = [edge.Orientation() for _, edge in use]
    return directions in ([FORWARD], [REVERSED], [FORWARD, REVERSED], [REVERSED, FORWARD])


def _together(count: int, edges: Iterable[list[int]]) -> bool:
    """Whether one gets from each of so many faces to every other over edges, each given as its faces."""
    group = list(range(count))

    def first(face: int) -> int:
        while group[face] != face:
            group[face] = group[group[face]]
            face = group[face]
        return face

    apart_yet = count
    for edge in edges:
        for one, other in pairwise(edge):
            a, b = first(one), first(other)
            apart_yet -= a != b
            group[a] = b
    return apart_yet <= 1
