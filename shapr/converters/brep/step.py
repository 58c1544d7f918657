"""STEP (ISO 10303-21) in and out, with names, colours, layers and the assembly tree."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from OCP.APIHeaderSection import APIHeaderSection_MakeHeader
from OCP.collections import IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher, Sequence_TCollection_AsciiString
from OCP.IFSelect import IFSelect_ReturnStatus
from OCP.Interface import Interface_Static
from OCP.Message import Message_ProgressScope
from OCP.STEPCAFControl import STEPCAFControl_Reader, STEPCAFControl_Writer
from OCP.STEPConstruct import STEPConstruct
from OCP.STEPControl import STEPControl_StepModelType
from OCP.StepShape import StepShape_FaceSurface, StepShape_Loop, StepShape_ManifoldSolidBrep
from OCP.TCollection import TCollection_HAsciiString
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp
from OCP.XCAFDoc import XCAFDoc_DocumentTool, XCAFDoc_Material

from shapr.converters.brep import (
    ap203,
    body_names,
    codepage,
    document,
    halves,
    orientation,
    placed,
    planes,
    poles,
    scale,
    unread,
)
from shapr.converters.brep.indicator import SILENT, Indicator
from shapr.converters.brep.unrepaired import REPAIRS, TURNS, without
from shapr.converters.mentions import mentions
from shapr.converters.preflight import instead, mapped
from shapr.converters.preflight.editions import plain
from shapr.converters.preflight.hybrid import exact_alone
from shapr.converters.preflight.placed import simple
from shapr.converters.preflight.references import without_references
from shapr.converters.preflight.styles import heard
from shapr.converters.progress import PLAIN, Scale, shows_again
from shapr.errors import Refused

UNITS = {"mm": "MM", "cm": "CM", "m": "M", "in": "INCH", "ft": "FT"}
SCHEMAS = {"AP203": "AP214IS", "AP214": "AP214IS", "AP242": "AP242DIS"}  # AP203 is made of AP214
LENGTHS = {  # as the kernel says them
    "micrometre": "um",
    "millimetre": "mm",
    "centimetre": "cm",
    "metre": "m",
    "inch": "in",
    "foot": "ft",
}
STAMP = "2000-01-01T00:00:00"  # the same source gives the same bytes, so no clock is asked


READING, TO_ENTITIES = 0.3, 0.55  # shares of the time, measured on 37 MB and 66 MB
AS_AP203 = 0.7  # of what is left then, where there are many parts
WRITTEN = 0.9  # of what is left then, as text
LOOK = 0.03  # of what is left of reading then, for what the file's text says
FIRST, LOOKED = 0.9, 0.5  # of reading shapes, where they may have to be read once more; of what is left then
# Likewise: shapes read, and where parts are copied in another size then; of what is left, the reader taken apart, and
# these copied. The rest is for who looks at the document.
TRANSFERRED, RESIZED, APART, SETTLED = 0.92, 0.76, 0.5, 0.8
UNREPAIRED = 0.7  # that of reading where nothing is repaired
SMOOTHNESS, SMOOTH = "read.encoderegularity.angle", 0.01  # radians, as the kernel has it
SOLIDS = b"MANIFOLD_SOLID_BREP", b"FACETED_BREP", b"BREP_WITH_VOIDS"
ENTITY = 55  # bytes of an entity's line


def read(
    path: Path,
    progress: Indicator = SILENT,
    repair: bool = True,
    meshed: bool = False,
    measured: bool = False,
    alone: bool = False,
    threads: int = 1,
) -> TDocStd_Document:
    """A document in millimetres, whatever the file's units. Without repair: shapes just as the file has them. `meshed`:
    nothing but triangles will be made of it; `measured`: not even these. `alone`: no shape is said again. `threads`:
    that the kernel may run at once."""
    path = instead.understood(path)
    path = simple(mapped.placed(heard(path if alone else exact_alone(plain(path)))))
    cleaned = without_references(path)
    reader = STEPCAFControl_Reader()
    for keep in (reader.SetColorMode, reader.SetNameMode, reader.SetLayerMode, reader.SetMatMode):
        keep(True)
    reader.SetGDTMode(False)  # it keeps pieces of PMI, and cannot write some of them as AP242
    reader.SetViewMode(False)
    reader.SetPropsMode(False)  # what a part is said to measure: it crashes on forms of that which it does not know
    page, losses = codepage.of(cleaned)
    Interface_Static.SetCVal_s("read.step.codepage", page)
    progress.reading(READING if repair else UNREPAIRED, cleaned)
    if reader.ReadFile(str(cleaned)) != IFSelect_ReturnStatus.IFSelect_RetDone:
        raise Refused("corrupt_file", "the STEP file breaks the rules of its syntax, or is cut short")
    reach = progress.step(LOOK)
    if reader.NbRootsForTransfer() < 1:
        raise Refused("no_geometry", "the STEP file holds no shape")
    resized = placed.say(reader, cleaned)
    reach(0.5)
    reading = scale.of_reading(cleaned, reader.NbRootsForTransfer(), kept=meshed and planes.WORKS)
    share = RESIZED if resized else TRANSFERRED
    together = cleaned if threads > 1 and meshed and repair else None
    shapes = partial(_transferred, reader, reading, progress, meshed, share, together)
    with _rough() if meshed or measured else nullcontext():
        made = _shapes(shapes, progress, repair, reading.largest)
        if repair and poles.turned(reader, cleaned, made):
            made = shapes(())
    if not document.roots(made):
        if cleaned != path:
            raise Refused("external_reference", "the geometry is in other files that the STEP file names")
        raise Refused("no_geometry", "the STEP file holds no shape that can be read")
    reach = progress.step(APART)
    document.say_units(made, _units(reader))
    _describe_materials(made)
    lost = tuple(_unread(reader))
    if not lost and not measured:
        lost = tuple(_unclosed(reader, made, cleaned))
    for sentence in (*losses, *lost):
        document.say_unread(made, sentence)
    body_names.keep(reader, cleaned, made)
    reach(0.5)
    halves.discard(reader, together)
    del reader, shapes  # a second for a big file: so before the next step begins, which shows
    if resized:
        placed.settle(made, progress.step(SETTLED))
    return made


def _shapes(
    transferred: Callable[..., TDocStd_Document], progress: Indicator, repair: bool, largest: int
) -> TDocStd_Document:
    """With the repairs that there have to be, where the largest closed shell has so many faces. An open one may well be
    in pieces, and would be read twice."""
    if not repair:
        return transferred(REPAIRS)
    if largest <= orientation.MANY:
        return transferred(())
    made = transferred(TURNS, FIRST)
    return made if orientation.consistent(made, progress.step(LOOKED)) else transferred(())


def _transferred(
    reader: STEPCAFControl_Reader,
    reading: scale.Reading,
    progress: Indicator,
    meshed: bool,
    whole: float,
    together: Path | None,
    left_out: Sequence[str],
    share: float = 1.0,
) -> TDocStd_Document:
    """What a reader has read, as shapes; without these repairs. `whole`: of what is left of the progress's phase.
    `together`: its file, if two threads may do it."""
    made = document.new()
    reader.ChangeReader().WS().InitTransferReader(0)  # or it would give the same shapes again
    with planes.kept(reader.ChangeReader(), meshed), without(reader, left_out):
        parts = halves.of(reader.ChangeReader(), together) if together else ()
        shown = reading.memory, scale.BY_POSITION, True, scale.STANDING * reading.largest
        steps = progress.range(share * whole, PLAIN if parts else reading.scale, *shown)
        scope = Message_ProgressScope(steps, "", 1.0)
        if parts:
            halves.read(reader.ChangeReader(), parts, planes.steps(meshed), scope.Next(halves.SHARE))
        transferred = reader.Transfer(made, scope.Next(1 - halves.SHARE if parts else 1.0))
    if not transferred:
        raise Refused("corrupt_file", "the STEP file's shapes cannot be read")
    document.check_instances(made)
    return made


def _describe_materials(made: TDocStd_Document) -> None:
    """Those whose description the file leaves out: the kernel's writer would write nothing at all because of one."""
    for label in document.labels(XCAFDoc_DocumentTool.MaterialTool_s(made.Main()).GetMaterialLabels):
        found = XCAFDoc_Material()
        if label.FindAttribute(XCAFDoc_Material.GetID_s(), found) and found.GetDescription() is None:
            said = found.GetName(), TCollection_HAsciiString(""), found.GetDensity()
            XCAFDoc_Material.Set_s(label, *said, found.GetDensName(), found.GetDensValType())


