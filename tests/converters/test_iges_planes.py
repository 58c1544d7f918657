"""IGES planes (108) that are bounded by what is no curve."""

from pathlib import Path

import pytest

from benchmarks.hostile.iges import iges
from shapr.errors import Refused
from tests.converters.kit import converter, job

Entities = list[tuple[int, int, str]]
NO_LENGTH = (110, 0, "1.,1.,0.,1.,1.,0.")
ONE_POINT = (106, 12, "2,1,0.,0.,0.")
TOLD = "Planes whose boundary has a gap or is no curve were passed over: 1."


def square(gap: float, first: int = 1) -> Entities:
    """Four lines and the curve of them, the lines beginning at this place of the directory."""
    ends = [(0, 0, 10, gap), (10, 0, 10, 10), (10, 10, 0, 10), (0, 10, 0, 0)]
    lines = [(110, 0, f"{x:.2f},{y:.2f},0.,{u:.2f},{v:.2f},0.") for x, y, u, v in ends]
    return [*lines, (102, 0, f"4,{first},{first + 2},{first + 4},{first + 6}")]


def plane(boundary: int, height: float = 0.0) -> tuple[int, int, str]:
    return (108, 1, f"0.,0.,1.,{height},{boundary},0.,0.,0.,0.")


TWO: Entities = [*square(0), plane(9), *square(5, 13), plane(21)]


async def told(folder: Path, entities: Entities) -> tuple[list[str], int]:
    """The losses and the faces."""
    (folder / "a.igs").write_text(iges(entities))
    report = (await converter().convert(job(folder, folder / "a.igs", "stl"), lambda _: None)).report or {}
    return report["losses"], report["source"]["faces"]


@pytest.mark.parametrize(
    "entities", [[*square(1.01), plane(9)], [NO_LENGTH, plane(1)], [ONE_POINT, plane(1)]], ids=["gap", "line", "point"]
)
async def test_a_plane_alone_whose_boundary_is_no_curve_is_refused(tmp_path: Path, entities: Entities) -> None:
    """The kernel crashes on it."""
    with pytest.raises(Refused) as refused:
        await told(tmp_path, entities)
    assert refused.value.code == "invalid_geometry"


@pytest.mark.parametrize("groups", [[], [(402, 7, "2,11,23")]], ids=["by itself", "in a group"])
async def test_beside_others_it_is_left_out_and_told(tmp_path: Path, groups: Entities) -> None:
    assert await told(tmp_path, [*TWO, *groups]) == ([TOLD], 1)


async def test_a_gap_that_the_kernel_closes_is_closed(tmp_path: Path) -> None:
    assert await told(tmp_path, [*square(0.99), plane(9)]) == ([], 1)
