"""How an IGES file is written down: what stands behind it, its form, its unit of length."""

from pathlib import Path

import pytest

from shapr.converters import preflight
from shapr.converters.brep import iges, measure
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
