"""Faces of very many knots: meshed in patches, within memory, and still closed."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from OCP.BRepTools import BRepTools

from shapr.converters.brep import document, patches, tessellate
from tests.converters.kit import convert
from tests.converters.shapes import FACE, block, moved, rough


async def test_a_face_of_thousands_of_knots_takes_little_memory(tmp_path: Path) -> None:
    source = tmp_path / "rough.brep"
    BRepTools.Write_s(rough(56, 0.5), str(source))
    made = await convert(tmp_path, source, "stl", memory=300 << 20)
    assert np.ptp(trimesh.load_mesh(made["stl"].path).bounds, axis=0)[:2] == pytest.approx([55, 55])


def test_what_is_meshed_in_patches_closes_with_its_neighbours_wherever_it_is_placed() -> None:
    one = block(rough(56, 0.2), 56)
    both = document.compound([one, one.Moved(moved(100, 0.7))])
    assert document.count(patches.divided(both).shape, FACE) == document.count(both, FACE) + 2 * 3
    assert tessellate.triangulate(both, 0.2, 30) == 0
    mesh = tessellate.mesh(document.holding(both, "both"))
    welded = trimesh.Trimesh(mesh.parts[0].vertices, mesh.parts[0].corners)
    assert welded.is_watertight
    assert welded.volume == pytest.approx(2 * 55 * 55 * 2, rel=5e-3)  # the heights are as often above as below


def test_an_ordinary_face_is_left_as_it_is() -> None:
    face = rough(20, 0.1)
    assert patches.divided(face).shape.IsSame(face)
