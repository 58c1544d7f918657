"""Layouts of `.shapr` that nobody here has seen a file of: phases, pieces, bodies from before the history."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest

from shapr.converters.shaprfile import reader
from shapr.converters.shaprfile.reader import Project as Read
from shapr.errors import Refused
from tests.converters.shaprkit.project import DESTROYED, WHOLE, Project
from tests.converters.shaprkit.reading import cube, found, read
from tests.converters.test_shapr_newer import MOVE, extents, newer, sections
from tests.converters.test_shapr_project import one


def changed(project: Project, folder: Path, *statements: tuple[Any, ...]) -> Read:
    """Read after some SQL."""
    path = project.database(folder / "w")
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(*statement)
    connection.commit()
    connection.close()
    return reader.read(path, folder, False, False, lambda _: None)


PHASED = (
    ("DROP TABLE BodyRevisionPartitions",),
    ("CREATE TABLE BodyRevisionPartitions(PartitionID, Block, Deltas, Phase, IsDeleted)",),
)


def phased(partition: int, blob: bytes | None, phase: int, deleted: int = 0) -> tuple[Any, ...]:
    return "INSERT INTO BodyRevisionPartitions VALUES (?, ?, x'', ?, ?)", (partition, blob, phase, deleted)


def test_of_the_phases_of_a_partition_the_latest_counts(tmp_path: Path) -> None:
    project = Project()
    body = one(project, 10, title="Body 01")
    rows = [phased(body.partition, cube(side), phase) for side, phase in ((8, 2), (9, 3), (7, 1))]
    assert found(changed(project, tmp_path, *PHASED, *rows)) == {"Body 01": 729}


def test_a_body_whose_latest_phase_is_deleted_is_named(tmp_path: Path) -> None:
    project = Project()
    body = one(project, 10, title="Body 01")
    rows = [phased(body.partition, cube(8), 1), phased(body.partition, cube(8), 2, deleted=1)]
    with pytest.raises(Refused, match="Body 01: its geometry is not in the file"):
        changed(project, tmp_path, *PHASED, *rows)


def test_new_calls_over_the_old_table_are_read_as_what_they_are(tmp_path: Path) -> None:
    project, _ = newer()
    made = changed(
        project,
        tmp_path,
        ("CREATE TABLE BodyRevisionPartitions(PartitionID, Block, Phase, IsDeleted)",),
        ("INSERT INTO BodyRevisionPartitions SELECT PartitionID, Block, 1, 0 FROM BodyRevisionBlocks",),
        ("DROP TABLE BodyRevisionBlocks",),
    )
    assert (found(made), made.about["layout"]) == ({"Body 1": 1000}, "new (best effort)")


def test_old_calls_over_the_new_table_are_read_as_what_they_are(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Body 01")
    made = changed(
        project,
        tmp_path,
        ("CREATE TABLE BodyRevisionBlocks(PartitionID, ChunkIndex, IsDeleted, Block)",),
        ("INSERT INTO BodyRevisionBlocks SELECT PartitionID, 0, 0, Block FROM BodyRevisionPartitions",),
        ("DROP TABLE BodyRevisionPartitions",),
    )
    assert (found(made), made.about["layout"]) == ({"Body 01": 1000}, "old")


def cut(project: Project, *at: int) -> None:
    """The block of partition 7 in pieces, the last first."""
    (blob,) = (row[3] for row in project.rows["BodyRevisionBlocks"])
    pieces = [blob[a:b] for a, b in zip((0, *at), (*at, len(blob)), strict=True)]
    project.rows["BodyRevisionBlocks"] = [(7, number, 0, piece) for number, piece in enumerate(pieces)][::-1]


def test_geometry_in_pieces_is_put_together(tmp_path: Path) -> None:
    """The stream itself says that it is whole, and ends where the pieces end."""
    project, _ = newer()
    cut(project, 100, 2000)
    assert found(read(project, tmp_path)) == {"Body 1": 1000}


def lacking(project: Project) -> None:
    cut(project, 100, 2000)
    del project.rows["BodyRevisionBlocks"][1]


def doubled(project: Project) -> None:
    cut(project, 100)
    project.rows["BodyRevisionBlocks"] += [(7, 1, 0, b"more")]


BROKEN: dict[str, Callable[[Project], None]] = {
    "one after a whole file": lambda project: project.row("BodyRevisionBlocks", 7, 1, 0, b"more"),
    "one missing": lacking,
    "one twice": doubled,
}


@pytest.mark.parametrize("name", BROKEN)
def test_pieces_that_are_no_whole_are_refused_by_name(name: str, tmp_path: Path) -> None:
    project, _ = newer()
    BROKEN[name](project)
    with pytest.raises(Refused, match=r"Body 1: its geometry is kept in \d pieces"):
        read(project, tmp_path)


def named(project: Project, body: int, title: str, feature: int, **more: Any) -> None:
    """By a name that the call of a feature made."""
    project.name(11, bodyID=body, identifier=0)
    source = project.rows["HistoryNames"][-1][0]
    key = {"nodeID": feature, "entropy": more.get("entropy", [0])}
    whole = project.name(0, callKey=key, qualifier=WHOLE, sourceTopologyNames=[source])
    project.assign(feature, whole, 0, title)
    if more.get("hidden"):
        project.assign(feature, whole, 1, "1")


def test_bodies_of_the_newer_layout_have_the_names_of_the_calls_that_made_them(tmp_path: Path) -> None:
    """The calls themselves may tell no names. A hidden one must not be written as visible."""
    project, feature = newer()
    project.raw(feature, sections(lazy=[[MOVE.T.ravel().tolist()], [[2, [True, 1], [True, 0]]]]))
    named(project, 1, "Base", feature)
    named(project, 2, "Copy", feature, entropy=[1], hidden=True)
    made = read(project, tmp_path)
    assert found(made) == {"Base": 1000}
    assert [(each["name"], each["visible"]) for each in made.about["bodies"]] == [("Base", True), ("Copy", False)]


def test_a_name_by_prefix_finds_the_body_of_its_call_too(tmp_path: Path) -> None:
    project, feature = newer()
    prefix = {"nodeID": feature, "entropyPrefix": []}
    project.assign(feature, project.name(1, callKeyPrefix=prefix, qualifier=WHOLE), 0, "Base")
    assert found(read(project, tmp_path)) == {"Base": 1000}


def test_imports_of_the_newer_layout_have_their_names_and_either_kind_of_matrix(tmp_path: Path) -> None:
    project = Project(newer=True)
    feature = project.feature("MaterializeImportedBodies")
    project.row("HistoryImportedPrototypes", 1, cube(10))
    for body, matrix in ((5, MOVE.T), (6, MOVE @ MOVE), (7, np.eye(4))):
        project.row("HistoryImportedBodies", body, 1, msgpack.packb(matrix.ravel().tolist()))
        named(project, body, f"Import {body}", feature)
    made = read(project, tmp_path)
    assert list(found(made)) == ["Import 5", "Import 6", "Import 7"]
    assert extents(made) == [(0, 10), (100, 110), (200, 210)]


def shape(name: str, blob: Any, hidden: int = 0) -> tuple[Any, ...]:
    return "INSERT INTO Shapes VALUES (?, ?, ?, ?)", (name.encode(), blob, hidden, name.encode())


SHAPES = "CREATE TABLE Shapes(ShapeID BLOB NOT NULL PRIMARY KEY, ShapeData BLOB, Hidden BOOL, ShapeName BLOB)"


def test_bodies_from_before_the_history_are_read_with_name_and_visibility(tmp_path: Path) -> None:
    """What is not known of such a project is said."""
    tables = ("PersistedCalls", "BodyRevisionPartitions", "Metadata", "MetadataAssignments", "HistoryNames")
    step = json.dumps({"functionName": "Extrude", "stepName": "Extrusion 01", "parameters": []})
    made = changed(
        Project(schema=90000),
        tmp_path,
        *((f"DROP TABLE {table}",) for table in tables),
        ("UPDATE HistoryTreeNodes SET Properties = ?", (step,)),
        (SHAPES,),
        shape("Kolben", cube(10)),
        shape("Unseen", cube(5), hidden=1),
        shape("Nothing", None),
    )
    assert found(made) == {"Kolben": 1000}
    assert [(each["name"], each["visible"]) for each in made.about["bodies"]] == [("Kolben", True), ("Unseen", False)]
    assert (made.about["layout"], made.about["schema"], made.about["operations"]) == ("shapes (best effort)", 90000, 1)
    assert made.losses == ["colours and folders of a project without a history of bodies are not known here"]


def test_shapes_beside_a_history_are_named(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Body 01")
    made = changed(project, tmp_path, (SHAPES,), shape("Old", cube(5)))
    assert found(made) == {"Body 01": 1000}
    assert made.losses == ["1 shapes beside the history are not read: Old"]


def test_a_history_without_a_root_is_refused(tmp_path: Path) -> None:
    project = Project()
    one(project, 10)
    with pytest.raises(Refused, match="no order that is known"):
        changed(project, tmp_path, ("DELETE FROM HistoryTreeNodes WHERE HistoryTreeNodeType = 0",))


def test_a_number_or_a_letter_that_is_none_spoils_no_project(tmp_path: Path) -> None:
    project = Project(settings={"SchemaVersion": "²"})
    one(project, 10, title="Body 01")
    made = changed(project, tmp_path, ("UPDATE Metadata SET Data = CAST(x'42ff79' AS TEXT) WHERE MetadataTypeID = 0",))
    assert found(made) == {"B�y": 1000}
    assert made.about["schema"] is None


def test_a_partition_that_a_call_ends_without_a_word_on_its_body_has_none(tmp_path: Path) -> None:
    project = Project()
    one(project, 10, title="Kept")
    gone = one(project, 5, title="Gone")
    project.call(project.feature("Union"), [[gone.partition, DESTROYED]], [])
    assert found(read(project, tmp_path)) == {"Kept": 1000}


def test_a_schema_that_nobody_has_seen_is_best_effort_though_its_tables_are_known(tmp_path: Path) -> None:
    project = Project(schema=224000)
    one(project, 10)
    assert read(project, tmp_path).about["layout"] == "old (best effort)"
