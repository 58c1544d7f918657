"""3MF that is unsafe or damaged is refused, before the library sees what is dangerous."""

import gc
import io
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapr.converters.mesh import threemf_tree
from shapr.errors import Refused
from tests.converters.test_gltf import CORPUS, quiet
from tests.converters.test_threemf import ITEM, SIMPLE, package, read, refused, threemf

DTD = '<!DOCTYPE model [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_dtd_is_forbidden_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    text = SIMPLE.replace('<?xml version="1.0" encoding="UTF-8"?>', DTD).encode(encoding)
    assert refused(tmp_path, text) == "xml_forbidden"


@pytest.mark.parametrize("name", ["3D/other.model", "3D/_rels/3dmodel.model.rels", "docProps/core.xml", "a.bin"])
def test_a_dtd_is_forbidden_wherever_it_is(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path, SIMPLE, **{name: f"\n {DTD}<a/>".encode("utf-16")}) == "xml_forbidden"


def test_other_encodings_could_hide_one(tmp_path: Path) -> None:
    assert refused(tmp_path, SIMPLE.replace("UTF-8", "UTF-7")) == "xml_forbidden"
    assert refused(tmp_path, SIMPLE.encode("cp500")) == "xml_forbidden"


def test_a_dtd_behind_much_else_is_seen(tmp_path: Path) -> None:
    for padding in range((1 << 20) - 12, (1 << 20) + 12, 3):  # on the border between two chunks
        assert refused(tmp_path, b"<a>" + b" " * padding + DTD.encode()) == "xml_forbidden"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (SIMPLE.replace(ITEM, ""), "no_geometry"),
        (SIMPLE.replace('v3="3"', 'v3="9"'), "corrupt_file"),
        (SIMPLE.replace('v3="3"', 'v3="4294967295"'), "corrupt_file"),
        (SIMPLE.replace('v3="3"', 'v3="4294967299"'), "corrupt_file"),
        (SIMPLE.replace('x="1"', 'x="nan"'), "corrupt_file"),
        (SIMPLE.replace('x="1"', 'x="1e40"'), "corrupt_file"),
        (SIMPLE.replace('objectid="1"', 'objectid="7"'), "corrupt_file"),
        (SIMPLE.replace('objectid="1"', 'objectid="4294967297"'), "corrupt_file"),
        (SIMPLE.replace('unit="', 'unit="furlong" was="'), "corrupt_file"),
        (SIMPLE[:-80], "corrupt_file"),
        (SIMPLE.replace("<model ", '<model xmlns:z="urn:z" requiredextensions="z" '), "unsupported_geometry"),
        (
            SIMPLE.replace("<model ", '<model xmlns:z="urn:z" requiredextensions="z" ').replace(
                "</resources>", '<object id="9" type="model"><z:shape/></object></resources>'
            ),
            "unsupported_geometry",
        ),
        ("", "corrupt_file"),
        ("<a/>", "corrupt_file"),
    ],
)
def test_a_bad_3mf_gets_a_code(tmp_path: Path, content: str, code: str) -> None:
    assert refused(tmp_path, content) == code


def test_external_relationships_are_not_followed(tmp_path: Path) -> None:
    away = '<Relationship Target="{}" Id="x" TargetMode="External" Type="http://schemas.openxmlformats.org/a"/>'
    for target in ("file:///etc/passwd", "http://127.0.0.1:9/", "../../../etc/passwd"):
        try:
            assert read(tmp_path, SIMPLE, rels=away.format(target)).triangles == 4
        except Refused as refusal:
            assert refusal.code in ("corrupt_file", "external_reference")


def test_relationships_without_end_are_refused(tmp_path: Path) -> None:
    one = '<Relationship Target="/a{}.png" Id="a{}" Type="http://schemas.openxmlformats.org/a"/>'
    assert refused(tmp_path, SIMPLE, rels="".join(one.format(at, at) for at in range(10_001))) == "limit_exceeded"


def test_a_thousand_items_leave_no_garbage(tmp_path: Path) -> None:
    """Nobody collects it in a child: 100,000 items took more than 4 GB."""
    gc.collect()
    gc.disable()
    try:
        assert read(tmp_path, SIMPLE.replace(ITEM, ITEM * 1000)).triangles == 4000
        assert gc.collect() < 1000
    finally:
        gc.enable()


def test_a_bomb_is_refused_at_once(tmp_path: Path) -> None:
    bomb = io.BytesIO(b" " * (64 << 20)).read()
    start = time.monotonic()
    path = package(tmp_path, bomb)
    started = time.monotonic()
    with pytest.raises(Refused, match="decompression_bomb"):
        threemf.read(path, "a", quiet)
    assert time.monotonic() - started < min(0.5, 5 * (started - start))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_3mf_with_flipped_bytes_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = package(tmp_path_factory.mktemp("3mf"), SIMPLE)
    content = bytearray(path.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=6)):
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        assert threemf.read(path, "a", quiet).triangles > 0
    except Refused as refusal:
        assert refusal.detail.isprintable()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not on this machine")
def test_a_real_bomb_is_refused_at_once() -> None:
    start = time.monotonic()
    with pytest.raises(Refused, match="decompression_bomb"):
        threemf.read(CORPUS / "bad_bomb.3mf", "a", quiet)
    assert time.monotonic() - start < 0.5


def test_a_long_text_is_looked_at_in_pieces_and_nothing_hides_between_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = SIMPLE.replace('v1="0"', 'v1="00000000000"', 1)
    for size in range(1, 60):
        monkeypatch.setattr(threemf_tree, "PIECE", size)
        reached: list[float] = []
        threemf_tree.check(package(tmp_path, SIMPLE), reached.append)
        assert reached == sorted(reached) and reached[-1] == 1.0 and len(set(reached)) > 5
        assert refused(tmp_path, long) == "corrupt_file"


def test_half_a_character_is_no_name(tmp_path: Path) -> None:
    text = SIMPLE.replace('"tip"', '"\ud800x"').encode("utf-8", "surrogatepass")
    assert refused(tmp_path, text) == "corrupt_file"
