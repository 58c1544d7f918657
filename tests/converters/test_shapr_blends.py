"""Cliff-edge blends: a ball that rolls along a surface and over the edge of another one."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from OCP.BRepPrimAPI import BRepPrimAPI_MakePrism
from OCP.Geom import Geom_Circle, Geom_TrimmedCurve
from OCP.gp import gp_Ax2, gp_Pnt, gp_Vec

from shapr.converters.brep.measure import volume
from shapr.errors import Refused
from tests.converters.shaprkit import bodies, shapes
from tests.converters.shaprkit.bodies import Style
from tests.converters.shaprkit.nodes import Nodes
from tests.converters.test_shapr_geometry import NEAR, back, far

RADIUS, EDGE = 5.0, (10.0, 3.0)  # of the ball, which rolls below y = 6; and where its track ends, in x and y
CENTRE = (EDGE[0] - math.sqrt(RADIUS**2 - (EDGE[1] - 1) ** 2), 1.0)


def cliff() -> Any:
    circle = Geom_Circle(gp_Ax2(gp_Pnt(*CENTRE, 0), shapes.Z, shapes.X), RADIUS)
    start = math.atan2(EDGE[1] - CENTRE[1], EDGE[0] - CENTRE[0])
    corners = [(CENTRE[0], 6, 0), (0, 6, 0), (0, 0, 0), (10, 0, 0), (*EDGE, 0)]
    lines = [[a, b] for a, b in pairwise(corners)]
    side = shapes.face(*lines, Geom_TrimmedCurve(circle, start, math.pi / 2))
    return BRepPrimAPI_MakePrism(side, gp_Vec(0, 0, 12)).Shape()


def written(edge: tuple[float, float]) -> Nodes:
    """The support below the edge is a blend of no radius, with the edge as its spine."""
    nodes = bodies.build(cliff(), Style(surfaces="blend"))
    (blend,) = nodes.indices("BLENDED_EDGE")
    supports = nodes.get(blend)["surface"]
    top = next(each for each in supports if nodes.get(each)["pvec"][1] == pytest.approx(0.006))
    spine = nodes.add("LINE", sense="+", pvec=(edge[0] / 1000, edge[1] / 1000, 0), direction=(0, 0, 1))
    sharp = nodes.add("BLENDED_EDGE", sense="+", blend_type="R", surface=supports, spine=spine, range=[0.0, 0.0])
    nodes.set(blend, blend_type="E", surface=[top, sharp])
    return nodes


def test_a_cliff_edge_blend_comes_back(tmp_path: Path) -> None:
    made = back(written(EDGE).data(), tmp_path).shape
    assert volume(made) == pytest.approx(volume(cliff()), rel=1e-6)
    assert far(cliff(), made) < NEAR
    assert far(made, cliff()) < NEAR


def test_a_ball_that_does_not_touch_the_edge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not touch its edge"):
        back(written((10.0, 3.1)).data(), tmp_path)
