"""Replay of a project's modelling calls: which bodies live at the end, and which names their topology has.

The call cache of the old layout (schema 173000 to 223000). A body lives in a partition; an entity of it is a node id of
the partition's Parasolid file, or `BODY` for the body itself. Names are rows of HistoryNames.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.shaprfile.container import Workspace, number, packed, spoken
from shapr.errors import Refused

BODY = 2147483647
DESTROYED = -1  # the mark of a partition that a call ended
WHOLE = 4  # the qualifier of a body's name
Names = frozenset[int]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Placed:
    """Of a body in the newer layout: its partition, or a prototype, and a matrix (4, 4) in metres yet to be applied."""

    partition: int
    matrix: Matrix | None = None
    block: bytes | None = None


@dataclass
class Replay:
    """`alive`: names of each entity of each living body. `order`: the features' place in history.

    `survivors`: of a body that was made of several, the names of the one that went on as it. `placed`: where bodies
    are, if not in the partition of their own number as it is. `called`: name and whether it is hidden, of a body that
    says so itself. `created`: names that are in no table, by the call that made what they name.
    """

    alive: dict[int, dict[int, Names]] = field(default_factory=dict)
    survivors: dict[int, Names] = field(default_factory=dict)
    placed: dict[int, Placed] = field(default_factory=dict)
    order: dict[int, int] = field(default_factory=dict)
    features: dict[int, str] = field(default_factory=dict)  # operation by node id
    called: dict[int, tuple[str, bool]] = field(default_factory=dict)
    created: dict[int, tuple[int, list[Any]]] = field(default_factory=dict)
    layout: str = "old"
    losses: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """`node`: its feature; `entropy`: which of the feature's calls it is."""

    node: int
    entropy: list[Any]
    data: Any


def replay(made: Replay, every: list[Call]) -> None:
    for call in every:
        apply(made, call.data)


@contextmanager
def unknown() -> Iterator[None]:
    """What does not look as all that we have seen."""
    try:
        yield
    except (TypeError, LookupError, ValueError, AttributeError) as error:
        raise Refused(
            "unsupported_geometry", "the history of the .shapr file is written in a way not known here"
        ) from error


def tree(workspace: Workspace) -> Replay:
    """The features in the order of history; nothing lives yet."""
    made = Replay()
    titles: dict[int, str] = {}
    roots: list[Any] | None = None
    for id, kind, properties in workspace.rows(
        "HistoryTreeNodes", "HistoryTreeNodeID", "HistoryTreeNodeType", "Properties"
    ):
        if kind in (0, 2):
            value = packed(properties)
            if kind == 0:  # `[ids]`, or `[name, ids]` in the newer layout
                roots = value[-1] if isinstance(value, list) and value and isinstance(value[-1], list) else []
            elif isinstance(value, list) and len(value) >= 3:  # `[.., title, operation, [parameters]]`
                titles[id] = str(value[-2])
    if roots is None:
        raise Refused("unsupported_geometry", "the history of the .shapr file has no order that is known here")
    made.order = {id: at for at, id in enumerate(roots) if isinstance(id, int)}
    made.features = {id: titles.get(id, "") for id in made.order}
    return made


def calls(workspace: Workspace, made: Replay) -> list[Call]:
    """The calls of the live features, in the order of history."""
    suppressed = set(suppressed_nodes(workspace))
    found: list[Call] = []
    skipped = 0
    for key, data in workspace.rows("PersistedCalls", "CallKey", "CallData"):
        node, entropy = packed(key)[:2]
        if node in suppressed:
            skipped += 1
        elif node in made.order:
            found.append(Call(node, entropy if isinstance(entropy, list) else [entropy], packed(data)))
    if skipped:
        made.losses.append("suppressed features of the history were left out")
    return sorted(found, key=lambda each: (made.order[each.node], each.entropy))


def suppressed_nodes(workspace: Workspace) -> list[int]:
    nodes = spoken(workspace.settings.get("HistorySuppressedNodes", "")).get("nodes", [])
    return [int(each) for each in nodes if number(str(each))]


def apply(made: Replay, data: Any) -> None:
    """What one call did: bodies made, changed, consumed."""
    geometry: Any = data[2] if len(data) > 2 else [False]
    if not geometry or not geometry[0]:
        return
    outputs, _, entries = geometry[1][:3]
    partitions = [partition for partition, _ in outputs]
    alive = made.alive
    before, survivors = dict(alive), dict(made.survivors)  # names of a body are replaced, never changed
    for entry in entries:
        partition, lives = partitions[entry[0]], bool(entry[2][0])
        if not lives:
            alive.pop(partition, None)
            continue
        names = dict(before.get(partition, {}))
        for row in entry[7]:
            names[row[0]] = _derived(row, before, partition, partitions)
            if row[0] == BODY and (row[1] or row[2]):
                went_on = partition if row[1] else partitions[row[2][0][0]]
                own = before.get(went_on, {}).get(BODY, frozenset())
                made.survivors[partition] = survivors.get(went_on, own)
        for entity, name in zip(entry[3], entry[4], strict=True):
            names[entity] = names.get(entity, frozenset()) | {name} if entity == BODY else frozenset({name})
        names.setdefault(BODY, frozenset())
        alive[partition] = names
    told = {entry[0] for entry in entries}
    for at, (partition, mark) in enumerate(outputs):
        if mark == DESTROYED and at not in told:
            alive.pop(partition, None)


def _derived(row: Any, before: dict[int, dict[int, Names]], partition: int, partitions: list[int]) -> Names:
    """The names of an entity that comes from others: its own, and those of the bodies it was made with."""
    own = before.get(partition, {})
    names: set[int] = set()
    for entity in row[1]:
        names |= own.get(entity, frozenset())
    for output, entities in row[2]:
        theirs = before.get(partitions[output], {})
        for entity in entities:
            names |= theirs.get(entity, frozenset())
    return frozenset(names)
