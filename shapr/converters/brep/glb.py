"""GLB from a B-Rep: names, colours and the tree, in metres and y-up as glTF has it."""

from pathlib import Path

from OCP.collections import IndexedDataMap_TCollection_AsciiString_TCollection_AsciiString as Metadata
from OCP.Message import Message_ProgressRange
from OCP.RWGltf import RWGltf_CafWriter
from OCP.RWMesh import RWMesh_CoordinateSystem, RWMesh_NameFormat
from OCP.TCollection import TCollection_AsciiString
from OCP.TDocStd import TDocStd_Document

from shapr.errors import Refused


def write(model: TDocStd_Document, path: Path, progress: Message_ProgressRange) -> None:
    """The model must have been triangulated."""
    writer = RWGltf_CafWriter(TCollection_AsciiString(str(path)), True)
    writer.SetMergeFaces(True)  # one primitive per part and colour, not per face
    writer.SetNodeNameFormat(RWMesh_NameFormat.RWMesh_NameFormat_InstanceOrProduct)
    writer.SetMeshNameFormat(RWMesh_NameFormat.RWMesh_NameFormat_Product)
    systems = writer.ChangeCoordinateSystemConverter()
    systems.SetInputLengthUnit(0.001)
    systems.SetInputCoordinateSystem(RWMesh_CoordinateSystem.RWMesh_CoordinateSystem_Zup)
    systems.SetOutputLengthUnit(1.0)
    systems.SetOutputCoordinateSystem(RWMesh_CoordinateSystem.RWMesh_CoordinateSystem_glTF)
    if not writer.Perform(model, Metadata(), progress):
        raise Refused("unsupported_geometry", "the kernel cannot write this model as GLB")
