"""The container of a `.shapr` project, and a real one."""

import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from OCP.BRep import BRep_Tool
from OCP.gp import gp_Pnt
from OCP.ShapeAnalysis import ShapeAnalysis_Surface

from shapr.converters.brep import document
from shapr.converters.brep.measure import volume
from shapr.converters.shaprfile import reader
from shapr.errors import Refused
from tests.converters.shaprkit import bodies, shapes
from tests.converters.shaprkit.project import Project

REAL = Path(__file__).parents[3] / "shared" / "corpus" / "shapr"


def read(path: Path) -> reader.Project:
    scratch = path.parent / "scratch"
    scratch.mkdir()
    return reader.read(path, scratch, False, False, lambda _: None)


def project() -> Project:
    made = Project()
    feature = made.feature("Extrude")
    made.label(feature, made.create(feature, bodies.body(shapes.box())), title="Body 01")
    return made


def zipped(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def without(path: Path, table: str) -> Path:
    workspace = project().database(path.with_name("w"))
    connection = sqlite3.connect(workspace)
    connection.execute(f'DROP TABLE "{table}"')
    connection.commit()
    connection.close()
    return zipped(path, workspace=workspace.read_bytes())


def lying(path: Path) -> Path:
    """Unpacks to more than it says."""
    data = project().database(path.with_name("w")).read_bytes()
    zipped(path, workspace=data)
    with zipfile.ZipFile(path) as archive:
        said = archive.getinfo("workspace").file_size.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(said, (4096).to_bytes(4, "little")))
    return path


def encrypted(path: Path) -> Path:
    zipped(path, workspace=b"SQLite format 3\0")
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    return path


BROKEN: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "no workspace": (lambda path: zipped(path, other=b"x"), "corrupt_file", "no Shapr3D file"),
    "no database": (lambda path: zipped(path, workspace=b"x" * 5000), "corrupt_file", "damaged"),
    "another database": (lambda path: without(path, "Settings"), "corrupt_file", "no Shapr3D project"),
    "no bodies": (lambda path: without(path, "BodyRevisionPartitions"), "unsupported_geometry", "not known here"),
    "no calls": (lambda path: without(path, "PersistedCalls"), "unsupported_geometry", "schema 173000"),
    "bomb": (lambda path: zipped(path, workspace=b"\0" * (50 << 20)), "decompression_bomb", "expands"),
    "a way out": (lambda path: zipped(path, workspace=b"x", **{"../evil": b"x"}), "unsafe_archive", "leads elsewhere"),
    "lie": (lying, "corrupt_file", "damaged"),
    "encrypted": (encrypted, "unsafe_archive", "encrypted"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_container_says_what_is_wrong(name: str, tmp_path: Path) -> None:
    make, code, words = BROKEN[name]
    with pytest.raises(Refused, match=words) as refused:
        read(make(tmp_path / "source"))
    assert refused.value.code == code
    assert str(tmp_path) not in refused.value.detail


def test_a_schema_newer_than_any_is_named(tmp_path: Path) -> None:
    made = project()
    made.schema = 999000
    workspace = made.database(tmp_path / "w")
    connection = sqlite3.connect(workspace)
    connection.execute("DROP TABLE BodyRevisionPartitions")
    connection.commit()
    connection.close()
    with pytest.raises(Refused, match=r"newer Shapr3D \(schema 999000\)"):
        read(workspace)


def test_the_bare_database_is_read_too(tmp_path: Path) -> None:
    assert len(document.roots(read(project().database(tmp_path / "source")).document)) == 1


def test_what_a_project_in_use_keeps_in_its_log_counts(tmp_path: Path) -> None:
    """Copied while the application had it open: the database alone is older."""
    workspace = project().database(tmp_path / "workspace")
    connection = sqlite3.connect(workspace)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; UPDATE Metadata SET Data = 'New';")
    entries = {name: (tmp_path / name).read_bytes() for name in ("workspace", "workspace-wal")}
    connection.close()
    made = read(zipped(tmp_path / "source", **entries))
    assert [document.name(label) for label in document.roots(made.document)] == ["New"]


def test_a_log_that_is_none_changes_nothing(tmp_path: Path) -> None:
    workspace = project().database(tmp_path / "w").read_bytes()
    made = read(zipped(tmp_path / "source", workspace=workspace, **{"workspace-wal": b"x" * 5000, "other": b"y"}))
    assert len(document.roots(made.document)) == 1


def test_a_view_is_no_table(tmp_path: Path) -> None:
    """It would run what a stranger wrote."""
    workspace = project().database(tmp_path / "w")
    connection = sqlite3.connect(workspace)
    connection.executescript(
        "ALTER TABLE HistoryNames RENAME TO x; CREATE VIEW HistoryNames AS SELECT * FROM x, x AS y, x AS z;"
    )
    connection.close()
    with pytest.raises(Refused, match="not known here"):
        read(workspace)


def test_the_source_is_not_changed(tmp_path: Path) -> None:
    path = project().save(tmp_path / "source")
    before = path.read_bytes()
    read(path)
    assert path.read_bytes() == before


@pytest.mark.skipif(not REAL.exists(), reason="the corpus is not on this machine")
def test_a_real_project_has_the_surfaces_its_author_exported(tmp_path: Path) -> None:
    """Corners of the author's STL lie on our faces."""
    path = tmp_path / "source"
    path.write_bytes((REAL / "tenting-leg.shapr").read_bytes())
    made = read(path)
    (label,) = document.roots(made.document)
    shape = document.shape(made.document)
    assert document.name(label) == "Body 01"
    assert len(shapes.faces(shape)) == 15
    assert volume(shape) == pytest.approx(3017.168, abs=0.001)
    surfaces = [ShapeAnalysis_Surface(BRep_Tool.Surface_s(face)) for face in shapes.faces(shape)]
    corners = np.unique(trimesh.load_mesh(REAL / "tenting-leg.stl").vertices, axis=0)[::7]
    for corner in corners:
        at = gp_Pnt(*(float(value) for value in corner))
        assert min(each.Value(each.ValueOfUV(at, 1e-6)).Distance(at) for each in surfaces) < 0.0001
