"""IGES entities that leave out the last of their parameters since they are the default, and surfaces without an end."""

from pathlib import Path

import pytest

from benchmarks.hostile.iges import GLOBAL, PLANE, RULED, iges
from shapr.converters import preflight
from shapr.converters.brep import document, measure
from shapr.converters.brep import iges as brep_iges
from shapr.converters.measure import Measured
from shapr.converters.preflight import iges_aside
from shapr.converters.progress import silent
from shapr.errors import Refused
from tests.converters.test_preflight import code

Entities = list[tuple[int, int, str]]

LINES: Entities = [(110, 0, "20.,0.,0.,20.,5.,0."), (110, 0, "30.,0.,0.,30.,5.,0.")]
SQUARE: Entities = [PLANE, (106, 12, "2,5,20.,0.,0.,30.,0.,0.,30.,10.,0.,20.,10.,0.,20.,0.,0.")]
PART: Entities = [(308, 0, "0,4HPART,1,5")]
PATCH = "1,1,1,1,0,0,1,0,0,-1.,-1.,0.,0.,-1.,-1.,0.,0.,1.,1.,1.,1.,20.,0.,0.,30.,0.,0.,20.,5.,0.,30.,5.,0."
UP = (123, 0, "0.,0.,1.")
ENDLESS = "Surfaces without a boundary, which go on for ever, were passed over: 1."


def read(path: Path, more: Entities) -> Measured:
    path.write_text(iges([*RULED, *more]))
    assert preflight.check("iges", path) == ()
    return measured(path)


def measured(path: Path) -> Measured:
    return measure.measured(brep_iges.read(path, "a"), silent)


@pytest.mark.parametrize(
    ("entities", "left_out"),
    [
        ([*LINES, (118, 1, "7,9%s")], ",0,0"),
        ([(110, 0, "25.,0.,0.,25.,0.,5."), LINES[0], (120, 0, "7,9,1.%s")], ",0."),
        ([(110, 0, "20.,5.,9.,20.%s")], ",0.,0."),
        ([(110, 0, "20.0000000001,5.0000000000000000001,9.00000000000000000001,20.%s")], ",0.,0."),
        ([(100, 0, "0.,5.,0.,6.,0.,6.%s")], ",0."),
        ([(106, 12, "2,3,1.,0.,0.,5.,5.,5.%s")], ",0.,0.,0."),
        ([(106, 11, "1,3,2.,1.,0.,5.,5.%s")], ",0.,0."),
        ([SQUARE[1], (108, 1, "0.,0.,1.,0.,7,25.,5.,0.%s")], ",0."),
        ([SQUARE[1], (108, 1, "0.,0.,1.,0.,7,25.%s")], ",0.,0.,0."),
        ([(128, 0, f"{PATCH},-1.,0.,-1.%s")], ",0."),
        ([(128, 0, f"{PATCH}%s")], ",0.,0.,0.,0."),
        ([*SQUARE, (142, 0, "1,7,0,9%s"), (144, 0, "7,1,0,11")], ",0"),
        ([*PART, (408, 0, "7,50.,3.%s")], ",0.,1."),
        ([*PART, (408, 0, "7%s")], ",0.,0.,0.,1."),
    ],
)
def test_what_is_left_out_at_the_end_is_as_if_it_were_said(tmp_path: Path, entities: Entities, left_out: str) -> None:
    said, short = ([(kind, form, text.replace("%s", more)) for kind, form, text in entities] for more in (left_out, ""))
    assert read(tmp_path / "short.iges", short) == read(tmp_path / "said.iges", said)
    assert iges_aside.geometry(tmp_path / "said.iges") == tmp_path / "said.iges", "nothing is missing"


def test_it_is_said_with_the_delimiters_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.iges"
    text = iges([*RULED, *LINES, (118, 1, "7,9")], head=GLOBAL.replace(",", "|").replace(";", "!"))
    path.write_text("\n".join(line.replace(",", "|").replace(";", "!") for line in text.split("\n")))
    assert preflight.check("iges", path) == ()
    assert "118|7|9|0|0!" in iges_aside.geometry(path).read_text()
    assert measured(path).faces == 2


def test_more_than_a_point_of_a_list_is_no_default(tmp_path: Path) -> None:
    assert code(tmp_path, "iges", iges([*RULED, (106, 12, "2,3,1.,0.,0.,5.,5.")])) == "corrupt_file"


@pytest.mark.parametrize(
    "endless",
    [
        [PLANE],
        [PLANE, (402, 7, "2,5,7")],
        [PLANE, (402, 7, "1,7")],
        [(116, 0, "0.,0.,0.,0"), UP, (190, 0, "7,9")],
        [(116, 0, "0.,0.,0.,0"), UP, (192, 0, "7,9,5.")],
        [(116, 0, "0.,0.,0.,0"), UP, (194, 0, "7,9,5.,30.")],
    ],
    ids=["plane", "with others in a group", "alone in a group", "plane by points", "cylinder", "cone"],
)
def test_a_surface_without_an_end_is_laid_aside_and_named(tmp_path: Path, endless: Entities) -> None:
    path = tmp_path / "a.iges"
    path.write_text(iges([*RULED, *endless]))
    assert ENDLESS in preflight.check("iges", path)
    assert (measured(path).faces, measured(path).area) == (1, pytest.approx(100))


def test_alone_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.iges"
    path.write_text(iges([PLANE, (116, 0, "0.,0.,0.,0")]))
    preflight.check("iges", path)
    with pytest.raises(Refused) as refused:
        document.check(brep_iges.read(path, "a"))
    assert refused.value.code == "invalid_geometry"
