"""Names, visibility, folders and colours of bodies and faces: what is attached to the names of a project."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from shapr.converters.shaprfile.container import Workspace, flag, spoken, text
from shapr.converters.shaprfile.folders import Folder, Place, places
from shapr.converters.shaprfile.history import BODY, WHOLE, Names, Replay

TITLE, HIDDEN, MATERIAL, IDENTITY = range(4)  # Metadata.MetadataTypeID
CREATED, BY_PREFIX, BODY_DERIVED, FACE_DERIVED, ASSIGNMENT, APPEARANCE = 0, 1, 5, 6, 18, 19  # HistoryNames.Type
LONGEST = 1000  # letters of a name
CONSTRUCTION = "CreateCG"  # what operations that make planes and axes begin with

Rgba = tuple[int, int, int, int]


@dataclass
class Body:
    """A living body as people see it. `faces`: colours by the node id of the face."""

    partition: int
    name: str
    hidden: bool = False
    folders: tuple[Folder, ...] = ()  # around it, the outermost first
    construction: bool = False  # a plane or an axis
    colour: Rgba | None = None
    faces: dict[int, Rgba] = field(default_factory=dict)


class Labels:
    """Reads the tables of names once, and tells the labels of each living body."""

    def __init__(self, workspace: Workspace, replay: Replay) -> None:
        self._replay = replay
        self._names: dict[int, tuple[int, dict[str, Any]]] = {
            id: (kind, spoken(data)) for id, kind, data in workspace.rows("HistoryNames", "NameID", "Type", "Data")
        }
        for id, (node, entropy) in replay.created.items():
            self._names[id] = CREATED, {"callKey": {"nodeID": node, "entropy": entropy}, "qualifier": WHOLE}
        self._metadata = {
            id: (kind, text(data))
            for id, kind, data in workspace.rows("Metadata", "MetadataID", "MetadataTypeID", "Data")
        }
        self._colours = {
            str(id): _rgba(spoken(properties).get("baseColor"))
            for id, properties in workspace.rows("MaterialInstances", "InstanceID", "Properties")
        }
        self._places = places(workspace)
        self._bodies: dict[Names, dict[int, list[tuple[Any, int, str]]]] = defaultdict(lambda: defaultdict(list))
        self._faces: dict[Names, list[tuple[Any, int, str]]] = defaultdict(list)
        self._created = self._living()
        for name, metadata in workspace.rows("MetadataAssignments", "NameID", "MetadataID"):
            self._assign(name, metadata)
        self._anchors: dict[int, list[Names]] = defaultdict(list)
        for anchor in self._bodies:
            for each in anchor:
                self._anchors[each].append(anchor)

    def body(self, partition: int, number: int) -> Body:
        """`number`: of a body that nobody named."""
        names = self._replay.alive[partition]
        survivor = self._replay.survivors.get(partition, frozenset())
        found = self._bodies.get(self._known(names[BODY])) or self._inherited(names[BODY], survivor)
        latest = {kind: max(values)[2] for kind, values in found.items()}
        place = self._place(found.get(IDENTITY, []))
        called, hidden = self._replay.called.get(partition, ("", False))
        body = Body(
            partition,
            (latest.get(TITLE) or called or f"Body {number}")[:LONGEST],
            hidden=hidden or flag(latest.get(HIDDEN)) or place.hidden,
            folders=place.path,
            construction=self._construction(names[BODY]),
            colour=self._colours.get(latest.get(MATERIAL, "")),
        )
        whole = max(found.get(MATERIAL, ()), default=None)
        for entity, own in names.items():
            painted = max(self._faces.get(self._known(own), ()), default=None) if entity != BODY else None
            if painted and (whole is None or painted > whole):  # to paint the body is to paint over its faces
                colour = self._colours.get(painted[2])
                if colour:
                    body.faces[entity] = colour
        return body

    def _place(self, identities: list[tuple[Any, int, str]]) -> Place:
        """Of the latest identity that a folder lists."""
        latest = (str(metadata) for _, metadata, _ in sorted(identities, reverse=True))
        return next((self._places[each] for each in latest if each in self._places), Place())

    def _construction(self, names: Names) -> bool:
        made = [(self._names.get(name, (None, {}))[1].get("callKey") or {}).get("nodeID", -1) for name in names]
        return bool(made) and all(self._replay.features.get(node, "").startswith(CONSTRUCTION) for node in made)

    def _assign(self, id: int, metadata: int) -> None:
        kind, assignment = self._names.get(id, (None, {}))
        key = assignment.get("callKey") or {}
        place = self._replay.order.get(key.get("nodeID", -1))
        if kind != ASSIGNMENT or place is None or metadata not in self._metadata:
            return
        anchor, slot = assignment.get("nameToAnchor", -1), False
        if self._kind(anchor) == APPEARANCE:
            anchor, slot = self._names[anchor][1].get("wrappedName", -1), True
        about, value = self._metadata[metadata]
        entry = ((place, key.get("entropy") or []), metadata, value)
        if self._kind(anchor) == FACE_DERIVED or (about == MATERIAL and not slot):
            self._faces[self._anchored(anchor)].append(entry)
        else:
            self._bodies[self._anchored(anchor)][about].append(entry)

    def _kind(self, id: Any) -> int | None:
        return self._names.get(id, (None, {}))[0]

    def _anchored(self, id: Any) -> Names:
        """The created names that an anchor stands for, each by what it was created as."""
        kind, data = self._names.get(id, (None, {}))
        if kind in (BODY_DERIVED, FACE_DERIVED):
            return self._known(frozenset(data.get("originals") or ()))
        return self._known(frozenset({id}))

    def _known(self, names: Names) -> Names:
        """Names by prefix made those of the created ones they match, so that equal sets are equal."""
        return frozenset(each for name in names for each in self._matched(name))

    def _matched(self, id: Any) -> Iterator[int]:
        kind, data = self._names.get(id, (None, {}))
        if kind != BY_PREFIX:
            yield id
            return
        prefix = data.get("callKeyPrefix") or {}
        start = prefix.get("entropyPrefix") or []
        for other, entropy in self._created[prefix.get("nodeID"), data.get("qualifier")]:
            if entropy[: len(start)] == start:
                yield other

    def _living(self) -> dict[tuple[Any, Any], list[tuple[int, list[Any]]]]:
        """The created names of what lives, by feature and qualifier, with the rest of their keys."""
        found: dict[tuple[Any, Any], list[tuple[int, list[Any]]]] = defaultdict(list)
        alive = {name for names in self._replay.alive.values() for own in names.values() for name in own}
        for id in sorted(alive):
            kind, data = self._names.get(id, (None, {}))
            key = data.get("callKey") or {}
            if kind == CREATED:
                found[key.get("nodeID"), data.get("qualifier")].append((id, key.get("entropy") or []))
        return found

    def _inherited(self, names: Names, survivor: Names) -> dict[int, list[tuple[Any, int, str]]]:
        """For a body that nobody labelled since it was made of others: the labels of the one that went on as it; what
        that lacks, but for being hidden, of the others."""
        every = self._partly(names)
        if not survivor:
            return every
        own = self._bodies.get(self._known(survivor)) or self._partly(survivor)
        return {kind: values for kind, values in every.items() if kind != HIDDEN} | dict(own)

    def _partly(self, names: Names) -> dict[int, list[tuple[Any, int, str]]]:
        """For a body that no anchor names exactly, as after a split: the latest that names one of its origins."""
        found: dict[int, list[tuple[Any, int, str]]] = defaultdict(list)
        for anchor in sorted({each for name in self._known(names) for each in self._anchors[name]}, key=sorted):
            for kind, values in self._bodies[anchor].items():
                found[kind] += values
        return found


def _rgba(colour: Any) -> Rgba | None:
    """From 0xRRGGBBAA."""
    if not isinstance(colour, int) or not 0 <= colour <= 0xFFFFFFFF:
        return None
    red, green, blue, alpha = colour.to_bytes(4, "big")
    return red, green, blue, alpha
