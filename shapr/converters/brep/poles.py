"""Faces of spheres that go from pole to pole.

Where edges of such a face lie along the seam of its sphere, the kernel may take them to lie on the other side of it,
and the face for all of the sphere but itself. A sphere is the same however it is turned about its axis: so that these
have no edge at their seam, they are turned, and the shapes read once more.
"""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from OCP.BRep import BRep_Tool
from OCP.Geom import Geom_SphericalSurface
from OCP.STEPCAFControl import STEPCAFControl_Reader
from OCP.STEPConstruct import STEPConstruct
from OCP.StepGeom import StepGeom_Axis2Placement3d, StepGeom_Direction, StepGeom_SphericalSurface
from OCP.StepShape import StepShape_FaceSurface
from OCP.TCollection import TCollection_HAsciiString
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Shape

from shapr.converters.brep import document, entities
from shapr.converters.mentions import mentions

SPHERE = b"SPHERICAL_SURFACE"
FACES = b"ADVANCED_FACE", b"FACE_SURFACE"
TURN = 1.0  # radian: where no edge is likely to be
LUNE = 4  # edges of a face that is bounded by two half circles and both poles


def turned(reader: STEPCAFControl_Reader, path: Path, made: TDocStd_Document) -> bool:
    """Whether spheres of what a reader has read were turned, of which it has made such faces."""
    if not mentions(path, SPHERE) or not any(map(at_risk, _on_spheres(document.shape(made)))):
        return False
    process = reader.ChangeReader().WS().TransferReader().TransientProcess()
    risky = []
    for face in entities.of(reader, path.read_bytes(), FACES, (StepShape_FaceSurface,)):
        if isinstance(sphere := face.FaceGeometry(), StepGeom_SphericalSurface):
            risky += [sphere for shape in _on_spheres(STEPConstruct.FindShape_s(process, face)) if at_risk(shape)]
    return sum(map(_turn, risky)) > 0


def _on_spheres(shape: TopoDS_Shape) -> Iterable[TopoDS_Shape]:
    if shape.IsNull():
        return ()
    faces = document.once(shape, TopAbs_ShapeEnum.TopAbs_FACE)
    return (face for face in faces if isinstance(BRep_Tool.Surface_s(TopoDS.Face(face)), Geom_SphericalSurface))


def at_risk(face: TopoDS_Shape) -> bool:
    """Bounded by more than two half circles."""
    edges = list(document.explore(face, TopAbs_ShapeEnum.TopAbs_EDGE))
    return len(edges) > LUNE and _poles(edges) == 2 and not _has_seam(face)


def _poles(edges: Iterable[TopoDS_Shape]) -> int:
    return sum(BRep_Tool.Degenerated_s(TopoDS.Edge(edge)) for edge in edges)


def _has_seam(face: TopoDS_Shape) -> bool:
    edges = document.explore(face, TopAbs_ShapeEnum.TopAbs_EDGE)
    return any(BRep_Tool.IsClosed_s(TopoDS.Edge(edge), TopoDS.Face(face)) for edge in edges)


def _turn(sphere: StepGeom_SphericalSurface) -> bool:
    place = sphere.Position()
    if not place.HasAxis() or not place.HasRefDirection():
        return False
    up, across = _unit(place.Axis()), _unit(place.RefDirection())
    across -= up * (across @ up)
    if not across.any():
        return False
    new = StepGeom_Direction()
    ratios = math.cos(TURN) * across + math.sin(TURN) * np.cross(up, across)
    new.Init3D(TCollection_HAsciiString(""), *ratios.tolist())
    made = StepGeom_Axis2Placement3d()
    made.Init(TCollection_HAsciiString(""), place.Location(), True, place.Axis(), True, new)
    sphere.SetPosition(made)
    return True


def _unit(direction: StepGeom_Direction) -> npt.NDArray[np.float64]:
    ratios = np.array([direction.DirectionRatiosValue(at) for at in (1, 2, 3)])
    return ratios / (float(np.linalg.norm(ratios)) or 1.0)
