"""STEP whose shapes are triangles (AP242): the same ones in every mesh, and a faceted B-Rep of them."""

import re
from pathlib import Path

import numpy as np
import pytest
import trimesh

from shapr.converters.mesh.model import Mesh
from shapr.converters.source import MeshModel
from shapr.errors import Refused
from tests.converters import tessellations as made
from tests.converters.kit import SAMPLES, converter, job
from tests.converters.tessellations import KINDS, coloured, cube, file, numbers, opened, part, used, written

CUBE = trimesh.creation.box((10, 10, 10))
SOLID = cube(100) + f"#110=TESSELLATED_SOLID('cube',({numbers(101)}),$);\n"
RED, GREEN = (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0)


def mesh_of(path: Path) -> Mesh:
    model = opened(path)
    assert isinstance(model, MeshModel)
    return model.mesh()


@pytest.mark.parametrize("normals", ["none", "one", "each"])
@pytest.mark.parametrize("indexed", [False, True], ids=["direct", "pnindex"])
@pytest.mark.parametrize(
    ("kind", "fans"),
    [*((kind, False) for kind in KINDS), *((kind, True) for kind in KINDS if "COMPLEX" in kind)],
    ids=[*KINDS, *(f"{kind} fans" for kind in KINDS if "COMPLEX" in kind)],
)
def test_every_kind_of_item_gives_its_triangles(
    tmp_path: Path, kind: str, fans: bool, indexed: bool, normals: str
) -> None:
    items = cube(100, kind, indexed=indexed, normals=normals, fans=fans)
    if kind.endswith("FACE"):
        items += f"#110=TESSELLATED_SHELL('',({numbers(101)}),$);\n"
    held = "#110" if kind.endswith("FACE") else numbers(101)
    found = written(opened(file(tmp_path / "a.step", items, part(20, "cube", held))), tmp_path / "a.stl")
    plain = written(opened(file(tmp_path / "b.step", SOLID, part(20, "cube", "#110"))), tmp_path / "b.stl")
    assert made.triangles(plain) == {
        made.from_least([list(map(float, made.CORNERS[at - 1])) for at in (side[0], *pair)])
        for side in made.SIDES
        for pair in (side[1:3], side[2:4])
    }
    if fans or not kind.startswith("COMPLEX"):
        assert made.triangles(found) == made.triangles(plain)
    assert (len(found.faces), found.is_watertight, found.volume) == (12, True, pytest.approx(1000))


@pytest.mark.parametrize("normals", ["none", "one", "each"])
@pytest.mark.parametrize("fans", [False, True], ids=["strips", "fans"])
def test_strips_are_turned_as_their_normals_are_or_so_that_a_solid_has_a_volume(
    tmp_path: Path, fans: bool, normals: str
) -> None:
    """Which way a strip runs is told in two ways; the kernel takes the other one."""
    items = cube(100, KINDS[1], normals=normals, fans=fans, turned=True)
    path = file(tmp_path / "a.step", items, f"#110=TESSELLATED_SOLID('',({numbers(101)}),$);\n", part(20, "a", "#110"))
    assert written(opened(path), tmp_path / "a.stl").volume == pytest.approx(1000)


async def test_what_is_said_anew_is_heard_beside_triangles_too(tmp_path: Path) -> None:
    path = file(tmp_path / "a.step", SOLID, part(20, "Pipe (2'')", "#110"))
    answer = await converter().convert(job(tmp_path, path, "glb"), lambda _: None)
    scene = trimesh.load(answer.written[0].path)
    assert list(scene.graph.nodes_geometry) == ["Pipe (2')"]


