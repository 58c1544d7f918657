"""STEP files whose shapes are tessellated (AP242), made as they are needed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh

from shapr.converters import source
from shapr.converters.progress import Page, Reading
from shapr.converters.source import Model

HEAD = """ISO-10303-21;
HEADER;
FILE_DESCRIPTION((''),'2;1');
FILE_NAME('','2000-01-01T00:00:00',(''),(''),'','','');
FILE_SCHEMA(('AP242_MANAGED_MODEL_BASED_3D_ENGINEERING_MIM_LF { 1 0 10303 442 1 1 4 }'));
ENDSEC;
DATA;
#1=APPLICATION_CONTEXT('managed model based 3d engineering');
#2=PRODUCT_CONTEXT('',#1,'mechanical');
#3=PRODUCT_DEFINITION_CONTEXT('part definition',#1,'design');
#4=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));
#5=(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.));
#6=(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT());
#7=(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNIT_ASSIGNED_CONTEXT((#4,#5,#6))REPRESENTATION_CONTEXT('',''));
#8=CARTESIAN_POINT('',(0.,0.,0.));
#9=DIRECTION('',(0.,0.,1.));
#10=DIRECTION('',(1.,0.,0.));
#11=AXIS2_PLACEMENT_3D('',#8,#9,#10);
"""
INCH = """#4=(CONVERSION_BASED_UNIT('INCH',#12)LENGTH_UNIT()NAMED_UNIT(#13));
#12=LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),#14);
#13=DIMENSIONAL_EXPONENTS(1.,0.,0.,0.,0.,0.,0.);
#14=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));
"""
TAIL = "ENDSEC;\nEND-ISO-10303-21;\n"
# The corners of a cube, and its sides as they run around from outside.
CORNERS = [(x, y, z) for z in (0, 10) for y in (0, 10) for x in (0, 10)]
SIDES = [(1, 3, 4, 2), (5, 6, 8, 7), (1, 2, 6, 5), (3, 7, 8, 4), (1, 5, 7, 3), (2, 4, 8, 6)]
NORMALS = [(0, 0, -1), (0, 0, 1), (0, -1, 0), (0, 1, 0), (-1, 0, 0), (1, 0, 0)]
KINDS = (
    "TRIANGULATED_FACE",
    "COMPLEX_TRIANGULATED_FACE",
    "TRIANGULATED_SURFACE_SET",
    "COMPLEX_TRIANGULATED_SURFACE_SET",
)


def file(path: Path, *definitions: str, inch: bool = False) -> Path:
    head = HEAD
    if inch:
        head = HEAD.replace("#4=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));\n", INCH)
    path.write_text(head + "".join(definitions) + TAIL)
    return path


def listed(rows: Sequence[Sequence[float]]) -> str:
    return "(" + ",".join("(" + ",".join(map(str, row)) + ")" for row in rows) + ")"


def coordinates(number: int, points: Sequence[Sequence[float]] = CORNERS) -> str:
    return f"#{number}=COORDINATES_LIST('',{len(points)},{listed([tuple(map(float, point)) for point in points])});\n"


def side(number: int, kind: str, at: int, points: int, *, indexed: bool, normals: str, fans: bool, turned: bool) -> str:
    """A side of the cube as an item. `points` is its list of coordinates; `turned`: the other way round."""
    corners = SIDES[at][::-1] if turned else SIDES[at]
    index = sorted(corners) if indexed else []
    a, b, c, d = (index.index(corner) + 1 for corner in corners) if indexed else corners
    shapes = listed([(a, b, c), (a, c, d)])
    if kind.startswith("COMPLEX"):
        shapes = f"(),{listed([(a, b, c, d)])}" if fans else f"{listed([(a, b, d, c)])},()"
    how_many = {"none": 0, "one": 1, "each": len(index) or 8}[normals]
    said = listed([tuple(map(float, NORMALS[at]))] * how_many) if how_many else "()"
    link = "$," if kind.endswith("FACE") else ""
    named = "(" + ",".join(map(str, index)) + ")"
    return f"#{number}={kind}('side {at}',#{points},{len(index) or 8},{said},{link}{named},{shapes});\n"


def cube(first: int, kind: str = KINDS[0], *, indexed: bool = False, normals: str = "none", **how: bool) -> str:
    """Its coordinates as `first`, its sides as the six after it."""
    given = {"fans": False, "turned": False, **how}
    sides = [side(first + 1 + at, kind, at, first, indexed=indexed, normals=normals, **given) for at in range(6)]
    return coordinates(first) + "".join(sides)


def numbers(first: int, count: int = 6) -> str:
    return ",".join(f"#{number}" for number in range(first, first + count))


def part(first: int, name: str, items: str, kind: str = "TESSELLATED_SHAPE_REPRESENTATION") -> str:
    """A product: its definition is `first`, its representation the next."""
    return f"""#{first}=PRODUCT_DEFINITION('','',#{first + 3},#3);
