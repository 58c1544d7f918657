"""Faces with their edges joined, by the kernel's sewing: all of it but its end, which takes the square of time."""

from contextlib import suppress
from dataclasses import dataclass

from OCP.BRep import BRep_Tool
from OCP.BRepBuilderAPI import BRepBuilderAPI_Sewing
from OCP.BRepLib import BRepLib
from OCP.collections import IndexedDataMap_TopoDS_Shape_List_TopoDS_Shape_TopTools_ShapeMapHasher
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp
from OCP.TopoDS import TopoDS, TopoDS_Shape

from shapr.converters.brep import document
from shapr.converters.brep.indicator import Indicator
from shapr.converters.brep.quilt import quilted
from shapr.converters.progress import Reach, along, shows_again, within

EDGE, FACE = TopAbs_ShapeEnum.TopAbs_EDGE, TopAbs_ShapeEnum.TopAbs_FACE
KERNEL = 0.65  # of the time; the rest is ours
SEWN = 14_500.0  # bytes of memory that the kernel takes for a face, with what it takes again


@dataclass(frozen=True)
class Joined:
    """Shells, and faces that share no edge. `origin`: what each face was, by the `hash` of what it is now."""

    pieces: list[TopoDS_Shape]
    origin: dict[int, TopoDS_Shape]
    free_edges: int


def joined(faces: list[TopoDS_Shape], tolerance: float, progress: Indicator, share: float) -> Joined:
    """`share` is how much of what is left of the progress's phase this is.

    The kernel is given an empty shape that it has sewn into, so it puts no shells together; what it would do with
    those, it then leaves to us.
    """
    sewing = BRepBuilderAPI_Sewing(tolerance)
    sewing.Load(document.compound([]))
    whole = document.compound(faces)
    sewing.Add(whole)
    memory = SEWN * len(faces)
    sewing.Perform(progress.range(share * KERNEL, memory=memory if shows_again(memory) else 0.0, again=True))
    reach = progress.step(share * (1 - KERNEL) / (1 - share * KERNEL))
    now = list(document.explore(sewing.Modified(whole), FACE))
    if len(now) < len(faces):  # it has dropped what was too small
        now = [sewing.ModifiedSubShape(face) for face in along(faces, len(faces), within(reach, 0.0, 0.3))]
    origin = {hash(face): before for before, face in zip(faces, now, strict=True)}
    pieces = quilted(list(document.once(sewing.Modified(whole), FACE)), within(reach, 0.3, 0.6))
    shells = document.compound(pieces)
    _smooth(sewing, shells, within(reach, 0.6, 0.9))
    _same_parameter(shells, within(reach, 0.9, 1.0))
    return Joined(pieces, origin, sewing.NbFreeEdges())


def _smooth(sewing: BRepBuilderAPI_Sewing, whole: TopoDS_Shape, reach: Reach) -> None:
    """Notes where two faces meet without a crease, at the edges that were joined."""
    owners = IndexedDataMap_TopoDS_Shape_List_TopoDS_Shape_TopTools_ShapeMapHasher()
    TopExp.MapShapesAndAncestors_s(whole, EDGE, FACE, owners)
    count = sewing.NbContigousEdges()
    for at in along(range(1, count + 1), count, reach):
        edge = TopoDS.Edge(sewing.ContigousEdge(at))
        found = owners.FindIndex(edge)
        if found and (two := owners.FindFromIndex(found)).Extent() == 2:
            BRepLib.EncodeRegularity_s(edge, TopoDS.Face(two.First()), TopoDS.Face(two.Last()))


def _same_parameter(whole: TopoDS_Shape, reach: Reach) -> None:
    """Makes an edge's curves in space and on its faces run at one speed; where the kernel fails at it, it stays so."""
    edges = list(map(TopoDS.Edge, document.once(whole, EDGE)))
    for edge in along(edges, len(edges), reach):
        with suppress(Exception):
            BRepLib.SameParameter_s(edge, BRep_Tool.Tolerance_s(edge))
