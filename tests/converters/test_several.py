"""Parts of several bodies: each is an object of its own in GLB, OBJ and 3MF, with its name and colours."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder
from OCP.gp import gp_Ax2, gp_Dir, gp_Pnt
from OCP.TDocStd import TDocStd_Document
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_DocumentTool

from shapr.converters.brep import brep, colours, document, glb, glb_bodies, several, step, tessellate
from shapr.converters.brep.bodies import call
from shapr.converters.brep.indicator import Indicator
from shapr.converters.mesh import files, measure, packing
from shapr.converters.mesh import glb as container
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.progress import Reach, silent
from tests.converters.kit import converter, job
from tests.converters.shapes import FACE, moved
from tests.converters.validator import validated

RED, GREEN, BLUE = (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)
NAMED = ("Arm", "", "Leg")
APART = "glb,obj,3mf"


def box(x: float, size: float = 1.0) -> TopoDS_Shape:
    return BRepPrimAPI_MakeBox(gp_Pnt(x, 0, 0), size, 2, 3).Shape()


def pin(x: float) -> TopoDS_Shape:
    return BRepPrimAPI_MakeCylinder(gp_Ax2(gp_Pnt(x, 0, 0), gp_Dir(0, 0, 1)), 1, 3).Shape()


def put(model: TDocStd_Document, *bodies: TopoDS_Shape) -> Any:
    """A part: the first body is red but for a green face, the third is green; the second has no name and no colour."""
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    part = tool.AddShape(document.compound(bodies), False)
    call(part, "Robot")
    for body, name, colour in zip(bodies, NAMED, (RED, None, GREEN), strict=False):
        label = tool.AddSubShape(part, body)
        if name:
            call(label, name)
        if colour:
            colours.set(model, label, colour)
    colours.set(model, tool.AddSubShape(part, next(document.explore(bodies[0], FACE))), GREEN)
    return part


def robots() -> TDocStd_Document:
    """Three of the part: two alike, the third in blue where it has no colour of its own."""
    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    part, both = put(model, box(0), box(10), box(20)), tool.NewShape()
    call(both, "Both")
    for name, x in (("left", 0.0), ("right", 100.0), ("blue", 200.0)):
        instance = tool.AddComponent(both, part, moved(x))
        call(instance, name)
        if name == "blue":
            colours.set(model, instance, BLUE)
    tool.UpdateAssemblies()
    return model


def one(*bodies: TopoDS_Shape) -> TDocStd_Document:
    model = document.new()
    put(model, *bodies)
    return model


def triangulated(model: TDocStd_Document) -> TDocStd_Document:
    tessellate.triangulate(document.shape(model), 0.1, 10)
    return model


def written(model: TDocStd_Document, path: Path) -> Path:
    """In the format of the path's name."""
    if path.suffix == ".glb":
        glb.write(triangulated(model), path)
    else:
        mesh = tessellate.mesh(triangulated(model), apart=True)
        files.write(mesh, path.suffix[1:], path, {"units": "mm"}, silent)
    return path


def read(path: Path) -> Mesh:
    return files.read(path.suffix[1:], path, "", silent)


def boxes(mesh: Mesh) -> dict[tuple[str, str], tuple[float, float, int]]:
    """By object and body: from where to where it goes along x, and how many triangles it has."""
    found: dict[tuple[str, str], list[Part]] = {}
    for part in mesh.parts:
        found.setdefault((part.name, part.body), []).append(part)
    whole = {key: Part.joined(parts) for key, parts in found.items()}
    return {
        key: (round(each.vertices[:, 0].min()), round(each.vertices[:, 0].max()), len(each.corners))
        for key, each in whole.items()
    }


EXPECTED = {
    (name, body or f"{name} 2"): (x + at, x + at + 1, 12)
    for name, x in (("left", 0), ("right", 100), ("blue", 200))
    for body, at in zip(NAMED, (0, 10, 20), strict=True)
}


@pytest.mark.parametrize("format", APART.split(","))
def test_each_body_is_an_object_of_its_own_where_it_is(tmp_path: Path, format: str) -> None:
    assert boxes(read(written(robots(), tmp_path / f"a.{format}"))) == EXPECTED


@pytest.mark.parametrize("kind", ["draco", "meshopt"])
def test_packed_too(tmp_path: Path, kind: packing.Kind) -> None:
    path = written(one(*(box(2.0 * at) for at in range(40))), tmp_path / "a.glb")
    before = boxes(read(path))
    assert packing.pack(path, kind) == kind
    assert len(before) == 40
    assert boxes(read(path)) == before  # to the millimetre


