"""One body from Parasolid to the kernel, and checked before it counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from OCP.BRep import BRep_Tool
from OCP.BRepBuilderAPI import BRepBuilderAPI_GTransform, BRepBuilderAPI_ModifyShape, BRepBuilderAPI_Transform
from OCP.BRepCheck import BRepCheck_Analyzer
from OCP.collections import HSequence_TopoDS_Shape
from OCP.Geom import Geom_BSplineCurve
from OCP.gp import gp_GTrsf, gp_Trsf
from OCP.IFSelect import IFSelect_ReturnStatus
from OCP.ShapeAnalysis import ShapeAnalysis_FreeBounds, ShapeAnalysis_ShapeTolerance
from OCP.STEPControl import STEPControl_Reader
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Face, TopoDS_Shape

from shapr.converters.brep import document
from shapr.converters.brep.document import compound
from shapr.converters.brep.measure import volume
from shapr.converters.shaprfile import frames, sides, walk
from shapr.converters.shaprfile.curves import CONFUSED
from shapr.converters.shaprfile.history import Matrix
from shapr.converters.shaprfile.part21 import MM, Part21
from shapr.converters.shaprfile.topology import BodyWriter, Reading, Written
from shapr.converters.shaprfile.xb import File, Node, contradictions
from shapr.errors import Refused

SHELLS = 6  # of a region that are tried as the outer one
LOOSE = 0.1  # mm: a tolerance beyond it means that edges and faces do not meet


@dataclass(frozen=True)
class Body:
    """A shape of the kernel; `faces` by Parasolid's node id, as far as that is known."""

    shape: TopoDS_Shape
    faces: dict[int, tuple[TopoDS_Face, ...]]
    kind: str  # solid, sheet or wire: the most that is in it


def converted(file: File, scratch: Path) -> Body:
    """The body of a file; `unsupported_geometry` when it does not become a sound shape, with the reason."""
    bodies = list(file.of("BODY"))
    if len(bodies) != 1:
        raise Refused("unsupported_geometry", f"{len(bodies)} bodies in one partition")
    first = last = None
    fitted: dict[int, Geom_BSplineCurve] = {}
    tried: dict[str, Written] = {}
    for reading in _readings(file):
        if reading.loops is not list and not any(written.touching for written in tried.values()):
            continue
        if reading.turn > 1 and str(last) == str(first):
            break  # other frames changed nothing
        try:
            with contradictions():
                text, written = _said(file, bodies[0], reading, fitted)
                if text not in tried:
                    tried[text] = written
                    return _built(file, text, written, scratch)
        except Refused as refused:
            if not tried:
                raise  # what cannot be said in STEP can be said in no other way
            last = refused
        except Exception as failure:
            if not document.kernel_gave_up(failure):
                raise
            last = Refused("unsupported_geometry", f"the kernel gave up on it ({type(failure).__name__})")
        first = first or last
    raise first or Refused("unsupported_geometry", "the body cannot be read")


def _readings(file: File) -> Iterator[Reading]:
    ways = (False, True) if any(edge.curve is None for edge in file.of("EDGE")) else (False,)
    yield from (Reading(along_edge=way) for way in ways)
    for loops in (walk.touching, walk.apart, walk.turned):
        yield from (Reading(along_edge=way, loops=loops) for way in ways)
    shells = [region.shell for region in file.of("REGION") if region.type == "S"]
    if any(file.nodes[shell].next for shell in shells if shell in file.nodes):
        yield from (Reading(outer=at) for at in range(1, SHELLS))
    if any(True for _ in file.of(*frames.ROUND)):
        yield from (Reading(along_edge=way, turn=turn) for turn in range(1, frames.TURNS + 1) for way in ways)


def _said(file: File, body: Node, reading: Reading, fitted: dict[int, Geom_BSplineCurve]) -> tuple[str, Written]:
    """The body as STEP."""
    part = Part21()
    written = BodyWriter(file, part, fitted, reading).write(body)
    part.product("body", written.items)
    return part.text(), written


