"""The loops of a face as Parasolid has them: no seams, and a vertex alone where a surface comes to a point."""

from typing import Any

from OCP.BRep import BRep_Tool
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp
from OCP.TopoDS import TopoDS, TopoDS_Iterator

from shapr.converters.brep.document import explore


def rings(face: Any) -> list[list[Any]]:
    """The loops of a face, in the order in which they are run: without seams, so a wire may fall into several."""
    found = []
    for wire in explore(face, TopAbs_ShapeEnum.TopAbs_WIRE):
        left, each = [], TopoDS_Iterator(wire)
        while each.More():
            edge = TopoDS.Edge(each.Value())
            seam = any(edge.IsSame(other) and edge.Orientation() != other.Orientation() for other in wire_edges(wire))
            if not seam and not BRep_Tool.Degenerated_s(edge):
                left.append(edge)
            each.Next()
        while left:
            ring = [left.pop(0)]
            while not ends(ring[-1])[1].IsSame(ends(ring[0])[0]):
                at = next(i for i, e in enumerate(left) if ends(e)[0].IsSame(ends(ring[-1])[1]))
                ring.append(left.pop(at))
            found.append(ring)
    return found


def passing(face: Any) -> list[list[Any]]:
    """The same, but those that meet in a vertex are one, which passes it twice."""
    found: list[list[Any]] = []
    for ring in rings(face):
        for other in found:
            for at, edge in enumerate(other):
                begins = [ends(each)[0].IsSame(ends(edge)[0]) for each in ring]
                if any(begins):
                    first = begins.index(True)
                    other[at:at] = [*ring[first:], *ring[:first]]
                    break
            else:
                continue
            break
        else:
            found.append(ring)
    return found


def apexes(face: Any) -> list[Any]:
    """The vertices where a face comes to a point, on no edge of it."""
    every = [edge for wire in explore(face, TopAbs_ShapeEnum.TopAbs_WIRE) for edge in wire_edges(wire)]
    held = [end for ring in rings(face) for edge in ring for end in ends(edge)]
    found = [ends(edge)[0] for edge in every if BRep_Tool.Degenerated_s(edge)]
    return [each for each in found if not any(each.IsSame(other) for other in held)]


def wire_edges(wire: Any) -> list[Any]:
    return [TopoDS.Edge(each) for each in explore(wire, TopAbs_ShapeEnum.TopAbs_EDGE)]


def ends(edge: Any) -> tuple[Any, Any]:
    """First and last vertex as the edge is run."""
    return TopExp.FirstVertex_s(edge, True), TopExp.LastVertex_s(edge, True)
