"""Which face of Parasolid's a face of the kernel is a piece of, where the kernel split some; and whether it looks as it
should: the kernel's STEP reader turns faces until a shell closes, and that may be the wrong solid."""

from collections import defaultdict

import numpy as np
from OCP.BRep import BRep_Tool
from OCP.BRepClass3d import BRepClass3d_SolidExplorer
from OCP.gp import gp_Pnt
from OCP.ShapeAnalysis import ShapeAnalysis_Surface
from OCP.TopAbs import TopAbs_Orientation
from OCP.TopoDS import TopoDS_Face

from shapr.converters.shaprfile import surfaces, traced
from shapr.converters.shaprfile.curves import needed, xyz
from shapr.converters.shaprfile.traced import Points
from shapr.converters.shaprfile.xb import File
from shapr.errors import Refused

NEAR = 0.01  # mm between a point of a face and its surface
PUBLISHED = frozenset({"B_SURFACE", "SWEPT_SURF"})  # which way these look is known from the reference alone
ALIKE = 0.9  # cosine between normals


def turned_over(written: list[tuple[bool, str]], faces: list[TopoDS_Face]) -> int:
    """How many faces of solids look the other way than they were written: it is another solid with the same edges,
    where all do. So those tell whose sense is verified, and others only where there are none of them. Faces of sheets
    come last, and are not written about."""
    kinds = {kind for _, kind in written}
    telling = kinds & surfaces.ANALYTIC or kinds & PUBLISHED
    looks = [face.Orientation() != TopAbs_Orientation.TopAbs_REVERSED for face in faces]
    return sum(kind in telling and along != look for (along, kind), look in zip(written, looks, strict=False))


def matched(file: File, looks: dict[int, set[bool]], pieces: list[TopoDS_Face]) -> dict[int, tuple[TopoDS_Face, ...]]:
    """The pieces of each face, by its node id, where only one can be meant; `looks` along the surface, or against.

    `unsupported_geometry` when a piece looks the other way.
    """
    known = [
        (face.node_id, traced.analysed(surfaces.geometry(file, needed(file, face.surface, "a face has no surface"))))
        for face in file.of("FACE")
        if face.node_id in looks
    ]
    found: dict[int, list[TopoDS_Face]] = defaultdict(list)
    for piece in pieces:
        at, normal = _middle(piece)
        on = {id: along for id, surface in known if (along := _along(surface, at, normal)) is not None}
        right = [id for id, along in on.items() if along in looks[id]]
        if not right:
            raise Refused("unsupported_geometry", "the kernel splits a face of it and turns it over")
        if len(right) == 1:
            found[right[0]].append(piece)
    return {id: tuple(each) for id, each in found.items()}


def _middle(face: TopoDS_Face) -> tuple[Points, Points]:
    """A point inside a face, and which way it looks there."""
    at = gp_Pnt()
    if not BRepClass3d_SolidExplorer.FindAPointInTheFace_s(face, at):
        raise Refused("unsupported_geometry", "the kernel splits a face of it into nothing")
    surface = ShapeAnalysis_Surface(BRep_Tool.Surface_s(face))
    foot, normal = traced.touching(surface, np.array(xyz(at)))
    return foot, -normal if face.Orientation() == TopAbs_Orientation.TopAbs_REVERSED else normal


def _along(surface: ShapeAnalysis_Surface, at: Points, normal: Points) -> bool | None:
    """Whether a surface looks along a normal at a point of it; None for another surface."""
    foot, own = traced.touching(surface, at)
    cosine = float(own @ normal)
    return cosine > 0 if np.linalg.norm(foot - at) < NEAR and abs(cosine) > ALIKE else None
