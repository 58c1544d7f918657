"""What a file says beside shapes and colours is not converted: the report names each thing that was really there."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shapr.converters.mesh import gltf, threemf, threemf_aside
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.progress import silent
from tests.converters import kit
from tests.converters.meshes import cube, read
from tests.converters.test_gltf import changed, square
from tests.converters.test_gltf import read as read_document
from tests.converters.test_threemf import SIMPLE, package, tetrahedron


def gltf_with(folder: Path, **more: Any) -> Mesh:
    """A cube, with `more` in its document; `attributes` and `primitive` go where they belong."""
    gltf.write(Mesh((cube(),)), folder / "plain.glb", {}, silent)
    data = (folder / "plain.glb").read_bytes()
    length = int.from_bytes(data[12:16], "little")
    content = json.loads(data[20 : 20 + length])
    primitive = content["meshes"][0]["primitives"][0]
    primitive["attributes"] |= more.pop("attributes", {})
    primitive |= more.pop("primitive", {})
    content |= more
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    head = b"glTF" + (2).to_bytes(4, "little") + (20 + len(text) + len(rest)).to_bytes(4, "little")
    (folder / "a.glb").write_bytes(head + len(text).to_bytes(4, "little") + b"JSON" + text + rest)
    return read(folder / "a.glb")


def material(**more: Any) -> dict[str, Any]:
    surface = {"metallicFactor": 0, **more.pop("surface", {})}
    return {"materials": [{"pbrMetallicRoughness": surface, **more}], "primitive": {"material": 0}}


SHINE = "of materials only the colour is kept"


@pytest.mark.parametrize(
    ("more", "losses"),
    [
        ({}, ()),
        (material(), ()),
        ({"attributes": {"NORMAL": 0}}, ("normals are passed over",)),
        ({"attributes": {"TEXCOORD_0": 0}}, ("texture coordinates are passed over",)),
        ({"attributes": {"_HEAT": 0}}, ("other attributes of vertices are passed over: _HEAT",)),
        (material(surface={"metallicFactor": 1}), (SHINE,)),
        (material(emissiveFactor=[1, 0, 0]), (SHINE,)),
        (material(extensions={"KHR_materials_clearcoat": {}}), (SHINE,)),
        (
            {"extensionsUsed": ["KHR_materials_variants"]},
            ("variants of materials are passed over: colours are those that the file opens with",),
        ),
        ({"extensionsUsed": ["KHR_lights_punctual"]}, ("lights are passed over",)),
        ({"extensionsUsed": ["ACME_b", "ACME_a"]}, ("extensions that are not read are passed over: ACME_a, ACME_b",)),
        ({"extensionsUsed": ["KHR_mesh_quantization", "KHR_texture_transform"]}, ()),
        ({"asset": {"version": "2.0", "extras": {"author": "A"}}}, ("metadata is passed over: author",)),
        (
            {
                "nodes": [{"mesh": 0, "extras": {"number": "A-1", "bodies": 1}}],
                "scenes": [{"nodes": [0], "extras": {"by": "me"}}],
                "materials": [{"extras": "red"}],
            },
            ("metadata is passed over: by, number",),
        ),
        (
            {"nodes": [{"mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": {"SCALE": 0, "_ID": 0}}}}]},
            ("other attributes of instances are passed over: _ID",),
        ),
        ({"nodes": [{"mesh": 0}, {"mesh": 0}]}, ()),
    ],
)
def test_gltf(tmp_path: Path, more: dict[str, Any], losses: tuple[str, ...]) -> None:
    assert gltf_with(tmp_path, **more).losses == losses


def test_gltf_meshes_that_no_node_of_the_scene_shows(tmp_path: Path) -> None:
    drawn = {"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}
    assert gltf_with(tmp_path, meshes=[drawn, drawn]).losses == (
        "meshes that the scene does not show are not converted: 1",
    )


@pytest.mark.parametrize(
    ("head", "more", "losses"),
    [
        ("<model ", {}, ()),
        ('<model xmlns:x="urn:x" ', {}, ()),
        ('<model xmlns:x="urn:x" x:a="1" ', {}, ("extensions that are not read are passed over: urn:x",)),
        ("<model ", {"Metadata/a.png": b""}, ("other files of the package are passed over: Metadata/a.png",)),
    ],
)
def test_3mf(tmp_path: Path, head: str, more: dict[str, bytes], losses: tuple[str, ...]) -> None:
    path = package(tmp_path, SIMPLE.replace("<model ", head), **more)
    assert threemf.read(path, "a", silent).losses == losses


def test_what_each_piece_has_of_its_own_is_one_sentence(tmp_path: Path) -> None:
    content = changed(square(), "meshes.0.primitives", [])
    content["meshes"][0]["primitives"] = [{"attributes": {"POSITION": 0, f"_{at:03}": 0}} for at in range(300)]
    said = "other attributes of vertices are passed over: _000, _001, _002, _003, _004 and 295 more"
    assert [loss for loss in read_document(tmp_path, content).losses if "attributes" in loss] == [said]


@pytest.mark.parametrize("more", [{"extensionsUsed": "ACME"}, material(emissiveFactor=[1, 0, 0, 1])])
def test_what_is_only_told_never_refuses_a_file(tmp_path: Path, more: dict[str, Any]) -> None:
    assert gltf_with(tmp_path, **more).triangles == 12


def test_very_many_extensions_are_not_all_looked_for(tmp_path: Path) -> None:
    text = b"<model " + b" ".join(b'xmlns:p%d="u"' % at for at in range(3000)) + b">" + b"<a p1:b='1'/>" * 200_000
    begin = time.process_time()
    assert list(threemf_aside.extensions(text)) == ["u"]
    assert time.process_time() - begin < 1


def test_metadata_of_3mf(tmp_path: Path) -> None:
    said = '<metadata name="Title">T</metadata><metadata name="Designer">D</metadata><resources>'
    path = package(tmp_path, SIMPLE.replace("<resources>", said))
    assert threemf.read(path, "a", silent).losses == ("metadata is passed over: Designer, Title",)


NOTED = '<metadatagroup><metadata name="x:{}" xmlns:x="urn:x">1</metadata></metadatagroup>'
UNBUILT = f'<object id="2">{tetrahedron()}</object>'
SHINING = (
    '<resources><m:pbmetallicdisplayproperties id="5"><m:pbmetallic name="a"/></m:pbmetallicdisplayproperties>'
    '<basematerials id="6" displaypropertiesid="5"><base name="a" displaycolor="#FF0000"/></basematerials>'
)


@pytest.mark.parametrize(
    ("where", "what", "loss"),
    [
        ("<mesh>", NOTED.format("Weight") + "<mesh>", "metadata is passed over: Weight"),
        ("</build>", f'<item objectid="1">{NOTED.format("Serial")}</item></build>', "metadata is passed over: Serial"),
        ("</build>", '<item objectid="1" partnumber="A-1"/></build>', "part numbers are passed over"),
        ("</build>", '<item objectid="1" partnumber="tip"/></build>', None),  # it is its name
        (' type="model"', ' partnumber="A-1"', "part numbers are passed over"),
        ("</resources>", UNBUILT + "</resources>", "objects that are not built are not converted: 1"),
        ("<resources>", SHINING, SHINE),
        ("<triangle ", '<triangle paint_color="4" ', "colours that a slicer has painted on triangles are passed over"),
    ],
)
def test_what_else_is_said_in_3mf(tmp_path: Path, where: str, what: str, loss: str | None) -> None:
    path = package(tmp_path, SIMPLE.replace(where, what))
    assert threemf.read(path, "a", silent).losses == ((loss,) if loss else ())


async def test_normals_that_we_write_are_no_loss(tmp_path: Path) -> None:
    job = kit.job(tmp_path, kit.SAMPLES / "bracket.step", "glb")
    answer = await kit.converter().convert(job, lambda _: None)
    assert answer.report is not None
    assert len(answer.report["outputs"]["glb"]["losses"]) == 1  # the triangles


@pytest.mark.parametrize("alike", [False, True])
async def test_colours_of_vertices_become_one_of_each_face(tmp_path: Path, alike: bool) -> None:
    whole = cube()
    colours = np.full((len(whole.vertices), 4), 255, np.uint8)
    colours[:, 0] = 7 if alike else np.arange(len(colours)) * 20
    painted = Part("p", whole.vertices, whole.corners, vertex_colours=colours)
    gltf.write(Mesh((painted,)), tmp_path / "a.glb", {}, silent)
    (tmp_path / "job").mkdir()
    answer = await kit.converter().convert(kit.job(tmp_path / "job", tmp_path / "a.glb", "step,brep"), lambda _: None)
    assert answer.report is not None
    told = answer.report["outputs"]
    sentence = "colours of vertices became one of each face: the mean of its corners"
    assert (sentence in told["step"]["losses"]) == (not alike)
    assert sentence not in told["brep"]["losses"]  # it has none
