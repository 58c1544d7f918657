"""3MF in ways that the specification allows, and the library does not read: XML in UTF-16, names that are not whole."""

import zipfile
from pathlib import Path

import pytest

from shapr.converters import archive
from shapr.errors import Refused
from tests.converters.test_gltf import quiet
from tests.converters.test_threemf import RELS, SIMPLE, TETRAHEDRON, TYPES, package, read, refused, threemf

NAMED = SIMPLE.replace('name="tip"', 'name="csúcs 部品 😀"').replace("UTF-8", "UTF-16")
DTD = '<!DOCTYPE model [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("declared", ["UTF-16", "utf-8", None])
def test_a_model_in_utf_16_is_read(tmp_path: Path, encoding: str, declared: str | None) -> None:
    text = NAMED.replace("UTF-16", declared) if declared else NAMED.partition("?>")[2]
    mesh = read(tmp_path, text.encode(encoding))
    assert (mesh.parts[0].name, mesh.triangles) == ("csúcs 部品 😀", 4)


def test_so_is_all_other_xml_of_it_and_the_rest_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.3mf"
    picture = b"\xff\xfe<no picture\0"
    with zipfile.ZipFile(path, "w") as made:
        for name, text in (
            ("[Content_Types].xml", TYPES),
            ("_rels/.rels", RELS.format(more="")),
            ("3D/3dmodel.model", NAMED),
        ):
            made.writestr(name, b"\xfe\xff" + text.replace("UTF-8", "UTF-16").encode("utf-16-be"))
        made.writestr("a.png", picture)
    assert threemf.read(path, "a", quiet).triangles == 4
    with zipfile.ZipFile(tmp_path / "a.3mf.utf8") as copy:
        assert copy.read("a.png") == picture
        assert copy.read("3D/3dmodel.model").decode() == NAMED.replace("UTF-16", "UTF-8")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("padding", [0, 1 << 19])
def test_a_dtd_in_it_is_forbidden(tmp_path: Path, encoding: str, padding: int) -> None:
    head, _, rest = NAMED.partition("?>")
    assert refused(tmp_path, f"{head}?>{' ' * padding}{DTD}{rest}".encode(encoding)) == "xml_forbidden"


def test_half_a_letter_in_it_is_damage(tmp_path: Path) -> None:
    text = NAMED.encode("utf-16")
    assert refused(tmp_path, text.replace("😀".encode("utf-16-le"), b"\x3d\xd8a\0")) == "corrupt_file"
    assert refused(tmp_path, text + b"\0") == "corrupt_file"
    assert refused(tmp_path, NAMED.encode("utf-32")) == "corrupt_file"


def test_in_utf_8_it_is_not_larger_than_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters of the East take three bytes there, and two before."""
    path = package(tmp_path, NAMED.replace("部品", "部" * 30_000).encode("utf-16"))
    with zipfile.ZipFile(path) as made:
        monkeypatch.setattr(archive, "MAX_TOTAL", sum(entry.file_size for entry in made.infolist()))
    with pytest.raises(Refused, match="decompression_bomb"):
        threemf.read(path, "a", quiet)


MODEL = '<model unit="millimeter" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"'
PRODUCTION = 'xmlns:p="http://schemas.microsoft.com/3dmanufacturing/production/2015/06" requiredextensions="p"'
BUILDS_OTHER = (
    f'{MODEL} {PRODUCTION}><resources><object id="9"><components><component objectid="1" p:path="/3D/o/b.model"/>'
    '</components></object></resources><build><item objectid="9"/></build></model>'
)
OTHER = f'{MODEL}><resources><object id="1">{{}}</object></resources><build/></model>'
FACES = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in ((0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)))


@pytest.mark.parametrize("target", ["3D/3dmodel.model", "./3D/3dmodel.model", "x/../3D/3dmodel.model"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_model_may_be_named_as_seen_from_the_package(tmp_path: Path, target: str, encoding: str) -> None:
    path = tmp_path / "a.3mf"
    rels = RELS.format(more="").replace("/3D/3dmodel.model", target).replace("UTF-8", encoding)
    assert target in rels
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("[Content_Types].xml", TYPES)
        made.writestr("_rels/.rels", rels.encode(encoding))
        made.writestr("3D/3dmodel.model", SIMPLE)
    assert threemf.read(path, "a", quiet).triangles == 4


@pytest.mark.parametrize("target", ["/3D/o/b.model", "o/b.model", "../3D/o/b.model"])
def test_another_part_may_be_named_as_seen_from_the_model(tmp_path: Path, target: str) -> None:
    part = {
        "3D/o/b.model": OTHER.format(TETRAHEDRON.format(triangles=FACES)).encode(),
        "3D/_rels/3dmodel.model.rels": RELS.format(more="").replace("/3D/3dmodel.model", target).encode(),
    }
    assert read(tmp_path, BUILDS_OTHER, **part).triangles == 4