#{first + 1}={kind}('',({items}),#7);
#{first + 2}=PRODUCT('{name}','{name}','',(#2));
#{first + 3}=PRODUCT_DEFINITION_FORMATION('','',#{first + 2});
#{first + 4}=PRODUCT_DEFINITION_SHAPE('','',#{first});
#{first + 5}=SHAPE_DEFINITION_REPRESENTATION(#{first + 4},#{first + 1});
"""


def used(
    first: int,
    whole: int,
    of: int,
    origin: tuple[float, float, float],
    x: tuple[float, float, float],
    shape: int | None = None,
) -> str:
    """A use of a part in another, placed there. `shape` is the part's, if it is not the number after it."""
    return f"""#{first}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('NAUO{first}','','',#{whole},#{of},$);
#{first + 1}=PRODUCT_DEFINITION_SHAPE('','',#{first});
#{first + 2}=CARTESIAN_POINT('',({",".join(str(float(each)) for each in origin)}));
#{first + 3}=DIRECTION('',({",".join(str(float(each)) for each in x)}));
#{first + 4}=AXIS2_PLACEMENT_3D('',#{first + 2},#9,#{first + 3});
#{first + 5}=ITEM_DEFINED_TRANSFORMATION('','',#11,#{first + 4});
#{first + 6}=(REPRESENTATION_RELATIONSHIP('','',#{shape or of + 1},#{
        whole + 1
    })REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION(#{first + 5})SHAPE_REPRESENTATION_RELATIONSHIP());
#{first + 7}=CONTEXT_DEPENDENT_SHAPE_REPRESENTATION(#{first + 6},#{first + 1});
"""


def coloured(first: int, of: int, colour: str, over: int | None = None) -> str:
    """A style; `over`: the first number of the one that it overrides."""
    kind, more = ("OVER_RIDING_STYLED_ITEM", f",#{over + 6}") if over else ("STYLED_ITEM", "")
    return f"""#{first}=COLOUR_RGB('',{colour});
#{first + 1}=FILL_AREA_STYLE_COLOUR('',#{first});
#{first + 2}=FILL_AREA_STYLE('',(#{first + 1}));
#{first + 3}=SURFACE_STYLE_FILL_AREA(#{first + 2});
#{first + 4}=SURFACE_SIDE_STYLE('',(#{first + 3}));
#{first + 5}=SURFACE_STYLE_USAGE(.BOTH.,#{first + 4});
#{first + 6}={kind}('',(#{first + 7}),#{of}{more});
#{first + 7}=PRESENTATION_STYLE_ASSIGNMENT((#{first + 5}));
#{first + 8}=MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION('',(#{first + 6}),#7);
"""


def opened(path: Path, limit: int = 50_000) -> Model:
    reading = Reading(path.with_name("page"))
    try:
        return source.read(source.File(path, "step", path.name), Page(path.with_name("page")), limit)
    finally:
        reading.close()


def written(model: Model, path: Path) -> trimesh.Trimesh:
    """As STL, read by somebody else."""
    model.write("stl", path, {"units": "mm", "encoding": "binary", "up_axis": "z"})
    return trimesh.load_mesh(path)


def triangles(mesh: trimesh.Trimesh) -> set[tuple[tuple[float, ...], ...]]:
    """Each with its corners as they run, from the least."""
    return {from_least(corners) for corners in np.round(mesh.triangles, 6).tolist()}


def from_least(corners: list[list[float]]) -> tuple[tuple[float, ...], ...]:
    least = corners.index(min(corners))
    return tuple(tuple(each) for each in (*corners[least:], *corners[:least]))
