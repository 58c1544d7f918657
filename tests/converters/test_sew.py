"""Faces sewn into solids."""

import pytest
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
from OCP.gp import gp_Pnt
from OCP.TopoDS import TopoDS_Shape

from shapr.converters.brep import document
from shapr.converters.brep.measure import volume
from shapr.converters.brep.sew import sewn
from tests.converters.shapes import FACE, moved


def faces(low: float, size: float, gap: float = 0.0) -> list[TopoDS_Shape]:
    """Of a box, the last of them out of its place."""
    box = BRepPrimAPI_MakeBox(gp_Pnt(low, low, low), size, size, size).Shape()
    *others, last = document.explore(box, FACE)
    return [*others, last.Moved(moved(gap))]


@pytest.mark.parametrize("gap", [0.0, 3e-4])
def test_a_void_is_one_whatever_tolerance_closes_it(gap: float) -> None:
    solids, rest = sewn([*faces(0, 10), *faces(4, 2, gap)], {}, 17.3)
    assert [volume(each.shape) for each in solids] == pytest.approx([1000 - 8], rel=1e-4)
    assert not rest
