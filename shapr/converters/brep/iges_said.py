"""What an IGES entity says of itself: its name, its colour, its layers."""

from functools import lru_cache

from OCP.IGESBasic import IGESBasic_Name, IGESBasic_SingularSubfigure
from OCP.IGESCAFControl import IGESCAFControl
from OCP.IGESData import IGESData_DefList, IGESData_IGESEntity
from OCP.IGESGraph import IGESGraph_Color
from OCP.TCollection import TCollection_ExtendedString, TCollection_HAsciiString

from shapr.converters.brep.bodies import Look
from shapr.converters.brep.colours import srgb
from shapr.converters.mesh.model import Colour


def look(entity: IGESData_IGESEntity) -> Look:
    return Look(_name(entity), _colour(entity), _layers(entity))


def property_name(entity: IGESData_IGESEntity) -> str:
    """That of a property (406, form 15): a label of the directory may be just a number that a system gave."""
    kind = IGESBasic_Name.get_type_descriptor_s()
    named = entity.NbProperties() and entity.NbTypedProperties(kind)
    return _text(entity.NameValue()) if named else ""


def _name(entity: IGESData_IGESEntity) -> str:
    """Its own, else the one of the subfigure that it is an instance of."""
    if entity.HasName():
        return _text(entity.NameValue())
    if isinstance(entity, IGESBasic_SingularSubfigure) and (name := entity.Subfigure().Name()):
        return text(name)
    return ""


def _colour(entity: IGESData_IGESEntity) -> Colour | None:
    """One of the eight of the standard, else that of a definition (314), in percent."""
    if (rank := entity.RankColor()) > 0:
        return _numbered(rank)
    defined = entity.Color() if rank < 0 else None
    if not isinstance(defined, IGESGraph_Color):
        return None
    red, green, blue = (min(max(each / 100, 0.0), 1.0) for each in defined.RGBIntensity())
    return round(red, 4), round(green, 4), round(blue, 4), 1.0


@lru_cache
def _numbered(rank: int) -> Colour:
    made = IGESCAFControl.DecodeColor_s(rank)
    return srgb(made.Red(), made.Green(), made.Blue(), 1.0)


def _layers(entity: IGESData_IGESEntity) -> tuple[str, ...]:
    kind = entity.DefLevel()
    if kind == IGESData_DefList.IGESData_DefOne:
        return (str(entity.Level()),)
    if kind == IGESData_DefList.IGESData_DefSeveral:
        levels = entity.LevelList()
        return tuple(str(levels.LevelNumber(at)) for at in range(1, levels.NbLevelNumbers() + 1))
    return ()


def _text(string: TCollection_HAsciiString | None) -> str:
    """A name may be announced, and not be there."""
    return text(string) if string is not None else ""


def text(string: TCollection_HAsciiString) -> str:
    """Of a standard that has only ASCII: what goes beyond it is UTF-8, or else as Windows wrote it in the West."""
    said = str(TCollection_ExtendedString(string.String(), False).ToExtString()).encode("latin-1").strip()
    try:
        return said.decode()
    except UnicodeDecodeError:
        return said.decode("cp1252", "replace")
