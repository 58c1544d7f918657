"""STEP that places parts by operators, larger, smaller or mirrored: what comes out is where and as large as the file
says, and of that hand."""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import trimesh
from OCP.BRepCheck import BRepCheck_Analyzer
from OCP.BRepGProp import BRepGProp
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCone, BRepPrimAPI_MakeTorus
from OCP.gp import gp_Ax2, gp_Dir, gp_Pnt
from OCP.GProp import GProp_GProps
from OCP.STEPControl import STEPControl_Reader
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from shapr.converters import preflight
from shapr.converters.brep import bodies, body_names, brep, colours, document, iges, placed, step, tree
from shapr.converters.preflight import placed as preflight_placed
from shapr.errors import Refused
from tests.converters.kit import SAMPLES, converter, job
from tests.converters.shapes import FACE, SOLID

Bodies = list[tuple[float, npt.NDArray[np.float64]]]  # volume and centre, the smallest first
RED, GREEN = (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0)
BRACKET = (SAMPLES / "bracket.step").read_text()

AXES = """#3001=DIRECTION('',(0.,1.,0.));
#3002=DIRECTION('',(-1.,0.,0.));
#3003=DIRECTION('',(0.,0.,%s));
#3004=CARTESIAN_POINT('',(100.,20.,-5.));
#3010=CARTESIAN_TRANSFORMATION_OPERATOR_3D('','',$,#3001,#3002,#3004,%s,#3003);
"""
MIRRORED = np.array([[0, -1, 0], [1, 0, 0], [0, 0, -1]])
TURNED = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
ORIGIN = np.array([100, 20, -5])
PRODUCT = """#{0}1=PRODUCT('{1}','{1}','',(#8));
#{0}2=PRODUCT_DEFINITION_FORMATION('','',#{0}1);
#{0}3=PRODUCT_DEFINITION('design','',#{0}2,#9);
#{0}4=PRODUCT_DEFINITION_SHAPE('','',#{0}3);
#{0}5=SHAPE_DEFINITION_REPRESENTATION(#{0}4,#{0}0);
"""
CONTEXT = re.compile(r"SHAPE_REPRESENTATION\('',\(#11,[^)]*\),#(\d+)\)")
# An assembly of the part before, as items of its representation: by the operator, and where the part is.
MAPPED = """#{0}0=SHAPE_REPRESENTATION('',(#11,#{0}7,#{0}8),#{2});
#{0}6=REPRESENTATION_MAP(#11,#{1});
#{0}7=MAPPED_ITEM('',#{0}6,#3010);
#{0}8=MAPPED_ITEM('',#{0}6,#11);
"""
# The same by relationships.
USE = """#{0}0=SHAPE_REPRESENTATION('',(#11),#{2});
#{0}60=NEXT_ASSEMBLY_USAGE_OCCURRENCE('1','moved','',#{0}3,#{3},$);
#{0}61=PRODUCT_DEFINITION_SHAPE('','',#{0}60);
#{0}62=(REPRESENTATION_RELATIONSHIP('','',#{1},#{0}0)REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION(#3010)
SHAPE_REPRESENTATION_RELATIONSHIP());
#{0}63=CONTEXT_DEPENDENT_SHAPE_REPRESENTATION(#{0}62,#{0}61);
#{0}70=NEXT_ASSEMBLY_USAGE_OCCURRENCE('2','there','',#{0}3,#{3},$);
#{0}71=PRODUCT_DEFINITION_SHAPE('','',#{0}70);
#{0}72=(REPRESENTATION_RELATIONSHIP('','',#{1},#{0}0)REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION(#{0}74)
SHAPE_REPRESENTATION_RELATIONSHIP());
#{0}73=CONTEXT_DEPENDENT_SHAPE_REPRESENTATION(#{0}72,#{0}71);
#{0}74=ITEM_DEFINED_TRANSFORMATION('','',#11,#11);
"""


def leg(folder: Path, units: str = "mm") -> str:
    """One part of four solids, no two of which look alike: the first one red, called foot, with a green face."""
    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    made = [
        BRepPrimAPI_MakeBox(1, 2, 3).Shape(),
        BRepPrimAPI_MakeCone(gp_Ax2(gp_Pnt(10, 1, 0), gp_Dir(0, 1, 1)), 2, 1, 3).Shape(),
        BRepPrimAPI_MakeTorus(gp_Ax2(gp_Pnt(0, 20, 0), gp_Dir(1, 0, 0)), 3, 1).Shape(),
        BRepPrimAPI_MakeBox(gp_Pnt(0, 0, 30), 5, 5, 5).Shape(),
    ]
    part = tool.AddShape(document.compound(made), False)
    bodies.call(part, "leg")
    foot = tool.AddSubShape(part, made[0])
    bodies.call(foot, "foot")
    colours.set(model, foot, RED)
    colours.set(model, tool.AddSubShape(part, next(document.explore(made[0], FACE))), GREEN)
    path = folder / "leg.step"
    step.write(model, path, "leg.step", {"step_schema": "AP214", "units": units})
    return path.read_text()


