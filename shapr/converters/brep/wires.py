"""Edges that bound no face, as pictures show them: thin tubes. No output has them: a mesh cannot hold a curve."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from OCP.BRep import BRep_Tool
from OCP.BRepAdaptor import BRepAdaptor_Curve
from OCP.GCPnts import GCPnts_TangentialDeflection
from OCP.TDocStd import TDocStd_Document
from OCP.TopoDS import TopoDS, TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import colours, document, tree
from shapr.converters.mesh.model import Part

THIN = 0.003  # of the diagonal: the radius of a tube
SIDES = 6
ANGLE = 0.1  # radians between two pieces of a curve
MOST = 2000  # pieces of one curve

Points = npt.NDArray[np.float64]  # (n, 3), millimetres

# Two triangles for each side of a piece: the ring at its start, then the ring at its end.
CORNERS = np.array(
    [
        corner
        for at in range(SIDES)
        for here, next in ((at, (at + 1) % SIDES),)
        for corner in ((here, next, SIDES + next), (here, SIDES + next, SIDES + here))
    ]
)


def tubes(model: TDocStd_Document) -> tuple[Part, ...]:
    """A part for every wire of the document, named and coloured."""
    low, high = document.box(document.shape(model))
    radius = THIN * low.Distance(high)
    made = []
    for leaf in tree.leaves(model):
        shape = XCAFDoc_ShapeTool.GetShape_s(leaf.part).Moved(leaf.location)
        pieces = [piece for edge in document.free_edges(shape) for piece in _pieces(edge, radius)]
        if pieces:
            vertices = np.concatenate(pieces)
            starts = 2 * SIDES * np.arange(len(pieces))
            corners = (CORNERS[None] + starts[:, None, None]).reshape(-1, 3).astype(np.int32)
            colour = colours.of_curves(leaf.part) or leaf.colour
            made.append(Part(leaf.name, vertices, corners, colour=colour))
    return tuple(made)


def _pieces(edge: TopoDS_Shape, radius: float) -> Iterator[Points]:
    """The two rings around each straight piece of an edge."""
    points = line(edge, radius)
    for start, end in pairwise(points):
        along = end - start
        length = float(np.linalg.norm(along))
        if length > 0:
            yield np.concatenate([_ring(start, along / length, radius), _ring(end, along / length, radius)])


def line(edge: TopoDS_Shape, deflection: float) -> Points:
    """Points along an edge."""
    made = TopoDS.Edge(edge)
    if BRep_Tool.Degenerated_s(made):
        return np.empty((0, 3))
    curve = BRepAdaptor_Curve(made)
    found = GCPnts_TangentialDeflection(curve, ANGLE, deflection)
    if found.NbPoints() > MOST:
        values = np.linspace(curve.FirstParameter(), curve.LastParameter(), MOST)
        points = [curve.Value(float(value)) for value in values]
    else:
        points = [found.Value(at) for at in range(1, found.NbPoints() + 1)]
    return np.array([(each.X(), each.Y(), each.Z()) for each in points]).reshape(-1, 3)


def _ring(middle: Points, along: Points, radius: float) -> Points:
    aside = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    aside /= np.linalg.norm(aside)
    turns = 2 * np.pi * np.arange(SIDES) / SIDES
    up = np.cross(along, aside)
    made: Points = middle + radius * (np.cos(turns)[:, None] * aside + np.sin(turns)[:, None] * up)
    return made
