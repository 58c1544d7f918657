"""STL: what is written is what is read, in both encodings, and what cannot be right is refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapr.converters.mesh.model import Mesh
from shapr.converters.mesh.stl import OTHER
from shapr.errors import Refused
from tests.converters.meshes import cube, meshes, read, soup, there_and_back

FACET = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"


@given(meshes(), st.sampled_from(["binary", "ascii"]))
@settings(max_examples=40, deadline=None)
def test_it_comes_back(tmp_path_factory: pytest.TempPathFactory, mesh: Mesh, encoding: str) -> None:
    back = there_and_back(mesh, tmp_path_factory.mktemp("stl") / "a.stl", encoding=encoding)
    assert np.array_equal(soup(back), soup(mesh))


def test_every_solid_of_an_ascii_file_has_its_name(tmp_path: Path) -> None:
    mesh = Mesh((cube(name="left arm"), cube((3, 0, 0), name="solid rock"), cube((6, 0, 0), name="")))
    back = there_and_back(mesh, tmp_path / "a.stl", encoding="ascii")
    assert [(part.name, len(part.corners)) for part in back.parts] == [
        ("left arm", 12),
        ("solid rock", 12),
        ("model", 12),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "solid a\n" + FACET + "endsolid a\n",
        ("solid\n" + FACET + "endsolid").upper(),
        ("solid a\n" + FACET + "endsolid a\n").replace("\n", "\r\n"),
        ("solid a\n" + FACET + "endsolid a\n").replace("\n", "\r"),
        ("solid " + FACET + "endsolid").replace("\n", " "),
        ("\n\tsolid a\n" + FACET + "endsolid a").replace("\n", "\n\t \t").replace(" ", "   "),
    ],
)
def test_ascii_dialects(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.stl").write_bytes(text.encode())
    assert read(tmp_path / "a.stl").triangles == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bytes(80) + struct.pack("<I", 2) + bytes(50), "corrupt_file"),
        (bytes(80) + struct.pack("<I", 0xFFFFFFFF) + bytes(50), "corrupt_file"),
        (bytes(80) + struct.pack("<I", 0), "no_geometry"),
        (bytes(80) + struct.pack("<I12fH", 1, *[float("nan")] * 12, 0), "invalid_geometry"),
        (b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\n", "corrupt_file"),
        (b"solid a\n" + FACET.encode() * 3, "corrupt_file"),
        (b"solid a\nendsolid a\n", "no_geometry"),
        (b"solid a\nfacet\nvertex 0 0 x\nvertex 1 0 0\nvertex 0 1 0\nendfacet\nendsolid\n", "corrupt_file"),
    ],
)
def test_a_bad_one_gets_a_code(tmp_path: Path, data: bytes, code: str) -> None:
    (tmp_path / "a.stl").write_bytes(data)
    with pytest.raises(Refused) as caught:
        read(tmp_path / "a.stl")
    assert caught.value.code == code


def test_a_binary_one_may_begin_with_solid(tmp_path: Path) -> None:
    facet = struct.pack("<12fH", 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
    (tmp_path / "a.stl").write_bytes(b"solid exported by a liar".ljust(80) + struct.pack("<I", 1) + facet)
    assert read(tmp_path / "a.stl").triangles == 1


@pytest.mark.parametrize(
    ("head", "attributes", "expected"),
    [
        (b"VisCAM", (0xFC00, 0x801F, 0x7C00), [[255, 0, 0, 255], [0, 0, 255, 255], [192, 192, 192, 255]]),
        (b"COLOR=\1\2\3\xff,", (0x001F, 0x7C00, 0x8000), [[255, 0, 0, 255], [0, 0, 255, 255], [1, 2, 3, 255]]),
        (b"no colours", (1, 0, 0x7FFF), None),
        (b"nothing", (0, 0), None),
    ],
)
def test_colours_in_the_attributes_of_triangles(
    tmp_path: Path, head: bytes, attributes: tuple[int, ...], expected: list[list[int]] | None
) -> None:
    """VisCAM marks with bit 15 what is coloured, Magics what is not."""
    facets = [struct.pack("<12fH", 0, 0, 1, 0, 0, at, 1, 0, at, 0, 1, at, own) for at, own in enumerate(attributes)]
    (tmp_path / "a.stl").write_bytes(head.ljust(80) + struct.pack("<I", len(facets)) + b"".join(facets))
    mesh = read(tmp_path / "a.stl")
    colours = mesh.parts[0].face_colours
    assert (None if colours is None else colours.tolist()) == expected
    assert mesh.losses == ((OTHER,) if any(attributes) and colours is None else ())


def test_what_single_precision_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        there_and_back(Mesh((cube(size=1e39),)), tmp_path / "a.stl", encoding="binary")
    assert caught.value.code == "invalid_geometry"


def test_a_few_bytes_of_padding_are_passed_over_and_a_facet_too_many_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.stl"
    facet = struct.pack("<12fH", *[0.0] * 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
    path.write_bytes(bytes(80) + struct.pack("<I", 1) + facet + bytes(9))
    assert len(read(path).parts[0].corners) == 1
    path.write_bytes(bytes(80) + struct.pack("<I", 1) + facet + facet)
    with pytest.raises(Refused, match="damaged"):
        read(path)
