"""The worker reads what a child left. A child that was taken over leaves traps."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shapr.converters.run import left
from shapr.converters.run.job import ANSWER
from shapr.errors import Refused


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    made = tmp_path / "scratch"
    made.mkdir()
    (made / "out.stl").write_text("solid")
    (made / "folder").mkdir()
    (made / "link.stl").symlink_to(tmp_path / "secret")
    (made / "away").symlink_to(tmp_path)
    os.mkfifo(made / "fifo")
    return made


def say(scratch: Path, path: str | None, format: str = "stl", **more: Any) -> None:
    told = {"written": [{"format": format, "path": path, "options": {}}], **more}
    (scratch / ANSWER).write_text(json.dumps(told))


def test_its_own_file_is_taken(scratch: Path) -> None:
    say(scratch, "out.stl", thumbnail="out.stl")
    found = left.answer(scratch, ("stl",))
    assert found and found.written[0].path == found.thumbnail == scratch / "out.stl"
    assert found.preview is None


def test_no_answer_is_none(scratch: Path) -> None:
    assert left.answer(scratch, ("stl",)) is None


@pytest.mark.parametrize("place", ["written", "thumbnail", "preview"])
@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../secret", "link.stl", "away/secret", "folder", "fifo", "missing", "a\0b", "", "."]
)
def test_what_is_not_its_own_file_is_refused(scratch: Path, path: str, place: str) -> None:
    if place == "written":
        say(scratch, path)
    else:
        say(scratch, "out.stl", **{place: path})
    with pytest.raises(Refused, match="converter_crashed"):
        left.answer(scratch, ("stl",))


def test_an_answer_about_something_else_is_refused(scratch: Path) -> None:
    say(scratch, "out.stl", "obj")
    for asked in (("stl",), (), ("obj", "obj")):
        with pytest.raises(Refused, match="converter_crashed"):
            left.answer(scratch, asked)


def test_who_was_still_at_work_says_at_what(scratch: Path) -> None:
    half = [{"format": "stl", "path": "out.stl", "options": {}}, {"format": "obj", "path": None, "options": {}}]
    say(scratch, None, written=half, making="obj")
    found = left.answer(scratch, ("stl", "obj"))
    assert found and [each.path for each in found.written] == [scratch / "out.stl", None]
    say(scratch, None, written=[], making="obj")
    assert left.answer(scratch, ("stl", "obj")), "nothing was finished"
    for lie in ({"written": half}, {"written": half, "making": "ply"}, {"written": half[:1], "making": "obj"}):
        say(scratch, None, **lie)
        with pytest.raises(Refused, match="converter_crashed"):
            left.answer(scratch, ("stl", "obj"))


def test_a_reason_is_one_of_the_table(scratch: Path) -> None:
    say(scratch, "out.stl", error={"code": "corrupt_file", "detail": "it is"})
    found = left.answer(scratch, ("stl",))
    assert found and found.error and found.error.code == "corrupt_file"
    say(scratch, "out.stl", error={"code": "<script>", "detail": "x"})
    with pytest.raises(Refused, match="converter_crashed"):
        left.answer(scratch, ("stl",))


def test_an_answer_is_a_short_file_of_json(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = scratch / ANSWER
    say(scratch, "out.stl")
    monkeypatch.setattr(left, "MOST", 10)
    with pytest.raises(ValueError, match="too long"):
        left.answer(scratch, ("stl",))
    monkeypatch.undo()
    place.write_text("{")
    with pytest.raises(ValueError, match="JSON"):
        left.answer(scratch, ("stl",))
    place.unlink()
    for trap in (lambda: place.symlink_to("/dev/zero"), lambda: os.mkfifo(place), place.mkdir):
        trap()
        with pytest.raises(ValueError, match="not a file"):
            left.answer(scratch, ("stl",))
        place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()
