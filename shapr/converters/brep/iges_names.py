"""What an IGES file calls its solids, groups and subfigures: the kernel's reader says it only of roots and of what has
a colour of its own."""

from collections.abc import Iterator

from OCP.IGESBasic import IGESBasic_Group, IGESBasic_SingularSubfigure
from OCP.IGESCAFControl import IGESCAFControl_Reader
from OCP.IGESData import IGESData_IGESEntity
from OCP.TCollection import TCollection_ExtendedString, TCollection_HAsciiString
from OCP.TDF import TDF_Label
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import document
from shapr.converters.brep.bodies import call

DEEPEST = 50  # groups in groups
HOLDERS = (TopAbs_ShapeEnum.TopAbs_COMPOUND, TopAbs_ShapeEnum.TopAbs_SOLID, TopAbs_ShapeEnum.TopAbs_SHELL)


def names(reader: IGESCAFControl_Reader, roots: list[TDF_Label]) -> dict[int, str]:
    """The name nearest to each face, by the face's `hash`, of what is inside of the roots; these are called here."""
    found: dict[int, str] = {}
    if len(roots) != reader.NbRootsForTransfer():  # which root came of which entity is not known
        return found
    for at, root in enumerate(roots, 1):
        entity, shape = reader.RootForTransfer(at), XCAFDoc_ShapeTool.GetShape_s(root)
        if name := _name(entity):  # the kernel's stops short of what is no UTF-8
            call(root, name)
        for inner, part in inside(entity, shape):
            _below(inner, part, found, 1)
    return found


def _below(entity: IGESData_IGESEntity, shape: TopoDS_Shape, found: dict[int, str], depth: int) -> None:
    """The smaller one has the last word."""
    if shape.ShapeType() not in HOLDERS or depth > DEEPEST:
        return
    if name := _name(entity):
        found |= dict.fromkeys(map(hash, document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE)), name)
    for inner, part in inside(entity, shape):
        _below(inner, part, found, depth + 1)


def inside(entity: IGESData_IGESEntity, shape: TopoDS_Shape) -> Iterator[tuple[IGESData_IGESEntity, TopoDS_Shape]]:
    """What an entity holds, each with the shape it became; nothing where they cannot be told apart."""
    if isinstance(entity, IGESBasic_Group):
        held = [entity.Entity(at) for at in range(1, entity.NbEntities() + 1)]
    elif isinstance(entity, IGESBasic_SingularSubfigure):
        figure = entity.Subfigure()
        held = [figure.AssociatedEntity(at) for at in range(1, figure.NbEntities() + 1)]
    else:
        return
    parts = list(document.children(shape)) if shape.ShapeType() == TopAbs_ShapeEnum.TopAbs_COMPOUND else [shape]
    if len(held) == len(parts):
        yield from ((inner, part) for inner, part in zip(held, parts, strict=True) if inner is not None)


def _name(entity: IGESData_IGESEntity) -> str:
    """Its own, else the one of the subfigure that it is an instance of."""
    if entity.HasName():
        return text(entity.NameValue())
    if isinstance(entity, IGESBasic_SingularSubfigure) and (name := entity.Subfigure().Name()):
        return text(name)
    return ""


def text(string: TCollection_HAsciiString) -> str:
    """Of a standard that has only ASCII: what goes beyond it is UTF-8, or else as Windows wrote it in the West."""
    said = str(TCollection_ExtendedString(string.String(), False).ToExtString()).encode("latin-1").strip()
    try:
        return said.decode()
    except UnicodeDecodeError:
        return said.decode("cp1252", "replace")
