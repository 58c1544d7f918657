"""What is seen of an IGES file before the kernel is let near it."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks.hostile import iges as hostile_iges
from benchmarks.hostile.iges import RULED, groups, iges
from shapr.converters import preflight
from shapr.converters.brep import measure
from shapr.converters.brep.iges import read as read_iges
from shapr.converters.preflight import iges_aside
from shapr.converters.progress import silent
from tests.converters.kit import SAMPLES
from tests.converters.test_preflight import code, looked


def test_iges_pointers_must_point_at_what_can_be_held(tmp_path: Path) -> None:
    for entities in (
        [(402, 7, "1,1")],
        [(402, 7, "1,99999")],
        [(186, 0, "1,1,0")],
        [(186, 0, "3,1,0"), (510, 1, "1,1,1,1")],
        [(118, 1, "2,4,0,0")],
    ):
        assert code(tmp_path, "iges", iges(entities)) == "corrupt_file"
    assert code(tmp_path, "iges", groups(30, 2)) == "decompression_bomb"
    assert code(tmp_path, "iges", iges([(416, 0, "5Hother,4Hname")])) == "external_reference"


def test_iges_polylines_are_counted_and_their_coordinates_are_none(tmp_path: Path) -> None:
    for form, params in ((11, "1,2,0.5,0.,0.,1.,0."), (12, "2,2,0.5,1.E0,0.,1.,0.,0."), (13, "3,1,.5,0.,0.,1.,0.,0.")):
        assert looked(tmp_path, "iges", iges([(106, form, params)])) == ()
        assert code(tmp_path, "iges", iges([(106, form, params.replace(",", ",9", 1))])) == "corrupt_file"


def test_what_iges_has_beside_its_surfaces_is_named(tmp_path: Path) -> None:
    plane = (108, 0, "0.,0.,1.,0.,0,0.,0.,0.,0.")
    point, line, note = (
        (116, 0, "1.,2.,3.,0"),
        (110, 0, "0.,0.,0.,1.,0.,0."),
        (212, 0, "1,4,9.,2.,1,1.57,0.,0,0,0.,0.,0.,4HNOTE"),
    )
    notes, points = "Dimensions and notes were passed over.", "Points were passed over: 1."
    assert looked(tmp_path, "iges", iges([plane, point, note])) == (notes, points)
    assert looked(tmp_path, "iges", iges([line, point])) == ()
    sound = (SAMPLES / "bracket.iges").read_text()
    hidden = sound.replace("000000000D0000001", "001000000D0000001", 1)
    assert hidden != sound
    told = "Surfaces and bodies that the file hides were converted like the others: 1."
    assert looked(tmp_path, "iges", hidden) == (told,)


@pytest.mark.parametrize(
    ("ends", "told"),
    [("10.,0.,0.,10.", 0), ("10.,0.,0.,10.05", 0), ("10.,0.,0.,-99999.", 1), ("0.,0.,10.,0.", 1), ("10.", 1), ("", 0)],
)
def test_iges_arcs_whose_ends_do_not_fit_are_counted(tmp_path: Path, ends: str, told: int) -> None:
    """The kernel takes the first one's distance, and the direction of the other."""
    line = (110, 0, "0.,0.,0.,1.,0.,0.")
    sentence = "Arcs whose ends are not as far from the centre as each other have the radius of the first: 1."
    assert looked(tmp_path, "iges", iges([line, (100, 0, f"0.,0.,0.,{ends}")])) == (sentence,) * told


NURBS = "1,1,{0},1,0,0,1,0,0,{1},0.,0.,1.,1.,1.,1.,1.,1.,0.,0.,0.,9.,0.,0.,0.,9.,0.,9.,9.,5.,0.,1.,0.,1."


