"""Who refers to whom: no circles, no towers, and how many parts an assembly comes to, without building it."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from shapr.errors import Refused

Nodes = npt.NDArray[np.int64]

DEEPEST = (
    500  # references from one entity to the next; the kernel's stack holds some thousands, real files need some 30
)
MAX_INSTANCES = 100_000
COUNTED = 10**18  # where counting stops


def heights(nodes: int, owners: Nodes, targets: Nodes) -> npt.NDArray[np.int32]:
    """How far each node is above those that refer to nothing. An edge goes from an owner to its target, 0-based.

    Refuses circles with `corrupt_file`, towers with `limit_exceeded`.
    """
    height = np.zeros(nodes, np.int32)
    for _ in range(DEEPEST):
        if not len(owners):
            return height
        standing = np.zeros(nodes, bool)
        standing[owners] = True
        height += standing
        kept = standing[targets]  # the others' targets refer to nothing any more
        if kept.all():
            raise Refused("corrupt_file", "an entity of the file refers to itself")
        owners, targets = owners[kept], targets[kept]
    if len(owners):
        raise Refused("limit_exceeded", f"entities of the file are nested more than {DEEPEST} deep")
    return height


def check_instances(edges: Iterable[tuple[int, int]]) -> None:
    """Count by arithmetic what (holder, held) pairs expand to: thirty nested doublings are a billion parts."""
    pairs = list(edges)
    if not pairs:
        return
    names, numbered = np.unique(np.array(pairs, np.int64), return_inverse=True)
    owners, targets = numbered.reshape(-1, 2).T
    height = heights(len(names), owners, targets)
    parts = [0] * len(names)
    order = np.argsort(height[owners], kind="stable")
    for owner, target in zip(owners[order].tolist(), targets[order].tolist(), strict=True):
        parts[owner] = min(COUNTED, parts[owner] + (parts[target] or 1))
    roots = set(owners.tolist()) - set(targets.tolist())
    total = sum(parts[root] for root in roots)
    different = len(np.unique(owners * len(names) + targets))  # what is only repeated is no reason for more
    if total > max(MAX_INSTANCES, 2 * different):
        raise Refused("decompression_bomb", f"the file expands to {total} parts; {MAX_INSTANCES} are allowed")
