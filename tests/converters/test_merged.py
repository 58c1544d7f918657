"""STEP files whose equal entities were made one: assemblies have one representation, though they are not the same."""

import re
from pathlib import Path

import pytest
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
from OCP.TDF import TDF_Label
from OCP.XCAFDoc import XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from shapr.converters import preflight
from shapr.converters.brep import document, measure, step, tree
from shapr.converters.brep.bodies import call
from shapr.converters.preflight import instead
from shapr.converters.preflight.merged import around
from shapr.converters.progress import silent
from shapr.errors import Refused
from tests.converters.kit import convert
from tests.converters.shapes import moved

ENTITY = re.compile(r"#(\d+) ?= ?(.*?);\s*\n", re.DOTALL)
Spec = float | list["Spec"]  # the length of a box, or what an assembly has, each where it was made

SHAPES: dict[str, Spec] = {
    "in another": [[1.0]],
    "in one in another": [[[1.0, 2.0]]],
    "beside each other": [[1.0], [2.0]],
    "both": [[[1.0]], [2.0, 4.0]],
}


def built(spec: Spec, tool: XCAFDoc_ShapeTool, name: str = "x") -> TDF_Label:
    if isinstance(spec, float):
        label = tool.AddShape(BRepPrimAPI_MakeBox(spec, 1, 1).Shape(), False)
    else:
        label = tool.NewShape()
        for number, each in enumerate(spec):
            tool.AddComponent(label, built(each, tool, f"{name}{number}"), moved())
    call(label, name)
    return label


def written(path: Path, spec: Spec) -> Path:
    model = document.new()
    tool = XCAFDoc_DocumentTool.ShapeTool_s(model.Main())
    built(spec, tool)
    tool.UpdateAssemblies()
    step.write(model, path, "x", {"step_schema": "AP214", "units": "mm"})
    head, data = path.read_text().split("DATA;\n")
    path.write_text(f"{head}DATA;\n{merged(data)}ENDSEC;\nEND-ISO-10303-21;\n")
    return path


def merged(data: str) -> str:
    entities = {number: "".join(said.split()) for number, said in ENTITY.findall(data)}
    while True:
        first: dict[str, str] = {}
        same = {number: first.setdefault(said, number) for number, said in entities.items()}
        if len(first) == len(entities):
            return "".join(f"#{number}={said};\n" for number, said in entities.items())
        entities = {number: renamed(said, same) for said, number in first.items()}


def renamed(said: str, same: dict[str, str]) -> str:
    return re.sub(r"#(\d+)", lambda found: f"#{same[found[1]]}", said)


@pytest.mark.parametrize("spec", SHAPES.values(), ids=SHAPES)
async def test_assemblies_of_one_representation_have_their_own_parts(tmp_path: Path, spec: Spec) -> None:
    source = written(tmp_path / "merged.step", spec)
    lengths = list(map(float, re.findall(r"\d\.\d", str(spec))))
    made = (await convert(tmp_path, source, "step"))["step"].path
    assert made
    model = step.read(made)
    assert measure.measured(model, silent).volume == pytest.approx(sum(lengths))
    assert len({leaf.name for leaf in tree.leaves(model)}) == len(lengths), "each has its name"
    assert preflight.check("step", source) == (), "nothing was passed over"


def test_a_shape_in_itself_that_products_do_not_explain_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path / "merged.step", [[1.0]])
    ties = re.compile(r"#\d+=SHAPE_DEFINITION_REPRESENTATION\(#\d+,#\d+\);\n")
    source.write_text(ties.sub("", source.read_text()))
    with pytest.raises(Refused) as refused:
        preflight.check("step", source)
    assert refused.value.code == "corrupt_file"


def test_what_else_is_said_anew_has_numbers_of_its_own(tmp_path: Path) -> None:
    source = written(tmp_path / "merged.step", [[1.0]])
    head, data = source.read_text().split("DATA;\n")
    entities = [said for _, said in ENTITY.findall(data)]
    numbers = {number: str(at) for at, (number, _) in enumerate(ENTITY.findall(data), 1)}
    entities = [renamed(said, numbers) for said in entities]
    body = next(at for at, said in enumerate(entities, 1) if said.startswith("MANIFOLD_SOLID_BREP"))
    last = len(entities)
    entities += [f"STYLED_ITEM('',(#{last + 2}),#{body})", f"SURFACE_STYLE_USAGE(.BOTH.,#{last + 3})"]
    entities += ["SURFACE_SIDE_STYLE('',())"]
    lines = "".join(f"#{at}={said};\n" for at, said in enumerate(entities, 1))
    source.write_text(f"{head}DATA;\n{lines}ENDSEC;\nEND-ISO-10303-21;\n")
    assert preflight.check("step", source) == ()
    found = [number for number, _ in ENTITY.findall(instead.understood(source).read_text())]
    assert len(found) > len(entities) + 1
    assert len(found) == len(set(found))


def test_what_goes_around_is_found_and_towers_are_not_built() -> None:
    assert around({(1, 2), (2, 3), (3, 2), (3, 4), (5, 4)}) == {1, 2, 3}
    assert around({(at, at + 1) for at in range(50_000)}) == set()
