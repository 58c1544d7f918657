"""glTF shapes that are morphed or hang on joints stand as the file says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.converters.test_gltf import SQUARE, TWO, changed, corners, document, read, refusal

SHARES = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]], "<f4")
HELD = np.array([[0, 1, 0, 0]] * 4, "<u1")
LIFTED = np.array([[0, 0, 2], [0, 0, 0], [0, 0, 0], [0, 0, 0]], "<f4")
FLAT = (SQUARE * 1000).astype(float)  # millimetres, y up as in the file


def up(points: Any) -> np.ndarray:
    """From z up, as it is read, to y up."""
    return np.array(points) @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])


def skinned() -> dict[str, Any]:
    """A square under a node that is far away, on two joints: one stays, the other is lifted by 3 from where it was
    bound, 1 above the ground."""
    down = np.eye(4, dtype="<f4")
    down[3, 1] = -1  # in columns
    bound = np.stack([np.eye(4, dtype="<f4"), down]).reshape(2, 16)
    return document(
        SQUARE,
        TWO,
        HELD,
        SHARES,
        bound,
        nodes=[
            {"mesh": 0, "skin": 0, "translation": [100, 0, 0], "children": [1]},
            {"translation": [-100, 0, 0], "children": [2]},
            {"translation": [0, 4, 0]},
        ],
        skins=[{"joints": [1, 2], "inverseBindMatrices": 4}],
        meshes=[{"primitives": [{"attributes": {"POSITION": 0, "JOINTS_0": 2, "WEIGHTS_0": 3}, "indices": 1}]}],
    )


def test_a_skinned_mesh_is_where_its_joints_are_and_not_at_its_node(tmp_path: Path) -> None:
    mesh = read(tmp_path, skinned())
    lifted = FLAT + np.array([[0, 0, 0], [0, 1500, 0], [0, 3000, 0], [0, 0, 0]])  # without any weight: the first joint
    assert np.allclose(up(corners(mesh)), lifted[TWO.reshape(-1, 3)])
    assert mesh.losses == ("skins are passed over: the shape is the one at rest",)


def test_joints_that_are_in_no_scene_leave_the_mesh_at_its_node(tmp_path: Path) -> None:
    content = changed(skinned(), "nodes.1.children", [])
    assert np.allclose(up(corners(read(tmp_path, content))), (FLAT + np.array([1e5, 0, 0]))[TWO.reshape(-1, 3)])


@pytest.mark.parametrize(
    ("path", "value"),
    [("skins.0.joints", [1]), ("nodes.0.skin", 7), ("skins.0.inverseBindMatrices", 3), ("skins.0.joints", [1, 2, 1])],
)
def test_skins_that_lie_are_refused(tmp_path: Path, path: str, value: Any) -> None:
    assert refusal(tmp_path, changed(skinned(), path, value)).code == "corrupt_file"


@pytest.mark.parametrize("where", ["meshes.0.weights", "nodes.0.weights"])
def test_morph_targets_count_by_their_default_weights(tmp_path: Path, where: str) -> None:
    primitive = {"attributes": {"POSITION": 0}, "indices": 1, "targets": [{}, {"POSITION": 2}]}
    content = document(SQUARE, TWO, LIFTED, meshes=[{"primitives": [primitive], "weights": [0, 0]}])
    mesh = read(tmp_path, changed(content, where, [1, 0.25]))
    assert np.allclose(up(corners(mesh)), (FLAT + 250 * LIFTED)[TWO.reshape(-1, 3)])
    assert mesh.losses == ("morph targets are passed over: the shape is the one at rest",)
