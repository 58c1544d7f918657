"""Bodies that the kernel gets wrong, or not at all, as they are written: where the seam and the poles of a surface lie
is a choice, and another one is taken."""

from pathlib import Path
from typing import Any

import pytest

from shapr.converters.brep.measure import volume
from shapr.errors import Refused
from tests.converters.shaprkit import bodies, shapes
from tests.converters.test_shapr_geometry import NEAR, back, extents, far


def test_a_spun_face_that_ends_on_its_axis_comes_back(tmp_path: Path) -> None:
    """The kernel wants it as a NURBS."""
    shape = shapes.vase()
    made = back(bodies.body(shape), tmp_path).shape
    assert volume(made) == pytest.approx(volume(shape), rel=2e-5)
    assert far(shape, made) < NEAR
    assert extents(made)[2::3] == pytest.approx([-8, 9], abs=1e-4)


def touched() -> Any:
    """The hole touches the sphere from within, so the rims meet in a point: the kernel may take the hole's core for the
    body, closed, valid, and what was to be cut away."""
    return shapes.cut(shapes.ANALYTIC["sphere"](), shapes.cylinder(3.5, 20, (3.5, 0, -10)))


def test_a_body_that_the_kernel_turns_into_another_one_is_shown_to_it_otherwise(tmp_path: Path) -> None:
    made = back(bodies.body(touched()), tmp_path).shape
    assert volume(made) == pytest.approx(volume(touched()), rel=1e-4)


def test_if_the_kernel_turns_it_into_another_one_in_any_case_it_is_refused(tmp_path: Path) -> None:
    """A NURBS has its seam and its poles where it has them."""
    with pytest.raises(Refused, match="splits a face of it and turns it over"):
        back(bodies.body(shapes.nurbs(touched())), tmp_path)
