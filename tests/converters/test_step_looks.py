"""Looks of STEP that are said in rare ways: kept where the kernel can keep them, else named."""

from pathlib import Path

import pytest

from shapr.converters import preflight
from shapr.converters.brep import colours, step
from tests.converters.kit import converter, job
from tests.converters.test_unheard import BRACKET, GREY, RED, STYLED, changed, shown

FILL = "#1253 = FILL_AREA_STYLE('',(#1254));"
ASSIGNED = "#1249 = PRESENTATION_STYLE_ASSIGNMENT((#1250));"
HATCHES = """#3000=FILL_AREA_STYLE_HATCHING('',#3001,#3002,#12,#12,0.5);
#3001=CURVE_STYLE('',$,POSITIVE_LENGTH_MEASURE(0.1),#1255);
#3002=ONE_DIRECTION_REPEAT_FACTOR('',#3003);
#3003=VECTOR('',#13,2.);
"""
LINES = "#3000=SURFACE_STYLE_BOUNDARY(#3001);\n#3001=CURVE_STYLE('',$,POSITIVE_LENGTH_MEASURE(0.1),#1255);\n"
PATTERN = ("Patterns and lines on surfaces (hatches, tiles, boundaries) were passed over: 1.",)
SEVERAL = ("Bodies and faces that have several colours got one of them: 1.",)
UNREAD = ("Colours that are said in a way that is not read were passed over: 1.",)
BLUE = """#4000=PRESENTATION_STYLE_ASSIGNMENT((#4001));
#4001=SURFACE_STYLE_USAGE(.{}.,#4002);
#4002=SURFACE_SIDE_STYLE('',(#4003));
#4003=SURFACE_STYLE_FILL_AREA(#4004);
#4004=FILL_AREA_STYLE('',(#4005));
#4005=FILL_AREA_STYLE_COLOUR('',#4006);
#4006=COLOUR_RGB('',{});
"""
BLUES, SAME = "0.,0.,1.", "0.626209676391,0.701410709185,.767375665483E0"
B = (0.0, 0.0, 1.0)
CURVE = """#3000=PRESENTATION_STYLE_ASSIGNMENT((#3001));
#3001=CURVE_STYLE('',$,POSITIVE_LENGTH_MEASURE(0.1),{});
"""
CIRCLE = """#3010=CIRCLE('',#11,5.);
#3011=GEOMETRIC_CURVE_SET('',(#3010));
#3012=GEOMETRICALLY_BOUNDED_WIREFRAME_SHAPE_REPRESENTATION('',(#11,#3011),#1241);
#3013=SHAPE_REPRESENTATION_RELATIONSHIP('','',#10,#3012);
"""
RED_STYLE = (RED % "#17").partition("\n")[2]


@pytest.mark.parametrize(
    ("change", "more", "colours"),
    [
        ((FILL, FILL.replace("#1254", "#3000")), HATCHES, set()),
        ((FILL, FILL.replace("#1254", "#3000,#1254")), HATCHES, {GREY}),
        ((FILL, FILL.replace("#1254", "#3000")), "#3000=FILL_AREA_STYLE_TILES('',#13,(),1.);", set()),
        (("('',(#1252))", "('',(#1252,#3000))"), LINES, {GREY}),
    ],
    ids=["hatches", "hatches on a colour", "tiles", "boundary"],
)
def test_patterns_and_lines_are_named(
    tmp_path: Path, change: tuple[str, str], more: str, colours: set[tuple[float, ...]]
) -> None:
    path = changed(tmp_path / "a.step", BRACKET, more, a=change)
    assert preflight.check("step", path) == PATTERN
    assert shown(path)[0] == colours


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ((STYLED, STYLED.replace("#1249", "#1249,#4000")), ""),
        ((ASSIGNED, ASSIGNED.replace("#1250", "#1250,#4001")), ""),
        ((STYLED, STYLED), "#4100=STYLED_ITEM('',(#4000),#15);\n"),
    ],
    ids=["two assignments", "two in one", "two items"],
)
def test_one_of_several_colours_is_taken_and_that_is_told(tmp_path: Path, change: tuple[str, str], more: str) -> None:
    path = changed(tmp_path / "a.step", BRACKET, BLUE.format("BOTH", BLUES), more, a=change)
    assert preflight.check("step", path) == SEVERAL
    assert shown(path)[0] == {B}
    path = changed(tmp_path / "b.step", BRACKET, BLUE.format("BOTH", SAME), more, a=change)
    assert preflight.check("step", path) == (), "one colour, said twice"


