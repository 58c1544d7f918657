"""Colours and products of STEP that the kernel does not hear of: kept, or named."""

import re
from pathlib import Path

import pytest

from shapr.converters import preflight
from shapr.converters.brep import colours, measure, step, tree
from shapr.converters.measure import Measured
from shapr.converters.preflight.step import MEASURES
from shapr.converters.progress import silent
from tests.converters.kit import SAMPLES

BRACKET, HINGE = ((SAMPLES / name).read_text() for name in ("bracket.step", "assembly.step"))
STYLED = "#1248 = STYLED_ITEM('color',(#1249),#15);"
LISTED = "#1247 = MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION('',(\n    #1248),#1241);\n"
SHAPE = "#3 = SHAPE_DEFINITION_REPRESENTATION(#4,#10);"
FILLED = "SURFACE_SIDE_STYLE('',(#1252))"
SIDE, NAMED_SIDE = "#1251 = SURFACE_SIDE_STYLE('',(#1252));", "#1251=PRE_DEFINED_SURFACE_SIDE_STYLE('shiny');"
LOOKS = ("Looks of surfaces that have only a name were passed over: 1.",)
GREY = (0.6262, 0.7014, 0.7674)
RED = (
    "#2100=STYLED_ITEM('',(#2101),%s);\n"
    """#2101=PRESENTATION_STYLE_ASSIGNMENT((#2102));
#2102=SURFACE_STYLE_USAGE(.BOTH.,#2103);
#2103=SURFACE_SIDE_STYLE('',(#2104));
#2104=SURFACE_STYLE_RENDERING(.NORMAL_SHADING.,#2105);
#2105=COLOUR_RGB('',1.,0.,0.);
"""
)
TIED = """#3=SHAPE_DEFINITION_REPRESENTATION(#4,#2000);
#2000=SHAPE_REPRESENTATION('',(#11),#1241);
#2001=SHAPE_REPRESENTATION_RELATIONSHIP('','',#2000,#10);
"""
TWICE = """#3=SHAPE_DEFINITION_REPRESENTATION(#4,#2000);
#2000=SHAPE_REPRESENTATION('',(#11,#2002,#2003),#1241);
#2001=REPRESENTATION_MAP(#11,#10);
#2002=MAPPED_ITEM('',#2001,#11);
#2003=MAPPED_ITEM('',#2001,#2004);
#2004=AXIS2_PLACEMENT_3D('',#2005,#13,#14);
#2005=CARTESIAN_POINT('',(100.,0.,0.));
"""
PLACED = "#1272 = CONTEXT_DEPENDENT_SHAPE_REPRESENTATION(#1273,#1275);"
USE = r"NEXT_ASSEMBLY_USAGE_OCCURRENCE\(([^;]*),\$\);"
USED = "NEXT_ASSEMBLY_USAGE_OCCURRENCE('2','Right','',#5,#35,$)"
SECOND = """#2000=PRODUCT('Second','Second','',(#8));
#2001=PRODUCT_DEFINITION_FORMATION('','',#2000);
#2002=PRODUCT_DEFINITION('design','',#2001,#9);
#2003=PRODUCT_DEFINITION_SHAPE('','',#2002);
#2004=SHAPE_DEFINITION_REPRESENTATION(#2003,%s);
"""
SHARES = ("Parts that share the shape of another part, and are nowhere else, were passed over: 1.",)
ALIKE = ("Parts that share the shape of another part are called like it: 1.",)
NOWHERE = "Parts of assemblies that do not say where they are were passed over: %d."
WHOLE = ("Colours that assemblies have as a whole were passed over: 1.",)


def changed(path: Path, text: str, *more: str, **changes: tuple[str, str]) -> Path:
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text.replace("ENDSEC;\nEND-ISO", "".join(more) + "ENDSEC;\nEND-ISO"))
    return path