async def test_it_becomes_every_format(tmp_path: Path) -> None:
    """Names and colours where the format has them, and a faceted solid as B-Rep."""
    styles = coloured(200, 110, "1.,0.,0."), coloured(210, 102, "0.,1.,0.", over=200)
    path = file(tmp_path / "a.step", SOLID, part(20, "Würfel", "#110,#11").replace("ü", "\\X\\FC"), *styles)
    outputs = "stl,obj,ply,off,glb,3mf,step,iges,brep"
    answer = await converter().convert(job(tmp_path, path, outputs), lambda _: None)
    told = answer.report
    assert told["source"]["triangles"] == 12
    assert (told["source"]["faces"], told["source"]["volume"], told["source"]["units"]) == (None, 1000, "mm")
    assert (told["source"]["names"], told["source"]["colours"], told["losses"]) == (1, 2, [])
    for format, output in told["outputs"].items():
        assert output["volume"] == pytest.approx(1000), format
        assert output["faceted"] == (format in ("step", "iges", "brep"))
    for format in ("step", "iges", "brep"):
        assert (told["outputs"][format]["solids"], told["outputs"][format]["faces"]) == (1, 12)
        assert "every triangle became a flat face" in told["outputs"][format]["losses"]
    for format in ("obj", "glb", "3mf", "step"):
        assert (told["outputs"][format]["names"], told["outputs"][format]["colours"]) == (1, 2), format
    paths = {each.format: each.path for each in answer.written}
    for format in ("stl", "obj", "ply", "off"):
        corners = np.concatenate([each.triangles for each in trimesh.load_scene(paths[format]).geometry.values()])
        read = trimesh.Trimesh(corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3))
        assert (len(read.faces), read.is_watertight, read.volume) == (12, True, pytest.approx(1000)), format
    scene = trimesh.load(paths["glb"])
    assert all(node.startswith("Würfel") for node in scene.graph.nodes_geometry)
    painted = [tuple(each.visual.material.main_color) for each in scene.geometry.values()]
    assert sorted(painted) == [(0, 255, 0, 255), (255, 0, 0, 255)]
    assert {"quality", "linear_deflection"}.isdisjoint(answer.written[0].options), "nothing was triangulated"


def test_an_assembly_in_inches_lies_where_it_is_placed(tmp_path: Path) -> None:
    uses = used(60, 40, 20, (1, 2, 3), (1, 0, 0)), used(70, 40, 20, (-4, 0, 0), (0, 1, 0))
    whole = part(40, "whole", "#11", "SHAPE_REPRESENTATION")
    path = file(tmp_path / "a.step", SOLID, part(20, "cube", "#110,#11"), whole, *uses, inch=True)
    model = opened(path)
    mesh = model.mesh(0)
    assert [part.name for part in mesh.parts] == ["cube", "cube 2"]
    boxes = [(part.vertices.min(axis=0), part.vertices.max(axis=0)) for part in mesh.parts]
    assert np.allclose(boxes[0], np.array([(1, 2, 3), (11, 12, 13)]) * 25.4, rtol=1e-15, atol=1e-12)
    assert np.allclose(boxes[1], np.array([(-14, 0, 0), (-4, 10, 10)]) * 25.4, atol=1e-9)
    assert (model.measured().units, model.assembly) == ("in", True)
    found = written(model, tmp_path / "a.stl")
    assert found.volume == pytest.approx(2 * 254.0**3)


def test_bodies_of_one_part_are_objects_with_names_of_their_own(tmp_path: Path) -> None:
    """Solids by what they are called, sets too, which the kernel forgets."""
    other = cube(120, KINDS[2]) + f"#130=TESSELLATED_SHELL('',({numbers(121)}),$);\n"
    path = file(tmp_path / "a.step", SOLID, other, part(20, "both", "#110,#130,#101"), coloured(200, 130, "0.,1.,0."))
    parts = mesh_of(path).parts
    assert [(part.name, len(part.corners)) for part in parts] == [("cube", 12), ("both", 12), ("side 0", 2)]
    assert [part.colour for part in parts] == [None, GREEN, None]


def test_points_that_faces_share_are_shared(tmp_path: Path) -> None:
    (only,) = mesh_of(file(tmp_path / "a.step", SOLID, part(20, "cube", "#110"))).parts
    assert only.vertices.shape == (8, 3)


