"""STEP that places representations which hold no shape, but are said to be of the shape of others; and bodies that no
product has."""

import re
import time
from pathlib import Path

import pytest

from shapr.converters import preflight
from shapr.converters.brep import measure, step, tree
from shapr.converters.measure import Measured
from shapr.converters.progress import silent
from shapr.errors import Refused
from tests.converters.kit import SAMPLES

BRACKET = (SAMPLES / "bracket.step").read_text()
VOLUME = measure.measured(step.read(SAMPLES / "bracket.step"), silent).volume
SHAPE = "#3 = SHAPE_DEFINITION_REPRESENTATION(#4,#10);"
# Placed where it is, and 100 further.
TWICE = """#3=SHAPE_DEFINITION_REPRESENTATION(#4,#2000);
#2000=SHAPE_REPRESENTATION('',(#11,#2002,#2003),#1241);
#2001=REPRESENTATION_MAP(#11,#%d);
#2002=MAPPED_ITEM('',#2001,#11);
#2003=MAPPED_ITEM('',#2001,#2004);
#2004=AXIS2_PLACEMENT_3D('',#2005,#13,#14);
#2005=CARTESIAN_POINT('',(100.,0.,0.));
"""
BARE, OTHER = "#2010=SHAPE_REPRESENTATION('',(#11),#1241);\n", "#2011=SHAPE_REPRESENTATION('',(#11),#1241);\n"
INNER = """#2030=SHAPE_REPRESENTATION('',(#11,#2032,#2033),#1241);
#2031=REPRESENTATION_MAP(#11,#2010);
#2032=MAPPED_ITEM('',#2031,#11);
#2033=MAPPED_ITEM('',#2031,#2034);
#2034=AXIS2_PLACEMENT_3D('',#2035,#13,#14);
#2035=CARTESIAN_POINT('',(0.,1000.,0.));
"""
PART = """#2020=PRODUCT('Second','Second','',(#8));
#2021=PRODUCT_DEFINITION_FORMATION('','',#2020);
#2022=PRODUCT_DEFINITION('design','',#2021,#9);
#2023=PRODUCT_DEFINITION_SHAPE('','',#2022);
#2024=SHAPE_DEFINITION_REPRESENTATION(#2023,#2010);
"""
LOST = ("Bodies that no part has, or only in a way that is not read, were passed over: 1.",)


def tie(at: int, one: int, other: int) -> str:
    return f"#{at}=SHAPE_REPRESENTATION_RELATIONSHIP('','',#{one},#{other});\n"


def complex_tie(one: int, other: int) -> str:
    return f"#2040=(REPRESENTATION_RELATIONSHIP('','',#{one},#{other})SHAPE_REPRESENTATION_RELATIONSHIP());\n"


def measured(path: Path) -> tuple[Measured, list[str]]:
    model = step.read(path)
    return measure.measured(model, silent), [leaf.name for leaf in tree.leaves(model)]


def file(folder: Path, shape: str, *more: str) -> Path:
    path = folder / "a.step"
    text = BRACKET.replace(SHAPE, shape)
    path.write_text(text.replace("ENDSEC;\nEND-ISO", "".join(more) + "ENDSEC;\nEND-ISO"))
    return path


@pytest.mark.parametrize(
    ("more", "name"),
    [
        (BARE + tie(2012, 2010, 10), "Bracket"),
        (BARE + tie(2012, 10, 2010), "Bracket"),
        (BARE + tie(2012, 2010, 10) + PART, "Second"),
        (BARE + OTHER + tie(2012, 2010, 2011) + tie(2013, 2011, 10), "Bracket"),
        (BARE.replace("2010=", "2010 /* ' */ =") + "/*'*/" + tie(2012, 2010, 10), "Bracket"),
    ],
    ids=["tied", "the other way round", "of another part", "over a third", "with comments"],
)
def test_what_holds_no_shape_is_placed_as_the_one_that_does(tmp_path: Path, more: str, name: str) -> None:
    path = file(tmp_path, TWICE % 2010, more)
    assert preflight.check("step", path) == ()
    found, names = measured(path)
    assert (found.solids, names) == (2, [name, name])
    assert found.volume == pytest.approx(2 * VOLUME)
    assert (found.low[0], found.high[0]) == pytest.approx((0, 160))


def test_placed_in_what_is_placed_it_is_there_as_often(tmp_path: Path) -> None:
    found, _ = measured(file(tmp_path, TWICE % 2030, INNER, BARE, tie(2012, 2010, 10)))
    assert (found.solids, found.high[0], found.high[1]) == (4, pytest.approx(160), pytest.approx(1040))


