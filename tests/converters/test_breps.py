"""B-Reps: names, colours, tree, units, voids; the same bytes from the same source."""

import os
import pwd
import re
from pathlib import Path

import numpy as np
import pytest
import trimesh
from OCP.Quantity import Quantity_Color
from OCP.TDF import TDF_Label
from OCP.XCAFDoc import XCAFDoc_ColorTool, XCAFDoc_ColorType

from shapr.converters.brep import document, step
from shapr.converters.mesh import stl
from shapr.converters.mesh.model import Mesh, Part
from shapr.errors import Refused
from tests.converters.kit import SAMPLES, convert
from tests.end_to_end.measure import measure


def tree(path: Path) -> list[object]:
    """Names and colours of an assembly, nested."""

    def look(label: TDF_Label) -> tuple[object, ...]:
        part = document.referred(label)
        colour, found = Quantity_Color(), None
        for at in (label, part):
            if XCAFDoc_ColorTool.GetColor_s(at, XCAFDoc_ColorType.XCAFDoc_ColorSurf, colour):
                found = tuple(round(c, 3) for c in (colour.Red(), colour.Green(), colour.Blue()))
        return document.name(label), document.name(part), found, [look(each) for each in document.components(part)]

    model = step.read(path)
    return [look(root) for root in document.roots(model)]


async def test_step_keeps_the_tree_its_names_and_colours(tmp_path: Path) -> None:
    made = await convert(tmp_path, SAMPLES / "assembly.step", "step", step_schema="AP242", units="in")
    before, after = tree(SAMPLES / "assembly.step"), tree(made["step"].path)
    assert "Bracket" in str(before)
    assert after == before
    assert b"INCH" in made["step"].path.read_bytes()
    assert b"AP242" in made["step"].path.read_bytes()


async def test_ap203_is_written_in_the_sandbox_and_says_nothing_of_the_machine(tmp_path: Path) -> None:
    """What AP203 wants to know is who and when: the kernel asks the machine for it, which crashes where it may not."""
    made = await convert(tmp_path, SAMPLES / "assembly.step", "step", step_schema="AP203")
    assert made["step"].error is None
    assert tree(made["step"].path) == tree(SAMPLES / "assembly.step")
    text = made["step"].path.read_text()
    assert "FILE_SCHEMA(('CONFIG_CONTROL_DESIGN'" in text
    assert dict(re.findall(r"= (PERSON|ORGANIZATION|CALENDAR_DATE|LOCAL_TIME)(\(.*),.*\);", text)) == {
        "PERSON": "('unspecified','unspecified',$,$,$",
        "ORGANIZATION": "($,'unspecified'",
        "CALENDAR_DATE": "(2000,1",
        "LOCAL_TIME": "(0,0,$",
    }
    parts_and_uses = len(re.findall(r"= (?:PRODUCT|NEXT_ASSEMBLY_USAGE_OCCURRENCE)\(", text))
    assert len(re.findall(r"= SECURITY_CLASSIFICATION\(", text)) == parts_and_uses == 6
    assert "NUL REF" not in text


async def test_iges_does_not_say_who_runs_the_worker(tmp_path: Path) -> None:
    made = await convert(tmp_path, SAMPLES / "bracket.step", "iges")
    user = pwd.getpwuid(os.getuid()).pw_name
    text = "".join(line[:72] for line in made["iges"].path.read_text().splitlines() if line[72] == "G")
    assert f"{len(user)}H{user}" not in text
    assert "11Hbracket.igs" in text


async def test_twice_the_same_source_is_twice_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for folder in (tmp_path / "a", tmp_path / "another"):
        folder.mkdir()
        outputs = await convert(folder, SAMPLES / "assembly.step", "step,iges,brep,stl,obj,glb")
        made.append({format: written.path.read_bytes() for format, written in outputs.items()})
    assert made[0] == made[1]


@pytest.mark.parametrize("units", ["mm", "cm", "m", "in", "ft"])
async def test_units_change_numbers_and_not_the_part(tmp_path: Path, units: str) -> None:
    made = await convert(tmp_path, SAMPLES / "bracket.step", "step,iges,stl,obj,brep", units=units)
    given = measure(SAMPLES / "bracket.step")
    factor = {"mm": 1, "cm": 10, "m": 1000, "in": 25.4, "ft": 304.8}[units]
    for format in ("step", "iges"):
        assert measure(made[format].path).volume == pytest.approx(given.volume, rel=1e-6)
    for format in ("stl", "obj", "brep"):
        assert measure(made[format].path).diagonal * factor == pytest.approx(given.diagonal, rel=1e-5)