@pytest.mark.parametrize("kind", ["draco", "meshopt"])
def test_packed_bodies_meet_where_they_met(tmp_path: Path, kind: packing.Kind) -> None:
    path = written(one(*(box(at / 3, 1 / 3) for at in range(40))), tmp_path / "a.glb")
    assert packing.pack(path, kind) == kind
    parts = {part.body: part for part in read(path).parts}
    along = sorted((part.vertices[:, 0].min(), part.vertices[:, 0].max()) for part in parts.values())
    assert [end for _, end in along[:-1]] == [start for start, _ in along[1:]]


@pytest.mark.parametrize("kind", ["draco", "meshopt"])
def test_a_packed_face_of_another_colour_meets_its_body(tmp_path: Path, kind: packing.Kind) -> None:
    """A face of two triangles is too small to pack: it lies where its packed neighbours do."""
    path = written(one(box(0, 1 / 3), *(pin(3.3 * at) for at in range(1, 9))), tmp_path / "a.glb")
    assert packing.pack(path, kind) == kind
    assert measure.measured(read(path)).watertight


def test_bodies_with_a_place_in_their_part_keep_the_colours_of_their_faces(tmp_path: Path) -> None:
    """The kernel's writer drops them. Where the part is there twice, in one colour and another, too."""
    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    placed = pin(0).Moved(moved(10, 1.0))
    part, both = put(model, box(0), placed), tool.NewShape()
    for face, colour in zip(document.explore(placed, FACE), (BLUE, None, RED), strict=True):
        if colour:
            colours.set(model, tool.AddSubShape(part, face), colour)
    for name, x in (("left", 0.0), ("right", 50.0)):
        instance = tool.AddComponent(both, part, moved(x))
        call(instance, name)
        if x:
            colours.set(model, instance, GREEN)
    tool.UpdateAssemblies()
    told = looks(read(written(model, tmp_path / "a.glb")))
    assert told == looks(tessellate.mesh(model, apart=True))
    assert {colour for name, body, colour in told if (name, body) == ("left", "left 2")} == {BLUE, None, RED}


def looks(mesh: Mesh) -> Counter[tuple[str, str, Any]]:
    """How many triangles of each body have which colour."""
    return sum((Counter({(part.name, part.body, part.colour): len(part.corners)}) for part in mesh.parts), Counter())


def test_a_glb_has_bodies_under_their_part_and_instances_share_them(tmp_path: Path) -> None:
    content, _ = container.read(written(robots(), tmp_path / "a.glb"))
    nodes, meshes = content["nodes"], content["meshes"]
    left, right, blue = (next(node for node in nodes if node["name"] == name) for name in ("left", "right", "blue"))
    drawn = {
        each["name"]: [(nodes[at]["name"], nodes[at]["mesh"]) for at in each["children"]]
        for each in (left, right, blue)
    }
    assert [name for name, _ in drawn["left"]] == ["Arm", "left 2", "Leg"]
    assert [mesh for _, mesh in drawn["left"]] == [mesh for _, mesh in drawn["right"]]
    assert "mesh" not in left
    assert [mesh["name"] for mesh in meshes] == ["Arm", "Robot 2", "Leg"] * 2
    looks = [
        [content["materials"][each["material"]]["name"] for each in mesh["primitives"] if "material" in each]
        for mesh in meshes
    ]
    assert [sorted(each) for each in looks[:3]] == [["#00ff00", "#ff0000"], [], ["#00ff00"]]
    assert [sorted(each) for each in looks[3:]] == [["#00ff00", "#ff0000"], ["#0000ff"], ["#00ff00"]]
    used = {
        at for mesh in meshes for each in mesh["primitives"] for at in (each["indices"], *each["attributes"].values())
    }
    assert used == set(range(len(content["accessors"])))


def test_objects_of_an_obj_are_bodies_in_the_group_of_their_part(tmp_path: Path) -> None:
    lines = written(one(box(0), box(10)), tmp_path / "a.obj").read_text().splitlines()
    assert [line for line in lines if line[:1] in "ogu"] == [
        "g Robot",
        "o Arm",
        "usemtl #00ff00",
        "usemtl #ff0000",
        "o Robot 2",
        "usemtl",
    ]


