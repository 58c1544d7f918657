"""The `.shapr` container: a ZIP whose entry `workspace` is a SQLite database. docs/shapr-format.md says how we know.

The database is a stranger's: it is opened read-only and immutable, as a copy in the scratch dir, with no trust in its
schema and with limits on what a query may cost.
"""

import json
import sqlite3
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

from shapr.converters import archive
from shapr.errors import Refused

ENTRY = "workspace"
LOGS = ("-wal", "-journal")  # of a database that was in use when it was copied
CELL = 256 << 20  # bytes of one cell
PATIENCE = 60.0  # seconds that one query may run
NEEDED = ("Settings", "HistoryTreeNodes", "PersistedCalls", "HistoryNames", "Metadata", "MetadataAssignments")
LONGEST = 60  # letters of a stranger's word in a sentence
NEWEST = 223_000  # the newest schema that was ever looked at
SQLITE = b"SQLite format 3\0"
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)  # of a damaged database; the second by its very message


@dataclass
class Workspace:
    """What the database says, table by table. `blocks` is the table that holds the geometry."""

    connection: sqlite3.Connection
    blocks: str
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> int | None:
        said = self.settings.get("SchemaVersion") or self.settings.get("Persistence_ProjectVersion") or ""
        return int(said) if number(said) else None

    @property
    def newer(self) -> bool:
        """Whether it has the table of the layout that we know from hearsay only."""
        return self.blocks == "BodyRevisionBlocks"

    def rows(self, table: str, *columns: str, where: str = "", given: tuple[Any, ...] = ()) -> Iterator[Any]:
        """Rows of a table that may be absent."""
        if not has(self.connection, table):
            return
        end = time.monotonic() + PATIENCE
        self.connection.set_progress_handler(lambda: time.monotonic() > end, 100_000)
        names = ", ".join(f'"{column}"' for column in columns)
        query = f'SELECT {names} FROM "{table}" {where}'  # noqa: S608 - our own words
        try:
            for row in self.connection.execute(query, given):  # noqa: UP028 - a cursor must not be closed after the file
                yield row
        except UNREADABLE as error:
            raise Refused("corrupt_file", f"the workspace of the .shapr file cannot be read: {table}") from error

    def columns(self, table: str) -> frozenset[str]:
        """Those that a table has, in this file."""
        return frozenset(row[1] for row in self.connection.execute(f'PRAGMA table_info("{table}")'))


@contextmanager
def opened(path: Path, scratch: Path) -> Iterator[Workspace]:
    """The workspace of a `.shapr` file, or of a bare database. `scratch` gets a copy of it."""
    database = _database(path, scratch / "workspace.sqlite")
    try:
        connection = sqlite3.connect(f"file:{database.absolute()}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error as error:
        raise Refused("corrupt_file", "the workspace of the .shapr file is no database") from error
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.text_factory = text  # a letter that is none spoils no project
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, CELL)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        yield _checked(connection)
    except UNREADABLE as error:
        raise Refused("corrupt_file", "the workspace of the .shapr file is damaged") from error
    finally:
        connection.close()


def _database(path: Path, copy: Path) -> Path:
    with path.open("rb") as file:
        if file.read(len(SQLITE)) == SQLITE:
            return path
    try:
        entries = {each.filename: each for each in archive.opened(path)}
        if ENTRY not in entries:
            raise Refused("corrupt_file", "the ZIP has no workspace: it is no Shapr3D file")
        logs = [log for log in LOGS if ENTRY + log in entries and entries[ENTRY + log].file_size]
        with zipfile.ZipFile(path) as packed_files:
            for suffix in ("", *logs):
                _unpacked(packed_files, entries[ENTRY + suffix], copy.with_name(copy.name + suffix))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise Refused("corrupt_file", "the .shapr file is damaged: its ZIP container cannot be read") from error
    if logs:
        _recovered(copy)
    return copy


def _recovered(copy: Path) -> None:
    """What SQLite had not yet written into the database when it was copied is written, what it would undo is undone."""
    try:
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise Refused("corrupt_file", "the workspace of the .shapr file is damaged, or its log is") from error


def _unpacked(files: zipfile.ZipFile, entry: zipfile.ZipInfo, copy: Path) -> None:
    """Never more than was announced, whatever the packed bytes turn into."""
    left = entry.file_size
    with files.open(entry) as packed, copy.open("xb") as out:
        while chunk := packed.read(min(1 << 20, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise Refused("decompression_bomb", "the .shapr file unpacks to more than it says")
            out.write(chunk)


def _checked(connection: sqlite3.Connection) -> Workspace:
    missing = [table for table in NEEDED if not has(connection, table)]
    blocks = next((each for each in ("BodyRevisionPartitions", "BodyRevisionBlocks") if has(connection, each)), None)
    if "Settings" in missing:
        raise Refused("corrupt_file", "the workspace is no Shapr3D project")
    workspace = Workspace(connection, blocks or "")
    for name, value in workspace.rows("Settings", "SettingName", "SettingValue"):
        workspace.settings[text(name)] = text(value)
    if (missing or blocks is None) and not any(workspace.rows("Shapes", "rowid", where="LIMIT 1")):
        schema = workspace.schema
        if schema is not None and schema > NEWEST:
            raise Refused(
                "unsupported_geometry", f"it was made by a newer Shapr3D (schema {schema}) than is known here"
            )
        raise Refused(
            "unsupported_geometry", f"its Shapr3D version (schema {schema}) keeps bodies in a way not known here"
        )
    return workspace


def has(connection: sqlite3.Connection, table: str) -> bool:
    """Whether there is such a table: a real one, not a view that would run what a stranger wrote."""
    found = connection.execute("SELECT type FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return found is not None and found[0] == "table"


def text(value: Any) -> str:
    """Text is stored as TEXT or as UTF-8 bytes, as it happens."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def shown(name: str) -> str:
    """A stranger's word in a sentence of ours."""
    return "".join(char if char.isprintable() else " " for char in name[:LONGEST])


def number(said: str) -> bool:
    """Whether text is a number of ordinary size."""
    return said.isascii() and said.isdigit() and len(said) < 19


def flag(value: Any) -> bool:
    """A truth, which may be a number or text."""
    return text(value).lower() not in ("", "0", "false")


def packed(value: Any) -> Any:
    """A msgpack cell; `corrupt_file` when it is none."""
    if not isinstance(value, bytes):
        raise Refused("corrupt_file", "a cell of the .shapr file is not what it should be")
    try:
        return msgpack.unpackb(value, strict_map_key=False)
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise Refused("corrupt_file", "a cell of the .shapr file cannot be decoded") from error


def spoken(value: Any) -> dict[str, Any]:
    """A JSON cell; empty when there is nothing in it."""
    try:
        found = json.loads(text(value) or "{}")
    except (ValueError, RecursionError) as error:
        raise Refused("corrupt_file", "a cell of the .shapr file cannot be decoded") from error
    return found if isinstance(found, dict) else {}
