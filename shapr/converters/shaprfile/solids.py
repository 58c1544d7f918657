"""One body from Parasolid to the kernel, and checked before it counts."""

from dataclasses import dataclass
from pathlib import Path

from OCP.BRep import BRep_Tool
from OCP.BRepCheck import BRepCheck_Analyzer
from OCP.BRepGProp import BRepGProp
from OCP.GProp import GProp_GProps
from OCP.IFSelect import IFSelect_ReturnStatus
from OCP.ShapeAnalysis import ShapeAnalysis_ShapeTolerance
from OCP.STEPControl import STEPControl_Reader
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Face, TopoDS_Shape

from shapr.converters.brep import document
from shapr.converters.shaprfile.part21 import Part21
from shapr.converters.shaprfile.topology import BodyWriter
from shapr.converters.shaprfile.xb import File
from shapr.errors import Refused

LOOSE = 0.1  # mm: a tolerance beyond it means that edges and faces do not meet


@dataclass(frozen=True)
class Body:
    """A shape of the kernel; `faces` by Parasolid's node id."""

    shape: TopoDS_Shape
    faces: dict[int, TopoDS_Face]
    solid: bool


def converted(file: File, scratch: Path) -> Body:
    """The body of a file; `unsupported_geometry` when it does not become a sound shape, with the reason."""
    bodies = list(file.of("BODY"))
    if len(bodies) != 1:
        raise Refused("unsupported_geometry", f"{len(bodies)} bodies in one partition")
    part = Part21()
    written = BodyWriter(file, part).write(bodies[0])
    part.product("body", written.items, written.solid)
    path = scratch / "body.step"
    path.write_text(part.text(), encoding="ascii")
    reader = STEPControl_Reader()
    if reader.ReadFile(str(path)) != IFSelect_ReturnStatus.IFSelect_RetDone or not reader.TransferRoots():
        raise Refused("unsupported_geometry", "the kernel cannot build the body")
    shape = reader.OneShape()
    if written.solid:
        sound(shape, len(written.items))
    elif not document.count(shape, TopAbs_ShapeEnum.TopAbs_FACE) or not BRepCheck_Analyzer(shape).IsValid():
        raise Refused("unsupported_geometry", "the sheet came out broken")
    faces = list(document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE))
    if len(faces) < len(written.faces):
        raise Refused(
            "unsupported_geometry", f"{len(written.faces) - len(faces)} of {len(written.faces)} faces were lost"
        )
    # The kernel keeps the order in which a shell lists its faces. One that it split shifts them: then none is known.
    known = zip(written.faces, faces, strict=True) if len(faces) == len(written.faces) else ()
    return Body(shape, dict(known), written.solid)


def sound(shape: TopoDS_Shape, solids: int) -> None:
    """As many solids as there should be, valid, closed, of some volume, and with edges that meet."""
    found = list(document.explore(shape, TopAbs_ShapeEnum.TopAbs_SOLID))
    if len(found) != solids:
        raise Refused("unsupported_geometry", f"{len(found)} of {solids} solids closed")
    if not BRepCheck_Analyzer(shape).IsValid():
        raise Refused("unsupported_geometry", "the solid came out invalid")
    for solid in found:
        mass = GProp_GProps()
        BRepGProp.VolumeProperties_s(solid, mass)
        if not mass.Mass() > 0:
            raise Refused("unsupported_geometry", "the solid came out inside out or without volume")
        if not all(BRep_Tool.IsClosed_s(shell) for shell in document.explore(solid, TopAbs_ShapeEnum.TopAbs_SHELL)):
            raise Refused("unsupported_geometry", "the solid is not closed")
    worst = ShapeAnalysis_ShapeTolerance().Tolerance(shape, 1)
    if worst > LOOSE:
        raise Refused("unsupported_geometry", f"edges and faces are {worst:.2g} mm apart")