async def test_y_up_turns_the_part(tmp_path: Path) -> None:
    made = await convert(tmp_path, SAMPLES / "bracket.step", "stl", up_axis="y")
    given, turned = measure(SAMPLES / "bracket.step"), measure(made["stl"].path)
    assert np.allclose(turned.high - turned.low, (given.high - given.low)[[0, 2, 1]], atol=0.01)
    assert turned.volume == pytest.approx(given.volume, rel=1e-2)


async def test_units_of_a_unitless_source_are_taken(tmp_path: Path) -> None:
    made = await convert(tmp_path, SAMPLES / "bracket.stl", "step", source_units="in")
    assert measure(made["step"].path).diagonal == pytest.approx(measure(SAMPLES / "bracket.stl").diagonal * 25.4)


async def test_a_hollow_mesh_becomes_one_solid_with_a_void(tmp_path: Path) -> None:
    outer, inner = trimesh.creation.box((10, 10, 10)), trimesh.creation.box((4, 4, 4))
    vertices = np.concatenate([outer.vertices, inner.vertices])
    corners = np.concatenate([outer.faces, inner.faces[:, ::-1] + len(outer.vertices)]).astype(np.int32)
    stl.write(
        Mesh((Part("hollow", vertices, corners),)), tmp_path / "hollow.stl", {"encoding": "binary"}, lambda _: None
    )
    made = await convert(tmp_path, tmp_path / "hollow.stl", "step,iges,brep")
    for written in made.values():
        measured = measure(written.path)
        assert (measured.solids, measured.volume) == (1, pytest.approx(936))


async def test_an_inside_out_mesh_becomes_a_solid_with_a_positive_volume(tmp_path: Path) -> None:
    box = trimesh.creation.box((1, 2, 3))
    stl.write(
        Mesh((Part("box", box.vertices, box.faces[:, ::-1]),)),
        tmp_path / "box.stl",
        {"encoding": "binary"},
        lambda _: None,
    )
    made = await convert(tmp_path, tmp_path / "box.stl", "step")
    assert (measure(made["step"].path).solids, measure(made["step"].path).volume) == (1, pytest.approx(6))


async def test_a_mesh_beyond_the_limit_fails_as_a_brep_and_not_as_a_mesh(tmp_path: Path) -> None:
    made = await convert(tmp_path, SAMPLES / "bracket.stl", "step,obj", mesh_to_brep=100)
    assert made["step"].error.code == "limit_exceeded"
    assert made["obj"].error is None


async def test_finer_quality_is_closer_to_the_part(tmp_path: Path) -> None:
    given, errors = measure(SAMPLES / "bracket.step").volume, []
    for quality in ("draft", "standard", "fine"):
        folder = tmp_path / quality
        folder.mkdir()
        made = await convert(folder, SAMPLES / "bracket.step", "stl", quality=quality)
        errors.append(abs(measure(made["stl"].path).volume - given) / given)
        assert made["stl"].options["linear_deflection"] > 0
    assert errors == sorted(errors, reverse=True)


async def test_a_step_file_that_names_another_file_does_not_open_it(tmp_path: Path) -> None:
    text = (SAMPLES / "bracket.step").read_text()
    lure = tmp_path / "secret.step"
    lure.write_text(text)
    at = text.index("ENDSEC;", text.index("DATA;"))
    reference = f"#900001=DOCUMENT_FILE('{lure}','',$,#900002,'',$);\n#900002=DOCUMENT_TYPE('');\n"
    source = tmp_path / "luring.step"
    source.write_text(text[:at] + reference + text[at:])
    cleaned = step.without_references(source)
    assert cleaned != source
    assert b"DOCUMENT_FILE" not in cleaned.read_bytes()
    made = await convert(tmp_path, source, "step")
    assert measure(made["step"].path).solids == 1


@pytest.mark.parametrize(
    "said",
    ["\\X2\\00C40063\\X0\\", "Äc".encode(), b"\xc4c", b"\\X\\C4c", b"\\S\\Dc"],
    ids=["hexadecimal", "UTF-8", "Windows-1252", "a byte in hexadecimal", "a page of ISO 8859"],
)
def test_names_beyond_ascii_in_every_spelling(tmp_path: Path, said: str | bytes) -> None:
    text = (SAMPLES / "bracket.step").read_bytes()
    name = said if isinstance(said, bytes) else said.encode()
    (tmp_path / "a.step").write_bytes(text.replace(b"'Bracket'", b"'" + name + b"'"))
    model = step.read(tmp_path / "a.step")
    assert [document.name(root) for root in document.roots(model)] == ["Äc"]