@pytest.mark.parametrize(
    ("degree", "knots"), [(0, "0.,0.5,1."), (2, "0.,0.,0.5,1.,1."), (1, "1.,1.,0.,0."), (1, "1.,1.,1.,1.")]
)
def test_iges_knots_and_degrees_must_make_sense(tmp_path: Path, degree: int, knots: str) -> None:
    """The kernel crashes on these."""
    assert looked(tmp_path, "iges", iges([(128, 0, NURBS.format(1, "0.,0.D0,1.,1."))])) == ()
    assert code(tmp_path, "iges", iges([(128, 0, NURBS.format(degree, knots))])) == "corrupt_file"


def test_iges_that_lies_in_other_ways_is_refused(tmp_path: Path) -> None:
    """The kernel crashes on these too."""
    surface = (128, 0, NURBS.format(1, "0.,0.,1.,1."))
    bounded = [(143, 0, "0,3,1,5"), surface]
    curve = (110, 0, "0.,0.,0.,9.,0.,0.")
    assert looked(tmp_path, "iges", iges([*bounded, (141, 0, "0,1,3,1,7,1,0"), curve])) == ()
    assert code(tmp_path, "iges", iges([*bounded, (141, 0, "0,1,3,2000000,7,1,0"), curve])) == "corrupt_file"
    assert code(tmp_path, "iges", iges([*bounded, (141, 0, "0,1,3,1,5,1,0")])) == "corrupt_file"
    assert code(tmp_path, "iges", iges([surface, (180, 0, "2000000,-1,-1,1")])) == "corrupt_file"
    assert code(tmp_path, "iges", iges([surface, (123, 0, "0.,0.,0.")])) == "invalid_geometry"
    assert looked(tmp_path, "iges", iges([(140, 0, "0.,0.,1.,1.,3"), surface])) == ()
    assert (
        code(tmp_path, "iges", iges([(140, 0, "0.,0.,1.,1.,3"), (140, 0, "0.,0.,1.,1.,5"), surface])) == "corrupt_file"
    )
    assert looked(tmp_path, "iges", iges([surface, (406, 15, "1,4Hname")])) == ()
    for length in (4, 999, 999999999999):
        assert code(tmp_path, "iges", iges([surface, (406, 15, f"1,{length}Hnames")])) == "corrupt_file"
    assert code(tmp_path, "iges", iges([surface], head="1H,,1H;," + "1," * 2000 + "1;")) == "limit_exceeded"


@pytest.mark.parametrize(
    ("number", "why"), [("NaN.", "corrupt_file"), ("abc", "corrupt_file"), ("1E999", "invalid_geometry")]
)
def test_iges_vertices_are_made_of_numbers(tmp_path: Path, number: str, why: str) -> None:
    """The kernel takes others for something else without a word."""
    sound = (SAMPLES / "bracket.iges").read_text()
    before = "502,28,14.,0.,6.,60.,0.,6.,60.,0.,0.,6.,0.,0.,6.,0.,6.,14.,40.,"
    assert before in sound
    after = before.replace("502,28,14.", f"502,28,{number}").replace("14.,40.,", "1.,4.,")
    assert code(tmp_path, "iges", sound.replace(before, after.ljust(len(before)))) == why


def test_iges_may_choose_its_delimiters(tmp_path: Path) -> None:
    text = iges([(110, 0, "0.,0.,0.,1.,0.,0."), (402, 7, "1,1")])
    head, body = text.split("D      1\n", 1)
    own = head.replace("1H,,1H;,", "1H^^1H~^") + "D      1\n" + body.replace(",", "^").replace(";", "~")
    assert looked(tmp_path, "iges", own) == ()
    assert code(tmp_path, "iges", own.replace("402^1^1", "402^1^3")) == "corrupt_file"


def test_an_iges_directory_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    sound = (SAMPLES / "bracket.iges").read_text()
    for said, other in (
        ("     110      22       0", "     110      23       0"),
        ("D0000022\n     502", "D0000099\n     502"),
        ("0000405P0000226", "0099999P0000226"),
        ("314,62.62", "315,62.62"),
    ):
        assert said in sound
        assert code(tmp_path, "iges", sound.replace(said, other, 1)) == "corrupt_file"


