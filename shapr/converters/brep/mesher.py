"""The kernel's incremental mesh of very many faces, by its own steps: in one call only that of the faces tells."""

from OCP.BRepMesh import (
    BRepMesh_EdgeDiscret,
    BRepMesh_FaceDiscret,
    BRepMesh_MeshAlgoFactory,
    BRepMesh_ModelBuilder,
    BRepMesh_ModelHealer,
    BRepMesh_ModelPostProcessor,
    BRepMesh_ModelPreProcessor,
)
from OCP.IMeshTools import IMeshTools_Context, IMeshTools_Parameters
from OCP.Precision import Precision
from OCP.TopoDS import TopoDS_Shape

from shapr.converters.brep.indicator import Indicator

# Of what is left of the time of a mesh file, in order, measured on 10,000 faces. The model shows in memory taken.
MODEL, EDGES, HEALED, FACES, ENDED = 0.05, 0.055, 0.04, 0.7, 0.25
MEMORY = 21_000  # bytes for each face


def mesh(shape: TopoDS_Shape, given: IMeshTools_Parameters, faces: int, progress: Indicator) -> None:
    """What `BRepMesh_IncrementalMesh` does, to the last triangle."""
    context = _context(shape, given)
    progress.taking(MODEL, MEMORY * faces)
    done = context.BuildModel()
    for share, work in ((EDGES, context.DiscretizeEdges), (HEALED, context.HealModel)):
        progress.step(share)
        done = done and work()
    if done and context.PreProcessModel() and context.DiscretizeFaces(progress.range(FACES)):
        reach = progress.step(ENDED)
        context.PostProcessModel()
        reach(0.7)  # the rest: taken apart, and looked over
    context.Clean()


def _context(shape: TopoDS_Shape, given: IMeshTools_Parameters) -> IMeshTools_Context:
    made = IMeshTools_Context()
    made.SetModelBuilder(BRepMesh_ModelBuilder())
    made.SetEdgeDiscret(BRepMesh_EdgeDiscret())
    made.SetModelHealer(BRepMesh_ModelHealer())
    made.SetPreProcessor(BRepMesh_ModelPreProcessor())
    made.SetFaceDiscret(BRepMesh_FaceDiscret(BRepMesh_MeshAlgoFactory()))
    made.SetPostProcessor(BRepMesh_ModelPostProcessor())
    made.SetShape(shape)
    parameters = made.ChangeParameters()
    parameters.Deflection = parameters.DeflectionInterior = given.Deflection
    parameters.Angle, parameters.AngleInterior = given.Angle, 2 * given.Angle
    smallest = IMeshTools_Parameters.RelMinSize_s() * given.Deflection
    parameters.MinSize = max(smallest, Precision.Confusion_s())
    parameters.InParallel, parameters.CleanModel = given.InParallel, False
    return made