async def test_an_assembly_that_doubles_thirty_times_is_refused(tmp_path: Path) -> None:
    """Each level places the one below twice: a billion leaves in a few kilobytes."""
    from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
    from OCP.gp import gp_Trsf, gp_Vec
    from OCP.TopLoc import TopLoc_Location
    from OCP.XCAFDoc import XCAFDoc_DocumentTool

    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    below = tool.AddShape(BRepPrimAPI_MakeBox(1, 1, 1).Shape(), False)
    for level in range(30):
        whole = tool.NewShape()
        for shift in (0.0, 2.0**level):
            moved = gp_Trsf()
            moved.SetTranslation(gp_Vec(shift, 0, 0))
            tool.AddComponent(whole, below, TopLoc_Location(moved))
        below = whole
    with pytest.raises(Refused) as caught:
        document.check_instances(model)
    assert caught.value.code == "decompression_bomb"


def test_compounds_within_compounds_are_counted_not_walked(tmp_path: Path) -> None:
    from OCP.BinTools import BinTools
    from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox

    from shapr.converters.brep import brep

    whole = BRepPrimAPI_MakeBox(1, 1, 1).Shape()
    for _ in range(60):
        whole = document.compound([whole, whole])
    BinTools.Write_s(whole, str(tmp_path / "a.brep"))
    with pytest.raises(Refused, match="decompression_bomb"):
        brep.read(tmp_path / "a.brep", "a.brep", {})


async def test_tessellated_shapes_of_the_kernel_are_converted(tmp_path: Path) -> None:
    """AP242 has faces of nothing but triangles: the kernel crashed on measuring them, or left them out of the box."""
    from OCP.BRep import BRep_Builder, BRep_Tool
    from OCP.BRepMesh import BRepMesh_IncrementalMesh
    from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
    from OCP.Interface import Interface_Static
    from OCP.STEPCAFControl import STEPCAFControl_Writer
    from OCP.TopAbs import TopAbs_ShapeEnum
    from OCP.TopLoc import TopLoc_Location
    from OCP.TopoDS import TopoDS, TopoDS_Face, TopoDS_Shell

    box, builder, shell = BRepPrimAPI_MakeBox(1, 2, 3).Shape(), BRep_Builder(), TopoDS_Shell()
    BRepMesh_IncrementalMesh(box, 0.1)
    builder.MakeShell(shell)
    for face in document.explore(box, TopAbs_ShapeEnum.TopAbs_FACE):
        bare = TopoDS_Face()
        builder.MakeFace(bare, BRep_Tool.Triangulation_s(TopoDS.Face(face), TopLoc_Location()))
        builder.Add(shell, bare)
    STEPCAFControl_Writer()  # creates the setting
    before = Interface_Static.IVal_s("write.step.tessellated")
    Interface_Static.SetIVal_s("write.step.tessellated", 1)
    options = {"units": "mm", "step_schema": "AP242"}
    step.write(document.holding(shell, "shell"), tmp_path / "a.step", "shell.step", options)
    Interface_Static.SetIVal_s("write.step.tessellated", before)
    assert b"TESSELLATED_SHELL" in (tmp_path / "a.step").read_bytes()
    made = await convert(tmp_path, tmp_path / "a.step", "stl")
    assert made["stl"].path is not None
    read = trimesh.load_mesh(made["stl"].path)
    assert (len(read.faces), read.is_watertight, read.volume) == (12, True, pytest.approx(6))


def test_a_material_without_a_description_does_not_keep_a_part_from_being_written(tmp_path: Path) -> None:
    """As Datakit has written it: the first of two texts that the entity should have."""
    material = (
        "#9000=PROPERTY_DEFINITION('material property','material name',#5);"
        "#9001=PROPERTY_DEFINITION_REPRESENTATION(#9000,#9002);"
        "#9002=REPRESENTATION('material name',(#9003),#9004);"
        "#9003=DESCRIPTIVE_REPRESENTATION_ITEM('brass');"
        "#9004=REPRESENTATION_CONTEXT('','');\n"
    )
    text = (SAMPLES / "bracket.step").read_text()
    assert "#5 = PRODUCT_DEFINITION(" in text
    source, output = tmp_path / "bracket.step", tmp_path / "output.step"
    source.write_text(text.replace("ENDSEC;\nEND-ISO", f"{material}ENDSEC;\nEND-ISO"))
    step.write(step.read(source), output, "bracket.step", {"units": "mm", "step_schema": "AP214"})
    assert "'brass'" in output.read_text()