def in_two_lines(first: str, second: str) -> str:
    lines = iges([(110, 0, " " * 50 + "0.,0.,0.,1.,0.,2.")]).splitlines()
    at = next(at for at, line in enumerate(lines) if line[72] == "P")
    lines[at : at + 2] = first + lines[at][64:], f"{second:64}" + lines[at + 1][64:]
    return "\n".join([*lines, ""])


def end_of_line(folder: Path, content: str) -> float:
    (folder / "source").write_text(content)
    return measure.measured(read_iges(folder / "source", "a.igs"), silent).high[1]


def test_an_iges_number_may_go_on_in_the_next_line(tmp_path: Path) -> None:
    """The kernel drops the rest of it."""
    first = "110,0.,0.,0.,1.,".ljust(63) + "1"
    content = in_two_lines(first, "2.,2.;")
    assert looked(tmp_path, "iges", content) == ()
    assert end_of_line(tmp_path, content) == pytest.approx(12)
    assert looked(tmp_path, "iges", in_two_lines(first, ".,2.;".rjust(9))) == ()
    assert looked(tmp_path, "iges", in_two_lines("110,0.,0.,0.,1.,0.,2.;".ljust(64, "1"), "2 is said of it")) == ()


@pytest.mark.parametrize(
    ("comment", "more"), [("a line", "2,2;"), ("", "said of it"), ("of; it,", "this; 2, 3"), ("7Hof", "a line, 1")]
)
def test_an_iges_comment_may_go_on_in_the_next_line(tmp_path: Path, comment: str, more: str) -> None:
    """The kernel takes the rest of it for parameters, and makes nothing of the line."""
    content = in_two_lines(f"110,0.,0.,0.,1.,2.,0.;{comment}".ljust(64), more)
    assert looked(tmp_path, "iges", content) == ()
    assert end_of_line(tmp_path, content) == pytest.approx(2)
    own = content.replace(";", "~")
    assert end_of_line(tmp_path, own) == pytest.approx(2)


def test_an_iges_number_that_goes_on_behind_something_else_is_refused(tmp_path: Path) -> None:
    lines = in_two_lines("110,0.,0.,0.,1.,".ljust(63) + "1", "2.,2.;").splitlines()
    at = next(at for at, line in enumerate(lines) if line[72] == "P")
    assert code(tmp_path, "iges", "\n".join([*lines[: at + 1], "", *lines[at + 1 :], ""])) == "corrupt_file"


def test_a_solid_whose_numbers_are_cut_anywhere_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (SAMPLES / "bracket.iges").read_text().splitlines()
    texts: dict[str, str] = defaultdict(str)
    for line in lines:
        if line[72:73] == "P":
            texts[line[64:72]] += line[:64].rstrip()
    forms = [int(line[32:40]) for line in lines if line[72:73] == "D"][1::2]
    long = [re.sub(r"(?<=\.)(?=[,;])", "00000000", text).rstrip(";").split(",", 1) for text in texts.values()]
    entities = [(int(kind), form, text) for (kind, text), form in zip(long, forms, strict=True)]
    whole, cut = tmp_path / "whole.igs", tmp_path / "cut.igs"
    whole.write_text(iges(entities))
    monkeypatch.setattr(hostile_iges, "LINES", re.compile(".{1,64}"))
    cut.write_text(iges(entities))
    assert cut.read_text() != whole.read_text()
    assert preflight.check("iges", cut) == preflight.check("iges", whole)
    found, wanted = (measure.measured(read_iges(path, "a.igs"), silent) for path in (cut, whole))
    assert found == wanted
    assert iges_aside.geometry(cut) != cut


@pytest.mark.parametrize(("form", "a", "c"), [(2, 1, 30), (2, 1, 0), (3, 1, 30), (3, 1, -1)])
def test_an_iges_conic_must_be_of_the_form_that_it_says(tmp_path: Path, form: int, a: float, c: float) -> None:
    numbers = f"{a}.,0.,{c}.,0.,0.,-1.,0.,1.,0.,2.,1.732"
    assert code(tmp_path, "iges", iges([(104, form, numbers)])) == "corrupt_file"
    assert looked(tmp_path, "iges", iges([(104, 2 if c < 0 else 1 if c else 3, numbers)])) == ()


