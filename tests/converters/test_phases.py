"""The percent of a job is shared by what its parts cost."""

from itertools import pairwise
from pathlib import Path

import pytest

from shapr.converters.phases import Phases, holds_solids
from shapr.converters.progress import SIZE, Page
from tests.converters.kit import SAMPLES, job


def ends(folder: Path, name: str, outputs: str, preview: bool = False, **more: bool) -> dict[str, tuple[float, float]]:
    (folder / "page").write_bytes(bytes(SIZE))
    given = job(folder, SAMPLES / "bracket.step", outputs, name, **more).model_copy(update={"preview": preview})
    return Phases(given, Page(folder / "page")).ends


@pytest.mark.parametrize(
    ("name", "outputs"), [("a.step", "step,iges,stl,glb"), ("a.obj", "stl,step"), ("a.iges", "3mf")]
)
def test_phases_follow_each_other_from_nothing_to_all(tmp_path: Path, name: str, outputs: str) -> None:
    found = list(ends(tmp_path, name, outputs, preview=True, heal=True).values())
    assert found[0][0] == 0 and found[-1][1] == pytest.approx(1)
    assert all(before[1] == pytest.approx(after[0]) and after[0] < after[1] for before, after in pairwise(found))


def test_what_costs_more_has_a_larger_share(tmp_path: Path) -> None:
    share = {name: end - start for name, (start, end) in ends(tmp_path, "a.step", "step,stl,obj").items()}
    assert share["read 0"] > 5 * share["read 1"]  # STEP again, STL again
    assert share["write 1"] > 5 * share["write 2"]  # the first mesh triangulates


def test_b_reps_are_written_before_threads_make_triangles(tmp_path: Path) -> None:
    found = ends(tmp_path, "a.step", "stl,iges,obj,brep")
    assert sorted(("write 0", "write 1", "write 2", "write 3"), key=lambda name: found[name]) == [
        *("write 1", "write 3", "write 0", "write 2")
    ]


@pytest.mark.parametrize(
    ("content", "solids"),
    [(b"", False), (b"S      1\n     144       1\n", False), (b"S      1\r\n     186       1\r\n", True)],
)
def test_an_iges_file_without_solids_is_expected_to_be_sewn(tmp_path: Path, content: bytes, solids: bool) -> None:
    (tmp_path / "a.iges").write_bytes(content)
    assert holds_solids(tmp_path / "a.iges") == solids
