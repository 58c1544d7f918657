"""Whether a word stands in a file, without a copy of it."""

import tracemalloc
from pathlib import Path

from shapr.converters.preflight.tessellated import mentioned


def test_a_large_file_is_not_copied_to_see_whether_it_has_triangles(tmp_path: Path) -> None:
    path = tmp_path / "a.step"
    path.write_bytes(b" " * 10_000_000)
    tracemalloc.start()
    try:
        assert not mentioned(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000
    path.write_bytes(b" " * 10_000_000 + b"COORDINATES_LIST")
    assert mentioned(path)


def test_an_empty_file_mentions_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.step").touch()
    assert not mentioned(tmp_path / "a.step")
