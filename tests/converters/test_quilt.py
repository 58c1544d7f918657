"""Shells of faces that share edges: the same as the kernel's own, in time that grows with their number."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut
from OCP.BRepBuilderAPI import BRepBuilderAPI_Copy, BRepBuilderAPI_Sewing
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder, BRepPrimAPI_MakeSphere
from OCP.BRepTools import BRepTools, BRepTools_Quilt
from OCP.gp import gp_Pnt
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape, TopoDS_Shell
from OCP.TopTools import TopTools_FormatVersion

from benchmarks import big
from shapr.converters.brep import document, facet
from shapr.converters.brep.indicator import SILENT
from shapr.converters.brep.joined import joined
from shapr.converters.brep.quilt import quilted
from shapr.converters.mesh import stl

FACE, SHELL = TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_SHELL


def drilled() -> TopoDS_Shape:
    return BRepAlgoAPI_Cut(BRepPrimAPI_MakeBox(10, 10, 10).Shape(), BRepPrimAPI_MakeCylinder(3, 20).Shape()).Shape()


def touching() -> TopoDS_Shape:
    """Two boxes with one edge in common, of four faces, after sewing with an eye for such."""
    sewing = BRepBuilderAPI_Sewing(1e-6, True, True, True, True)
    for corner in (gp_Pnt(0, 0, 0), gp_Pnt(1, 1, 0)):
        for face in document.explore(BRepPrimAPI_MakeBox(corner, 1, 1, 1).Shape(), FACE):
            sewing.Add(face)
    sewing.Perform()
    return sewing.SewedShape()


def band() -> TopoDS_Shape:
    """A box without two opposite faces, and with one face turned."""
    faces = list(document.explore(BRepPrimAPI_MakeBox(1, 1, 1).Shape(), FACE))
    return document.compound([*faces[2:5], faces[5].Reversed()])


def apart() -> TopoDS_Shape:
    return document.compound([BRepPrimAPI_MakeSphere(1).Shape(), drilled(), BRepPrimAPI_MakeSphere(3).Shape()])


def told(shells: list[TopoDS_Shape]) -> list[tuple[object, ...]]:
    """What a shell is: its faces in order, how each is turned, and its flags."""
    return [
        (
            [(hash(face), face.Orientation()) for face in document.explore(shell, FACE)],
            shell.Closed() and shell.ShapeType() == SHELL,
            shell.Orientable(),
        )
        for shell in shells
    ]


@pytest.mark.parametrize("shape", [drilled, touching, band, apart])
@pytest.mark.parametrize("seed", range(4))
def test_shells_are_those_of_the_kernel_whatever_the_order(shape: Callable[[], TopoDS_Shape], seed: int) -> None:
    faces = list(document.explore(shape(), FACE))
    chance = random.Random(seed)
    chance.shuffle(faces)
    faces = [face.Reversed() if chance.random() < 0.3 else face for face in faces]
    quilt = BRepTools_Quilt()
    quilt.Add(document.compound(faces))
    theirs = list(document.children(quilt.Shells()))
    ours = [_shell(each) for each in quilted(faces)]
    assert [faces for faces, *_ in told(ours)] == [faces for faces, *_ in told(theirs)]
    many = [(mine, other) for mine, other in zip(ours, theirs, strict=True) if document.count(other, FACE) > 1]
    assert told([mine for mine, _ in many]) == told([other for _, other in many])


def _shell(piece: TopoDS_Shape) -> TopoDS_Shape:
    if piece.ShapeType() == SHELL:
        return piece
    builder, shell = BRep_Builder(), TopoDS_Shell()
    builder.MakeShell(shell)
    builder.Add(shell, piece)
    return shell


def test_four_times_the_faces_take_some_four_times_as_long(tmp_path: Path) -> None:
    """Not sixteen times, as the kernel does: 200 s for 27,000."""
    few, many = (min(_seconds(faces) for _ in range(3)) for faces in (_faces(tmp_path, 900), _faces(tmp_path, 3600)))
    assert many < 8 * few


def _faces(folder: Path, count: int) -> list[TopoDS_Shape]:
    """Those of one closed surface, in no order."""
    big.triangles(folder / "ball.stl", count)
    mesh = stl.read(folder / "ball.stl", "ball", lambda _: None)
    faces = list(document.explore(document.shape(facet.faceted(mesh, 2 * count, "ball")), FACE))
    random.Random(1).shuffle(faces)
    return faces


def _seconds(faces: list[TopoDS_Shape]) -> float:
    begun = time.process_time()
    (shell,) = quilted(faces)
    spent = time.process_time() - begun
    assert BRep_Tool.IsClosed_s(shell)
    return spent


def test_sewn_faces_are_as_the_kernel_sews_them_to_the_last_byte(tmp_path: Path) -> None:
    """With its notes of where faces meet smoothly: half of a cylinder meets the other half so."""
    halves = [BRepPrimAPI_MakeCylinder(2, 5, 3.14159).Shape(), drilled()]
    loose = [BRepBuilderAPI_Copy(face).Shape() for half in halves for face in document.explore(half, FACE)]
    again = [BRepBuilderAPI_Copy(face).Shape() for face in loose]
    sewing = BRepBuilderAPI_Sewing(1e-5)
    sewing.Add(document.compound(loose))
    sewing.Perform()
    ours = joined(again, 1e-5, SILENT, 1.0).pieces
    assert _text(tmp_path, document.compound(ours)) == _text(tmp_path, sewing.SewedShape())


def _text(folder: Path, shape: TopoDS_Shape) -> bytes:
    version = TopTools_FormatVersion.TopTools_FormatVersion_VERSION_1
    assert BRepTools.Write_s(shape, str(folder / "text.brep"), False, False, version)
    return (folder / "text.brep").read_bytes()
