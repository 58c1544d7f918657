"""How outputs are stored: text packed, the rest as it is, and the same bytes every time."""

import gzip
import hashlib
import time
from pathlib import Path

from activities.pack import pack

TEXT = b"ISO-10303-21;\n" + b"#1=CARTESIAN_POINT('',(0.,0.,0.));\n" * 5000


def test_text_is_stored_smaller_and_described_as_decoded(tmp_path: Path) -> None:
    path = tmp_path / "out.step"
    path.write_bytes(TEXT)
    packed = pack(path, "step", {})
    stored = packed.path.read_bytes()
    assert packed.encoding == "gzip"
    assert len(stored) < len(TEXT) / 4
    assert gzip.decompress(stored) == TEXT
    assert (packed.size, packed.sha256) == (len(TEXT), hashlib.sha256(TEXT).hexdigest())


def test_packing_later_under_another_name_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a.step", tmp_path / "b.step"
    for path in (first, second):
        path.write_bytes(TEXT)
    one = pack(first, "step", {}).path.read_bytes()
    time.sleep(1.1)  # the clock in a gzip header has seconds
    assert pack(second, "step", {}).path.read_bytes() == one


def test_binary_is_stored_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "out.stl"
    path.write_bytes(bytes(84))
    packed = pack(path, "stl", {"encoding": "binary"})
    assert (packed.path, packed.encoding, packed.size) == (path, None, 84)


def test_the_encoding_option_decides_what_is_text(tmp_path: Path) -> None:
    path = tmp_path / "out.stl"
    path.write_bytes(b"solid\nendsolid\n")
    assert pack(path, "stl", {"encoding": "ascii"}).encoding == "gzip"
    assert pack(path, "brep", {"encoding": "binary"}).encoding is None


def test_a_link_where_the_packed_file_belongs_is_not_followed(tmp_path: Path) -> None:
    path, victim = tmp_path / "out.step", tmp_path / "victim"
    path.write_bytes(TEXT)
    victim.write_text("precious")
    (tmp_path / "out.step.gz").symlink_to(victim)
    assert gzip.decompress(pack(path, "step", {}).path.read_bytes()) == TEXT
    assert victim.read_text() == "precious"