def _built(file: File, text: str, written: Written, scratch: Path) -> Body:
    path = scratch / "body.step"
    path.write_text(text, encoding="ascii")
    reader = STEPControl_Reader()
    if reader.ReadFile(str(path)) != IFSelect_ReturnStatus.IFSelect_RetDone or not reader.TransferRoots():
        raise Refused("unsupported_geometry", "the kernel cannot build the body")
    shape = _wired(reader.OneShape(), len(written.wires))
    kind = "solid" if written.solids else "sheet" if written.sheets else "wire"
    sound(shape, len(written.solids), kind)
    faces = [TopoDS.Face(face) for face in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE)]
    if len(faces) < len(written.faces):
        raise Refused(
            "unsupported_geometry", f"{len(written.faces) - len(faces)} of {len(written.faces)} faces were lost"
        )
    if len(faces) > len(written.faces):
        return Body(shape, sides.matched(file, written.looks, faces), kind)
    if written.solids and (over := sides.turned_over(written.along, faces)):
        raise Refused("unsupported_geometry", f"the kernel turns {over} of its {len(faces)} faces over")
    known: dict[int, tuple[TopoDS_Face, ...]] = {}
    for id, face in zip(written.faces, faces, strict=True):  # the kernel keeps the order in which a shell lists them
        known[id] = (*known.get(id, ()), face)
    return Body(shape, known, kind)


def _wired(shape: TopoDS_Shape, edges: int) -> TopoDS_Shape:
    """The shape with its edges that bound no face as wires: those that meet are one."""
    found = document.free_edges(shape)
    if len(found) != edges:
        raise Refused("unsupported_geometry", f"{len(found)} of {edges} edges without faces came out")
    if not edges:
        return shape
    row = HSequence_TopoDS_Shape()
    for edge in found:
        row.Append(edge)
    wires = document.items(ShapeAnalysis_FreeBounds.ConnectEdgesToWires_s(row, CONFUSED, False))
    if sum(document.count(wire, TopAbs_ShapeEnum.TopAbs_EDGE) for wire in wires) != edges:
        raise Refused("unsupported_geometry", "edges were lost where they meet")
    bodies = document.explore(shape, TopAbs_ShapeEnum.TopAbs_SOLID)
    shells = document.outside(shape, TopAbs_ShapeEnum.TopAbs_SHELL, TopAbs_ShapeEnum.TopAbs_SOLID)
    faces = document.outside(shape, TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_SHELL)
    parts = [*bodies, *shells, *faces, *wires]
    return parts[0] if len(parts) == 1 else compound(parts)


def sound(shape: TopoDS_Shape, solids: int, kind: str = "solid") -> None:
    """As many solids as there should be, valid, closed, of some volume, and with edges that meet."""
    found = list(document.explore(shape, TopAbs_ShapeEnum.TopAbs_SOLID))
    if len(found) != solids:
        raise Refused("unsupported_geometry", f"{len(found)} of {solids} solids closed")
    if not BRepCheck_Analyzer(shape).IsValid():
        raise Refused("unsupported_geometry", f"the {kind} came out invalid")
    for solid in found:
        if not volume(solid) > 0:
            raise Refused("unsupported_geometry", "the solid came out inside out or without volume")
        shells = list(document.explore(solid, TopAbs_ShapeEnum.TopAbs_SHELL))
        volumes = sorted(map(volume, shells), key=abs) if len(shells) > 1 else []
        if any(each > 0 for each in volumes[:-1]):
            raise Refused("unsupported_geometry", "a void of the solid came out full")
        if not all(map(BRep_Tool.IsClosed_s, shells)):
            raise Refused("unsupported_geometry", "the solid is not closed")
    worst = ShapeAnalysis_ShapeTolerance().Tolerance(shape, 1)
    if worst > LOOSE:
        raise Refused("unsupported_geometry", f"edges and faces are {worst:.2g} mm apart")


def moved(body: Body, matrix: Matrix) -> Body:
    """By a matrix (4, 4) in metres. A mirror is no location to the kernel: the geometry itself is changed."""
    if not np.allclose(matrix[3], (0, 0, 0, 1)) or abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise Refused("unsupported_geometry", "it is placed in a way that is not known here")
    rows = matrix[:3].copy()
    rows[:, 3] *= MM
    square = rows[:, :3] @ rows[:, :3].T
    made: BRepBuilderAPI_ModifyShape
    if np.allclose(square, square[0, 0] * np.eye(3), rtol=1e-9, atol=1e-12 * square[0, 0]):
        rigid = gp_Trsf()
        rigid.SetValues(*(float(value) for value in rows.ravel()))
        made = BRepBuilderAPI_Transform(body.shape, rigid, True)
    else:
        general = gp_GTrsf()
        for row in range(3):
            for column in range(4):
                general.SetValue(row + 1, column + 1, float(rows[row, column]))
        made = BRepBuilderAPI_GTransform(body.shape, general, True)
    faces = {id: tuple(TopoDS.Face(made.ModifiedShape(piece)) for piece in pieces) for id, pieces in body.faces.items()}
    return Body(made.Shape(), faces, body.kind)
