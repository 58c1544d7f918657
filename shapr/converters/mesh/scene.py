"""The node tree of a glTF document: which mesh stands where."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh.accessors import Buffers, extension, field, floats, listed, number, shown
from shapr.converters.mesh.glb import BODIES, Json, corrupt
from shapr.converters.mesh.model import LONGEST_NAME
from shapr.converters.mesh.pose import joints
from shapr.errors import Refused

MAX_INSTANCES = 100_000
MAX_DEPTH = 1000
MAX_NODES = 500_000
IDENTITY = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
UNMOVED = np.eye(4)
MOVES = {"matrix", "translation", "rotation", "scale"}
INSTANCING = "EXT_mesh_gpu_instancing"

Matrix = npt.NDArray[np.float64]  # 4x4, or 3x4 without its last row


@dataclass(frozen=True)
class Placed:
    """A mesh of the document, its node, the name of that, its 3x4 matrix in the scene's metres, and how many nodes are
    above. `part`: the name of the node above, if this one is a body of it, which then does not count."""

    mesh: int
    node: Json
    name: str
    matrix: Matrix
    depth: int
    part: str = ""


def placed(content: Json, buffers: Buffers, worlds: dict[int, Matrix]) -> Iterator[Placed]:
    """Depth first, in the order of the file. A node has one parent: a second one, or a cycle, is `corrupt_file`.
    `worlds` gets the 4x4 matrices of the nodes that skins hang on."""
    hung = joints(content)
    nodes = listed(content, "nodes")
    if len(nodes) > MAX_NODES:
        raise Refused("limit_exceeded", f"it has {len(nodes)} nodes; {MAX_NODES} are allowed")
    waiting = [(at, UNMOVED, 0, "") for at in reversed(roots(content, nodes))]
    seen: set[int] = set()
    count = 0
    while waiting:
        at, parent, depth, part = waiting.pop()
        if not 0 <= at < len(nodes) or at in seen:
            raise corrupt("a node is not there, or has two parents")
        if depth > MAX_DEPTH:
            raise Refused("limit_exceeded", f"the nodes are nested deeper than {MAX_DEPTH}")
        seen.add(at)
        node = nodes[at]
        with np.errstate(all="ignore"):
            matrix = parent @ local(node) if MOVES & node.keys() else parent
        if at in hung:
            worlds[at] = matrix
        if "mesh" in node:
            places = _instances(node, buffers)
            count += 1 if places is None else len(places)
            if count > MAX_INSTANCES:
                raise Refused("decompression_bomb", f"it places more than {MAX_INSTANCES} instances")
            mesh, name = number(node, "mesh"), _name(node)
            if places is None:
                yield Placed(mesh, node, name, matrix[:3], depth, part)
            else:
                with np.errstate(all="ignore"):
                    moved = matrix @ places
                yield from (Placed(mesh, node, name, each[:3], depth, part) for each in moved)
        extras = node.get("extras")  # of any kind
        part = _name(node) if isinstance(extras, dict) and BODIES in extras else ""
        waiting += [(child, matrix, depth + (not part), part) for child in reversed(listed(node, "children", int))]


def _name(node: Json) -> str:
    return shown(field(node, "name", str, ""), LONGEST_NAME)


def roots(content: Json, nodes: list[Any]) -> list[int]:
    """The nodes at the top of the scene that is shown; of the whole file when it has no scene."""
    scenes = listed(content, "scenes")
    if scenes:
        at = number(content, "scene", 0)
        if at >= len(scenes):
            raise corrupt("its scene is not there")
        found = listed(scenes[at], "nodes", int)
        if len(found) > len(nodes):
            raise corrupt("a scene has a node twice")
        return found
    children = {child for node in nodes for child in listed(node, "children", int)}
    return [at for at in range(len(nodes)) if at not in children]


def local(node: Json) -> Matrix:
    """A node's own matrix, in columns or as translation, rotation and scale."""
    if "matrix" in node:
        return np.array(floats(node, "matrix", IDENTITY)).reshape(4, 4).T
    move, scale = floats(node, "translation", (0.0, 0.0, 0.0)), floats(node, "scale", (1.0, 1.0, 1.0))
    if "rotation" in node:  # most are only moved
        turn = floats(node, "rotation", (0.0, 0.0, 0.0, 1.0))
        matrix: Matrix = _matrices(np.array([move]), np.array([turn]), np.array([scale]))[0]
    else:
        matrix = np.diag((*scale, 1.0))
        matrix[:3, 3] = move
    return matrix


def _matrices(move: Matrix, turn: Matrix, scale: Matrix) -> npt.NDArray[np.float64]:
    """(n, 4, 4) of n translations, quaternions (x, y, z, w) and scales."""
    with np.errstate(all="ignore"):
        x, y, z, w = (turn / np.linalg.norm(turn, axis=1, keepdims=True)).T
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        result = np.tile(np.eye(4), (len(move), 1, 1))
        result[:, :3, :3] = np.moveaxis(rotation, 2, 0) * scale[:, None, :]
    result[:, :3, 3] = move
    return result


def _instances(node: Json, buffers: Buffers) -> npt.NDArray[np.float64] | None:
    """The places of EXT_mesh_gpu_instancing, (n, 4, 4); None without it."""
    given = extension(node, INSTANCING)
    if given is None:
        return None
    attributes = field(given, "attributes", dict, {})
    known = [name for name in ("TRANSLATION", "ROTATION", "SCALE") if name in attributes]
    counts = {number(buffers.accessor(number(attributes, name)), "count") for name in known}
    if len(counts) != 1:
        raise corrupt("its instances cannot be counted")
    count = counts.pop()
    if count > MAX_INSTANCES:
        raise Refused("decompression_bomb", f"it places {count} instances; {MAX_INSTANCES} are allowed")
    columns = []
    for name, default in (("TRANSLATION", (0.0,) * 3), ("ROTATION", (0.0, 0.0, 0.0, 1.0)), ("SCALE", (1.0,) * 3)):
        values = buffers.real(number(attributes, name)) if name in known else np.tile(default, (count, 1))
        if values.shape[1] != len(default):
            raise corrupt("its instances are not what they must be")
        columns.append(values)
    return _matrices(*columns)