def with_(path: Path, text: str, scale: str, mirror: bool, *wholes: str) -> Path:
    """With one assembly in the other, each made like it is said here."""
    said = CONTEXT.search(text)
    context = said[1] if said else ""
    more, held, definition = AXES % ("-1." if mirror else "1.", scale), "10", "5"
    for number, whole in zip(("400", "500", "600", "700"), wholes, strict=False):
        more += whole.format(number, held, context, definition) + PRODUCT.format(number, f"whole {number}")
        held, definition = f"{number}0", f"{number}3"
    path.write_text(text.replace("ENDSEC;\nEND-ISO", more + "ENDSEC;\nEND-ISO"))
    return path


def of_shape(shape: TopoDS_Shape) -> Bodies:
    found = []
    for solid in document.explore(shape, SOLID):
        mass = GProp_GProps()
        BRepGProp.VolumeProperties_s(solid, mass)
        found.append((mass.Mass(), np.array(mass.CentreOfMass().Coord())))
    return ordered(found)


def together(bodies: Bodies) -> Bodies:
    volume = sum(each for each, _ in bodies)
    return [(volume, sum(each * centre for each, centre in bodies) / volume)]


def of_mesh(path: Path, millimetres: float) -> Bodies:
    """What is inside out has less than no volume."""
    mesh = trimesh.load(path, force="mesh")
    return [(mesh.volume * millimetres**3, mesh.center_mass * millimetres)]


def ordered(found: Bodies) -> Bodies:
    return sorted(found, key=lambda each: (round(each[0], 1), *each[1].round(1)))


def moved(bodies: Bodies, scale: float, matrix: npt.NDArray[np.int_]) -> Bodies:
    return ordered([(volume * scale**3, scale * matrix @ centre + ORIGIN) for volume, centre in bodies])


def same(found: Bodies, wanted: Bodies, near: float = 1e-6) -> None:
    assert len(found) == len(wanted)
    for (volume, centre), (wanted_volume, wanted_centre) in zip(found, wanted, strict=True):
        assert volume == pytest.approx(wanted_volume, rel=10 * near)
        assert centre == pytest.approx(wanted_centre, abs=100 * near)


def expected(text: str, folder: Path, scale: float, matrix: npt.NDArray[np.int_], depth: int) -> Bodies:
    (folder / "leg.step").write_text(text)
    bodies = of_shape(document.shape(step.read(folder / "leg.step")))
    for _ in range(depth):
        bodies = ordered(bodies + moved(bodies, scale, matrix))
    return bodies


@pytest.mark.parametrize(
    "wholes", [(MAPPED,), (USE,), (USE, USE), (MAPPED, MAPPED)], ids=["map", "use", "uses", "maps"]
)
@pytest.mark.parametrize(("scale", "mirror"), [("2.5", False), ("$", True), ("0.4", True)])
def test_parts_are_where_the_operator_places_them(
    tmp_path: Path, wholes: tuple[str, ...], scale: str, *, mirror: bool
) -> None:
    """Each assembly holds what it is of twice; a second one in which that is one is four times the part."""
    text = leg(tmp_path)
    model = step.read(with_(tmp_path / "a.step", text, scale, mirror, *wholes))
    size = 1.0 if scale == "$" else float(scale)
    same(of_shape(document.shape(model)), expected(text, tmp_path, size, MIRRORED if mirror else TURNED, len(wholes)))
    assert BRepCheck_Analyzer(document.shape(model)).IsValid()
    assert len(document.roots(model)) == 1
    pieces = bodies.Body(document.shape(model)).pieces
    assert {round(piece.Location().Transformation().ScaleFactor(), 9) for piece in pieces} == {1.0}


IN_STRINGS = """#3050=X(' =(CARTESIAN_TRANSFORMATION_OPERATOR($,$,#1,$)CARTESIAN_TRANSFORMATION_OPERATOR_3D($)
FUNCTIONALLY_DEFINED_TRANSFORMATION(');#3051=X(' , $)GEOMETRIC_REPRESENTATION_ITEM()
REPRESENTATION_ITEM(');#3052=X(' ) )','');
"""
SEVERAL = """#3010= (CARTESIAN_TRANSFORMATION_OPERATOR(#3001,#3002,#3004,2.)
CARTESIAN_TRANSFORMATION_OPERATOR_3D ( #3003 )FUNCTIONALLY_DEFINED_TRANSFORMATION('a''(b', $)
GEOMETRIC_REPRESENTATION_ITEM( )/* ' */REPRESENTATION_ITEM('c'));
"""


