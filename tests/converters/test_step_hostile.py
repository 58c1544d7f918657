"""STEP that is made to keep the looks at its text long, to fill memory with what is said anew, or to have two entities
of one number."""

import re
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from shapr.converters import preflight
from shapr.converters.preflight import hybrid, styles
from shapr.converters.preflight.graph import MAX_ID, free
from shapr.errors import Refused
from tests.converters.test_merged import written
from tests.converters.test_unheard import BRACKET, FILLED, GREY, HINGE, LISTED, SHAPE, STYLED, USE, changed, shown

BARE = STYLED.replace("(#1249)", "(#1250)")
RENDERED = "SURFACE_SIDE_STYLE('',(#2000));\n#2000=SURFACE_STYLE_RENDERING(.NORMAL_SHADING.,#1255)"
SAID = "#{0}=SHAPE_REPRESENTATION('',(#11),#1241);\n#{1}=SHAPE_REPRESENTATION_RELATIONSHIP('','',{2},#{0});\n"
HOLDING = "#{0}=ADVANCED_BREP_SHAPE_REPRESENTATION('',(#{1}),#1241);#{1}=MANIFOLD_SOLID_BREP('',#16);"
PRESENTING = "#{0}=TESSELLATED_SHAPE_REPRESENTATION('',(#{1}),#1241);#{1}=TESSELLATED_SOLID('',(),#{2});"


def each(count: int, line: Callable[[int], str]) -> str:
    return "".join(map(line, range(100_000, 100_000 + 10 * count, 10)))


def listed(count: int) -> str:
    return ",".join(f"#{at}" for at in range(100_000, 100_000 + 10 * count, 10))


def endless(path: Path) -> Path:
    changed(path, BRACKET, a=(STYLED, BARE))
    path.write_text(path.read_text() + each(20_000, "#{}=A".format) + "'")
    return path


def many_ties(path: Path) -> Path:
    chain = "#3=SHAPE_DEFINITION_REPRESENTATION(#4,#2000);\n" + SAID.format(2000, 2001, "#2002")
    chain += "#2002=SHAPE_REPRESENTATION('',(#11),#1241);\n"
    ties = each(20_000, lambda at: SAID.format(at, at + 1, "#2002") + f"#{at + 2}=MANIFOLD_SOLID_BREP('',#16);\n")
    return changed(path, BRACKET, ties, a=(SHAPE, chain))


def many_places(path: Path) -> Path:
    places = each(20_000, "#{}=AXIS2_PLACEMENT_3D('',#12,$,$);".format)
    own = each(5000, lambda at: SAID.format(at + 1, at + 2, "#2000") + f"#{at + 3}={SHAPE[5:-5]}#{at + 1});")
    return changed(path, BRACKET, places, own, f"#2000=SHAPE_REPRESENTATION('',({listed(20_000)}),#1241);\n")


def many_ends(path: Path) -> Path:
    styled = "#2000=SHAPE_REPRESENTATION('',(#11),#1241);#2001=STYLED_ITEM('',(#1249),#2000);"
    tie = f"#2002=SHAPE_REPRESENTATION_RELATIONSHIP('','',{listed(15_000)});"
    return changed(path, BRACKET, each(15_000, "#{}=X();".format), styled, tie)


def many_bounds(path: Path) -> Path:
    faces = each(12_000, lambda at: f"#{at}=X();#{at + 1}=ADVANCED_FACE('',(#2001),#2000,.T.);")
    torus = f"#2000=DEGENERATE_TOROIDAL_SURFACE('',#11,3.,5.,.T.);#2001=X(({listed(12_000)}));"
    return changed(path, BRACKET, faces, torus)


LOOKS: dict[str, Callable[[Path], Path]] = {
    "definitions without an end": endless,
    "ties of what is tied": many_ties,
    "shapes tied to one of many places": many_places,
    "a tie of many": many_ends,
    "faces of one bound of many loops": many_bounds,
}


@pytest.mark.parametrize("made", LOOKS.values(), ids=LOOKS)
def test_looks_take_time_that_grows_with_the_file(tmp_path: Path, made: Callable[[Path], Path]) -> None:
    path = made(tmp_path / "a.step")
    begin = time.process_time()
    preflight.check("step", path)
    assert time.process_time() - begin < 2  # some 0.5 s; each took 6 s and more


def test_a_part_that_is_said_twice_is_found_among_many(tmp_path: Path) -> None:
    parts = each(
        600,
        lambda at: (
            SAID.format(at, at + 1, f"#{at + 2}") + f"#{at + 9}={SHAPE[5:-5]}#{at});"
            f"{HOLDING.format(at + 2, at + 3)}{PRESENTING.format(at + 4, at + 5, at + 3)}"
            f"#{at + 6}=SHAPE_REPRESENTATION_RELATIONSHIP('','',#{at},#{at + 4});"
        ),
    )
    faces = "".join(f"#{at}=ADVANCED_FACE('',(),#32,.T.);" for at in range(200_000, 220_000))
    path = changed(tmp_path / "a.step", BRACKET, parts, faces)
    begin = time.process_time()
    alone = hybrid.exact_alone(path).read_text()
    assert time.process_time() - begin < 1  # some 0.2 s; it took 3 s
    assert alone.count("XHAPE_REPRESENTATION_RELATIONSHIP") == 600


@pytest.mark.parametrize("word", ["SHAPE_REPRESENTATION(", "MANIFOLD_SOLID_BREP "])
def test_types_in_a_string_are_passed_over_quickly(tmp_path: Path, word: str) -> None:
    styled = "#2000=STYLED_ITEM('',(#1249),#3000);\n#2001=STYLED_ITEM('',(#1249),#10);\n"
    path = changed(tmp_path / "a.step", BRACKET, f"#3000=X('{word * 200_000}');\n", styled)
    begin = time.process_time()
    styles.heard(path)
    assert time.process_time() - begin < 1.5  # some 0.3 s; it took 6 s


