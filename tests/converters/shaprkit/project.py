"""Writes `.shapr` projects: the tables of a real one (schema 173000, or the newer layout) and what features do."""

import json
import sqlite3
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

BODY = KEPT = 2147483647
DESTROYED = -1
TITLE, HIDDEN, MATERIAL, IDENTITY = range(4)
WHOLE = 4  # the qualifier of a body's name

TABLES = """
CREATE TABLE Settings(SettingName BLOB NOT NULL PRIMARY KEY, SettingValue BLOB);
CREATE TABLE MaterialInstances(InstanceID   BIGINT NOT NULL PRIMARY KEY,DefinitionID BIGINT NOT NULL,Properties   BLOB);
CREATE TABLE HistoryNames(NameID BIGINT NOT NULL PRIMARY KEY,Type   INT    NOT NULL,Data   BLOB   NOT NULL, Version INT
 NOT NULL);
CREATE TABLE HistoryTreeNodes(HistoryTreeNodeID BIGINT NOT NULL PRIMARY KEY,HistoryTreeNodeType BIGINT NOT NULL,
Properties BLOB NOT NULL);
CREATE TABLE Metadata(MetadataID BIGINT NOT NULL PRIMARY KEY, MetadataTypeID INT NOT NULL, Data BLOB NOT NULL);
CREATE TABLE MetadataAssignments(NameID BIGINT NOT NULL, MetadataID BIGINT NOT NULL, PRIMARY KEY(NameID, MetadataID));
CREATE TABLE HistoryFolders(FolderID BLOB NOT NULL PRIMARY KEY, FolderName BLOB, Hidden BOOL, NamedChildren BLOB);
CREATE TABLE "PersistedCalls"(  CallKey BLOB NOT NULL PRIMARY KEY,  CallData BLOB NOT NULL);
"""
OLD = """
CREATE TABLE HistoryImportedBodies(ImportedBodyID BIGINT NOT NULL PRIMARY KEY,BodyData BLOB NOT NULL);
CREATE TABLE BodyRevisionPartitions(  PartitionID BIGINT NOT NULL PRIMARY KEY,  Block BLOB NOT NULL,  Deltas BLOB NOT
 NULL);
"""
NEW = """
CREATE TABLE HistoryImportedPrototypes(ImportedPrototypeID BIGINT NOT NULL PRIMARY KEY, BodyData BLOB NOT NULL);
CREATE TABLE HistoryImportedBodies(ImportedBodyID BIGINT NOT NULL PRIMARY KEY, ImportedPrototypeID BIGINT NOT NULL,
Transform BLOB);
CREATE TABLE BodyRevisionBlocks(PartitionID BIGINT NOT NULL, ChunkIndex INT NOT NULL, IsDeleted BOOL NOT NULL, Block
BLOB NOT NULL);
"""


@dataclass
class Made:
    """A body of a project: its partition, and the created names it is made of; names of its faces by node id."""

    partition: int
    names: list[int]
    faces: dict[int, int] = field(default_factory=dict)