def test_a_shape_in_several_pieces_cannot_be_placed(tmp_path: Path) -> None:
    more = OTHER.replace("(#11)", "(#11,#15)"), tie(2012, 2010, 10), tie(2013, 2010, 2011)
    with pytest.raises(Refused, match="unsupported_geometry"):
        preflight.check("step", file(tmp_path, TWICE % 2010, BARE, *more))


@pytest.mark.parametrize("more", [tie(2012, 2000, 10), tie(2012, 10, 2000)])
def test_a_shape_that_is_placed_in_itself_is_refused(tmp_path: Path, more: str) -> None:
    with pytest.raises(Refused, match="corrupt_file"):
        preflight.check("step", file(tmp_path, TWICE % 10, more))


def test_what_is_placed_in_another_place_is_counted_there(tmp_path: Path) -> None:
    levels = []
    for at in range(3000, 3200, 10):
        held = at + 10 if at < 3190 else 10
        levels.append(
            f"#{at}=SHAPE_REPRESENTATION('',(#11,#{at + 2},#{at + 3}),#1241);"
            f"#{at + 1}=REPRESENTATION_MAP(#11,#{at + 5});#{at + 5}=SHAPE_REPRESENTATION('',(#11),#1241);"
            f"#{at + 2}=MAPPED_ITEM('',#{at + 1},#11);#{at + 3}=MAPPED_ITEM('',#{at + 1},#11);"
            + tie(at + 6, at + 5, held)
        )
    with pytest.raises(Refused, match="decompression_bomb"):
        preflight.check("step", file(tmp_path, SHAPE.replace("#10)", "#3000)"), *levels))


def test_a_tie_of_very_many_is_followed_quickly(tmp_path: Path) -> None:
    shapes = "".join(f"#{at}=SHAPE_REPRESENTATION('',(#11),#1241);\n" for at in range(10_000, 30_000))
    wide = tie(2012, 10, 2000).replace("#2000", ",".join(f"#{at}" for at in range(10_000, 30_000)))
    path = file(tmp_path, SHAPE, second_body(), shapes, wide)
    begin = time.process_time()
    preflight.check("step", path)
    assert time.process_time() - begin < 3


def second_body() -> str:
    """All that the bracket's representation, #10, is made of, again as #5010."""
    found = re.findall(r"#(\d+) = ([^;]*);", BRACKET)
    shape = (f"#{number}={said};\n" for number, said in found if 10 <= int(number) < 1247)
    return re.sub(r"#(\d+)", lambda number: f"#{int(number[1]) + 5000}", "".join(shape))


@pytest.mark.parametrize(
    "more",
    [
        "",
        "#2001=REPRESENTATION_MAP(#11,#5010);\n#2002=MAPPED_ITEM('',#2001,#11);\n",
        BARE + PART + complex_tie(2010, 5010),
    ],
    ids=["no part's", "placed in none", "tied in another form"],
)
def test_bodies_that_no_part_shows_are_told_as_lost(tmp_path: Path, more: str) -> None:
    path = file(tmp_path, SHAPE, second_body(), more)
    assert preflight.check("step", path) == LOST
    assert measured(path)[0].solids == 1


@pytest.mark.parametrize(
    "ties",
    [
        [(2010, 5010)],
        [(2010, 2011), (2011, 5010)],
        [(5010, 2011), (2010, 2011)],
        [(2010, 2011), (2012, 2011), (2012, 5010)],
        [(2010, 2011), (2011, 2010), (2011, 5010)],
    ],
    ids=["at once", "over a third", "the other way round", "over a fourth", "in a circle"],
)
def test_bodies_that_a_part_shows_are_not(tmp_path: Path, ties: list[tuple[int, int]]) -> None:
    """The kernel goes from the shape of a part to one more by itself."""
    shapes = BARE, OTHER, BARE.replace("2010", "2012")
    path = file(tmp_path, SHAPE, second_body(), PART, *shapes, *(tie(3000 + at, *one) for at, one in enumerate(ties)))
    assert preflight.check("step", path) == ()
    found, names = measured(path)
    assert (found.solids, names) == (2, ["Bracket", "Second"])


def test_a_body_beyond_another_one_is_shown_too(tmp_path: Path) -> None:
    path = file(tmp_path, SHAPE, second_body(), OTHER, tie(2012, 10, 2011), tie(2013, 2011, 5010))
    assert preflight.check("step", path) == ()
    assert measured(path)[0].solids == 2
