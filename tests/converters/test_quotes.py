"""Strings of STEP that end elsewhere for the kernel's scanner than the standard says."""

from pathlib import Path

import pytest
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox

from shapr.converters import preflight
from shapr.converters.brep import document, step
from shapr.converters.preflight import instead
from tests.converters.test_splines import OPTIONS


def named(path: Path, string: str) -> Path:
    """A box that is called so."""
    step.write(document.holding(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), "a"), path, "a", OPTIONS)
    text = path.read_text()
    assert "PRODUCT('a','a'," in text
    path.write_text(text.replace("PRODUCT('a','a',", f"PRODUCT('a',{string},"))
    assert preflight.check("step", path) == ()
    return path


@pytest.mark.parametrize(
    ("string", "name"),
    [
        ("'2'', long'", "2', long"),
        ("'tube (2'')'", "tube (2')"),
        ("'2'' \n, long'", "2' , long"),
        ("'2'''", "2'"),
        ("''''''", "''"),
        ("'\\X2\\00E9\\X0\\2'', long'", "é2', long"),
        ("'a'\t", "a"),
        ("'a' \n\f", "a"),
        ("'a'/* b */", "a"),
        ("'a'\0", "a"),
        ("'2''/* b */'", "2'/* b */"),
        ("'2'');#1=PRODUCT(''b'''", "2');#1=PRODUCT('b'"),
    ],
)
def test_a_name_is_what_the_standard_says(tmp_path: Path, string: str, name: str) -> None:
    made = step.read(named(tmp_path / "a.step", string))
    assert [document.name(root) for root in document.roots(made)] == [name]


@pytest.mark.parametrize("string", ["'a'", "''", "'a' \r\n ", "/* b */'a'", "'a\tb'"])
def test_what_the_kernel_reads_as_it_is_is_not_copied(tmp_path: Path, string: str) -> None:
    path = named(tmp_path / "a.step", string)
    assert instead.understood(path) == path


@pytest.mark.parametrize("name", ["2', long", "tube (2')", "'2''", "é (2'), ü', b", "it's"])
def test_a_name_that_is_written_is_read_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.step"
    step.write(document.holding(BRepPrimAPI_MakeBox(1, 2, 3).Shape(), name), path, "a", OPTIONS)
    made = step.read(path)
    assert [document.name(root) for root in document.roots(made)] == [name]
    assert path.read_bytes().isascii()
    assert preflight.check("step", path) == ()
    assert instead.understood(path) == path