def test_an_iges_face_has_a_loop_and_a_shell_has_a_face(tmp_path: Path) -> None:
    plane = (108, 0, "0.,0.,1.,0.,0,0.,0.,0.,0.")
    assert code(tmp_path, "iges", iges([plane, (510, 1, "1,0,1")])) == "corrupt_file"
    assert code(tmp_path, "iges", iges([plane, (514, 1, "0")])) == "corrupt_file"


@pytest.mark.parametrize("number", ["0", "2", "1E400"])
def test_an_edge_of_an_iges_loop_has_a_number(tmp_path: Path, number: str) -> None:
    loop = [(110, 0, "0.,0.,0.,1.,0.,0."), (502, 1, "2,0.,0.,0.,1.,0.,0."), (504, 1, "1,1,3,1,3,2")]
    assert looked(tmp_path, "iges", iges([*loop, (508, 1, "1,0,5,1,1,0")])) == ()
    assert code(tmp_path, "iges", iges([*loop, (508, 1, f"1,0,5,{number},1,0")])) == "corrupt_file"


@pytest.mark.parametrize("kind", [1, 2, 4])
def test_an_iges_loop_is_made_of_what_it_says(tmp_path: Path, kind: int) -> None:
    """0 for an edge, 1 for a vertex: the kernel crashes on an edge that is said to be something else."""
    loop = [(110, 0, "0.,0.,0.,1.,0.,0."), (502, 1, "2,0.,0.,0.,1.,0.,0."), (504, 1, "1,1,3,1,3,2")]
    assert looked(tmp_path, "iges", iges([*loop, (508, 1, "1,1,3,1,1,0")])) == ()
    assert code(tmp_path, "iges", iges([*loop, (508, 1, f"1,{kind},5,1,1,0")])) == "corrupt_file"


def placed(entities: list[tuple[int, int, str]], matrix: str) -> str:
    """The last of them by a matrix."""
    lines = iges([*entities, (124, 0, matrix)]).splitlines()
    at = [at for at, line in enumerate(lines) if line[72] == "D"][-4]
    lines[at] = f"{lines[at][:48]}{2 * len(entities) + 1:8}{lines[at][56:]}"
    return "\n".join([*lines, ""])


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        ("0.,-3.,0.,1.,3.,0.,0.,2.,0.,0.,-3.,5.", False),
        ("1.,0.,0.,0.,0.,1.00005,0.,0.,0.,0.,1.,5.", False),
        ("1.,0.,0.,0.,0.,2.,0.,0.,0.,0.,1.,5.", True),
        ("1.,.5,0.,0.,0.,1.,0.,0.,0.,0.,1.,5.", True),
        ("0.,0.,0.,0.,0.,0.,0.,0.,0.,0.,0.,5.", True),
        ("1.,0.,0.,0.,0.,1.", True),
    ],
)
def test_an_iges_matrix_that_bends_a_surface_is_refused(tmp_path: Path, rows: str, *, refused: bool) -> None:
    """The kernel forgets it, or crashes on it; a line it places."""
    if refused:
        assert code(tmp_path, "iges", placed(RULED, rows)) == "unsupported_geometry"
    else:
        assert looked(tmp_path, "iges", placed(RULED, rows)) == ()
    assert looked(tmp_path, "iges", placed(RULED[:1], rows)) == ()


def test_an_iges_edge_has_a_length(tmp_path: Path) -> None:
    """The kernel crashes on one that has none."""
    sound = (SAMPLES / "bracket.iges").read_text()
    line = re.search(r"110,(\S+?,\S+?,\S+?),(\S+?);", sound)
    assert line
    nowhere = sound.replace(line[0], f"110,{line[1]},{line[1]};".ljust(len(line[0])), 1)
    assert len(nowhere) == len(sound)
    assert code(tmp_path, "iges", nowhere) == "invalid_geometry"