@pytest.mark.parametrize("format", APART.split(","))
def test_bodies_that_touch_close_by_themselves(tmp_path: Path, format: str) -> None:
    found = measure.measured(read(written(one(box(0), box(1)), tmp_path / f"a.{format}")))
    assert (found.bodies, found.watertight, found.volume) == (2, True, pytest.approx(12, rel=1e-5))


async def test_names_are_kept_and_numbers_are_no_names(tmp_path: Path) -> None:
    path = tmp_path / "a.step"
    step.write(one(box(0), box(10), box(20)), path, "a", {"step_schema": "AP214", "units": "mm"})
    told = (await converter().convert(job(tmp_path, path, f"{APART},stl"), lambda _: None)).report
    outputs = told["outputs"]
    assert told["source"]["names"] == 3
    assert {format: each["names"] for format, each in outputs.items()} == {"glb": 3, "obj": 3, "3mf": 3, "stl": 0}
    assert [format for format, each in outputs.items() if any("names" in loss for loss in each["losses"])] == ["stl"]
    assert {each["bodies"] for each in outputs.values()} == {3}


async def test_bodies_without_names_get_none_in_the_report(tmp_path: Path) -> None:
    path = tmp_path / "many.brep"
    brep.write(one(box(0), box(10)), path, {"units": "mm", "encoding": "ascii"})
    told = (await converter().convert(job(tmp_path, path, APART), lambda _: None)).report
    assert told["source"]["names"] == 0
    assert {each["names"] for each in told["outputs"].values()} == {1}, "what the part is called after the file"


def test_triangles_of_formats_without_bodies_are_in_the_order_they_were() -> None:
    model = triangulated(one(box(0), box(10), box(20)))
    assert [(part.body, part.material) for part in tessellate.mesh(model).parts] == [
        ("", "#00ff00"),
        ("", "#ff0000"),
        ("", ""),
    ]


def test_too_many_bodies_stay_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "MOST", 8)
    assert {body for _, body in boxes(read(written(robots(), tmp_path / "a.glb")))} == {""}
    assert {part.body for part in tessellate.mesh(triangulated(robots()), apart=True).parts} == {""}
    monkeypatch.setattr(several, "MOST", 9)
    assert boxes(read(written(robots(), tmp_path / "a.glb"))) == EXPECTED


def test_too_many_colours_of_bodies_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (glb_bodies, tessellate):
        monkeypatch.setattr(module, "MAX_PARTS", 11)
    assert len(boxes(read(written(robots(), tmp_path / "a.glb")))) == 3
    assert {part.body for part in tessellate.mesh(triangulated(robots()), apart=True).parts} == {""}


def test_data_in_another_order_leaves_a_part_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "_bodies", lambda shape: reversed(list(document.children(shape))))
    model = document.holding(document.compound([box(0), box(10)]), "Robot")
    assert boxes(read(written(model, tmp_path / "a.glb"))) == {("Robot", ""): (0, 11, 24)}


def test_splitting_a_part_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[float] = []

    class Heard(Indicator):
        def step(self, share: float = 1.0) -> Reach:
            assert 0 < share <= 1
            return told.append

    glb.write(triangulated(one(*(box(2.0 * at) for at in range(20)))), tmp_path / "a.glb", Heard(None))
    assert len(set(told)) >= 39
    assert told == sorted(told)
    assert told[-1] <= 1


def test_bodies_of_one_name_are_told_apart() -> None:
    inside = [several.Inside(box(0), name) for name in ("Rib", "", "Rib", "Wing 2")]
    assert several.called("Wing", inside) == ["Rib", "Wing 2 2", "Rib 2", "Wing 2"]


def test_loose_faces_are_one_body(tmp_path: Path) -> None:
    """As a triangle lies in space: neither of them is closed."""
    model = one(box(0), *document.explore(box(50), FACE), box(60))
    assert list(boxes(read(written(model, tmp_path / "a.glb"))).values()) == [(0, 1, 12), (50, 51, 12), (60, 61, 12)]


def test_the_khronos_validator_finds_no_error(tmp_path: Path) -> None:
    made = [
        written(robots(), tmp_path / "a.glb"),
        written(one(*(pin(3.0 * at) for at in range(40))), tmp_path / "b.glb"),
    ]
    files.write(read(made[0]), "glb", tmp_path / "c.glb", {}, silent)
    for kind in ("draco", "meshopt"):
        made.append(Path(shutil.copy(made[1], tmp_path / f"{kind}.glb")))
        assert packing.pack(made[-1], kind) == kind
    assert validated([*made, tmp_path / "c.glb"]) == [{"errors": 0, "warnings": 0, "messages": []}] * 5
