"""3MF: what others write is read, what is unsafe is refused before the library sees it, what we write comes back."""

import locale
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from shapr.converters.mesh import colour
from shapr.converters.mesh.measure import measured
from shapr.converters.mesh.model import Mesh, Part
from shapr.errors import Refused
from tests.converters.test_gltf import CORPUS, coloured, corners, meshes, quiet

threemf = pytest.importorskip("shapr.converters.mesh.threemf", reason="lib3mf has no wheel for this machine")
threemf_write = pytest.importorskip("shapr.converters.mesh.threemf_write")

CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
MATERIAL = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
RELS = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
    'Target="/3D/3dmodel.model" Id="r" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>{more}'
    "</Relationships>"
)
TETRAHEDRON = (
    '<mesh><vertices><vertex x="0" y="0" z="0"/><vertex x="1" y="0" z="0"/><vertex x="0" y="1" z="0"/>'
    '<vertex x="0" y="0" z="1"/></vertices><triangles>{triangles}</triangles></mesh>'
)
FACES = ((0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3))
ITEM = '<item objectid="1"/>'


def tetrahedron(*properties: str) -> str:
    given = properties or ("",) * 4
    rows = (f'<triangle v1="{a}" v2="{b}" v3="{c}" {p}/>' for (a, b, c), p in zip(FACES, given, strict=True))
    return TETRAHEDRON.format(triangles="".join(rows))


def model(resources: str, build: str = ITEM, unit: str = "millimeter") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><model unit="{unit}" xmlns="{CORE}" xmlns:m="{MATERIAL}">'
        f"<resources>{resources}</resources><build>{build}</build></model>"
    )


SIMPLE = model(f'<object id="1" name="tip" type="model">{tetrahedron()}</object>')


def package(folder: Path, content: str | bytes, rels: str = "", **more: bytes) -> Path:
    path = folder / "a.3mf"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("[Content_Types].xml", TYPES)
        made.writestr("_rels/.rels", RELS.format(more=rels))
        made.writestr("3D/3dmodel.model", content)
        for name, data in more.items():
            made.writestr(name, data)
    return path


def read(folder: Path, content: str | bytes, **more: Any) -> Mesh:
    found: Mesh = threemf.read(package(folder, content, **more), "a", quiet)
    return found


def refused(folder: Path, content: str | bytes, **more: Any) -> str:
    with pytest.raises(Refused) as caught:
        read(folder, content, **more)
    assert caught.value.detail.isprintable()
    return caught.value.code


@pytest.mark.parametrize(
    ("unit", "millimetres"),
    [("micron", 0.001), ("millimeter", 1), ("centimeter", 10), ("inch", 25.4), ("foot", 304.8), ("meter", 1000)],
)
def test_units_become_millimetres(tmp_path: Path, unit: str, millimetres: float) -> None:
    mesh = read(tmp_path, SIMPLE.replace("millimeter", unit))
    assert mesh.parts[0].vertices.max() == pytest.approx(millimetres)
    assert (mesh.parts[0].name, mesh.triangles, mesh.up_axis, mesh.tree) == ("tip", 4, None, False)


def test_components_are_placed_and_a_mirror_turns_the_winding(tmp_path: Path) -> None:
    parts = (
        f'<object id="1" name="tip" type="model">{tetrahedron()}</object><object id="2" type="model"><components>'
        '<component objectid="1" transform="1 0 0 0 1 0 0 0 1 10 0 0"/>'
        '<component objectid="1" transform="-1 0 0 0 1 0 0 0 1 0 0 0"/></components></object>'
    )
    mesh = read(tmp_path, model(parts, '<item objectid="2" transform="2 0 0 0 2 0 0 0 2 0 0 5"/>'))
    assert mesh.tree
    first, second = (part.vertices for part in mesh.parts)
    assert (first.min(axis=0).tolist(), first.max(axis=0).tolist()) == ([20, 0, 5], [22, 2, 7])
    assert second.min(axis=0).tolist() == [-2, 0, 5]
    for part in mesh.parts:
        a, b, c = np.moveaxis(part.vertices[part.corners] - part.vertices.mean(axis=0), 1, 0)
        assert np.einsum("ij,ij->", a, np.cross(b, c)) > 0


MATERIALS = '<basematerials id="5"><base name="steel" displaycolor="#336699"/><base name="red" displaycolor="#FF0000"/>'
COLOURS = '<m:colorgroup id="6"><m:color color="#FF0000"/><m:color color="#00FF0080"/></m:colorgroup>'


