"""Faces into shells and shells into solids: what surfaces of an IGES file, or triangles, enclose."""

from collections.abc import Iterable

from OCP.BRep import BRep_Builder
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeSolid, BRepBuilderAPI_Sewing
from OCP.BRepLib import BRepLib
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp_Explorer
from OCP.TopoDS import TopoDS, TopoDS_Compound, TopoDS_Shape, TopoDS_Shell

from shapr.converters.brep import document

# Fractions of the diagonal. On ten real files larger tolerances closed no more, and would join what is apart.
TOLERANCES = (1e-6, 1e-5, 1e-4, 1e-3)
SMALLEST = 1e-7  # millimetres: the kernel's own confusion


def sewn(faces: TopoDS_Shape) -> TopoDS_Shape:
    """Solids where the faces close, shells and faces where they do not: the tolerance that closes most wins."""
    low, high = document.box(faces)
    best: tuple[tuple[int, int], TopoDS_Shape] | None = None
    for fraction in TOLERANCES:
        sewing = BRepBuilderAPI_Sewing(max(SMALLEST, fraction * low.Distance(high)))
        sewing.Add(faces)
        sewing.Perform()
        compound, solids = _solids(sewing.SewedShape())
        merit = (solids, -sewing.NbFreeEdges())
        if best is None or merit > best[0]:
            best = merit, compound
        if not sewing.NbFreeEdges():
            break
    return best[1] if best else faces


def _solids(sewn: TopoDS_Shape) -> tuple[TopoDS_Compound, int]:
    shells = [TopoDS.Shell(each) for each in document.explore(sewn, TopAbs_ShapeEnum.TopAbs_SHELL)]
    compound, solids = solids_from(shells)
    loose = TopExp_Explorer(sewn, TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_SHELL)
    while loose.More():
        BRep_Builder().Add(compound, loose.Current())
        loose.Next()
    return compound, solids


def solids_from(shells: Iterable[TopoDS_Shell]) -> tuple[TopoDS_Compound, int]:
    """A compound with a solid for each closed shell, and how many; open shells stay shells."""
    builder, compound, solids = BRep_Builder(), TopoDS_Compound(), 0
    builder.MakeCompound(compound)
    for shell in shells:
        if shell.Closed():
            solid = BRepBuilderAPI_MakeSolid(shell).Solid()
            BRepLib.OrientClosedSolid_s(solid)
            builder.Add(compound, solid)
            solids += 1
        else:
            builder.Add(compound, shell)
    return compound, solids
