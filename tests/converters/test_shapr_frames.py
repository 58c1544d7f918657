"""Bodies that the kernel gets wrong, or not at all, as they are written: where the seam and the poles of a surface lie
is a choice, and another one is taken."""

from pathlib import Path
from typing import Any

import pytest

from shapr.converters.brep.measure import volume
from shapr.converters.shaprfile import solids, surfaces, xb
from shapr.converters.shaprfile.topology import Reading
from shapr.errors import Refused
from tests.converters.shaprkit import bodies, shapes
from tests.converters.shaprkit.bodies import Style
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


@pytest.mark.parametrize("shape", [touched, lambda: shapes.nurbs(touched())])
def test_rims_that_touch_are_one_loop_to_the_kernel_if_it_goes_wrong_with_two(shape: Any, tmp_path: Path) -> None:
    """A NURBS has its seam and its poles where it has them."""
    made = back(bodies.body(shape()), tmp_path).shape
    assert volume(made) == pytest.approx(volume(touched()), rel=1e-4)


def test_a_loop_that_passes_a_vertex_twice_is_two_to_the_kernel_if_it_goes_wrong_with_one(tmp_path: Path) -> None:
    """The hole touches the rim of a disc, so the loop of a crescent runs through their vertex twice."""
    shape = shapes.cut(shapes.cylinder(10, 5), shapes.cylinder(4, 10, (6, 0, -1)))
    made = back(bodies.body(shape, Style(edges="tolerant", pinched=True)), tmp_path).shape
    assert volume(made) == pytest.approx(volume(shape), rel=1e-5)


def test_what_the_kernel_turns_into_another_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solids, "_readings", lambda _: iter([Reading()]))
    with pytest.raises(Refused, match="splits a face of it and turns it over"):
        back(bodies.body(shapes.nurbs(touched())), tmp_path)


def test_a_body_that_fails_is_not_tried_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, with tolerant edges the other way, with seams elsewhere; no text goes to the kernel twice."""
    texts = []

    def fails(_file: Any, text: str, *_: Any) -> None:
        texts.append(text)
        raise Refused("unsupported_geometry", "the solid came out invalid")

    monkeypatch.setattr(solids, "_built", fails)
    with pytest.raises(Refused, match="invalid"):
        back(bodies.body(shapes.ANALYTIC["slot"](), Style(edges="tolerant")), tmp_path)
    assert len(texts) == len(set(texts)) == 3


def test_what_cannot_be_said_is_not_said_in_another_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    monkeypatch.setattr(solids, "_said", lambda *_: said.append(1) or surfaces.geometry(*nothing()))
    with pytest.raises(Refused, match="not converted"):
        back(bodies.body(shapes.ANALYTIC["drilled"](), Style(edges="tolerant")), tmp_path)
    assert len(said) == 1


def nothing() -> tuple[Any, Any]:
    return None, xb.Node("FOREIGN", 1)
