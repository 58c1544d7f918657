"""What an IGES file has that is no geometry does not reach the kernel, which crashes on lies in it."""

from pathlib import Path

import pytest

from benchmarks.hostile.iges import RULED, iges
from shapr.converters import preflight
from shapr.converters.preflight import iges_aside
from tests.converters.kit import SAMPLES, converter, job
from tests.converters.test_preflight import code

LIES = [
    (210, 0, "7"),
    (212, 0, "2000000000"),
    (214, 12, "2000000000,,2,0.,1,50,50,1"),
    (302, 5001, "-1,2,7"),
    (304, 2, "2000000000,5,3Habc"),
    (320, 0, "1,7,0,50,2,-1,2000000000,-1"),
    (322, 0, "50,3"),
    (402, 12, "2000000000,0."),
    (404, 0, "2000000000"),
    (406, 11, "2,0,1,7,3"),
    (406, 12, "2000000000,0"),
    (418, 0, ""),
    (106, 31, "5,0,"),
    (148, 0, ""),
]


@pytest.mark.parametrize("said", ["00000212", "    +212"])
def test_a_type_may_be_said_in_other_ways(tmp_path: Path, said: str) -> None:
    source = tmp_path / "plate.iges"
    source.write_text(iges([*RULED, (212, 0, "2000000000")]).replace("     212", said))
    preflight.check("iges", source)
    assert "212," not in iges_aside.geometry(source).read_text()


async def test_lies_beside_the_geometry_crash_nothing(tmp_path: Path) -> None:
    source = tmp_path / "plate.iges"
    source.write_text(iges([*RULED, *LIES]))
    (tmp_path / "job").mkdir()
    answer = await converter().convert(job(tmp_path / "job", source, "brep"), lambda _: None)
    assert answer.report is not None
    assert answer.report["outputs"]["brep"]["faces"] == 1


@pytest.mark.parametrize(("kind", "form", "params"), [(406, 1, "50,1"), (406, 1, "0,"), (184, 1, ",1,3,7")])
def test_lists_of_what_is_kept_are_as_long_as_they_say(tmp_path: Path, kind: int, form: int, params: str) -> None:
    assert code(tmp_path, "iges", iges([*RULED, (kind, form, params)])) == "corrupt_file"


def test_instances_that_the_kernel_does_not_make_are_told_as_lost(tmp_path: Path) -> None:
    source = tmp_path / "rows.iges"
    part = [(308, 0, "0,4HPART,1,5"), (408, 0, "7,0.,0.,0.,1.")]
    source.write_text(iges([*RULED, *part, (412, 0, "9,1.,0.,0.,0.,3,2,15.,15.,0.,0,0")]))
    assert preflight.check("iges", source) == ("Instances in arrays and networks were passed over: 1.",)


def test_a_file_of_nothing_but_geometry_is_not_copied(tmp_path: Path) -> None:
    source = tmp_path / "bracket.iges"
    source.write_bytes((SAMPLES / "bracket.iges").read_bytes())
    preflight.check("iges", source)
    assert iges_aside.geometry(source) == source


def test_the_kernel_reads_the_very_copy_that_was_looked_at(tmp_path: Path) -> None:
    source = tmp_path / "bracket.iges"
    source.write_bytes((SAMPLES / "bracket.iges").read_bytes() + bytes(100))
    preflight.check("iges", source)
    assert iges_aside.geometry(source).read_bytes() == (SAMPLES / "bracket.iges").read_bytes()
    assert {each.name for each in tmp_path.iterdir()} == {"bracket.iges", "bracket.iges.aside"}


def test_names_and_layers_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "named.iges"
    source.write_text(iges([*RULED, (406, 15, "1,3Hlid"), (406, 1, "2,7,9"), (212, 0, "1,2Hno")]))
    preflight.check("iges", source)
    kept = iges_aside.geometry(source).read_text()
    assert "1,3Hlid" in kept
    assert "406,2,7,9" in kept
    assert "212," not in kept