def shown(path: Path) -> tuple[set[tuple[float, ...]], Measured]:
    model = step.read(path)
    leaves = list(tree.leaves(model))
    own = (colour for leaf in leaves for colour in colours.faces(leaf.part).values())
    found = {colour[:3] for colour in (*own, *(leaf.colour for leaf in leaves)) if colour}
    return found, measure.measured(model, silent)


@pytest.mark.parametrize(
    ("changes", "solids"),
    [
        ({"a": (FILLED, "SURFACE_SIDE_STYLE('',(#2000));\n#2000=SURFACE_STYLE_RENDERING(.NORMAL_SHADING.,#1255)")}, 1),
        ({"a": (STYLED, STYLED.replace("#15", "#10")), "b": (LISTED, "")}, 1),
        ({"a": (STYLED, STYLED.replace("#15", "#2000")), "b": (SHAPE, TIED)}, 1),
        ({"a": (STYLED, STYLED.replace("#15", "#2000")), "b": (SHAPE, TWICE), "c": (LISTED, "")}, 2),
    ],
    ids=["rendered", "on the shape", "on what is tied to the shape", "on a shape of copies"],
)
def test_colours_are_kept_however_they_are_said(
    tmp_path: Path, changes: dict[str, tuple[str, str]], solids: int
) -> None:
    path = changed(tmp_path / "a.step", BRACKET, **changes)
    assert preflight.check("step", path) == ()
    found, measured = shown(path)
    assert (found, measured.solids) == ({GREY}, solids)


def test_the_colour_of_a_body_comes_before_that_of_what_it_is_in(tmp_path: Path) -> None:
    path = changed(tmp_path / "a.step", BRACKET, RED % "#10")
    assert shown(path)[0] == {GREY}
    assert preflight.check("step", path) == ()


def test_looks_that_have_only_a_name_are_named_and_the_others_kept(tmp_path: Path) -> None:
    path = changed(tmp_path / "a.step", BRACKET, a=(SIDE, NAMED_SIDE))
    assert preflight.check("step", path) == LOOKS
    assert (shown(path)[0], shown(path)[1].solids) == (set(), 1)
    used = "#1249 = PRESENTATION_STYLE_ASSIGNMENT((#1250));"
    both = used.replace("(#1250", "(#2000,#1250")
    path = changed(path, BRACKET, "#2000=SURFACE_STYLE_USAGE(.BOTH.,#2001);\n#2001" + NAMED_SIDE[5:], a=(used, both))
    assert preflight.check("step", path) == LOOKS
    assert shown(path)[0] == {GREY}


def test_the_colour_of_an_assembly_is_named(tmp_path: Path) -> None:
    assert preflight.check("step", changed(tmp_path / "a.step", HINGE, RED % "#10")) == WHOLE
    assert preflight.check("step", changed(tmp_path / "a.step", HINGE, RED % "#40")) == ()


def test_a_product_that_shares_the_shape_of_another_is_named_where_it_is_lost(tmp_path: Path) -> None:
    path = changed(tmp_path / "a.step", BRACKET, SECOND % "#10")
    assert step_solids(path) == 1, "the kernel makes one of two"
    assert preflight.check("step", path) == SHARES
    assert preflight.check("step", changed(path, HINGE, SECOND % "#40")) == SHARES
    used = {"a": (USED, USED.replace("#35", "#2002"))}
    assert preflight.check("step", changed(path, HINGE, SECOND % "#40", **used)) == ALIKE
    assert step_solids(path) == 3
    assert preflight.check("step", changed(path, BRACKET, "#2004=SHAPE_DEFINITION_REPRESENTATION(#4,#10);\n")) == ()


@pytest.mark.parametrize("said", ["ORIENTED_FACE('',*,#17,.T.)", "FACE('',(#18))"])
def test_faces_that_the_kernel_does_not_know_are_named(tmp_path: Path, said: str) -> None:
    path = changed(
        tmp_path / "a.step", BRACKET, f"#2000={said};\n", a=("CLOSED_SHELL('',(#17,", "CLOSED_SHELL('',(#2000,")
    )
    assert preflight.check("step", path) == (
        "Faces of shells that are said in a way that is not read were passed over: 1.",
    )
    assert shown(path)[1].faces == 18, "the kernel passes over one of 19"


