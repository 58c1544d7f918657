"""STEP that says uses of parts, shapes in common, looks and names in ways that the kernel does not know: it gets them
in others, or the report names them."""

import math
import re
from pathlib import Path

import pytest
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeFace
from OCP.Geom import Geom_ToroidalSurface
from OCP.gp import gp_Ax3

from shapr.converters import preflight
from shapr.converters.brep import document, tree
from shapr.converters.brep import step as brep_step
from shapr.converters.preflight import instead
from shapr.errors import Refused
from tests.converters.test_placed import PRODUCT
from tests.converters.test_unheard import (
    ALIKE,
    BRACKET,
    GREY,
    HINGE,
    RED,
    SECOND,
    SHAPE,
    SHARES,
    STYLED,
    USED,
    changed,
    shown,
    step_solids,
)

OTHER_PLACED = "#1278 = CONTEXT_DEPENDENT_SHAPE_REPRESENTATION(#1279,#1281);"
UNREAD = ("Uses of parts in assemblies that are said in a way that is not read were passed over: 1.",)
OWN = """#{0}=SHAPE_DEFINITION_REPRESENTATION(#{1},#2020);
#2020=SHAPE_REPRESENTATION('',(#11),#{3});
#2021=SHAPE_REPRESENTATION('',(#11),#{3});
#2010=SHAPE_REPRESENTATION('',(#11),#{3});
#2030=SHAPE_REPRESENTATION_RELATIONSHIP('','',#2020,#{2});
#2031=SHAPE_REPRESENTATION_RELATIONSHIP('','',#2021,#{2});
"""
MIDDLE = "#2032=SHAPE_REPRESENTATION_RELATIONSHIP('','',#2010,#%s);\n"
BARE, LISTED = (f"#1248 = STYLED_ITEM('it''s (''color'')',({more}#1250),#15);" for more in ("", "#2000,"))
CURVED = "#2000=PRESENTATION_STYLE_ASSIGNMENT((#2001));\n#2001=CURVE_STYLE('',$,$,#1255);\n"


@pytest.mark.parametrize(
    "said",
    [
        "ASSEMBLY_COMPONENT_USAGE ( '2' , 'Right (''left'')',$,#5, #35,'R7')",
        "QUANTIFIED_ASSEMBLY_COMPONENT_USAGE('2','Right (''left'')','',#5,#35,$,#31)",
        "PROMISSORY_USAGE_OCCURRENCE('2','Right (''left'')','',#5,#35,$)",
    ],
)
def test_uses_of_parts_may_be_of_another_type_where_they_have_a_place(tmp_path: Path, said: str) -> None:
    path = changed(tmp_path / "a.step", HINGE)
    before = shown(path)[1]
    assert preflight.check("step", changed(path, HINGE, a=(USED, said))) == ()
    after = shown(path)[1]
    assert "Right ('left')" in after.labels
    assert (after.solids, after.low, after.high, after.volume) == (3, before.low, before.high, before.volume)
    assert preflight.check("step", changed(path, HINGE, a=(USED, said), b=(OTHER_PLACED, ""))) == UNREAD


@pytest.mark.parametrize(
    ("said", "losses"),
    [
        ("PRODUCT_DEFINITION_USAGE('2','Right','',#5,#35)", UNREAD),
        ("MAKE_FROM_USAGE_OPTION('2','Right','',#5,#35,1,'',#31)", UNREAD),
        ("SPECIFIED_HIGHER_USAGE_OCCURRENCE('2','Right','',#5,#35,$,#1276,#1398)", ()),
    ],
)
def test_other_uses_with_a_place_are_named(tmp_path: Path, said: str, losses: tuple[str, ...]) -> None:
    path = changed(tmp_path / "a.step", HINGE, a=(USED, said))
    assert preflight.check("step", path) == losses
    assert step_solids(path) == 2


def test_uses_of_another_type_expand_like_the_others(tmp_path: Path) -> None:
    """Thirty assemblies, each with the next one twice."""
    lines = []
    for at in range(300, 330):
        lines.append(PRODUCT.format(at, "whole"))
        for use in (60, 70):
            held = f"{at + 1}3" if at < 329 else "5"
            lines.append(
                f"#{at}{use}=ASSEMBLY_COMPONENT_USAGE('','','',#{at}3,#{held},$);"
                f"#{at}{use + 1}=PRODUCT_DEFINITION_SHAPE('','',#{at}{use});"
                f"#{at}{use + 2}=CONTEXT_DEPENDENT_SHAPE_REPRESENTATION(#31,#{at}{use + 1});\n"
            )
    with pytest.raises(Refused, match="decompression_bomb"):
        preflight.check("step", changed(tmp_path / "a.step", BRACKET, *lines))


@pytest.mark.parametrize("middle", [False, True])
def test_shapes_of_several_products_may_be_tied_to_one(tmp_path: Path, *, middle: bool) -> None:
    """Where there is a shape between, the kernel gave it to the first, and nothing to the second."""
    own = OWN.format("3", "4", 2010 if middle else 10, 1241)
    path = changed(tmp_path / "a.step", BRACKET, SECOND % "#2021", MIDDLE % 10 if middle else "", a=(SHAPE, own))
    assert preflight.check("step", path) == SHARES
    assert step_solids(path) == 1
    path = changed(tmp_path / "b.step", HINGE)
    before = shown(path)[1]
    tied = {
        "a": ("#33 = SHAPE_DEFINITION_REPRESENTATION(#34,#40);", OWN.format("33", "34", 2010 if middle else 40, 1267)),
        "b": (USED, USED.replace("#35", "#2002")),
        "c": ("#1273 = ( REPRESENTATION_RELATIONSHIP('','',#40", "#1273 = ( REPRESENTATION_RELATIONSHIP('','',#2020"),
        "d": ("#1279 = ( REPRESENTATION_RELATIONSHIP('','',#40", "#1279 = ( REPRESENTATION_RELATIONSHIP('','',#2021"),
    }
    changed(path, HINGE, SECOND % "#2021", MIDDLE % 40 if middle else "", **tied)
    assert preflight.check("step", path) == ALIKE
    after = shown(path)[1]
    assert (after.solids, after.low, after.high, after.labels) == (3, before.low, before.high, before.labels)


