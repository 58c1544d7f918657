"""Replay of the newer layout, which nobody here has seen a file of: read as a fact from a public reader, best effort.

A call's data has sections, each `[active, payload]`. Bodies have numbers of their own; several may share a partition
and differ by a matrix that no block holds yet.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from shapr.converters.shaprfile.container import Workspace, packed
from shapr.converters.shaprfile.history import BODY, Matrix, Names, Placed, Replay, calls, tree, unknown
from shapr.errors import Refused

GEOMETRY, LAZY, COPY_ON_WRITE = 2, 3, 4  # sections


def replay(workspace: Workspace) -> Replay:
    """`unsupported_geometry` when the calls are written in a way that is not known."""
    with unknown():
        made = tree(workspace)
        for data in calls(workspace, made):
            _apply(made, data)
        if not made.placed and not any(workspace.rows(workspace.blocks, "PartitionID", where="LIMIT 1")):
            _imported(workspace, made)
        made.alive = {body: made.alive.get(body, {BODY: frozenset()}) for body in made.placed}
    return made


def _apply(made: Replay, data: Any) -> None:
    for payload in _section(data, COPY_ON_WRITE):
        for body, _, partition, *_ in payload[0]:
            made.placed[body] = Placed(partition)
    for payload in _section(data, GEOMETRY):
        _geometry(made, payload)
    for payload in _section(data, LAZY):
        _lazy(made, payload)


def _section(data: Any, number: int) -> Iterator[Any]:
    """The payload of a section, if it is active."""
    if len(data) > number and data[number] and data[number][0]:
        yield data[number][1]


def _geometry(made: Replay, payload: Any) -> None:
    outputs = payload[1]
    for body, output, *rest in payload[2]:
        partition, (_, (_, after)) = outputs[output][0], outputs[output][1]
        if not after[0]:
            made.placed.pop(body, None)
            made.alive.pop(body, None)
        else:
            made.placed[body] = Placed(partition)
            if names := _names(rest):
                made.alive[body] = {**made.alive.get(body, {}), **names}


def _names(rest: list[Any]) -> dict[int, Names]:
    """Entities and their names as the old layout has them: two lists side by side, the body among the entities."""
    for entities, names in pairwise(rest):
        if isinstance(entities, list) and isinstance(names, list) and BODY in entities and len(entities) == len(names):
            return {entity: frozenset({name}) for entity, name in zip(entities, names, strict=True)}
    return {}


def _lazy(made: Replay, payload: Any) -> None:
    """Moves, copies and deletes that no block holds."""
    matrices = [_matrix(each) for each in payload[0]]
    before = dict(made.placed)
    for body, source, moved, *_ in payload[1]:
        if not source[0] and not moved[0]:
            made.placed.pop(body, None)
            made.alive.pop(body, None)
            continue
        origin = source[1] if source[0] else body
        if origin not in before:
            raise Refused("unsupported_geometry", "the history of the .shapr file moves a body that is not there")
        placed = before[origin]
        if moved[0]:
            matrix = matrices[moved[1]]
            placed = replace(placed, matrix=matrix if placed.matrix is None else matrix @ placed.matrix)
        made.placed[body] = placed


def _matrix(values: Any) -> Matrix:
    """Column-major, translation in metres."""
    flat = np.array(values[-1] if len(values) == 2 else values, dtype=np.float64)
    if flat.size != 16 or not np.isfinite(flat).all():
        raise Refused("unsupported_geometry", "the history of the .shapr file holds a matrix that is none")
    return flat.reshape(4, 4).T


def _imported(workspace: Workspace, made: Replay) -> None:
    """A project of nothing but imports has no blocks: prototypes, placed."""
    prototypes = dict(workspace.rows("HistoryImportedPrototypes", "ImportedPrototypeID", "BodyData"))
    for body, prototype, transform in workspace.rows(
        "HistoryImportedBodies", "ImportedBodyID", "ImportedPrototypeID", "Transform"
    ):
        matrix = packed(transform) if isinstance(transform, bytes) and transform else None
        block = prototypes.get(prototype)
        if not isinstance(block, bytes):
            raise Refused("unsupported_geometry", "an imported body of the .shapr file lacks its geometry")
        made.placed[body] = Placed(body, None if matrix is None else _matrix(np.ravel(matrix).tolist()), block)