def test_items_that_very_many_assemblies_would_have_are_refused(tmp_path: Path) -> None:
    """A thousand copies of a representation of thousands."""
    path = written(tmp_path / "a.step", [[1.0], [2.0]])
    text = path.read_text()
    places = re.findall(r"=SHAPE_DEFINITION_REPRESENTATION\(#\d+,(#\d+)\)", text)
    shape = max(places, key=places.count)
    version = re.search(r"PRODUCT_DEFINITION\('[^']*','[^']*',(#\d+,#\d+)\)", text)
    assert version
    text = re.sub(rf"({shape}=SHAPE_REPRESENTATION\('[^']*',\()", rf"\g<1>{listed(1010)},", text)
    more = each(
        1010,
        lambda at: (
            f"#{at}=X();#{at + 1}=PRODUCT_DEFINITION('','',{version[1]});"
            f"#{at + 2}=PRODUCT_DEFINITION_SHAPE('','',#{at + 1});"
            f"#{at + 3}=SHAPE_DEFINITION_REPRESENTATION(#{at + 2},{shape});\n"
        ),
    )
    with pytest.raises(Refused, match="limit_exceeded"):
        preflight.check("step", changed(path, text, more))


def test_styles_that_very_many_bodies_would_have_are_refused(tmp_path: Path) -> None:
    bodies = each(1010, lambda at: f"#{at}=MANIFOLD_SOLID_BREP('',#16);#{at + 1}=STYLED_ITEM('',(#1249),#10);\n")
    path = changed(tmp_path / "a.step", BRACKET, bodies, a=("(#11,#15)", f"(#11,#15,{listed(1010)})"))
    with pytest.raises(Refused, match="limit_exceeded"):
        styles.heard(path)


@pytest.mark.parametrize("change", [(STYLED, BARE), (FILLED, RENDERED)], ids=["by itself", "rendered"])
def test_the_highest_number_may_be_taken(tmp_path: Path, change: tuple[str, str]) -> None:
    """The kernel crashed on the next one."""
    path = changed(tmp_path / "a.step", BRACKET, f"#{MAX_ID}=DIRECTION('',(0.,0.,1.));\n", a=change)
    assert preflight.check("step", path) == ()
    assert shown(path)[0] == {GREY}


def test_new_numbers_are_those_that_nothing_has() -> None:
    new = free(np.array([7, MAX_ID - 1]), np.array([2, 7]))
    assert list(islice(new, 6)) == [MAX_ID, 1, 3, 4, 5, 6]
    assert next(new) == 8


@pytest.mark.parametrize("name", ["'it''s'", "$", "'' /* ' */", "'('"])
@pytest.mark.parametrize("number", ["#10", "#0010"])
def test_the_colour_of_a_shape_may_have_any_name(tmp_path: Path, name: str, number: str) -> None:
    styled = STYLED.replace("'color'", name).replace("#15", number)
    path = changed(tmp_path / "a.step", BRACKET, a=(STYLED, styled), b=(LISTED, ""))
    assert preflight.check("step", path) == ()
    assert shown(path)[0] == {GREY}


@pytest.mark.parametrize(("old", "new"), [("RENDERING", "RENDERING /* a */ "), (".,#", "./* ) */,#")])
def test_a_comment_in_a_rendering_hides_no_colour(tmp_path: Path, old: str, new: str) -> None:
    path = changed(tmp_path / "a.step", BRACKET, a=(FILLED, RENDERED.replace(old, new)))
    assert shown(path)[0] == {GREY}


@pytest.mark.parametrize("feed", ["\f", "\v"])
def test_feeds_are_blanks_wherever_they_are(tmp_path: Path, feed: str) -> None:
    """The kernel dropped what they stood in."""
    path = changed(tmp_path / "a.step", BRACKET, a=("#17 = ADVANCED_FACE", f"#17 ={feed}ADVANCED_FACE{feed}"))
    assert preflight.check("step", path) == ()
    found = shown(path)[1]
    assert (found.solids, found.faces) == (1, 19)


def test_a_word_with_a_blank_in_it_says_nothing(tmp_path: Path) -> None:
    said = r"(ASSEMBLY_COMPONENT_USAGE('')NEXT_ASSEMBLY_USAGE_OCCURRENCE()PRODUCT_DEFINITION_ RELATIONSHIP(\1)"
    path = tmp_path / "a.step"
    path.write_text(re.sub(USE, said + "PRODUCT_DEFINITION_USAGE());", HINGE))
    preflight.check("step", path)
    assert shown(path)[1].solids == 2, "the uses are broken for the kernel too"


@pytest.mark.parametrize("word", ["MANIFOLD_SOLID _BREP", "MANIFOLD_SOLID\n_BREP", "MANIFOLD\t_SOLID_BREP"])
def test_a_type_with_white_space_in_it_is_not_passed_over(tmp_path: Path, word: str) -> None:
    path = changed(tmp_path / "broken.step", BRACKET, a=("MANIFOLD_SOLID_BREP", word))
    with pytest.raises(Refused, match="white space in its name"):
        preflight.check("step", path)


def test_a_name_with_the_same_in_it_is_a_name(tmp_path: Path) -> None:
    path = changed(
        tmp_path / "named.step", BRACKET, a=("MANIFOLD_SOLID_BREP('", "MANIFOLD_SOLID_BREP('width = 3 mm /* or so */")
    )
    preflight.check("step", path)