@pytest.mark.parametrize(("said", "more"), [(BARE, ""), (LISTED, CURVED)], ids=["alone", "beside an assignment"])
def test_looks_need_no_assignment(tmp_path: Path, said: str, more: str) -> None:
    """As later editions of AP242 have it."""
    path = changed(tmp_path / "a.step", BRACKET, more, a=(STYLED, said))
    assert preflight.check("step", path) == ()
    assert shown(path)[0] == {GREY}
    overriding = "#2100=OVER_RIDING_STYLED_ITEM('',(#2102),#17,#1248);\n"
    red = (RED % "#17").partition("\n")[2].replace("#2101=PRESENTATION_STYLE_ASSIGNMENT((#2102));\n", "")
    path = changed(tmp_path / "b.step", BRACKET, more, overriding, red, a=(STYLED, said))
    assert preflight.check("step", path) == ()
    assert shown(path)[0] == {GREY, (1.0, 0.0, 0.0)}


@pytest.mark.parametrize("name", ["Pipe (2'')", "2'', long", "a'''' \n)b", "''", "'',''"])
def test_an_apostrophe_before_a_comma_or_a_parenthesis_ends_no_name(tmp_path: Path, name: str) -> None:
    """It did for the kernel, which made nothing of what such a name stood in."""
    path = changed(tmp_path / "a.step", BRACKET, a=("'Bracket','Bracket'", f"'',/* ' */'{name}'"))
    assert preflight.check("step", path) == ()
    assert [leaf.name for leaf in tree.leaves(brep_step.read(path))] == [name.replace("''", "'").replace("\n", "")]


def test_other_apostrophes_need_no_copy(tmp_path: Path) -> None:
    path = changed(tmp_path / "a.step", BRACKET, a=("'Bracket','Bracket'", "'','the pipe''s 2'' '"))
    assert preflight.check("step", path) == ()
    assert instead.understood(path) == path


@pytest.mark.parametrize(
    ("old", "new", "losses"),
    [
        ("ADVANCED_FACE('',(#18)", "ADVANCED_FACE ( 'top',(#18)", ("Names of faces were passed over: 1.",)),
        ("ADVANCED_FACE('',(#18)", "ADVANCED_FACE('NONE',(#18)", ()),
        ("ADVANCED_FACE('',(#18)", "ADVANCED_FACE( '' ,(#18)", ()),
        ("ADVANCED_FACE('',(#18)", "ADVANCED_FACE(''/* a */,(#18)", ()),
        ("ADVANCED_FACE('',(#18)", "ADVANCED_FACE(/* a */'top',(#18)", ("Names of faces were passed over: 1.",)),
    ],
)
def test_names_that_no_output_has_are_told(tmp_path: Path, old: str, new: str, losses: tuple[str, ...]) -> None:
    assert preflight.check("step", changed(tmp_path / "a.step", BRACKET, a=(old, new))) == losses


@pytest.mark.parametrize(
    ("more", "losses"),
    [
        ("#3000=MATERIAL_DESIGNATION('Steel',(#5));", ("Designations of materials were passed over: 1.",)),
        ("#3000=CAMERA_MODEL_D3('front',#11,#3001);#3001=X();", ("Saved views were passed over.",)),
    ],
)
def test_what_a_file_says_beside_shapes_is_told(tmp_path: Path, more: str, losses: tuple[str, ...]) -> None:
    assert preflight.check("step", changed(tmp_path / "a.step", BRACKET, more)) == losses


@pytest.mark.parametrize("said", [".T.", ".F."])
@pytest.mark.parametrize(("upper", "whole"), [(3.5, False), (2 * math.pi - math.acos(-0.6), True)])
def test_a_torus_that_crosses_itself_is_right_where_edges_bound_it(
    tmp_path: Path, said: str, upper: float, *, whole: bool
) -> None:
    """Its inner part from pole to pole, and a piece of that: the kernel takes all of the torus for the first."""
    torus = Geom_ToroidalSurface(gp_Ax3(), 3, 5)
    face = BRepBuilderAPI_MakeFace(torus, 0, 2 * math.pi if whole else 1.5, math.acos(-0.6), upper, 1e-6).Face()
    path = tmp_path / "a.step"
    brep_step.write(document.holding(face, "a"), path, "a", {"step_schema": "AP214", "units": "mm"})
    right, text = shown(path)[1].area, path.read_text()
    surface = re.search(r"ADVANCED_FACE\('',\(#\d+\),#(\d+),", text)
    assert surface
    path.write_text(
        re.sub(f"#{surface[1]} = [^;]*", f"#{surface[1]}=DEGENERATE_TOROIDAL_SURFACE('',#11,3.,5.,{said})", text)
    )
    told = ("Whole tori that cross themselves were read with the part inside and the one outside: 1.",)
    assert preflight.check("step", path) == told * whole
    assert (shown(path)[1].area == pytest.approx(right)) == (not whole)
