"""IGES 5.3 in and out. Faces that close are sewn into solids on reading; solids are written as solids."""

import re
from pathlib import Path
from typing import Any

from OCP.IFSelect import IFSelect_ReturnStatus
from OCP.IGESCAFControl import IGESCAFControl_Reader, IGESCAFControl_Writer
from OCP.Interface import Interface_Static
from OCP.Message import Message_ProgressRange
from OCP.TCollection import TCollection_HAsciiString
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum

from shapr.converters.brep import document
from shapr.converters.brep.sew import sewn
from shapr.converters.brep.step import UNITS, ascii_stem
from shapr.errors import Refused

STAMP = "20000101.000000"
TERMINATE = re.compile(rb"[^\r\n]{72}T")  # the last line, by its column 73


def tail(path: Path, size: int = 4096) -> bytes:
    """The last bytes of a file."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read()


def read(path: Path, source_name: str, progress: Message_ProgressRange) -> TDocStd_Document:
    """A document in millimetres. Names and colours live on where the file's own solids do; sewing loses them."""
    if not TERMINATE.search(tail(path)):
        raise Refused("corrupt_file", "the IGES file is cut short: it has no terminate section")
    reader = IGESCAFControl_Reader()
    for keep in (reader.SetColorMode, reader.SetNameMode, reader.SetLayerMode):
        keep(True)
    made = document.new()
    if reader.ReadFile(str(path)) != IFSelect_ReturnStatus.IFSelect_RetDone:
        raise Refused("corrupt_file", "the IGES file breaks the rules of its syntax, or is cut short")
    if not reader.Transfer(made, progress) or not document.roots(made):
        raise Refused("no_geometry", "the IGES file holds no shape that can be read")
    whole = document.shape(made)
    if document.count(whole, TopAbs_ShapeEnum.TopAbs_SOLID) or not document.count(whole, TopAbs_ShapeEnum.TopAbs_FACE):
        return made
    return document.holding(sewn(whole), source_name)


def write(
    model: TDocStd_Document, path: Path, source_name: str, options: dict[str, Any], progress: Message_ProgressRange
) -> None:
    IGESCAFControl_Writer()  # creates the settings below
    for key, value in (
        ("unit", UNITS[options["units"]]),
        ("header.author", ""),  # the default is the name of the system's user
        ("header.company", ""),
        ("header.product", "part"),
    ):
        Interface_Static.SetCVal_s(f"write.iges.{key}", value)
    Interface_Static.SetIVal_s("write.iges.brep.mode", 1)  # solids; without it their faces, and volume 0
    writer = IGESCAFControl_Writer()
    writer.SetColorMode(True)
    writer.SetNameMode(True)
    if not writer.Transfer(model, progress):
        raise Refused("unsupported_geometry", "the kernel cannot write this model as IGES")
    writer.ComputeModel()
    entities = writer.Model()
    header = entities.GlobalSection()
    header.SetDate(TCollection_HAsciiString(STAMP))
    header.SetLastChangeDate(TCollection_HAsciiString(STAMP))
    header.SetFileName(TCollection_HAsciiString(f"{ascii_stem(source_name)}.igs"))
    entities.SetGlobalSection(header)
    if not writer.Write(str(path)):
        raise Refused("unsupported_geometry", "the kernel cannot write this model as IGES")