@pytest.mark.parametrize("more", ["", "QUANTIFIED_ASSEMBLY_COMPONENT_USAGE(#27)"])
def test_uses_of_parts_may_be_of_several_types(tmp_path: Path, more: str) -> None:
    """The kernel knows them of one alone: it leaves such parts where they were made, and once."""
    lie = "('a PRODUCT_DEFINITION_RELATIONSHIP (''7'',,,#35,#35)')"
    path = tmp_path / "a.step"
    path.write_text(HINGE)
    before = shown(path), [leaf.name for leaf in tree.leaves(step.read(path))]
    said = rf"(ASSEMBLY_COMPONENT_USAGE{lie}NEXT_ASSEMBLY_USAGE_OCCURRENCE()PRODUCT_DEFINITION_RELATIONSHIP(\1)"
    text, found = re.subn(USE, said + f"PRODUCT_DEFINITION_USAGE(){more});", HINGE)
    assert found == 3
    path.write_text(text)
    assert preflight.check("step", path) == ()
    assert (shown(path), [leaf.name for leaf in tree.leaves(step.read(path))]) == before


def test_a_part_that_is_nowhere_is_named(tmp_path: Path) -> None:
    path = changed(tmp_path / "a.step", HINGE, a=(PLACED, ""))
    assert step_solids(path) == 2, "the kernel passes over it"
    assert preflight.check("step", path) == (NOWHERE % 1,)
    path.write_text(re.sub(r"#\d+ = CONTEXT_DEPENDENT_SHAPE_REPRESENTATION\(#\d+,#\d+\);", "", HINGE))
    assert preflight.check("step", path) == (NOWHERE % 3,)
    assert preflight.check("step", changed(path, HINGE)) == ()


def test_parts_that_are_placed_by_copies_are_there(tmp_path: Path) -> None:
    path = changed(
        tmp_path / "a.step",
        re.sub(r"#\d+ = CONTEXT_DEPENDENT_SHAPE_REPRESENTATION\(#\d+,#\d+\);", "", HINGE),
        "#2000=REPRESENTATION_MAP(#11,#40);\n#2001=MAPPED_ITEM('',#2000,#15);\n#2002=MAPPED_ITEM('',#2000,#19);\n",
        "#2003=REPRESENTATION_MAP(#11,#1290);\n#2004=MAPPED_ITEM('',#2003,#23);\n",
        a=("(#11,#15,#19,#23),#27", "(#11,#2001,#2002,#2004),#27"),
    )
    assert step_solids(path) == 3
    assert preflight.check("step", path) == ()


def step_solids(path: Path) -> int | None:
    return measure.measured(step.read(path), silent).solids


@pytest.mark.parametrize("held", ["(#9000)", "($)", "(#99999)", "(#1242)", "(1.)", "(#9003)"])
def test_what_a_part_is_said_to_measure_is_passed_over(tmp_path: Path, held: str) -> None:
    """The kernel crashes on what it takes for no item: what is none, and forms of items that it does not know."""
    lines = (
        f"#9000=REPRESENTATION('area',{held},#1241);",
        "#9001=PROPERTY_DEFINITION('geometric validation property','area',#4);",
        "#9002=PROPERTY_DEFINITION_REPRESENTATION(#9001,#9000);",
        "#9003=(MEASURE_REPRESENTATION_ITEM()MEASURE_WITH_UNIT(AREA_MEASURE(2.),#1242)REPRESENTATION_ITEM('area'));",
    )
    path = tmp_path / "measured.step"
    path.write_text(BRACKET.replace("ENDSEC;\nEND-ISO", "\n".join((*lines, "ENDSEC;\nEND-ISO"))))
    assert preflight.check("step", path) == (MEASURES,)
    assert measure.measured(step.read(path), silent).solids == 1
