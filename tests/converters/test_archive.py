"""ZIP sources: a model with its companions, and everything that an archive may not do."""

import io
import os
import stat
import struct
import time
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapr.converters import archive, formats
from shapr.errors import Refused

OBJ = b"mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
PLAIN = {"a.obj": OBJ, "a.mtl": b"newmtl red\n"}


def packed(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", method) as out:
        warnings.simplefilter("ignore")  # two of one name
        for name, data in entries.items():
            out.writestr(name, data)
    return made.getvalue()


def with_entry(entry: zipfile.ZipInfo, data: bytes = b"") -> bytes:
    made = io.BytesIO(packed(PLAIN))
    with zipfile.ZipFile(made, "a") as out:
        out.writestr(entry, data)
    return made.getvalue()


def renamed(old: bytes, new: bytes, content: dict[str, bytes] = PLAIN) -> bytes:
    """What Python's writer would not write."""
    return packed(content).replace(old, new)


def unpacked(folder: Path, data: bytes, format: str = "obj") -> Path:
    (folder / "source").write_bytes(data)
    return archive.unpacked(folder / "source", format, "Model.ZIP", folder / archive.FOLDER)


def both(folder: Path, data: bytes) -> str:
    """The code with which the API refuses it, by its end alone, or else the converter."""
    try:
        format = archive.main_format(data[-archive.TAIL :], formats.BUILT_IN)
    except Refused as refused:
        with pytest.raises(Refused) as caught:
            unpacked(folder, data)
        assert caught.value.code == refused.code
        assert refused.detail.isprintable()
        return refused.code
    with pytest.raises(Refused) as caught:
        unpacked(folder, data, format)
    return caught.value.code


def test_a_model_is_unpacked_with_its_companions(tmp_path: Path) -> None:
    content = {
        "part/": b"",
        "part/a.OBJ": OBJ,
        "part/a.mtl": b"newmtl red\n",
        "part/textures/wood.png": b"\x89PNG",
        "__MACOSX/part/._a.obj": b"junk",
        "part/._a.obj": b"junk",
        ".DS_Store": b"junk",
        "readme.txt": b"hello",
    }
    data = packed(content)
    assert archive.main_format(data, formats.BUILT_IN) == "obj"
    path = unpacked(tmp_path, data)
    assert path == tmp_path / archive.FOLDER / "part" / "a.OBJ"
    assert path.read_bytes() == OBJ
    there = {
        str(each.relative_to(tmp_path / archive.FOLDER))
        for each in (tmp_path / archive.FOLDER).rglob("*")
        if each.is_file()
    }
    assert there == {"part/a.OBJ", "part/a.mtl", "part/textures/wood.png", "readme.txt"}


@pytest.mark.parametrize(("model", "copy"), [("a.step", "a.step.instead"), ("a.iges", "a.iges.aside")])
def test_nothing_lies_beside_a_brep(tmp_path: Path, model: str, copy: str) -> None:
    path = unpacked(tmp_path, packed({model: b"model", copy: b"never looked at"}), model[2:])
    assert [each.name for each in path.parent.iterdir()] == [model]


def test_names_in_any_language(tmp_path: Path) -> None:
    """With and without the flag that says UTF-8."""
    data = packed({"Träger　１.obj": OBJ, "Träger.mtl": b""})
    unflagged = bytearray(data)
    for sign, at in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        start = -1
        while (start := data.find(sign, start + 1)) >= 0:
            unflagged[start + at] &= ~8
    for number, each in enumerate((data, bytes(unflagged))):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = unpacked(folder, each)
        assert (path.name, path.read_bytes()) == ("Träger　１.obj", OBJ)
        assert (path.parent / "Träger.mtl").exists()


def test_a_source_that_is_no_archive_is_read_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(OBJ)
    assert archive.unpacked(tmp_path / "source", "obj", "a.obj", tmp_path / archive.FOLDER) == tmp_path / "source"
    assert not (tmp_path / archive.FOLDER).exists()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"readme.txt": b""}, "no model"),
        ({"a.obj": OBJ, "b.stl": b"solid"}, "2 models"),
        ({"a.zip": b"PK\x03\x04"}, "no model"),
        ({"__MACOSX/a.obj": b"x"}, "no model"),
    ],
)
def test_there_is_one_model(tmp_path: Path, entries: dict[str, bytes], said: str) -> None:
    with pytest.raises(Refused, match=f"unsupported_format.*{said}"):
        archive.main_format(packed(entries), formats.BUILT_IN)


def test_a_model_for_a_program_that_is_plugged_in_is_not_unpacked() -> None:
    with pytest.raises(Refused, match="upload the file itself"):
        archive.main_format(packed(PLAIN), {"obj": "external"})


def test_the_model_is_what_the_end_of_the_upload_promised(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="format_mismatch"):
        unpacked(tmp_path, packed(PLAIN), "stl")


