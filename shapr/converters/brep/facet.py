"""A mesh as a faceted B-Rep: a planar face per triangle, a solid where they close, a void where they close inwards."""

import numpy as np
from OCP.BRep import BRep_Builder
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeShapeOnMesh, BRepBuilderAPI_MakeSolid
from OCP.BRepLib import BRepLib
from OCP.gp import gp_Pnt
from OCP.Poly import Poly_Triangle, Poly_Triangulation
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Compound, TopoDS_Shape, TopoDS_Shell, TopoDS_Solid

from shapr.converters.brep import document
from shapr.converters.brep.indicator import SILENT, Indicator
from shapr.converters.mesh.model import Mesh, Part, Triangles, Vertices
from shapr.converters.mesh.topology import Component, cleaned, components
from shapr.converters.progress import Reach
from shapr.errors import Refused

# Exporters round: points that were one differ in the last digits. Fractions of the diagonal, finest first.
WELDS = (0.0, 1e-7, 1e-6, 1e-5)


def faceted(mesh: Mesh, limit: int, progress: Indicator = SILENT) -> TopoDS_Shape:
    """One compound of all parts. `limit` is in triangles: each becomes a face of some 2 kB."""
    if mesh.triangles > limit:
        raise Refused("limit_exceeded", f"a mesh of {mesh.triangles} triangles; {limit} can become a B-Rep")
    builder, compound = BRep_Builder(), TopoDS_Compound()
    builder.MakeCompound(compound)
    for shape in _bodies(*_closed_best(mesh, progress.step(0.1)), progress):
        builder.Add(compound, shape)
    return compound


def _closed_best(mesh: Mesh, reach: Reach) -> tuple[Vertices, Triangles, list[Component]]:
    """The mesh welded as little as closes it, or as closes most of it."""
    whole = Part.joined(mesh.parts)
    diagonal = float(np.linalg.norm(np.ptp(whole.vertices, axis=0)))
    best: tuple[int, tuple[Vertices, Triangles, list[Component]]] | None = None
    for at, fraction in enumerate(WELDS):
        reach(at / len(WELDS))
        vertices, triangles = cleaned(whole.vertices, whole.corners, fraction * diagonal)
        if not len(triangles):
            continue
        wound, found = components(vertices, triangles)
        closed = sum(len(each.members) for each in found if each.closed)
        if best is None or closed > best[0]:
            best = closed, (vertices, wound, found)
        if closed == len(triangles):
            break
    if best is None:
        raise Refused("no_geometry", "every triangle of the mesh is degenerate")
    return best[1]


def _bodies(
    vertices: Vertices, triangles: Triangles, found: list[Component], progress: Indicator
) -> list[TopoDS_Shape]:
    """A solid for each closed surface with the voids inside it, a shell for each open one."""
    shells = _shells(vertices, triangles, found, progress)
    voids: dict[int, list[int]] = {at: [] for at, each in enumerate(found) if each.closed}
    for at in list(voids):
        holder = _holder(at, found) if found[at].volume < 0 else None
        if holder is not None:
            voids[holder].append(at)
            del voids[at]
    bodies: list[TopoDS_Shape] = [
        _solid(shells[at], [shells[inner] for inner in inside], found[at]) for at, inside in voids.items()
    ]
    return bodies + [shells[at] for at in range(len(found)) if not found[at].closed]


def _holder(at: int, found: list[Component]) -> int | None:
    """The smallest closed component around a void."""
    around = [
        other
        for other, each in enumerate(found)
        if each.closed and each.volume > -found[at].volume and each.holds(found[at])
    ]
    return min(around, key=lambda other: found[other].volume, default=None)


def _solid(outer: TopoDS_Shell, inner: list[TopoDS_Shell], component: Component) -> TopoDS_Solid:
    making = BRepBuilderAPI_MakeSolid(outer)
    for shell in inner:
        making.Add(shell)
    solid = making.Solid()
    if component.volume < 0 or not component.oriented:
        BRepLib.OrientClosedSolid_s(solid)  # expensive, so only where the winding does not say it
    return solid


def _shells(
    vertices: Vertices, triangles: Triangles, found: list[Component], progress: Indicator
) -> list[TopoDS_Shell]:
    making = BRepBuilderAPI_MakeShapeOnMesh(_triangulation(vertices, triangles))
    making.Build(progress.range(0.1))
    builder, shells = BRep_Builder(), []
    for each in found:
        shell = TopoDS_Shell()
        builder.MakeShell(shell)
        shell.Closed(each.closed)
        shells.append(shell)
    owner = {triangle: at for at, each in enumerate(found) for triangle in each.members.tolist()}
    made = list(document.explore(making.Shape(), TopAbs_ShapeEnum.TopAbs_FACE))
    if len(made) != len(triangles):
        raise Refused("invalid_geometry", "the kernel dropped triangles of the mesh")
    reach = progress.step(0.1)
    for at, face in enumerate(made):
        reach(at / len(made))
        builder.Add(shells[owner[at]], face)
    return shells


def _triangulation(vertices: Vertices, triangles: Triangles) -> Poly_Triangulation:
    made = Poly_Triangulation(len(vertices), len(triangles), False)
    for at, (x, y, z) in enumerate(vertices.tolist(), 1):
        made.SetNode(at, gp_Pnt(x, y, z))
    for at, (a, b, c) in enumerate((triangles + 1).tolist(), 1):
        made.SetTriangle(at, Poly_Triangle(a, b, c))
    return made
