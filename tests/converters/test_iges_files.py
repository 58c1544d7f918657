"""How an IGES file is written down: what stands behind it, its form, its unit of length."""

from pathlib import Path

import pytest

from shapr.converters import preflight
from shapr.converters.brep import iges, measure
from shapr.converters.preflight import iges_units
from shapr.converters.progress import silent
from shapr.errors import Refused
from tests.converters.kit import SAMPLES

BRACKET = (SAMPLES / "bracket.iges").read_bytes()


def given(folder: Path, content: bytes) -> Path:
    path = folder / "source"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "behind", [bytes(5000), b"\x1a" * 128, b"\n" * 5000, b" " * 80 + b"\r\n", b"\r\n\x1a" + bytes(200)]
)
def test_what_systems_leave_behind_the_last_line_is_passed_over(tmp_path: Path, behind: bytes) -> None:
    path = given(tmp_path, BRACKET + behind)
    assert preflight.check("iges", path) == ()
    assert measure.measured(iges.read(path, "a.igs"), silent).solids == 1
    assert path.read_bytes() == BRACKET + behind


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r", b""])
def test_a_file_that_ends_with_its_last_line_is_not_copied(tmp_path: Path, ending: bytes) -> None:
    path = given(tmp_path, BRACKET.rstrip() + ending)
    assert preflight.check("iges", path) == ()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("behind", [b"A" * 80, bytes(80) + b"\nA" + bytes(80), bytes(80) + BRACKET[:81]])
def test_anything_else_behind_it_is_refused(tmp_path: Path, behind: bytes) -> None:
    with pytest.raises(Refused, match="corrupt_file"):
        preflight.check("iges", given(tmp_path, BRACKET + behind))


@pytest.mark.parametrize(("letter", "form"), [(b"C", "compressed ASCII"), (b"B", "binary")])
def test_other_forms_than_fixed_ascii_are_named(tmp_path: Path, letter: bytes, form: str) -> None:
    content = b"%72s%b%7d\n" % (b"", letter, 1) + BRACKET
    with pytest.raises(Refused, match=f"unsupported_format: the IGES file is of the {form} form"):
        preflight.check("iges", given(tmp_path, content))


def in_units(folder: Path, said: bytes, scale: bytes = b"1.") -> Path:
    """The bracket, 60 long, in other units: in a global section that has them where it had millimetres."""
    content = BRACKET.replace(b"1.,2,2HMM,1,0.01,  G", b"%b,%b,1,0.01,G" % (scale, said))
    assert content != BRACKET
    lines = content.splitlines()
    at = next(at for at, line in enumerate(lines) if b"0.01,G" in line)
    lines[at] = b"%-72sG%7s" % tuple(lines[at].split(b"G0"))
    return given(folder, b"\n".join(lines))


@pytest.mark.parametrize(
    ("said", "length", "units", "losses"),
    [
        (b"3,2Hin", 1524, "in", ()),
        (b"3,2HIN", 1524, "in", ()),
        (
            b"3,4HYARD",
            60,
            None,
            ("The file's unit of length, YARD, is not known: its numbers were taken for millimetres.",),
        ),
        (b"3,", 1524, "in", ("The file names no unit of length: its numbers were taken for inches.",)),
        (b"8,3HMIL", 1.524, None, ()),
    ],
)
def test_units_with_names_are_known_or_told(
    tmp_path: Path, said: bytes, length: float, units: str | None, losses: tuple[str, ...]
) -> None:
    path = in_units(tmp_path, said)
    assert preflight.check("iges", path) == losses
    found = measure.measured(iges.read(path, "a.igs"), silent)
    assert found.high[0] - found.low[0] == pytest.approx(length)
    assert found.units == units


@pytest.mark.parametrize(("scale", "told"), [(b"", None), (b"1D0", None), (b"2.", "2."), (b"-1.", "-1."), (b"x", "x")])
def test_a_scale_of_the_model_moves_nothing_and_is_told(tmp_path: Path, scale: bytes, told: str | None) -> None:
    path = in_units(tmp_path, b"2,2HMM", scale)
    sentence = f"The file's scale of the model, {told}, was passed over: its numbers were taken as they are."
    assert preflight.check("iges", path) == ((sentence,) if told else ())
    found = measure.measured(iges.read(path, "a.igs"), silent)
    assert found.high[0] - found.low[0] == pytest.approx(60)


@pytest.mark.parametrize("said", [b"+-3,2HMM", b"2,%bHMM" % (b"9" * 25), b"2;"])
def test_numbers_and_lengths_that_are_none_break_nothing(said: bytes) -> None:
    assert iges_units.passed_over(b"," * 13 + said) == ()


def test_a_number_that_stands_for_no_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="corrupt_file: the unit of length"):
        preflight.check("iges", in_units(tmp_path, b"12,2HMM"))
