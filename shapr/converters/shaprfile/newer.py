"""Replay of the newer layout, which nobody here has seen a file of: read as a fact from a public reader, best effort.

A call's data has sections, each `[active, payload]`. Bodies have numbers of their own; several may share a partition
and differ by a matrix that no block holds yet.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from shapr.converters.shaprfile.container import Workspace, packed, spoken
from shapr.converters.shaprfile.history import BODY, WHOLE, Call, Matrix, Names, Placed, Replay
from shapr.errors import Refused

GEOMETRY, LAZY, COPY_ON_WRITE = 2, 3, 4  # sections


def tells(data: Any) -> bool | None:
    """Whether a call is written in this way, or in that of the old layout; None when it says nothing."""
    for payload in _section(data, GEOMETRY):
        first, second = (payload[at] if len(payload) > at and isinstance(payload[at], list) else [] for at in (0, 1))
        if second and all(map(_output, second)):
            return True
        if first and all(isinstance(each, list) and all(isinstance(part, int) for part in each) for each in first):
            return False
    return any(True for number in (LAZY, COPY_ON_WRITE) for _ in _section(data, number)) or None


def _output(row: Any) -> bool:
    """`[partition, [ok, ..]]`."""
    return isinstance(row, list) and len(row) > 1 and isinstance(row[1], list) and isinstance((row[1] or [0])[0], bool)


def replay(workspace: Workspace, made: Replay, every: list[Call]) -> None:
    """`unsupported_geometry` when the calls are written in a way that is not known."""
    made.layout = "new (best effort)"
    born: dict[int, Call] = {}
    for call in every:
        _apply(made, call.data)
        for body in made.placed:
            born.setdefault(body, call)
    if not made.placed and not any(workspace.rows(workspace.blocks, "PartitionID", where="LIMIT 1")):
        _imported(workspace, made)
    made.alive = {body: made.alive.get(body, {BODY: frozenset()}) for body in made.placed}
    _christen(workspace, made, born)


def _apply(made: Replay, data: Any) -> None:
    for payload in _section(data, COPY_ON_WRITE):
        for body, _, partition, *_ in payload[0]:
            made.placed[body] = Placed(partition)
    for payload in _section(data, GEOMETRY):
        _geometry(made, payload)
    for payload in _section(data, LAZY):
        _lazy(made, payload)


def _christen(workspace: Workspace, made: Replay, born: dict[int, Call]) -> None:
    """Names of bodies whose calls tell none: those that the call made which a body first came from, in their order."""
    nameless: dict[tuple[int, str], list[int]] = defaultdict(list)
    for body, names in made.alive.items():
        if not names[BODY] and body in born:
            nameless[born[body].node, str(born[body].entropy)].append(body)
    if not nameless:
        return
    known = _wholes(workspace)
    for key, bodies in nameless.items():
        ids = known.get(key, [])
        if len(ids) != len(bodies):  # else it is not clear which is whose
            ids = [-1 - body for body in bodies]
            made.created |= {id: (key[0], born[body].entropy) for id, body in zip(ids, bodies, strict=True)}
        for id, body in zip(ids, bodies, strict=True):
            made.alive[body] = {**made.alive[body], BODY: frozenset({id})}


def _wholes(workspace: Workspace) -> dict[tuple[Any, str], list[int]]:
    """The names of bodies, by the call that made them."""
    found: dict[tuple[Any, str], list[int]] = defaultdict(list)
    for id, data in workspace.rows("HistoryNames", "NameID", "Data", where="WHERE Type = 0 ORDER BY NameID"):
        name = spoken(data)
        key = name.get("callKey") or {}
        if name.get("qualifier") == WHOLE:
            found[key.get("nodeID"), str(key.get("entropy"))].append(id)
    return found


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
        placed = before.get(origin) or made.placed.get(origin)
        if placed is None:
            raise Refused("unsupported_geometry", "the history of the .shapr file moves a body that is not there")
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
    names = _sources(workspace)
    for body, prototype, transform in workspace.rows(
        "HistoryImportedBodies", "ImportedBodyID", "ImportedPrototypeID", "Transform"
    ):
        matrix = packed(transform) if isinstance(transform, bytes) and transform else None
        block = prototypes.get(prototype)
        if not isinstance(block, bytes):
            raise Refused("unsupported_geometry", "an imported body of the .shapr file lacks its geometry")
        made.placed[body] = Placed(body, None if matrix is None else _either(np.ravel(matrix).tolist()), block)
        made.alive[body] = {BODY: names.get(body, frozenset())}


def _sources(workspace: Workspace) -> dict[int, Names]:
    """The names of imported bodies: made of a name that says which import it is."""
    imports, found = dict[int, Any](), dict[Any, Names]()
    for id, data in workspace.rows("HistoryNames", "NameID", "Data", where="WHERE Type = 11"):
        imports[id] = spoken(data).get("bodyID")
    for id, data in workspace.rows("HistoryNames", "NameID", "Data", where="WHERE Type = 0"):
        name = spoken(data)
        for source in name.get("sourceTopologyNames") or () if name.get("qualifier") == WHOLE else ():
            if source in imports:
                found[imports[source]] = frozenset({id})
    return found


def _either(values: list[float]) -> Matrix:
    """Column by column, or row by row: the nought, nought, nought, one tells, but for what stays in its place."""
    matrix = _matrix(values)
    return matrix if np.allclose(matrix[3], (0, 0, 0, 1)) else matrix.T
