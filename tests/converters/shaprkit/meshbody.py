"""A mesh body: points and corners in pools that are cut into teeth, all types of which the blob describes itself."""

from collections.abc import Sequence

import numpy as np

from tests.converters.shaprkit.nodes import MESHES, Nodes

TOOTH = 8  # a real one holds more: a power of two


def body(vertices: Sequence[Sequence[float]], triangles: Sequence[Sequence[int]]) -> bytes:
    """Of points in millimetres and corners from nought."""
    return build(vertices, triangles).data(MESHES)


def build(vertices: Sequence[Sequence[float]], triangles: Sequence[Sequence[int]]) -> Nodes:
    nodes = Nodes()
    world = nodes.add("WORLD", alive=True)
    body = nodes.add("BODY", res_size=1000.0, res_linear=1e-8, body_type=3, owner=world)
    region = nodes.add("REGION", node_id=1, body=body, type="V")
    nodes.set(world, body=body)
    points = (np.array(vertices, dtype=float) / 1000).ravel().tolist()
    corners = (np.array(triangles, dtype=int) + 1).ravel().tolist()
    box = [value for axis in np.array(vertices).T / 1000 for value in (axis.min(), axis.max())]
    pool = _comb(nodes, "VECTOR", points, 3 * TOOTH, n_vectors=len(vertices), n_max=len(vertices) + 3)
    indices = _comb(nodes, "INTEGER", corners, TOOTH, n_integers=len(corners), bits=32)
    mesh = nodes.add("PSM_MESH", position_pool=pool, position_indices=indices)
    nodes.add("MESH", node_id=2, mesh_data=mesh, mesh_box=box)
    nodes.set(body, region=region)
    return nodes


def _comb(nodes: Nodes, kind: str, values: list[float], size: int, **told: int) -> int:
    """The teeth need not lie in the file in their order; the last is padded with noughts."""
    cuts = [values[at : at + size] for at in range(0, len(values), size)]
    cuts[-1] = [*cuts[-1], *[0] * (size - len(cuts[-1]))]
    name = {"VECTOR": "vectors", "INTEGER": "integers"}[kind]
    teeth = [nodes.add(f"{kind}_TOOTH", **{name: cut}) for cut in reversed(cuts)]
    return nodes.add(f"{kind}_COMB", shift=3, teeth=teeth[::-1], **told)
