"""STEP names in code pages that the standard does not have, and the file does not name."""

from pathlib import Path

import pytest

from shapr.converters.brep import codepage, document, step
from tests.converters.kit import SAMPLES


def named(path: Path, name: bytes) -> Path:
    text = (SAMPLES / "bracket.step").read_bytes()
    assert text.count(b"'Bracket'") > 1
    path.write_bytes(text.replace(b"'Bracket'", b"'" + name + b"'"))
    return path


@pytest.mark.parametrize("name", ["支架零件", "轴承座（左）", "M6螺栓"])
def test_names_in_a_chinese_code_page_are_read(tmp_path: Path, name: str) -> None:
    model = step.read(named(tmp_path / "a.step", name.encode("gbk")))
    assert [document.name(root) for root in document.roots(model)] == [name]
    assert document.unread(model) == ()


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        *(("Деталь", "cp1251"), ("ДЕТАЛЬ", "cp1251"), ("деталь", "koi8_r"), ("εξάρτημα", "cp1253")),
        *(("브래킷", "euc_kr"), ("ブラケット", "shift_jis")),
    ],
)
def test_names_in_others_are_told(tmp_path: Path, name: str, encoding: str) -> None:
    model = step.read(named(tmp_path / "a.step", name.encode(encoding)))
    assert document.unread(model) == (codepage.UNKNOWN,)


@pytest.mark.parametrize("name", ["Größe", "créée", "Žižek ½ “5–6”", "ÄÖÜ"])
def test_western_and_unicode_names_are_not(tmp_path: Path, name: str) -> None:
    for encoding in ("cp1252", "utf-8"):
        model = step.read(named(tmp_path / "a.step", name.encode(encoding)))
        assert [document.name(root) for root in document.roots(model)] == [name]
        assert document.unread(model) == ()
