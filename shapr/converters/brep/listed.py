"""Compounds that list, beside their solids, the faces and edges of those solids once more, as gmsh has written them."""

from collections import Counter

from OCP.collections import IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp
from OCP.TopoDS import TopoDS_Shape

from shapr.converters.brep import document

KINDS = TopAbs_ShapeEnum
TOLD = {
    KINDS.TopAbs_SHELL: "shells",
    KINDS.TopAbs_FACE: "faces",
    KINDS.TopAbs_WIRE: "wires",
    KINDS.TopAbs_EDGE: "edges",
}
LISTED = (KINDS.TopAbs_COMPSOLID, KINDS.TopAbs_SOLID, *TOLD, KINDS.TopAbs_VERTEX)  # each may be a part of one before it


def once(whole: TopoDS_Shape) -> tuple[TopoDS_Shape, str]:
    """The shape without what is a part of another that it lists, and in words what was left out; "" if nothing was."""
    inside = list(document.children(whole)) if whole.ShapeType() == KINDS.TopAbs_COMPOUND else []
    if len({each.ShapeType() for each in inside}) < 2:
        return whole, ""
    parts = IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher()
    kept = [each for each in inside if each.ShapeType() not in LISTED]
    again: Counter[TopAbs_ShapeEnum] = Counter()
    for kind in LISTED:
        alike = [each for each in inside if each.ShapeType() == kind]
        own = [each for each in alike if not parts.Contains(each)]
        again[kind] = len(alike) - len(own)
        kept += own
        for each in own:
            TopExp.MapShapes_s(each, parts)
    named = ", ".join(f"{again[kind]} {name}" for kind, name in TOLD.items() if again[kind])
    if not named:
        return whole, ""
    return document.compound(kept), f"listed again beside what they are part of, and taken once: {named}"