def test_materials_and_colours(tmp_path: Path) -> None:
    materials, mesh = MATERIALS + "</basematerials>", tetrahedron()
    part = read(tmp_path, model(f'{materials}<object id="1" pid="5" pindex="0" type="model">{mesh}</object>')).parts[0]
    assert (part.material, part.colour) == ("steel", (0.2, 0.4, 0.6, 1.0))
    one, two = 'pid="6" p1="0"', 'pid="6" p1="1"'
    mesh = tetrahedron(one, two, two, two)
    faces = read(tmp_path, model(f'{COLOURS}<object id="1" type="model">{mesh}</object>')).parts[0].face_colours
    assert faces is not None
    assert faces.tolist() == [[255, 0, 0, 255], *[[0, 255, 0, 128]] * 3]
    mesh = tetrahedron(*[f'pid="6" p1="{int(a == 0)}" p2="{int(b == 0)}" p3="{int(c == 0)}"' for a, b, c in FACES])
    points = read(tmp_path, model(f'{COLOURS}<object id="1" type="model">{mesh}</object>')).parts[0].vertex_colours
    assert points is not None
    assert points.tolist() == [[0, 255, 0, 128], *[[255, 0, 0, 255]] * 3]


def test_instances_are_counted_before_they_are_made(tmp_path: Path) -> None:
    """Thirty doublings are a billion."""
    objects = [f'<object id="1" type="model">{tetrahedron()}</object>']
    for id in range(2, 32):
        twice = f'<component objectid="{id - 1}"/>' * 2
        objects.append(f'<object id="{id}" type="model"><components>{twice}</components></object>')
    start = time.monotonic()
    for text in (model("".join(objects), '<item objectid="31"/>'), model("".join(objects), "")):
        assert refused(tmp_path, text) == "decompression_bomb"
        assert refused(tmp_path, text.replace('objectid="', 'objectid="&#48;')) == "decompression_bomb"
    assert refused(tmp_path, model("".join(objects[:12]) * 1, '<item objectid="12"/>' * 200)) == "decompression_bomb"
    assert time.monotonic() - start < 5


def test_a_colour_without_a_value_and_layers_of_nothing_are_damage(tmp_path: Path) -> None:
    part = f'<object id="1" type="model">{tetrahedron()}</object>'
    read(tmp_path, model(COLOURS + part))
    assert refused(tmp_path, model(COLOURS.replace(' color="#FF0000"', "") + part)) == "corrupt_file"
    layers = COLOURS + '<m:multiproperties id="7"><m:multi pindices="0"/></m:multiproperties>'
    assert refused(tmp_path, model(layers + part)) == "corrupt_file"


@pytest.mark.parametrize(
    ("layers", "indices", "expected"),
    [
        ('pids="5 6"', "0 1", [187, 0, 188, 255]),  # half of blue over the red surface, in linear light
        ('pids="5 6" blendmethods="mix"', "0 1", [187, 0, 188, 255]),
        ('pids="5 6" blendmethods="multiply"', "0 1", [0, 0, 255, 255]),  # nothing to multiply: it counts as opaque
        ('pids="5 6"', "1 0", [0, 255, 0, 255]),  # opaque green hides a surface that can be seen through
        ('pids="6"', "1", [0, 0, 255, 255]),  # the lowest colour counts as opaque
    ],
)
def test_layers_of_materials_are_one_colour(tmp_path: Path, layers: str, indices: str, expected: list[int]) -> None:
    """As in chapter 5 of the materials extension."""
    resources = (
        '<basematerials id="5"><base name="steel" displaycolor="#FF0000"/><base name="glass" displaycolor="#FF000080"/>'
        '</basematerials><m:colorgroup id="6"><m:color color="#00FF00"/><m:color color="#0000FF80"/></m:colorgroup>'
        f'<m:multiproperties id="7" {layers}><m:multi pindices="{indices}"/></m:multiproperties>'
        f'<object id="1" pid="7" pindex="0">{tetrahedron()}</object>'
    )
    mesh = read(tmp_path, model(resources))
    names = {"5": ("steel", "glass")[int(indices[0])], "6": ""}
    assert mesh.parts[0].material == names[layers[6]]
    assert mesh.parts[0].colour is not None
    assert np.round(255 * np.array(mesh.parts[0].colour)).tolist() == expected
    assert mesh.losses == ("layers of materials became one colour",)


@pytest.mark.parametrize(
    ("below", "top", "multiplied", "expected"),
    [
        ((255, 0, 0, 255), (0, 0, 255, 128), False, (187, 0, 188, 255)),
        ((255, 0, 0, 128), (0, 255, 0, 0), False, (255, 0, 0, 255)),  # what cannot be seen changes nothing
        ((255, 255, 0, 255), (255, 0, 255, 128), True, (255, 0, 0, 128)),
    ],
)
def test_two_layers_of_colours(
    below: tuple[int, ...], top: tuple[int, ...], multiplied: bool, expected: tuple[int, ...]
) -> None:
    """A file cannot have two groups of colours; textures between them are passed over."""
    assert colour.layered(None, [(below, False), (top, multiplied)]) == expected


def test_a_component_that_contains_itself_is_damage(tmp_path: Path) -> None:
    loop = '<object id="1" type="model"><components><component objectid="1"/></components></object>'
    assert refused(tmp_path, model(loop)) == "corrupt_file"


