"""NURBS faces of very many knots are meshed patch by patch.

The kernel puts the circle around every triangle it ever makes into each cell of a grid that it reaches, and takes
none out: one face of 323 by 309 poles took more than 4 GB, in patches it takes 80 MB, and less time. The patches'
edges divide those of the neighbours too, so that closed stays closed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepAdaptor import BRepAdaptor_Surface
from OCP.BRepLib import BRepLib_ToolTriangulatedShape
from OCP.Geom import Geom_ElementarySurface
from OCP.GeomAbs import GeomAbs_SurfaceType
from OCP.Poly import Poly_Triangle, Poly_Triangulation
from OCP.ShapeBuild import ShapeBuild_ReShape
from OCP.ShapeUpgrade import ShapeUpgrade_FaceDivideArea
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Face, TopoDS_Shape

from shapr.converters.brep import document

MOST = 2500  # spans between knots that one mesh takes well: twice as many already took 0.5 GB and more
SIDE = 40  # of a patch, in spans


@dataclass(frozen=True)
class Divided:
    """A shape to mesh in place of another one, in which large faces are patches."""

    shape: TopoDS_Shape
    faces: tuple[tuple[TopoDS_Face, tuple[TopoDS_Face, ...]], ...]  # each that is other now, and what it is made of

    def gather(self) -> None:
        """Give every face of the first shape the triangles of its patches."""
        for face, pieces in self.faces:
            _gather(face, pieces)


def divided(shape: TopoDS_Shape) -> Divided:
    """The shape itself where no face is large. A face that cannot be divided stays whole."""
    found = list(document.once(shape, TopAbs_ShapeEnum.TopAbs_FACE))
    if all(map(_plain, found)):
        return Divided(shape, ())
    faces = {hash(face): face for face in map(_bare, found)}
    large = [(face, patches) for face in faces.values() if (patches := _patches(face)) > (1, 1)]
    if not large:
        return Divided(shape, ())
    context = ShapeBuild_ReShape()
    context.ModeConsiderLocation = True  # what is placed elsewhere is replaced too
    for face, patches in large:
        _divide(face, patches, context)
    made = ((face, context.Apply(face)) for face in faces.values())
    other = tuple((face, tuple(_faces(now))) for face, now in made if not now.IsSame(face))
    return Divided(context.Apply(shape), other)


def _divide(face: TopoDS_Face, patches: tuple[int, int], context: ShapeBuild_ReShape) -> None:
    divider = ShapeUpgrade_FaceDivideArea(face)
    divider.SetContext(context)
    divider.SetSplittingByNumber(True)
    divider.SetNumbersUVSplits(*patches)
    divider.MaxArea = 0.0  # else it lets the face be
    if divider.Perform():
        context.Replace(face, divider.Result())


def _bare(face: TopoDS_Shape) -> TopoDS_Face:
    """The face where its surface is, turned like that."""
    return TopoDS.Face(face.Located(TopLoc_Location()).Oriented(TopAbs_Orientation.TopAbs_FORWARD))


def _plain(face: TopoDS_Shape) -> bool:
    """Whether its surface is a plane, a cylinder or the like: what has knots, or may be made of what has, is not."""
    return isinstance(BRep_Tool.Surface_s(TopoDS.Face(face), TopLoc_Location()), Geom_ElementarySurface)


def _faces(shape: TopoDS_Shape) -> Iterator[TopoDS_Face]:
    return (TopoDS.Face(each) for each in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE))


def _patches(face: TopoDS_Face) -> tuple[int, int]:
    """Into how many patches it is to be divided, along its two directions."""
    surface = BRepAdaptor_Surface(face)
    if surface.GetType() != GeomAbs_SurfaceType.GeomAbs_BSplineSurface:
        return 1, 1
    u, v = surface.NbUKnots() - 1, surface.NbVKnots() - 1
    return (-(-u // SIDE), -(-v // SIDE)) if u * v > MOST else (1, 1)


def _gather(face: TopoDS_Face, pieces: tuple[TopoDS_Face, ...]) -> None:
    found = []
    for piece in pieces:
        where = TopLoc_Location()
        triangulation = BRep_Tool.Triangulation_s(piece, where)
        if triangulation is None or not where.IsIdentity():
            return  # it is left without triangles, and said to be
        BRepLib_ToolTriangulatedShape.ComputeNormals_s(piece, triangulation)
        found.append((triangulation, piece.Orientation() == TopAbs_Orientation.TopAbs_REVERSED))
    nodes = sum(each.NbNodes() for each, _ in found)
    triangles = sum(each.NbTriangles() for each, _ in found)
    whole = Poly_Triangulation(nodes, triangles, False, True)
    node = triangle = 0
    for each, reversed_ in found:
        for at in range(1, each.NbTriangles() + 1):
            a, b, c = (node + corner for corner in each.Triangle(at).Get()[-3:])
            triangle += 1
            whole.SetTriangle(triangle, Poly_Triangle(a, c, b) if reversed_ else Poly_Triangle(a, b, c))
        for at in range(1, each.NbNodes() + 1):
            node += 1
            whole.SetNode(node, each.Node(at))
            normal = each.Normal(at)
            whole.SetNormal(node, normal.Reversed() if reversed_ else normal)
    BRep_Builder().UpdateFace(face, whole)
