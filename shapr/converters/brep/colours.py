"""Colours of an XCAF document: those its parts and instances have, and those of the faces of a part.

The kernel keeps them linear; here they are sRGB, as in STEP and as OBJ, PLY, OFF and 3MF want them.
"""

from functools import cache, lru_cache, partial

from OCP.Quantity import Quantity_ColorRGBA
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.XCAFDoc import XCAFDoc_ColorTool, XCAFDoc_ColorType, XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from shapr.converters.brep import document
from shapr.converters.mesh.model import Colour
from shapr.converters.mesh.srgb import curved, linear

# A surface colour says more than a general one; the colour of curves is not that of a surface.
KINDS = (XCAFDoc_ColorType.XCAFDoc_ColorSurf, XCAFDoc_ColorType.XCAFDoc_ColorGen)


def of(label: TDF_Label) -> Colour | None:
    """The colour that a label itself has."""
    return _first(label, KINDS)


def of_curves(label: TDF_Label) -> Colour | None:
    """The colour that a label's edges have: one of curves before that of surfaces, which some files give to wires."""
    return _first(label, (XCAFDoc_ColorType.XCAFDoc_ColorCurv, *KINDS))


def of_bounds(model: TDocStd_Document) -> frozenset[Colour]:
    """Those that edges of faces have, and the faces do not."""
    found: frozenset[Colour] = frozenset()
    if not document.labels(XCAFDoc_DocumentTool.ColorTool_s(model.Main()).GetColors):
        return found
    for part in document.labels(XCAFDoc_DocumentTool.ShapeTool_s(model.Main()).GetShapes):
        edges = cache(partial(_bounds, part))
        for label in (part, *document.components(part), *document.sublabels(part)):
            colour = _first(label, (XCAFDoc_ColorType.XCAFDoc_ColorCurv,))
            if colour is None or colour in found or colour == of(label):
                continue
            shape = XCAFDoc_ShapeTool.GetShape_s(label)
            faced = next(document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE), None) is not None
            if faced or not edges().isdisjoint(map(hash, document.explore(shape, TopAbs_ShapeEnum.TopAbs_EDGE))):
                found |= {colour}
    return found


def _bounds(part: TDF_Label) -> frozenset[int]:
    """The edges of its faces, by `hash`."""
    faces = document.explore(XCAFDoc_ShapeTool.GetShape_s(part), TopAbs_ShapeEnum.TopAbs_FACE)
    return frozenset(hash(edge) for face in faces for edge in document.explore(face, TopAbs_ShapeEnum.TopAbs_EDGE))


def _first(label: TDF_Label, kinds: tuple[XCAFDoc_ColorType, ...]) -> Colour | None:
    found = Quantity_ColorRGBA()
    for kind in kinds:
        if XCAFDoc_ColorTool.GetColor_s(label, kind, found):
            rgb = found.GetRGB()
            return srgb(rgb.Red(), rgb.Green(), rgb.Blue(), found.Alpha())
    return None


@lru_cache(maxsize=1024)  # thousands of faces have a few colours
def srgb(*linear: float) -> Colour:
    red, green, blue, alpha = curved(linear).tolist()
    return round(red, 4), round(green, 4), round(blue, 4), round(alpha, 4)


def set(model: TDocStd_Document, label: TDF_Label, colour: Colour) -> None:
    """Of its faces; of its edges where it has none."""
    made = Quantity_ColorRGBA(*linear(colour).tolist())
    kind = XCAFDoc_ColorType.XCAFDoc_ColorSurf
    if not label.IsNull():  # the kernel finds no label for a piece of a placed part
        faces = document.explore(XCAFDoc_ShapeTool.GetShape_s(label), TopAbs_ShapeEnum.TopAbs_FACE)
        kind = kind if next(faces, None) is not None else XCAFDoc_ColorType.XCAFDoc_ColorCurv
    XCAFDoc_DocumentTool.ColorTool_s(model.Main()).SetColor(label, made, kind)


def text(colour: Colour) -> str:
    """#rrggbb, or #rrggbbaa where it is not opaque: the name of a material of that colour."""
    values = [round(255 * each) for each in colour]
    return "#" + "".join(f"{each:02x}" for each in (values[:3] if values[3] == 255 else values))


def faces(part: TDF_Label) -> dict[int, Colour]:
    """The faces of a part that have a colour of their own, or from the solid or shell they belong to.

    By `hash`, the kernel's: 64 bits of the face and its place, whichever way it is looked at. The wheel's own equality
    is that of Python objects.
    """
    coloured = []
    for label in document.sublabels(part):
        colour = of(label)
        if colour is not None:
            shape = XCAFDoc_ShapeTool.GetShape_s(label)
            coloured.append((int(shape.ShapeType()), shape, colour))
    found: dict[int, Colour] = {}
    for kind, shape, colour in sorted(coloured, key=lambda each: each[0]):  # the smaller shape has the last word
        if kind == int(TopAbs_ShapeEnum.TopAbs_FACE):
            found[hash(shape)] = colour
        elif kind < int(TopAbs_ShapeEnum.TopAbs_FACE):
            found |= dict.fromkeys(map(hash, document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE)), colour)
    return found


def edges(part: TDF_Label) -> dict[int, Colour]:
    """The edges of a part that have a colour of their own, or from the wire or compound they belong to; by `hash`."""
    found: dict[int, Colour] = {}
    coloured = [(XCAFDoc_ShapeTool.GetShape_s(label), of_curves(label)) for label in document.sublabels(part)]
    for shape, colour in sorted(coloured, key=lambda each: int(each[0].ShapeType())):
        if colour is not None:
            found |= dict.fromkeys(map(hash, document.free_edges(shape)), colour)
    return found
