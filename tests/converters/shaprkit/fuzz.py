"""Damages `.shapr` files at every level, and reads them in a forked child: what it ends with."""

import os
import random
import shutil
import signal
import sqlite3
import tempfile
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack

from shapr.converters.shaprfile import reader
from shapr.errors import TABLE, Refused
from tests.converters.shaprkit import bodies, meshbody, shapes
from tests.converters.shaprkit.bodies import Style
from tests.converters.shaprkit.project import Project

PATIENCE = 30  # seconds for one file
LEVELS = ("container", "database", "cells", "blobs")
STRANGE = [None, -1, 0, 1, 2**31, 2**63 - 1, "", "x", b"", [], {}, [[]], True, 1e308, float("nan")]


def sources(folder: Path) -> list[Path]:
    """Workspaces of sound projects, of every kind of geometry."""
    blobs = [
        bodies.body(shapes.fuse(shapes.box(), shapes.cylinder(3, 20, (5, 10, 25)))),
        bodies.body(shapes.crossed(), Style(edges="intersection")),
        bodies.body(shapes.turned(2.0), Style(edges="tolerant")),
        bodies.body(shapes.rounded(shapes.box(), 2), Style(surfaces="blend", trimmed="-")),
        meshbody.body([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]),
    ]
    made = []
    for at, blob in enumerate(blobs):
        project = Project(newer=at == 1)
        project.folder("a", "root")
        project.folder("b", "Parts", inside="a")
        feature = project.feature("Extrude")
        if project.newer:
            for chunk, piece in enumerate((blob[:2000], blob[2000:])):
                project.row("BodyRevisionBlocks", 7, chunk, 0, piece)
            outputs = [[7, [True, [[True, 1], [True, 2]]]]]
            project.raw(feature, [0, [0], [True, [None, outputs, [[1, 0]]]], [False], [False]])
        else:
            body = project.create(feature, blob, (14, 15))
            project.label(feature, body, title="Body", hidden=False, colour=0xFF0000FF, folder="b")
            project.paint(feature, body, 14, 0x00FF00FF)
        made.append(project.database(folder / f"{at}.sqlite"))
    return [*made, plain(folder / "plain.sqlite", blobs[0])]