SET = "(GEOMETRIC_REPRESENTATION_ITEM()REPOSITIONED_TESSELLATED_ITEM(#%d)REPRESENTATION_ITEM('%s')"
SET += "TESSELLATED_GEOMETRIC_SET((%s))TESSELLATED_ITEM());\n"
PLACES = """#50=CARTESIAN_POINT('',(5.,0.,0.));
#51=DIRECTION('',(0.,1.,0.));
#52=AXIS2_PLACEMENT_3D('',#50,#9,#51);
#53=CARTESIAN_POINT('',(0.,0.,10.));
#54=AXIS2_PLACEMENT_3D('',#53,$,$);
"""


def test_sets_in_sets_are_placed_by_both(tmp_path: Path) -> None:
    sets = f"#140={SET % (52, '', '#110')}", f"#141={SET % (54, '', '#140')}"
    styles = coloured(200, 110, "1.,0.,0.")
    path = file(tmp_path / "a.step", SOLID, PLACES, *sets, part(20, "cube", "#141,#11"), styles)
    (only,) = mesh_of(path).parts
    assert only.colour == RED
    assert np.allclose(only.vertices.min(axis=0), (-5, 0, 10))
    assert np.allclose(only.vertices.max(axis=0), (5, 10, 20))


def test_a_set_of_faces_is_a_body(tmp_path: Path) -> None:
    held = f"#140=TESSELLATED_GEOMETRIC_SET('all',({numbers(101)}));\n"
    path = file(
        tmp_path / "a.step", cube(100, KINDS[3]), held, part(20, "cube", "#140"), coloured(200, 140, "1.,0.,0.")
    )
    (only,) = mesh_of(path).parts
    assert (only.name, only.colour, len(only.corners)) == ("cube", RED, 12)


def test_faces_that_no_part_shows_are_counted(tmp_path: Path) -> None:
    path = file(tmp_path / "a.step", SOLID, cube(120), part(20, "cube", "#110"))
    assert opened(path).losses == (
        "Tessellated faces that no part shows, or that are to stand in two places, were passed over: 6.",
    )


async def test_exact_bodies_and_tessellated_ones_are_both_kept(tmp_path: Path) -> None:
    """In meshes; B-Reps name what they lack. A face that presents an exact one is no body."""
    bracket = (SAMPLES / "bracket.step").read_text()
    cube_ = cube(2000).replace("(0.0,", "(100.0,").replace("(10.0,", "(110.0,")
    presenting = "#2020=TRIANGULATED_FACE('',#2000,8,(),#17,(),((1,2,3)));\n#2021=TESSELLATED_SHELL('',(#2020),$);\n"
    more = f"#2010=TESSELLATED_SOLID('block',({numbers(2001)}),$);\n{presenting}"
    more += "#2011=TESSELLATED_SHAPE_REPRESENTATION('',(#2010,#2021),#1241);\n"
    more += "#2012=SHAPE_REPRESENTATION_RELATIONSHIP('','',#10,#2011);\n"
    path = tmp_path / "a.step"
    path.write_text(bracket.replace("ENDSEC;\nEND-ISO", cube_ + more + "ENDSEC;\nEND-ISO"))
    answer = await converter().convert(job(tmp_path, path, "stl,glb,step"), lambda _: None)
    told = answer.report
    assert told["source"]["bodies"] == 2
    exact = told["outputs"]["step"]["volume"]
    assert told["source"]["volume"] == pytest.approx(exact + 1000)
    assert told["outputs"]["step"]["solids"] == 1
    assert any(
        "bodies that are meshes cannot be stored in STEP: block" in loss for loss in told["outputs"]["step"]["losses"]
    )
    read = trimesh.load_mesh(next(each.path for each in answer.written if each.format == "stl"))
    assert read.bounds[1][0] == pytest.approx(110)
    assert read.volume == pytest.approx(exact + 1000, rel=1e-3)
    scene = trimesh.load(next(each.path for each in answer.written if each.format == "glb"))
    assert any(node.startswith("block") for node in scene.graph.nodes_geometry)


GEM = [(30, 0, 25), (30, 40, 25), (0, 20, 25), (60, 20, 25), (30, 20, 0), (30, 20, 50)]
CUT = [(4, 2, 6), (2, 3, 6), (3, 1, 6), (1, 4, 6), (2, 4, 5), (3, 2, 5), (1, 3, 5), (4, 1, 5)]
AGAIN = ("Tessellated bodies that lie where an exact one does were passed over: 1.",)