def test_the_colour_of_the_other_side_is_not_taken(tmp_path: Path) -> None:
    both = (STYLED, STYLED.replace("#1249", "#1249,#4000"))
    path = changed(tmp_path / "a.step", BRACKET, BLUE.format("NEGATIVE", BLUES), a=both)
    assert preflight.check("step", path) == SEVERAL
    assert shown(path)[0] == {GREY}


def test_what_overrides_a_colour_is_no_second_one(tmp_path: Path) -> None:
    chain = (
        "#4100=OVER_RIDING_STYLED_ITEM('',(#2101),#17,#1248);\n",
        "#4101=OVER_RIDING_STYLED_ITEM('',(#4000),#17,#4100);\n",
    )
    path = changed(tmp_path / "a.step", BRACKET, RED_STYLE, BLUE.format("BOTH", BLUES), *chain)
    assert preflight.check("step", path) == ()
    assert shown(path)[0] == {GREY, B}
    both = chain[0].replace("#2101", "#2101,#4000")
    path = changed(tmp_path / "b.step", BRACKET, RED_STYLE, BLUE.format("BOTH", BLUES), both)
    assert preflight.check("step", path) == SEVERAL


@pytest.mark.parametrize("style", ["#1249", "#1250"], ids=["assigned", "by itself"])
def test_items_with_styles_may_be_of_several_types(tmp_path: Path, style: str) -> None:
    """The kernel knows them of one alone."""
    said = f"#1248 = ( REPRESENTATION_ITEM('it''s (')\nSTYLED_ITEM((#3000, {style}),#15) );"
    over = "#4100=(OVER_RIDING_STYLED_ITEM(#1248)REPRESENTATION_ITEM('')STYLED_ITEM((#4000),#17));\n"
    more = "#3000=PRESENTATION_STYLE_ASSIGNMENT((#3001));\n#3001=CURVE_STYLE('',$,$,#1255);\n"
    path = changed(tmp_path / "a.step", BRACKET, more, over, BLUE.format("BOTH", BLUES), a=(STYLED, said))
    assert preflight.check("step", path) == ()
    assert shown(path)[0] == {GREY, B}


def test_items_with_styles_of_other_types_are_named(tmp_path: Path) -> None:
    said = "#1248=(FEATURE_DEFINITION()REPRESENTATION_ITEM('')STYLED_ITEM((#1249),#15));"
    path = changed(tmp_path / "a.step", BRACKET, a=(STYLED, said))
    assert preflight.check("step", path) == UNREAD
    assert shown(path)[0] == set()


@pytest.mark.parametrize(
    ("change", "more", "found"),
    [
        ((STYLED, STYLED), CURVE.format("#2105") + "#3002=STYLED_ITEM('',(#3000),#21);\n", {(1.0, 0.0, 0.0, 1.0)}),
        ((STYLED, STYLED.replace("#1249", "#3000")), CURVE.format("#2105"), {(1.0, 0.0, 0.0, 1.0)}),
        ((STYLED, STYLED.replace("#1249", "#1249,#3000")), CURVE.format("#2105"), {(1.0, 0.0, 0.0, 1.0)}),
        ((STYLED, STYLED.replace("#1249", "#1249,#3000")), CURVE.format("#1255"), set()),
        ((STYLED, STYLED), CURVE.format("#2105") + CIRCLE + "#3002=STYLED_ITEM('',(#3000),#3010);\n", set()),
    ],
    ids=["an edge", "the edges of a body", "edges beside faces", "as the faces", "a curve of its own"],
)
def test_colours_of_edges_are_counted_where_faces_have_another(
    tmp_path: Path, change: tuple[str, str], more: str, found: set[tuple[float, ...]]
) -> None:
    path = changed(tmp_path / "a.step", BRACKET, RED_STYLE, more, a=change)
    assert colours.of_bounds(step.read(path)) == found


async def test_colours_of_edges_are_kept_by_step_and_told_elsewhere(tmp_path: Path) -> None:
    more = CURVE.format("#2105") + "#3002=STYLED_ITEM('',(#3000),#21);\n"
    path = changed(tmp_path / "a.step", BRACKET, RED_STYLE, more)
    answer = await converter().convert(job(tmp_path, path, "step,iges,obj"), lambda _: None)
    assert answer.report
    told = {
        format: [loss for loss in output["losses"] if "edges" in loss]
        for format, output in answer.report["outputs"].items()
    }
    assert told == {
        "step": [],
        "iges": ["colours of edges cannot be stored in IGES"],
        "obj": ["colours of edges cannot be stored in OBJ"],
    }
