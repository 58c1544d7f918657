"""Outputs as an independent reader sees them: trimesh for meshes, the kernel's plain readers for B-Reps.

None of the product's own readers is used here. Lengths are millimetres.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from OCP.Bnd import Bnd_Box
from OCP.BRep import BRep_Builder
from OCP.BRepBndLib import BRepBndLib
from OCP.BRepGProp import BRepGProp
from OCP.BRepTools import BRepTools
from OCP.GProp import GProp_GProps
from OCP.IFSelect import IFSelect_ReturnStatus
from OCP.IGESControl import IGESControl_Reader
from OCP.STEPControl import STEPControl_Reader
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp_Explorer
from OCP.TopoDS import TopoDS_Shape


@dataclass(frozen=True)
class Measure:
    low: np.ndarray
    high: np.ndarray
    volume: float
    solids: int

    @property
    def diagonal(self) -> float:
        return float(np.linalg.norm(self.high - self.low))


def measure(path: Path) -> Measure:
    """By the file's extension."""
    extension = path.suffix.lower()
    if extension in (".stl", ".obj", ".ply", ".off"):
        return mesh(path, 1.0)
    if extension == ".glb":
        return mesh(path, 1000.0)
    return brep(path)


def mesh(path: Path, scale: float) -> Measure:
    loaded = trimesh.load_mesh(path)
    assert len(loaded.faces), f"{path.name} has no triangles"
    low, high = loaded.bounds * scale
    return Measure(low, high, float(loaded.volume) * scale**3, 0)


def brep(path: Path) -> Measure:
    shape = read(path)
    box, mass = Bnd_Box(), GProp_GProps()
    BRepBndLib.AddOptimal_s(shape, box, False, False)
    BRepGProp.VolumeProperties_s(shape, mass, 1e-4)  # adaptive: the default is 1 % off on threads
    low, high = box.CornerMin(), box.CornerMax()
    return Measure(
        np.array([low.X(), low.Y(), low.Z()]), np.array([high.X(), high.Y(), high.Z()]), mass.Mass(), solids(shape)
    )


def read(path: Path) -> TopoDS_Shape:
    if path.suffix.lower() in (".brep", ".brp"):
        shape = TopoDS_Shape()
        assert BRepTools.Read_s(shape, str(path), BRep_Builder())
        return shape
    reader = IGESControl_Reader() if path.suffix.lower() in (".igs", ".iges") else STEPControl_Reader()
    assert reader.ReadFile(str(path)) == IFSelect_ReturnStatus.IFSelect_RetDone, path
    reader.TransferRoots()
    return reader.OneShape()


def solids(shape: TopoDS_Shape) -> int:
    explorer, count = TopExp_Explorer(shape, TopAbs_ShapeEnum.TopAbs_SOLID), 0
    while explorer.More():
        count += 1
        explorer.Next()
    return count
