"""Faces into shells and shells into solids: what the surfaces of an IGES file enclose."""

import numpy as np
import numpy.typing as npt
from OCP.Bnd import Bnd_Box
from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepBndLib import BRepBndLib
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeSolid
from OCP.BRepClass3d import BRepClass3d_SolidClassifier
from OCP.BRepLib import BRepLib
from OCP.ShapeFix import ShapeFix_Solid
from OCP.TopAbs import TopAbs_ShapeEnum, TopAbs_State
from OCP.TopoDS import TopoDS, TopoDS_Shape, TopoDS_Shell, TopoDS_Solid

from shapr.converters.brep import document
from shapr.converters.brep.bodies import Body, Look
from shapr.converters.brep.indicator import SILENT, Indicator
from shapr.converters.brep.joined import joined
from shapr.converters.brep.measure import TOGETHER, volume
from shapr.converters.progress import Reach, apart, silent

# Fractions of the diagonal. On ten real files larger tolerances closed no more, and would join what is apart.
TOLERANCES = (1e-6, 1e-5, 1e-4, 1e-3)
SHARES = (0.6, 0.33, 0.5, 0.8)  # of the time that is left: mostly the finest does
JOINING = 0.65  # of the time of a tolerance; the rest is for the sides of the solids
SMALLEST = 1e-7  # millimetres: the kernel's own confusion
NESTED = 300  # closed shells; of more nobody asks which lies within which


def sewn(
    faces: list[TopoDS_Shape],
    known: dict[int, Look],
    diagonal: float,
    progress: Indicator = SILENT,
    share: float = 1.0,
) -> tuple[list[Body], list[Body]]:
    """Solids where the faces close, and what is left: shells and faces. Each face keeps its look. A void may close at
    another tolerance than what is around it, so which lies within which is asked of all in the end.

    What a tolerance closes is done: only what is still open is tried with a coarser one, and stays as the finest
    tolerance left it unless a coarser one has fewer free edges. `share` is how much of what is left of the progress's
    phase this is.
    """
    shells: list[TopoDS_Shape] = []
    solids: list[TopoDS_Solid] = []
    looks_of_solids: dict[int, Look] = {}
    best: tuple[int, list[Body]] = 0, []
    for at, fraction in enumerate(TOLERANCES):
        taken = share * SHARES[at] * JOINING
        made = joined(faces, max(SMALLEST, fraction * diagonal), progress, taken)
        looks = {now: known[hash(face)] for now, face in made.origin.items() if hash(face) in known}
        closed, rest = _shells(made.pieces)
        reach = progress.step((share * SHARES[at] - taken) / (1 - taken))
        shells += closed
        solids += [solid_of(shell, part) for shell, part in apart(closed, reach)]
        of_closed = (hash(face) for shell in closed for face in document.explore(shell, TopAbs_ShapeEnum.TopAbs_FACE))
        looks_of_solids |= {key: looks[key] for key in of_closed if key in looks}
        if closed or at == 0 or made.free_edges < best[0]:
            best = made.free_edges, [Body(each, looks) for each in rest]
        left = [face for each in rest for face in document.explore(each, TopAbs_ShapeEnum.TopAbs_FACE)]
        if not left:
            break
        faces = [made.origin.get(hash(face), face) for face in left] if closed else faces
    return [Body(solid, looks_of_solids) for solid in _hollowed(shells, solids)], best[1]


def _shells(pieces: list[TopoDS_Shape]) -> tuple[list[TopoDS_Shape], list[TopoDS_Shape]]:
    """The closed shells; the open ones with the faces that belong to none."""
    shells = [each for each in pieces if each.ShapeType() == TopAbs_ShapeEnum.TopAbs_SHELL]
    closed = [shell for shell in shells if BRep_Tool.IsClosed_s(shell)]
    rest = [shell for shell in shells if not BRep_Tool.IsClosed_s(shell)]
    for face in (each for each in pieces if each.ShapeType() == TopAbs_ShapeEnum.TopAbs_FACE):
        alone = _shell(face)  # as a sphere is, or a torus
        if BRep_Tool.IsClosed_s(alone):
            closed.append(alone)
        else:
            rest.append(face)
    return closed, rest


def _shell(face: TopoDS_Shape) -> TopoDS_Shell:
    builder, shell = BRep_Builder(), TopoDS_Shell()
    builder.MakeShell(shell)
    builder.Add(shell, face)
    return shell


def _hollowed(shells: list[TopoDS_Shape], solids: list[TopoDS_Solid]) -> list[TopoDS_Solid]:
    """The solids of closed shells: one within another is a void in it, and one within that a solid again."""
    if len(shells) < 2 or len(shells) > NESTED:
        return solids
    boxes = [Bnd_Box() for _ in solids]
    for solid, box in zip(solids, boxes, strict=True):
        BRepBndLib.Add_s(solid, box, False)
    corners = np.array([[c.X(), c.Y(), c.Z()] for box in boxes for c in (box.CornerMin(), box.CornerMax())])
    low, high = corners[::2], corners[1::2]
    around: npt.NDArray[np.bool_] = np.asarray(
        (low[:, None] <= low[None]).all(axis=2) & (high[:, None] >= high[None]).all(axis=2)
    )
    np.fill_diagonal(around, False)
    holders = [
        [int(o) for o in np.flatnonzero(around[:, at]) if _inside(solids[at], solids[o])] for at in range(len(solids))
    ]
    made = []
    for at, shell in enumerate(shells):
        if len(holders[at]) % 2:
            continue
        making = BRepBuilderAPI_MakeSolid(TopoDS.Shell(shell))
        voids = [
            inner
            for inner in range(len(shells))
            if at in holders[inner] and len(holders[inner]) == len(holders[at]) + 1
        ]
        for inner in voids:
            making.Add(TopoDS.Shell(shells[inner]))
        solid = making.Solid() if voids else solids[at]
        if voids:
            fixing = ShapeFix_Solid(solid)  # turns the shells: out from the body, and into its voids
            fixing.Perform()
            solid = fixing.Solid()
        made.append(solid)
    return made


def _inside(inner: TopoDS_Solid, outer: TopoDS_Solid) -> bool:
    vertex = next(document.explore(inner, TopAbs_ShapeEnum.TopAbs_VERTEX), None)
    if vertex is None:
        return False
    state = BRepClass3d_SolidClassifier(outer, BRep_Tool.Pnt_s(TopoDS.Vertex(vertex)), SMALLEST).State()
    return bool(state == TopAbs_State.TopAbs_IN)


def solid_of(shell: TopoDS_Shape, reach: Reach = silent) -> TopoDS_Solid:
    """Of a closed shell, with its inside inside. For that the kernel asks where the infinite is, and before it can, it
    makes a polyhedron of every face: 11 s for 20,000. Of so many the volume is the sooner known."""
    shell.Closed(True)
    solid = BRepBuilderAPI_MakeSolid(TopoDS.Shell(shell)).Solid()
    if document.count(shell, TopAbs_ShapeEnum.TopAbs_FACE) <= TOGETHER:
        BRepLib.OrientClosedSolid_s(solid)
    elif volume(solid, None, reach) < 0:
        solid.Reverse()
    return solid