@given(meshes(), st.sampled_from(["mm", "cm", "m", "in", "ft"]))
@settings(max_examples=40, deadline=None)
def test_3mf_comes_back(tmp_path_factory: pytest.TempPathFactory, mesh: Mesh, units: str) -> None:
    path = tmp_path_factory.mktemp("3mf") / "a.3mf"
    try:
        threemf_write.write(mesh, path, {"units": units}, quiet)
    except Refused as refusal:
        assert refusal.code == "no_geometry"
        return
    back = threemf.read(path, "a", quiet)
    soup = corners(mesh)
    a, b, c = np.moveaxis((soup / (1 if units == "mm" else threemf_write.UNIT_MM[units])).astype("f4"), 1, 0)
    kept = (a != b).any(axis=1) & (b != c).any(axis=1) & (c != a).any(axis=1)
    assert back.units == units
    assert np.allclose(corners(back), soup[kept], rtol=1e-6, atol=1e-6 * max(1.0, np.abs(soup).max()))


def test_names_materials_and_colours_come_back(tmp_path: Path) -> None:
    threemf_write.write(coloured(), tmp_path / "a.3mf", {"units": "in"}, quiet)
    back = threemf.read(tmp_path / "a.3mf", "a", quiet)
    assert [part.name for part in back.parts] == ["body", "faces", "points"]
    body, faces, points = back.parts
    assert body.face_colours is not None
    assert body.face_colours[[0, 2]].tolist() == [[51, 102, 153, 255], [255, 255, 255, 102]]
    assert faces.face_colours is not None
    assert faces.face_colours.tolist() == [[255, 0, 0, 255], [0, 9, 255, 255]]
    assert points.vertex_colours is not None
    assert points.vertex_colours[1:].tolist() == (np.arange(16).reshape(4, 4)[1:] * 16).tolist()


def test_the_same_mesh_gives_the_same_bytes_and_others_read_them(tmp_path: Path) -> None:
    box = trimesh.creation.box((20, 30, 40))
    mesh = Mesh((Part("bøx <1>", np.asarray(box.vertices), np.asarray(box.faces, np.int32), material="tin"),))
    for name in ("a", "b"):
        threemf_write.write(mesh, tmp_path / name, {"units": "mm"}, quiet)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with zipfile.ZipFile(tmp_path / "a") as package:
        text = package.read("3D/3dmodel.model").decode()
    assert 'unit="millimeter"' in text
    assert 'name="bøx &lt;1&gt;"' in text
    assert '<base name="tin" displaycolor="#FFFFFFFF"' in text


@pytest.mark.parametrize(("units", "size"), [("m", 2e-3), ("ft", 1e-2), ("mm", 2e7)])
def test_small_and_large_parts_keep_their_digits(tmp_path: Path, units: str, size: float) -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1 / 3, 0], [0, 0, 1 / 7]]) * size
    mesh = Mesh((Part("a", points, np.array(FACES, np.int32)),))
    threemf_write.write(mesh, tmp_path / "a.3mf", {"units": units}, quiet)
    assert np.allclose(threemf.read(tmp_path / "a.3mf", "a", quiet).parts[0].vertices, points, rtol=0, atol=2e-7 * size)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not on this machine")
def test_the_consortiums_files_pass_and_fail_as_they_must(tmp_path: Path) -> None:
    """The lax mode of the library: real files break small rules. Two that must pass it does not read at all."""
    outcome: dict[str, list[str]] = {"MUSTFAIL": [], "MUSTPASS": []}
    for path in sorted(CORPUS.glob("MUST*.3mf")):
        try:
            assert threemf.read(Path(shutil.copy(path, tmp_path)), "a", quiet).triangles
            outcome[path.name[:8]].append("read")
        except Refused as refusal:
            outcome[path.name[:8]].append(refusal.code)
    assert (len(outcome["MUSTPASS"]), outcome["MUSTPASS"].count("read")) == (13, 11)
    assert len(outcome["MUSTFAIL"]) == 38
    assert outcome["MUSTFAIL"].count("read") <= 7
    assert {*outcome["MUSTFAIL"]} <= {"read", "corrupt_file", "xml_forbidden"}


def test_the_library_leaves_the_locale_alone(tmp_path: Path) -> None:
    """Its writer sets that of the whole process to `C`: then no text but ASCII could be written any more."""
    before = locale.setlocale(locale.LC_ALL)
    threemf_write.write(coloured(), tmp_path / "a.3mf", {"units": "mm"}, quiet)
    threemf.read(tmp_path / "a.3mf", "a", quiet)
    assert locale.setlocale(locale.LC_ALL) == before


def test_more_objects_than_the_library_takes_in_time_share_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threemf_write, "MAX_OBJECTS", 2)
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    parts = tuple(
        Part(f"part {at}", points + 9 * at, np.array(FACES, np.int32), colour=(at / 5, 0.0, 0.0, 1.0))
        for at in range(5)
    )
    threemf_write.write(Mesh(parts), tmp_path / "many.3mf", {"units": "mm"}, quiet)
    again = threemf.read(tmp_path / "many.3mf", "", quiet)
    assert {part.name for part in again.parts} == {"part 0", "part 3"}
    assert again.triangles == 20
    assert measured(again).colours == 5
