"""Content against extension: what a format's first bytes may be."""

import random
import time
from pathlib import Path

import pytest

from shapr.converters import detect, formats
from shapr.errors import Refused
from tests.converters.kit import SAMPLES

READ = list(formats.BUILT_IN)
FOREIGN = [
    b"\x89PNG\r\n\x1a\n" + bytes(100),
    b"PK\x03\x04" + bytes(100),
    b"%PDF-1.7\n" + bytes(200),
    b"\xff\xd8\xff\xe0",
]


@pytest.mark.parametrize("format", READ)
@pytest.mark.parametrize("head", FOREIGN, ids=["png", "zip", "pdf", "jpeg"])
def test_a_file_of_another_kind_contradicts(format: str, head: bytes) -> None:
    own = format in ("3mf", "shapr") and head.startswith(b"PK")  # which are ZIP archives themselves
    assert bool(detect.contradicts(format, head)) is not own


@pytest.mark.parametrize("format", ["step", "iges", "brep", "obj"])
def test_random_bytes_contradict(format: str) -> None:
    assert detect.contradicts(format, random.Random(1).randbytes(5000))


@pytest.mark.parametrize("sample", ["bracket.step", "bracket.iges", "bracket.stl", "assembly.step"])
def test_a_sample_is_what_it_is_and_nothing_else(sample: str) -> None:
    head, own = (SAMPLES / sample).read_bytes()[: detect.HEAD], formats.source_format(sample, formats.BUILT_IN)
    assert detect.contradicts(own, head) is None
    for other in set(READ) - {own}:
        if not (own == "stl" and other == "stl"):
            assert detect.contradicts(other, head), f"{sample} passes for {other}"


@pytest.mark.parametrize(
    ("format", "head"),
    [
        ("step", b"\xef\xbb\xbfISO-10303-21;\nHEADER;"),
        ("step", b"\n/* made by hand */\nISO-10303-21;\r\nHEADER;"),
        ("stl", b"  solid x\nfacet normal"),
        ("stl", b"\xef\xbb\xbfsolid x\n facet normal"),
        ("stl", b"# made by hand\nsolid x\n"),
        ("obj", b"# comment\n\nmtllib a.mtl\nv 0 0 0\n"),
        ("brep", b"\nCASCADE Topology V1, (c) Matra-Datavision\n"),
    ],
)
def test_unusual_beginnings_are_accepted(format: str, head: bytes) -> None:
    assert detect.contradicts(format, head) is None


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(Refused, match="empty_file"):
        detect.check("step", tmp_path / "a")


def test_no_head_keeps_the_first_look_busy() -> None:
    """Each of these took seconds, or for ever."""
    size = detect.HEAD - 1
    for head in (b"# " * size, b"/**/" * size, b"a" * 72 + b"S" + b" " * size, b"# \n" * size, b" " * size):
        begun = time.process_time()
        for format in READ:
            detect.contradicts(format, head[:size] + b"x")
        assert time.process_time() - begun < 1