@dataclass
class Project:
    """Features do something, labels are attached, `save` writes it all."""

    newer: bool = False
    schema: int = 173000
    settings: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    live: list[int] = field(default_factory=list)
    suppressed: list[int] = field(default_factory=list)
    folders: dict[str, tuple[str, bool, list[dict[str, Any]]]] = field(default_factory=dict)
    _next: int = 1000
    _calls: dict[int, int] = field(default_factory=dict)

    def id(self) -> int:
        self._next += 1
        return self._next

    def row(self, table: str, *values: Any) -> None:
        self.rows.setdefault(table, []).append(values)

    def feature(self, operation: str, title: str = "", live: bool = True) -> int:
        """`live`: whether it is still in the history."""
        node, parameter = self.id(), self.id()
        head = [0, 0] if self.newer else [46]
        self.row("HistoryTreeNodes", node, 2, msgpack.packb([*head, title or operation, operation, [parameter]]))
        self.row("HistoryTreeNodes", parameter, 1, msgpack.packb([[]]))
        if live:
            self.live.append(node)
        return node

    def call(self, feature: int, outputs: Any = None, entries: Any = None, extras: Any = ()) -> None:
        geometry = [False] if outputs is None else [True, [outputs, list(extras), entries]]
        self.raw(feature, [0, [0], geometry])

    def raw(self, feature: int, data: Any) -> None:
        number = self._calls[feature] = self._calls.get(feature, -1) + 1
        self.row("PersistedCalls", msgpack.packb([feature, [number]]), msgpack.packb(data))

    def name(self, kind: int, /, **data: Any) -> int:
        id = self.id()
        self.row("HistoryNames", id, kind, json.dumps(data).encode(), 46)
        return id

    def created(self, feature: int, qualifier: int) -> int:
        key = {"nodeID": feature, "entropy": [self._calls.get(feature, -1) + 1]}
        return self.name(0, callKey=key, qualifier=qualifier, sourceTopologyNames=[])

    def block(self, partition: int, blob: bytes) -> None:
        table = "BodyRevisionBlocks" if self.newer else "BodyRevisionPartitions"
        self.rows[table] = [row for row in self.rows.get(table, []) if row[0] != partition]
        self.row(table, partition, *((0, 0, blob) if self.newer else (blob, b"")))

    def create(self, feature: int, blob: bytes, faces: tuple[int, ...] = ()) -> Made:
        """One body, in a partition of its own."""
        partition, whole = self.id(), self.created(feature, WHOLE)
        made = Made(partition, [whole], {face: self.created(feature, 0) for face in faces})
        self.block(partition, blob)
        entities, names = [BODY, *made.faces], [whole, *made.faces.values()]
        entry = [0, [True, 2], [True, 3], entities, names, len(names), [], []]
        self.call(feature, [[partition, KEPT]], [entry])
        return made

    def change(self, feature: int, body: Made, blob: bytes) -> None:
        """The body stays what it was: a chamfer, a move."""
        self.block(body.partition, blob)
        tracking = [[BODY, [BODY], []], *([face, [face], []] for face in body.faces)]
        self.call(feature, [[body.partition, KEPT]], [[0, [True, 3], [True, 4], [], [], 0, [], tracking]])

    def merge(self, feature: int, bodies: list[Made], blob: bytes, anew: bool) -> Made:
        """A union; the result is in the first one's partition, or `anew`, where the dead partitions stay behind."""
        partition = self.id() if anew else bodies[0].partition
        made = Made(partition, sorted(name for body in bodies for name in body.names))
        self.block(partition, blob)
        gone = bodies if anew else bodies[1:]
        outputs = [[body.partition, DESTROYED if not anew else KEPT] for body in gone] + [[partition, KEPT]]
        entries = [[at, [True, 4], [False], [], [], 0, [], []] for at in range(len(gone))]
        own = [] if anew else [BODY]
        tracking = [[BODY, own, [[at, [BODY]] for at in range(len(gone))]]]
        entries.append([len(gone), [True, 5], [True, 6], [], [], 0, [], tracking])
        self.call(feature, outputs, entries)
        return made

    def delete(self, feature: int, body: Made) -> None:
        self.call(feature, [[body.partition, KEPT]], [[0, [True, 4], [False], [], [], 0, [], []]])

    def anchor(self, body: Made, feature: int) -> int:
        if len(body.names) > 1:
            return self.name(5, originals=body.names)
        created = next(json.loads(row[2]) for row in self.rows["HistoryNames"] if row[0] == body.names[0])
        prefix = {"nodeID": created["callKey"]["nodeID"], "entropyPrefix": []}
        return self.name(1, callKeyPrefix=prefix, qualifier=WHOLE)

    def assign(self, feature: int, anchor: int, kind: int, value: str) -> int:
        metadata = self.id()
        self.row("Metadata", metadata, kind, value)
        name = self.name(18, callKey={"nodeID": feature, "entropy": []}, nameToAnchor=anchor)
        self.row("MetadataAssignments", name, metadata)
        return metadata

    def label(
        self,
        feature: int,
        body: Made,
        title: str | None = None,
        hidden: bool | None = None,
        colour: int | None = None,
        folder: str | None = None,
    ) -> None:
        """`colour` is 0xRRGGBBAA; `folder` an id of `folders`."""
        anchor = self.anchor(body, feature)
        if title is not None:
            self.assign(feature, anchor, TITLE, title)
        if hidden is not None:
            self.assign(feature, anchor, HIDDEN, "1" if hidden else "0")
        if colour is not None:
            self.assign(feature, self.name(19, wrappedName=anchor, kind=1), MATERIAL, self.material(colour))
        if folder is not None:
            identity = self.assign(feature, anchor, IDENTITY, "")
            self.folders[folder][2].append({"id": str(identity), "type": 6})

    def paint(self, feature: int, body: Made, face: int, colour: int) -> None:
        anchor = self.name(6, originals=[body.faces[face]])
        self.assign(feature, anchor, MATERIAL, self.material(colour))

    def material(self, colour: int) -> str:
        id = self.id()
        properties = {"baseColor": colour, "roughnessScale": 1337.0, "scale": 1337.0, "autoRotation": False}
        self.row("MaterialInstances", id, 0, json.dumps(properties).encode())
        return str(id)

    def folder(self, id: str, name: str, hidden: bool = False, inside: str | None = None) -> str:
        self.folders[id] = (name, hidden, [])
        if inside is not None:
            self.folders[inside][2].append({"id": id, "type": 0})
        return id

    def database(self, path: Path) -> Path:
        """The workspace alone."""
        root = ["<root>", self.live] if self.newer else [self.live]
        suppressed = json.dumps({"nodes": self.suppressed})
        told = {
            "Create_ParasolidVersion": b"37.0.173",
            "Create_Date": "2024-11-15 19:04:33",
            "SchemaVersion": self.schema,
            "HistorySuppressedNodes": suppressed,
            "Persistence_ProjectVersion": self.schema,
            "Latest_ParasolidVersion": b"37.0.173",
            "Latest_Date": "2024-11-15 21:06:34",
        } | self.settings
        connection = sqlite3.connect(path)
        connection.executescript(TABLES + (NEW if self.newer else OLD))
        tables = {
            **self.rows,
            "HistoryTreeNodes": [*self.rows.get("HistoryTreeNodes", []), (1, 0, msgpack.packb(root))],
            "Settings": list(told.items()),
            "HistoryFolders": [
                (id, name, int(hidden), json.dumps({"elements": elements}))
                for id, (name, hidden, elements) in self.folders.items()
            ],
        }
        for table, rows in tables.items():
            for row in rows:
                connection.execute(f'INSERT INTO "{table}" VALUES ({",".join("?" * len(row))})', row)
        connection.commit()
        connection.close()
        return path

    def save(self, path: Path) -> Path:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(self.database(Path(folder) / "workspace"), "workspace")
            archive.writestr(".export_log", b"")
        return path
