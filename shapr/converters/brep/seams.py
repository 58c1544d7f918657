"""Closed faces whose seam is not exact, cut in two before they are written as IGES.

IGES knows no tolerances. Where the two ends of a closed face meet only within that of their seam, the kernel's reader
loses the face's edges, and with them the face (a torus of KiCad's L_Axial_L6.6mm_D2.7mm_P10.16mm). Halves have no seam.
"""

from OCP.BRep import BRep_Tool
from OCP.ShapeBuild import ShapeBuild_ReShape
from OCP.ShapeUpgrade import ShapeUpgrade_ClosedFaceDivide
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Shape

from shapr.converters.brep import document
from shapr.converters.brep.bodies import Look
from shapr.errors import Refused

EXACT = 1e-6  # millimetres; up to here the reader has lost none in some 100 parts


def loose(shape: TopoDS_Shape) -> list[TopoDS_Shape]:
    """The faces that have such a seam."""
    return [face for face in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE) if _loose(face)]


def _loose(face: TopoDS_Shape) -> bool:
    edges = map(TopoDS.Edge, document.explore(face, TopAbs_ShapeEnum.TopAbs_EDGE))
    return any(BRep_Tool.Tolerance_s(edge) > EXACT and BRep_Tool.IsClosed_s(edge, TopoDS.Face(face)) for edge in edges)


def cut(shape: TopoDS_Shape, looks: dict[int, Look]) -> TopoDS_Shape:
    """The same shape with these faces in halves; `looks` is told what the new faces look like."""
    faces = loose(shape)
    if not faces:
        return shape
    context = ShapeBuild_ReShape()
    for face in faces:
        dividing = ShapeUpgrade_ClosedFaceDivide(TopoDS.Face(face))
        dividing.SetContext(context)
        if _divided(dividing):
            context.Replace(face, dividing.Result())
    made = context.Apply(shape)
    for face in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE):
        if (look := looks.get(hash(face))) is not None:
            now = document.explore(context.Apply(face), TopAbs_ShapeEnum.TopAbs_FACE)
            looks |= {hash(each): look for each in now}
    return made


def _divided(dividing: ShapeUpgrade_ClosedFaceDivide) -> bool:
    """The kernel gives up on faces that are closed only by what their seam bridges."""
    try:
        return bool(dividing.Perform())
    except Exception as failure:
        if not document.kernel_gave_up(failure):
            raise
        reason = "a closed face whose ends do not meet cannot be written as IGES"
        raise Refused("invalid_geometry", reason) from failure