def _unread(reader: STEPCAFControl_Reader) -> Iterator[str]:
    """In sentences."""
    process, model = reader.ChangeReader().WS().TransferReader().TransientProcess(), reader.ChangeReader().Model()
    numbers = unread.failed(process)
    lost: Counter[str] = Counter()
    if numbers:
        entities = (model.Value(at) for at in range(1, model.NbEntities() + 1))
        faces = (each for each in entities if isinstance(each, StepShape_FaceSurface))
        lost["face"] = sum(STEPConstruct.FindShape_s(process, face).IsNull() for face in faces)
        lost[unread.BOUNDARY] = unread.boundaries(model, numbers, lambda each: isinstance(each, StepShape_Loop))
    yield from unread.sentences(lost)
    if numbers and not lost.total():
        several = f"{len(numbers)} curves or surfaces" if len(numbers) > 1 else "a curve or surface"
        yield f"what lies on {several} that could not be read is missing"


def _unclosed(reader: STEPCAFControl_Reader, made: TDocStd_Document, path: Path) -> Iterator[str]:
    """In a sentence, the solids that the kernel made no solids of though nothing of them failed. It is looked for them
    only where there are faces beside the others: to ask each of a million entities what it is takes a second."""
    beside = document.outside(document.shape(made), TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_SOLID)
    if next(beside, None) is None or not any(mentions(path, word) for word in SOLIDS):
        return
    process, model = reader.ChangeReader().WS().TransferReader().TransientProcess(), reader.ChangeReader().Model()
    entities = (model.Value(at) for at in range(1, model.NbEntities() + 1))
    bodies = (each for each in entities if isinstance(each, StepShape_ManifoldSolidBrep))
    shapes = [shape for each in bodies if not (shape := STEPConstruct.FindShape_s(process, each)).IsNull()]
    if unclosed := sum(not document.count(shape, TopAbs_ShapeEnum.TopAbs_SOLID) for shape in shapes):
        yield f"Solids whose faces do not come together were read as surfaces, which `heal` may close: {unclosed}."


