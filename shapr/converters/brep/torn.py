"""Planes of an IGES file (108) that are bounded by what the kernel can make no curve of: one with a gap, one without a
length. Its reader crashes on them, so it is told that it has made them already, of nothing."""

from collections.abc import Iterator

from OCP.IGESControl import IGESControl_Reader
from OCP.IGESData import IGESData_IGESEntity
from OCP.IGESGeom import IGESGeom_CurveOnSurface, IGESGeom_Plane
from OCP.IGESToBRep import IGESToBRep, IGESToBRep_CurveAndSurface, IGESToBRep_TopoCurve
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.Transfer import Transfer_TransientProcess

from shapr.converters.brep import document
from shapr.converters.brep.iges_entities import Entities

Planes = tuple[IGESData_IGESEntity, ...]
PLANE = b"108"
SENTENCE = "the boundary of a plane in the IGES file has a gap, or is no curve"


def planes(entities: Entities) -> Planes:
    return tuple(plane for plane, curve in _bounded(entities) if _is_nothing(entities, curve))


def sentences(found: Planes) -> tuple[str, ...]:
    return (f"Planes whose boundary has a gap or is no curve were passed over: {len(found)}.",) if found else ()


def empty(model: TDocStd_Document) -> bool:
    """Whether there is neither a face nor a curve in it."""
    return next(document.explore(document.shape(model), TopAbs_ShapeEnum.TopAbs_EDGE), None) is None


def skip(reader: IGESControl_Reader, found: Planes) -> None:
    """Before a transfer, which then makes nothing of them."""
    if not found:
        return
    made = IGESToBRep_CurveAndSurface()
    made.SetTransferProcess(reader.WS().TransferReader().TransientProcess())
    for plane in found:
        made.SetShapeResult(plane, document.compound(()))


def _bounded(entities: Entities) -> Iterator[tuple[IGESData_IGESEntity, IGESData_IGESEntity]]:
    """By what the kernel makes a curve of before it looks whether it is one."""
    for plane in entities.of(lambda line: line[:8].strip() == PLANE):
        if isinstance(plane, IGESGeom_Plane) and plane.HasBoundingCurve():
            curve = plane.BoundingCurve()
            if IGESToBRep.IsTopoCurve_s(curve) and not isinstance(curve, IGESGeom_CurveOnSurface):
                yield plane, curve


def _is_nothing(entities: Entities, curve: IGESData_IGESEntity) -> bool:
    maker = IGESToBRep_CurveAndSurface()
    maker.SetModel(entities.model)
    maker.SetTransferProcess(Transfer_TransientProcess())
    maker.SetEpsGeom(entities.model.GlobalSection().Resolution())
    made = IGESToBRep_TopoCurve(maker).TransferTopoCurve(curve)
    return made is None or bool(made.IsNull())