@pytest.mark.parametrize("alike", [True, False], ids=["the same", "of the same box"])
def test_what_is_like_an_exact_body_and_lies_there_is_its_presentation(tmp_path: Path, alike: bool) -> None:
    """Some systems do not say so."""
    bracket, mesh = (SAMPLES / "bracket.step").read_text(), trimesh.load_mesh(SAMPLES / "bracket.stl")
    points, corners = (mesh.vertices.tolist(), (mesh.faces + 1).tolist()) if alike else (GEM, CUT)
    again = made.coordinates(2000, points)
    again += f"#2001=TRIANGULATED_FACE('',#2000,{len(points)},(),$,(),{made.listed(corners)});\n"
    again += "#2010=TESSELLATED_SOLID('gem',(#2001),$);\n"
    again += "#2011=TESSELLATED_SHAPE_REPRESENTATION('',(#2010),#1241);\n"
    again += "#2012=SHAPE_REPRESENTATION_RELATIONSHIP('','',#10,#2011);\n"
    path = tmp_path / "a.step"
    path.write_text(bracket.replace("ENDSEC;\nEND-ISO", again + "ENDSEC;\nEND-ISO"))
    model = opened(path)
    assert (model.measured().bodies, model.meshes, model.losses) == ((1, (), AGAIN) if alike else (2, ("Bracket",), ()))


async def test_a_tessellated_part_of_an_assembly_is_taken_out_of_its_b_rep(tmp_path: Path) -> None:
    """With the assembly that holds nothing else."""
    _, _, data = (SAMPLES / "bracket.step").read_text().partition("DATA;")
    bracket = re.sub(r"#(\d+)", lambda found: f"#{int(found[1]) + 10_000}", data.partition("ENDSEC;")[0])
    parts = [part(20, "block", "#110,#11")]
    parts += [part(first, name, "#11", "SHAPE_REPRESENTATION") for first, name in ((40, "group"), (80, "whole"))]
    uses = used(60, 40, 20, (200, 0, 0), (1, 0, 0)), used(90, 80, 40, (0, 0, 50), (1, 0, 0))
    exact = used(500, 80, 10_005, (0, 0, 0), (1, 0, 0), shape=10_010)
    path = file(tmp_path / "a.step", bracket, SOLID, *parts, *uses, exact)
    answer = await converter().convert(job(tmp_path, path, "stl,step,iges,brep", preview=True), lambda _: None)
    told = answer.report
    assert [each.error for each in answer.written] == [None] * 4
    assert (answer.thumbnail is not None, answer.preview is not None, told["losses"]) == (True, True, [])
    assert told["source"]["bodies"] == 2
    assert trimesh.load_mesh(answer.written[0].path).bounds[1].tolist() == [210, 40, 60]
    for format in ("step", "iges", "brep"):
        output = told["outputs"][format]
        assert (output["solids"], output["faceted"]) == (1, False)
        assert f"bodies that are meshes cannot be stored in {format.upper()}: block" in output["losses"]
        assert output["bounding_box"]["max"][0] == 60
    text = next(each.path for each in answer.written if each.format == "step").read_text()
    assert [name in text for name in ("'Bracket'", "'whole'", "'group'", "'block'")] == [True, True, False, False]


def test_a_colour_of_the_whole_representation_is_that_of_its_bodies(tmp_path: Path) -> None:
    path = file(tmp_path / "a.step", SOLID, part(20, "cube", "#110,#11"), coloured(200, 21, "1.,0.,0."))
    assert [part.colour for part in mesh_of(path).parts] == [RED]


def test_a_mesh_beyond_the_limit_becomes_no_b_rep(tmp_path: Path) -> None:
    path = file(tmp_path / "a.step", SOLID, part(20, "cube", "#110"))
    with pytest.raises(Refused, match="limit_exceeded"):
        opened(path, limit=11).write("step", tmp_path / "b.step", {"units": "mm", "step_schema": "AP214"})