@contextmanager
def _rough() -> Iterator[None]:
    """Within, a reader does not look how smoothly the faces that it transfers meet, which is up to a quarter of its
    time: only those need it who write or draw the edges between them."""
    Interface_Static.SetRVal_s(SMOOTHNESS, 0.0)
    try:
        yield
    finally:
        Interface_Static.SetRVal_s(SMOOTHNESS, SMOOTH)


def _units(reader: STEPCAFControl_Reader) -> str | None:
    """The units of length of the file; None where it has several."""
    lengths, angles, solid_angles = (Sequence_TCollection_AsciiString() for _ in range(3))
    reader.ChangeReader().FileUnits(lengths, angles, solid_angles)
    found = {LENGTHS.get(str(each.ToCString()).lower()) for each in document.items(lengths)}
    return found.pop() if len(found) == 1 else None


def write(
    model: TDocStd_Document, path: Path, source_name: str, options: dict[str, Any], progress: Indicator = SILENT
) -> None:
    writer = STEPCAFControl_Writer()  # first: it creates the settings below
    for key, value in (
        ("write.step.schema", SCHEMAS[options["step_schema"]]),
        ("write.step.unit", UNITS[options["units"]]),
        ("write.step.product.name", "part"),
    ):
        if not Interface_Static.SetCVal_s(key, value):
            raise RuntimeError(f"the kernel has no setting {key} = {value}")
    Interface_Static.SetIVal_s("write.stepcaf.subshapes.name", 1)
    writer = STEPCAFControl_Writer()  # the unit is taken when a writer is made
    for keep in (writer.SetColorMode, writer.SetNameMode, writer.SetLayerMode):
        keep(True)
    # None, never '': the empty string splits parts into files named by the model, in the current folder.
    if not writer.Transfer(
        model, STEPControl_StepModelType.STEPControl_AsIs, None, progress.range(TO_ENTITIES, *_scale(model), again=True)
    ):
        raise Refused("unsupported_geometry", "the kernel cannot write this model as STEP")
    header = APIHeaderSection_MakeHeader(writer.ChangeWriter().Model())
    text = TCollection_HAsciiString
    header.SetName(text(ascii_stem(source_name)))
    header.SetTimeStamp(text(STAMP))
    header.SetAuthorValue(1, text(""))
    header.SetOrganizationValue(1, text(""))
    header.SetOriginatingSystem(text("Shapr3D Conversion Service"))
    header.SetPreprocessorVersion(text("Open CASCADE"))
    header.SetDescriptionValue(1, text("model"))
    if options["step_schema"] == "AP203":
        ap203.configure(writer.ChangeWriter().Model(), progress.step(AS_AP203))
        ap203.say(header)
    progress.writing(WRITTEN, path, ENTITY * writer.ChangeWriter().Model().NbEntities())
    if writer.Write(str(path)) != IFSelect_ReturnStatus.IFSelect_RetDone:
        raise Refused("unsupported_geometry", "the kernel cannot write this model as STEP")
    reach = progress.step()
    codepage.encode(path)
    # Taken apart bit by bit, which takes seconds for a big file: so before the next step begins, which shows.
    session = writer.ChangeWriter().WS()
    session.TransferWriter().Clear(-1)
    reach(0.7)
    session.ClearData(1)
    reach(0.85)
    del writer, header, session


def _scale(model: TDocStd_Document) -> tuple[Scale, float]:
    """Of the writer's transfer, and the memory it takes."""
    roots = document.roots(model)
    assembled = len(roots) > 1 or any(document.components(root) for root in roots)
    faces = IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher()
    TopExp.MapShapes_s(document.shape(model), TopAbs_ShapeEnum.TopAbs_FACE, faces)
    again = scale.FACE_AGAIN * faces.Extent()
    memory = again if shows_again(again) else scale.FACE * faces.Extent()
    return scale.WRITTEN if assembled else scale.WRITTEN_ALONE, memory


def ascii_stem(source_name: str) -> str:
    return PurePath(source_name).stem.encode("ascii", "replace").decode().replace("?", "_") or "part"
