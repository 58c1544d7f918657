"""How a glTF shape stands: morphed by its default weights, and a skinned one where its joints are (glTF 2.0, 3.7.2
and 3.7.3)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh.accessors import Array, Buffers, field, floats, listed, number
from shapr.converters.mesh.glb import Json, corrupt
from shapr.converters.mesh.primitive import Draco, Plain

BLOCK = 100_000  # vertices
IDENTITY = np.eye(4)

Matrices = npt.NDArray[np.float64]  # (n, 4, 4), or one of them


@dataclass(frozen=True)
class Bones:
    """What holds the vertices of a primitive: for each of n the numbers of k joints in the skin, and their weights."""

    joints: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]


def morphed(
    vertices: Array, primitive: Json, weights: tuple[float, ...], rows: Array | None, held: Plain | Draco
) -> Array:
    """The vertices, moved by the targets that count."""
    targets = listed(primitive, "targets")
    for target, weight in zip(targets, weights, strict=False):
        if weight and "POSITION" in target:
            at = number(target, "POSITION")
            if number(held.buffers.accessor(at), "count") != held.count:
                raise corrupt("a morph target has not as many vertices as its shape")
            held.buffers.spend(3 * len(vertices))
            moves = held.buffers.real(at, rows)
            if moves.shape != vertices.shape:
                raise corrupt("a morph target has not three numbers for each vertex")
            with np.errstate(all="ignore"):
                vertices = vertices + weight * moves
    return vertices


def bones(held: Plain | Draco, rows: Array | None) -> Bones | None:
    """None where the primitive names no joints."""
    joints: list[Array] = []
    weights: list[Array] = []
    while f"JOINTS_{len(joints)}" in held.attributes:
        at = len(joints)
        joints.append(held.values(f"JOINTS_{at}", rows))
        weights.append(held.values(f"WEIGHTS_{at}", rows))
    if not joints:
        return None
    found = Bones(np.concatenate(joints, axis=1).astype(np.int64), np.concatenate(weights, axis=1))
    if found.joints.shape != found.weights.shape or not np.isfinite(found.weights).all():
        raise corrupt("joints and weights do not belong together")
    return found


@dataclass(frozen=True)
class Skin:
    """Where each joint of a skin takes what is bound to it."""

    matrices: Matrices

    @classmethod
    def of(cls, content: Json, buffers: Buffers, at: int, worlds: dict[int, Matrices]) -> "Skin | None":
        """None where a joint is not in the scene."""
        skins = listed(content, "skins")
        if at >= len(skins):
            raise corrupt("a node refers to a skin that is not there")
        joints = listed(skins[at], "joints", int)
        if not joints or not worlds.keys() >= set(joints):
            return None
        if "inverseBindMatrices" not in skins[at]:
            return cls(np.array([worlds[joint] for joint in joints]))
        matrices = number(skins[at], "inverseBindMatrices")
        if number(buffers.accessor(matrices), "count") < len(joints):
            raise corrupt("a skin has not a matrix for every joint")
        given = buffers.real(matrices, np.arange(len(joints)))
        if given.shape[1] != 16:
            raise corrupt("a skin has not a matrix for every joint")
        unbound = given.reshape(-1, 4, 4).transpose(0, 2, 1)
        with np.errstate(all="ignore"):
            return cls(np.array([worlds[joint] for joint in joints]) @ unbound)

    def placed(self, vertices: Array, bones: Bones) -> tuple[Array, bool]:
        """The vertices in the scene, and whether they are mirrored there. Weights that do not add up to one are made
        to, as viewers do."""
        if bones.joints.size and not 0 <= bones.joints.min() <= bones.joints.max() < len(self.matrices):
            raise corrupt("a vertex hangs on a joint that is not there")
        moved = np.empty((len(vertices), 3))
        mirrored = False
        for at in range(0, len(vertices), BLOCK):
            part = slice(at, at + BLOCK)
            weights, joints = bones.weights[part], bones.joints[part]
            total = weights.sum(axis=1)
            matrices = np.zeros((len(joints), 3, 4))
            with np.errstate(all="ignore"):
                for k in range(joints.shape[1]):
                    share = np.where(total > 0, weights[:, k] / total, float(k == 0))
                    matrices += share[:, None, None] * self.matrices[joints[:, k], :3]
                moved[part] = np.einsum("nij,nj->ni", matrices[:, :, :3], vertices[part]) + matrices[:, :, 3]
                mirrored = mirrored or bool(at == 0 and len(joints) and np.linalg.det(matrices[0, :, :3]) < 0)
        return moved, mirrored


def joints(content: Json) -> frozenset[int]:
    """The nodes that skins hang on."""
    return frozenset(joint for skin in listed(content, "skins") for joint in listed(skin, "joints", int))


def weights(holder: Json) -> tuple[float, ...]:
    """Of the morph targets of a mesh, or of a node's own."""
    return floats(holder, "weights", (0.0,) * len(field(holder, "weights", list, [])))