def plain(path: Path, blob: bytes) -> Path:
    """A project from before the history."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE Settings(SettingName, SettingValue)")
    connection.execute("CREATE TABLE Shapes(ShapeID BLOB PRIMARY KEY, ShapeData BLOB, Hidden BOOL, ShapeName BLOB)")
    connection.execute("INSERT INTO Settings VALUES ('SchemaVersion', 90000)")
    connection.execute("INSERT INTO Shapes VALUES (x'01', ?, 0, 'Body')", (blob,))
    connection.commit()
    connection.close()
    return path


def damaged(rng: random.Random, level: str, source: Path, target: Path) -> None:
    """A damaged copy, as a ZIP or as a bare database."""
    workspace = target.with_suffix(".sqlite")
    shutil.copy(source, workspace)
    if level == "cells":
        _cells(rng, workspace)
    elif level == "blobs":
        _blobs(rng, workspace)
    elif level == "database":
        workspace.write_bytes(_bytes(rng, workspace.read_bytes()))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(workspace, "workspace")
    if level == "container":
        target.write_bytes(_bytes(rng, target.read_bytes()))
    elif rng.random() < 0.3:
        shutil.copy(workspace, target)
    workspace.unlink()


def _bytes(rng: random.Random, data: bytes) -> bytes:
    made = bytearray(data)
    match rng.randrange(5):
        case 0:
            return bytes(made[: rng.randrange(len(made))])
        case 1:
            at = rng.randrange(len(made))
            made[at:at] = made[at : at + rng.randrange(1, 64)]
        case 2:
            at = rng.randrange(len(made))
            made[at : at + rng.choice([1, 2, 4, 8])] = rng.choice([b"\0", b"\xff", b"\x7f\xff", b"\x80\0\0\0"])
        case _:
            for _ in range(rng.choice([1, 2, 8, 32])):
                made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    return bytes(made)


def _cells(rng: random.Random, path: Path) -> None:
    connection = sqlite3.connect(path)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    for _ in range(rng.choice([1, 1, 3])):
        table = rng.choice([each for each in tables if not each.startswith("BodyRev")])
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        rows = [row[0] for row in connection.execute(f'SELECT rowid FROM "{table}"')]
        if not rows:
            continue
        row, column = rng.choice(rows), rng.choice(columns)
        (value,) = connection.execute(f'SELECT "{column}" FROM "{table}" WHERE rowid = ?', (row,)).fetchone()
        try:
            connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (_cell(rng, value), row))
        except sqlite3.IntegrityError:
            continue
    connection.commit()
    connection.close()


def _cell(rng: random.Random, value: Any) -> Any:
    if isinstance(value, bytes) and rng.random() < 0.6:
        try:
            return msgpack.packb(_tree(rng, msgpack.unpackb(value, strict_map_key=False)))
        except (ValueError, TypeError, msgpack.UnpackException, OverflowError):
            return _bytes(rng, value) if value else b"\x91"
    if isinstance(value, bytes) and value and rng.random() < 0.7:
        return _bytes(rng, value)
    strange = rng.choice(STRANGE)
    return strange if isinstance(strange, int | float | str | bytes | None) and strange != 2**63 else None


def _tree(rng: random.Random, value: Any) -> Any:
    """A nested value with something strange somewhere in it."""
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [*value[:at], _tree(rng, value[at]), *value[at + 1 :]]
    return rng.choice(STRANGE)


def _blobs(rng: random.Random, path: Path) -> None:
    connection = sqlite3.connect(path)
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    table = next(each for each in ("BodyRevisionBlocks", "BodyRevisionPartitions", "Shapes") if each in tables)
    column = "ShapeData" if table == "Shapes" else "Block"
    row, blob = rng.choice(connection.execute(f'SELECT rowid, "{column}" FROM "{table}"').fetchall())
    connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (_bytes(rng, blob), row))
    connection.commit()
    connection.close()


def endings(
    count: int, seed: int, levels: tuple[str, ...] = LEVELS, told: Callable[[str], None] = print
) -> Counter[str]:
    """How reading `count` damaged files ended: `Project`, a code, `crash`, `late`, or another exception."""
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        known = sources(Path(folder))
        at = 0
        while at < count:
            at = _batch(Path(folder), known, range(at, count), seed, levels, found, told)
    return found


def _batch(
    folder: Path,
    known: list[Path],
    left: range,
    seed: int,
    levels: tuple[str, ...],
    found: Counter[str],
    told: Callable[[str], None],
) -> int:
    """Reads one after another in a child until it dies; gives where to go on."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        for at in left:
            signal.alarm(PATIENCE)
            os.write(into, f"{_ending(folder, known, random.Random(f'{seed}/{at}'), levels)}\n".encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as lines:
        said = lines.read().splitlines()
    _, status = os.waitpid(child, 0)
    found.update(said)
    for number, each in enumerate(said):
        if each.startswith("exception"):
            told(f"{seed}/{left[number]}: {each}")
    done = left.start + len(said)
    if os.WIFSIGNALED(status):
        how = "late" if os.WTERMSIG(status) == signal.SIGALRM else "crash"
        found[how] += 1
        told(f"{seed}/{done}: {how}, signal {os.WTERMSIG(status)}")
        return done + 1
    return done


def _ending(folder: Path, known: list[Path], rng: random.Random, levels: tuple[str, ...]) -> str:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        target, scratch = Path(place) / "source", Path(place) / "scratch"
        scratch.mkdir()
        damaged(rng, rng.choice(levels), rng.choice(known), target)
        try:
            reader.read(target, scratch, rng.random() < 0.5, rng.random() < 0.3, lambda _: None)
        except Refused as refused:
            return refused.code if refused.code in TABLE else f"exception: code {refused.code}"
        except Exception as failure:  # noqa: BLE001 - it is what we look for
            last = traceback.extract_tb(failure.__traceback__)[-1]
            return f"exception: {type(failure).__name__} at {Path(last.filename).name}:{last.lineno}: {failure}"[:200]
        return "Project"
