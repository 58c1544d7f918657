"""Replay of a project's modelling calls: which bodies live at the end, and which names their topology has.

The call cache of the old layout (schema 173000 to 223000). A body lives in a partition; an entity of it is a node id of
the partition's Parasolid file, or `BODY` for the body itself. Names are rows of HistoryNames.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from shapr.converters.shaprfile.container import Workspace, packed, spoken
from shapr.errors import Refused

BODY = 2147483647
Names = frozenset[int]


@dataclass
class Replay:
    """`alive`: names of each entity of each living body, by partition. `order`: the features' place in history."""

    alive: dict[int, dict[int, Names]] = field(default_factory=dict)
    order: dict[int, int] = field(default_factory=dict)
    features: dict[int, str] = field(default_factory=dict)  # operation by node id
    skipped: int = 0  # calls of suppressed features


def replay(workspace: Workspace) -> Replay:
    made = Replay()
    titles: dict[int, str] = {}
    roots: list[Any] = []
    for id, kind, properties in workspace.rows(
        "HistoryTreeNodes", "HistoryTreeNodeID", "HistoryTreeNodeType", "Properties"
    ):
        if kind in (0, 2):
            value = packed(properties)
            if kind == 0:
                roots = value[-1] if isinstance(value, list) and value and isinstance(value[-1], list) else []
            elif isinstance(value, list) and len(value) >= 3:
                titles[id] = str(value[-2])
    made.order = {id: at for at, id in enumerate(roots) if isinstance(id, int)}
    made.features = {id: titles.get(id, "") for id in made.order}
    try:
        for data in calls(workspace, made):
            apply(made.alive, data)
    except (TypeError, IndexError, KeyError, ValueError) as error:
        raise Refused(
            "unsupported_geometry", "the history of the .shapr file is written in a way not known here"
        ) from error
    return made


def calls(workspace: Workspace, made: Replay) -> Iterable[Any]:
    """The data of the live features' calls, in the order of history."""
    suppressed = set(suppressed_nodes(workspace))
    found: list[tuple[int, list[Any], Any]] = []
    for key, data in workspace.rows("PersistedCalls", "CallKey", "CallData"):
        node, entropy = packed(key)[:2]
        if node in suppressed:
            made.skipped += 1
        elif node in made.order:
            found.append((made.order[node], entropy if isinstance(entropy, list) else [entropy], packed(data)))
    return (data for _, _, data in sorted(found, key=lambda each: (each[0], each[1])))


def suppressed_nodes(workspace: Workspace) -> list[int]:
    nodes = spoken(workspace.settings.get("HistorySuppressedNodes", "")).get("nodes", [])
    return [int(each) for each in nodes if isinstance(each, int | str) and str(each).isdigit()]


def apply(alive: dict[int, dict[int, Names]], data: Any) -> None:
    """What one call did: bodies made, changed, consumed."""
    geometry: Any = data[2] if len(data) > 2 else [False]
    if not geometry or not geometry[0]:
        return
    outputs, _, entries = geometry[1][:3]
    partitions = [partition for partition, _ in outputs]
    before = {partition: dict(names) for partition, names in alive.items()}
    for entry in entries:
        partition, lives = partitions[entry[0]], bool(entry[2][0])
        if not lives:
            alive.pop(partition, None)
            continue
        names = dict(before.get(partition, {}))
        for row in entry[7]:
            names[row[0]] = _derived(row, before, partition, partitions)
        for entity, name in zip(entry[3], entry[4], strict=True):
            names[entity] = names.get(entity, frozenset()) | {name} if entity == BODY else frozenset({name})
        names.setdefault(BODY, frozenset())
        alive[partition] = names


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