NAMES = [
    "../a.mtl",
    "/etc/a.mtl",
    "a/../../b.mtl",
    "C:/a.mtl",
    "a//b.mtl",
    "./a2.mtl",
    "a/./b.mtl",
    "x" * 300 + ".mtl",
    "d/" * 60 + "a.mtl",
    "a\nb.mtl",
    "a\x1b[31m.mtl",
    "\u202egpj.mtl",
    "a.obj/b.mtl",
    "a.mtl",
]


@pytest.mark.parametrize("name", NAMES, ids=[repr(name[:20]) for name in NAMES])
def test_names_that_lead_elsewhere_are_unsafe(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert both(tmp_path, with_entry(zipfile.ZipInfo(name), b"x")) == "unsafe_archive"
    assert sorted(each.name for each in tmp_path.parent.iterdir() if each.suffix == ".mtl") == []


def test_a_backslash_is_no_plain_name(tmp_path: Path) -> None:
    assert both(tmp_path, renamed(b"b/c.mtl", b"b\\c.mtl", {**PLAIN, "b/c.mtl": b"x"})) == "unsafe_archive"


def test_a_name_that_ends_at_a_nul_is_not_a_shorter_one(tmp_path: Path) -> None:
    assert both(tmp_path, renamed(b"b.mtl", b"b\0mtl", {**PLAIN, "b.mtl": b"x"})) == "unsafe_archive"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices_are_unsafe(tmp_path: Path, kind: int) -> None:
    entry = zipfile.ZipInfo("link.mtl")
    entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16
    assert both(tmp_path, with_entry(entry, b"/etc/passwd")) == "unsafe_archive"


def test_encrypted_entries_are_unsafe(tmp_path: Path) -> None:
    data = bytearray(packed(PLAIN))
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    assert both(tmp_path, bytes(data)) == "unsafe_archive"


def test_other_methods_are_unsafe(tmp_path: Path) -> None:
    assert both(tmp_path, packed(PLAIN, zipfile.ZIP_LZMA)) == "unsafe_archive"


def test_too_many_entries_are_unsafe(tmp_path: Path) -> None:
    assert both(tmp_path, packed({f"{at}.txt": b"" for at in range(2001)} | PLAIN)) == "unsafe_archive"


def test_a_directory_without_end_is_not_read(tmp_path: Path) -> None:
    assert both(tmp_path, packed({f"{at:0250}.txt": b"" for at in range(6000)} | PLAIN)) == "corrupt_file"


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    assert both(tmp_path, packed({**PLAIN, "b.bin": bytes(20 << 20)})) == "decompression_bomb"
    assert not (tmp_path / archive.FOLDER).exists()


def test_entries_that_share_bytes_are_unsafe(tmp_path: Path) -> None:
    """The directory names one entry twice, as the bombs of 2019 do."""
    data = packed(PLAIN)
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    first = data[start : data.index(b"PK\x01\x02", start + 4)].replace(b"a.obj", b"b.txt")
    directory = data[start:end] + first
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 3, 3, len(directory), start, 0)
    assert both(tmp_path, data[:start] + directory + tail) == "unsafe_archive"


def test_what_lies_before_or_behind_is_unsafe(tmp_path: Path) -> None:
    assert both(tmp_path, b"#!/bin/sh\n" + packed(PLAIN)) == "unsafe_archive"
    assert both(tmp_path, packed({"b.txt": b""}) + packed(PLAIN)) == "corrupt_file"  # two ends: two readings


def test_a_size_that_lies_is_damage(tmp_path: Path) -> None:
    data = bytearray(packed({"a.obj": OBJ * 100}))
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 10)
    assert both(tmp_path, bytes(data)) == "corrupt_file"


@pytest.mark.parametrize("said", [0, 3, 0xFFFF])
def test_a_directory_that_is_not_as_long_as_its_end_says_is_damage(tmp_path: Path, said: int) -> None:
    data = bytearray(packed(PLAIN))
    at = data.rindex(b"PK\5\6")
    data[at + 10 : at + 12] = said.to_bytes(2, "little")
    assert both(tmp_path, bytes(data)) == "corrupt_file"


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x03\x04", packed(PLAIN)[:-30], os.urandom(5000), packed({})])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        unpacked(tmp_path, data)
    assert caught.value.code in ("corrupt_file", "unsafe_archive", "empty_file")


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_flipped_bytes_never_write_elsewhere(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("zip")
    content = bytearray(packed(PLAIN))
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        content[at] = data.draw(st.integers(0, 255))
    try:
        assert unpacked(folder, bytes(content)).is_relative_to(folder / archive.FOLDER)
    except Refused as refused:
        assert refused.detail.isprintable()
    assert {each.name for each in folder.iterdir()} <= {"source", archive.FOLDER}


def test_a_large_archive_is_known_by_its_end(tmp_path: Path) -> None:
    noise = os.urandom(3 << 20)
    data = packed({"scene.gltf": b"{}", "noise.bin": noise})
    start = time.monotonic()
    assert archive.main_format(data[-archive.TAIL :], formats.BUILT_IN) == "gltf"
    assert time.monotonic() - start < 0.2
    assert (unpacked(tmp_path, data, "gltf").parent / "noise.bin").read_bytes() == noise
