"""Real files through the whole service: what comes out is what went in, measured by independent readers."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.measure import Measure, measure
from tests.end_to_end.service import REPOSITORY, Service

SAMPLES = REPOSITORY / "samples"

BREP_FILES = [
    "b-unit-inch-cube.step",
    "bracket_m.step",
    "c-void-two-cavities.step",
    "d-multi-two-boxes.step",
    "e-nurbs-fillet-plate.step",
    "M6-1x12-countersunk-screw.step",
    "bracket_inch.igs",
    "bracket.brep",
]
MESH_FILES = ["20mm-xyz-cube.stl", "angle_block.STL", "7_8ths_cube.stl"]
ALL = "step,iges,brep,stl,obj,glb"


def outputs(service: Service, folder: Path, source: Path) -> dict[str, Measure]:
    """Every output of a source, converted in one conversion and measured."""
    conversion = service.convert(source, ALL, 180)
    assert conversion["state"] == "completed", conversion
    measured = {}
    for output in conversion["outputs"]:
        data = service.download(conversion, output["format"])
        assert len(data) == output["size"]
        path = folder / f"out.{output['format']}"
        path.write_bytes(data)
        measured[output["format"]] = measure(path)
    return measured


def assert_same(given: Measure, made: Measure, box: float, volume: float) -> None:
    """Boxes within a fraction of the diagonal, volumes within a fraction."""
    assert np.allclose(made.low, given.low, rtol=0, atol=box * given.diagonal)
    assert np.allclose(made.high, given.high, rtol=0, atol=box * given.diagonal)
    assert made.volume == pytest.approx(given.volume, rel=volume)


@pytest.mark.parametrize("name", BREP_FILES)
def test_a_brep_keeps_its_size_its_volume_and_its_solids(service: Service, corpus: Path, tmp_path: Path, name: str):
    given = measure(corpus / name)
    made = outputs(service, tmp_path, corpus / name)
    for format in ("step", "iges", "brep"):
        assert_same(given, made[format], 1e-3, 1e-3)
        assert made[format].solids == max(given.solids, 1)
    for format in ("stl", "obj"):
        assert_same(given, made[format], 2e-3, 1e-2)
    assert made["glb"].diagonal == pytest.approx(given.diagonal, rel=2e-3)
    assert made["glb"].volume == pytest.approx(given.volume, rel=1e-2)


@pytest.mark.parametrize("name", MESH_FILES)
def test_a_closed_mesh_becomes_a_faceted_solid(service: Service, corpus: Path, tmp_path: Path, name: str):
    given = measure(corpus / name)
    made = outputs(service, tmp_path, corpus / name)
    for format in ("step", "iges", "brep", "stl", "obj"):
        assert_same(given, made[format], 1e-3, 1e-3)
    assert made["step"].solids == made["iges"].solids == made["brep"].solids >= 1


@pytest.mark.parametrize("name", ["bracket.step", "bracket.iges", "assembly.step"])
def test_a_sample_keeps_its_size_its_volume_and_its_solids(service: Service, tmp_path: Path, name: str) -> None:
    given = measure(SAMPLES / name)
    made = outputs(service, tmp_path, SAMPLES / name)
    for format in ("step", "iges", "brep"):
        assert_same(given, made[format], 1e-3, 1e-3)
        assert made[format].solids == max(given.solids, 1)
    for format in ("stl", "obj"):
        assert_same(given, made[format], 2e-3, 1e-2)


def test_a_sample_mesh_becomes_a_faceted_solid(service: Service, tmp_path: Path) -> None:
    given = measure(SAMPLES / "bracket.stl")
    made = outputs(service, tmp_path, SAMPLES / "bracket.stl")
    for format in ("step", "iges", "brep", "stl", "obj"):
        assert_same(given, made[format], 1e-3, 1e-3)
    assert made["step"].solids == made["iges"].solids == made["brep"].solids == 1


@pytest.mark.parametrize(
    ("name", "cut", "codes"),
    [
        ("bracket.step", 0, {"empty_file"}),
        ("bracket.step", 20_000, {"corrupt_file"}),
        ("bracket.iges", 20_000, {"corrupt_file"}),
        ("bracket.stl", 20_000, {"corrupt_file"}),
    ],
)
def test_a_truncated_sample_gets_a_code(service: Service, tmp_path: Path, name: str, cut: int, codes: set[str]):
    (tmp_path / name).write_bytes((SAMPLES / name).read_bytes()[:cut])
    answer = service.submit(tmp_path / name, "step,stl")
    if "id" in answer:
        answer = service.wait(answer["id"])["error"]
    assert answer["code"] in codes


def test_options_reach_the_files(service: Service, tmp_path: Path) -> None:
    source = SAMPLES / "bracket.iges"
    made = {}
    for name, options in {
        "draft": {"quality": "draft"},
        "fine": {"quality": "fine"},
        "exact": {"linear_deflection": 0.01, "angular_deflection": 3},
        "inch": {"units": "in", "encoding": "ascii"},
    }.items():
        conversion = service.convert(source, "stl", options=options)
        assert conversion["state"] == "completed", conversion
        made[name] = service.download(conversion, "stl")
        assert conversion["outputs"][0]["options"].items() >= options.items()
    assert len(made["draft"]) < len(made["fine"]) < len(made["exact"])
    assert made["inch"].startswith(b"solid")
    (tmp_path / "inch.stl").write_bytes(made["inch"])
    (tmp_path / "draft.stl").write_bytes(made["draft"])
    inch, millimetres = measure(tmp_path / "inch.stl"), measure(tmp_path / "draft.stl")
    assert inch.diagonal * 25.4 == pytest.approx(millimetres.diagonal, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "as_name", "codes"),
    [
        ("bad_empty.step", None, {"empty_file"}),
        ("bad_truncated.step", None, {"corrupt_file"}),
        ("bad_truncated.igs", None, {"corrupt_file"}),
        ("bad_truncated.brep", None, {"corrupt_file"}),
        ("bad_random.step", None, {"format_mismatch", "corrupt_file"}),
        ("bad_step_named.stl", None, {"format_mismatch"}),
        ("bad_header_only.step", None, {"no_geometry", "corrupt_file"}),
        ("bad_hugecount.brep", None, {"corrupt_file", "limit_exceeded"}),
        ("bad_nan.stl", None, {"invalid_geometry", "corrupt_file"}),
        ("bad_count.stl", None, {"corrupt_file"}),
        ("bad_index.obj", None, {"corrupt_file"}),
        ("20mm-xyz-cube.stl", "cube.step", {"format_mismatch"}),
        ("bracket.brep", "bracket.xyz", {"unsupported_format"}),
    ],
)
def test_a_bad_file_gets_a_code(service: Service, corpus: Path, name: str, as_name: str | None, codes: set[str]):
    answer = service.submit(corpus / name, "step,stl", name=as_name)
    if "id" in answer:
        conversion = service.wait(answer["id"])
        assert conversion["state"] == "failed"
        assert conversion["error"]["step"] == "compress"
        answer = conversion["error"]
    assert answer["code"] in codes
    assert "/" not in answer["detail"].replace("n/a", ""), "no path may reach a caller"


def test_the_conversion_after_a_bad_file_is_unaffected(service: Service, corpus: Path) -> None:
    bad = service.submit(corpus / "bad_cyclic.step", "stl")
    good = service.convert(corpus / "bracket_mm.igs", "stl")
    assert good["state"] == "completed"
    assert service.wait(bad["id"])["state"] in ("failed", "completed")


@pytest.mark.parametrize("name", ["assembly.step", "bracket.stl"])
def test_a_conversion_that_asks_can_be_seen(service: Service, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    source.write_bytes((SAMPLES / name).read_bytes())
    first = service.convert(source, "stl,obj")
    assert not {"thumbnail", "preview"} & set(first["links"])
    made = [service.convert(source, "stl,obj", preview=True) for _ in range(2)]
    assert [output["reused"] for output in made[1]["outputs"]] == [True, True]
    seen = [[service.http.get(each["links"][link]) for link in ("thumbnail", "preview", "report")] for each in made]
    assert [each.content for each in seen[0]] == [each.content for each in seen[1]]
    thumbnail, preview, report = seen[0]
    with Image.open(io.BytesIO(thumbnail.content)) as picture:
        assert (picture.format, picture.size, picture.getchannel("A").getextrema()) == ("PNG", (512, 512), (0, 255))
    (tmp_path / "preview.glb").write_bytes(preview.content)
    given, shown = measure(source), measure(tmp_path / "preview.glb")
    assert shown.diagonal == pytest.approx(given.diagonal, rel=2e-3)
    assert report.json() == made[0]["report"]
    for each in (first, *made):
        assert service.http.delete(f"/v1/conversions/{each['id']}").status_code == 204
        assert service.http.get(f"/v1/conversions/{each['id']}/thumbnail").status_code == 410


def test_the_same_source_gives_the_same_bytes(service: Service, corpus: Path) -> None:
    twice = [service.convert(corpus / "parametric-bracket.step", ALL, reuse=False) for _ in range(2)]
    first, second = ({o["format"]: o["sha256"] for o in conversion["outputs"]} for conversion in twice)
    assert first == second