@pytest.mark.parametrize("whole", [MAPPED, USE], ids=["map", "use"])
@pytest.mark.parametrize("mirror", [False, True])
def test_an_operator_may_be_of_several_types(tmp_path: Path, whole: str, *, mirror: bool) -> None:
    text = leg(tmp_path)
    path = with_(tmp_path / "a.step", text, "2.", mirror, whole)
    path.write_text(re.sub(r"#3010=.*\n", lambda _: SEVERAL, path.read_text()))
    assert preflight.check("step", path) == ()
    found = of_shape(document.shape(step.read(path)))
    same(found, expected(text, tmp_path, 2.0, MIRRORED if mirror else TURNED, 1))


def test_an_operator_within_strings_is_none(tmp_path: Path) -> None:
    path = with_(tmp_path / "a.step", leg(tmp_path), "2.", False, USE)
    path.write_text(path.read_text().replace("#3010=", IN_STRINGS + "#3010="))
    assert preflight_placed.simple(path) == path


@pytest.mark.parametrize("mirror", [False, True])
def test_names_and_colours_stay_with_what_is_mirrored(tmp_path: Path, *, mirror: bool) -> None:
    model = step.read(with_(tmp_path / "a.step", leg(tmp_path), "1.", mirror, USE))
    first, second = tree.leaves(model)
    assert (first.key != second.key) == mirror, "what is only turned is one part"
    assert (first.name, second.name) == ("moved", "there")
    for leaf in (first, second):
        assert document.name(leaf.part) == "leg"
        assert body_names.within(leaf.part) == {"foot"}
        assert sorted(colours.faces(leaf.part).values()) == [GREEN, *[RED] * 5]
    assert document.name(document.roots(model)[0]) == "whole 400"


def test_a_part_that_is_no_product_is_placed_too(tmp_path: Path) -> None:
    """The kernel makes no part of it, but pieces of one."""
    text = leg(tmp_path)
    alone = text.replace("#3 = SHAPE_DEFINITION_REPRESENTATION(#4,#10);", "")
    model = step.read(with_(tmp_path / "a.step", alone, "2.", True, MAPPED, MAPPED))
    whole = document.compound(map(XCAFDoc_ShapeTool.GetShape_s, document.roots(model)))
    one, two = (expected(text, tmp_path, 2.0, MIRRORED, depth) for depth in (1, 2))
    same(of_shape(whole), ordered([*one, *moved(one, 2.0, MIRRORED)]) if len(document.roots(model)) == 1 else two)


async def test_every_output_has_them_as_other_readers_see_it(tmp_path: Path) -> None:
    """In inches, a mirrored part within a larger mirrored assembly."""
    text = leg(tmp_path, "in")
    wanted = expected(text, tmp_path, 2.0, MIRRORED, 0)
    for _ in range(2):
        wanted = ordered(wanted + [(8 * v, 2 * MIRRORED @ c + 25.4 * ORIGIN) for v, c in wanted])
    source = with_(tmp_path / "a.step", text, "2.", True, MAPPED, USE)
    (tmp_path / "scratch").mkdir()
    made = job(tmp_path / "scratch", source, "step,brep,iges,stl,glb")
    answer = await converter().convert(made, lambda _: None)
    paths = {each.format: each.path for each in answer.written}
    reader = STEPControl_Reader()
    reader.ReadFile(str(paths["step"]))
    reader.TransferRoots()
    same(of_shape(reader.OneShape()), wanted)
    same(of_shape(document.shape(iges.read(paths["iges"], "a"))), wanted, 1e-5)
    same(of_shape(document.shape(brep.read(paths["brep"], "a", {}))), wanted)
    ((volume, (x, y, z)),) = together(wanted)
    same(of_mesh(paths["stl"], 1.0), [(volume, np.array([x, y, z]))], 1e-2)
    same(of_mesh(paths["glb"], 1000.0), [(volume, np.array([x, z, -y]))], 1e-2)
    for format, told in answer.report["outputs"].items():
        assert told["deltas"]["volume"] == pytest.approx(0, abs=1e-2), format


def test_copies_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = with_(tmp_path / "a.step", leg(tmp_path), "1.5", False, USE, USE, USE, USE)
    monkeypatch.setattr(placed, "COPIED", 80)  # four sizes of 15 faces
    assert len({leaf.key for leaf in tree.leaves(step.read(path))}) == 5
    monkeypatch.setattr(placed, "COPIED", 0)
    with pytest.raises(Refused, match="decompression_bomb"):
        step.read(path)
