"""What people see of a conversion: made after the outputs, by the same child, and never at their expense."""

import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shapr.converters import job as child
from shapr.converters import preview, thumbnail
from shapr.converters.mesh import gltf_read
from shapr.converters.progress import Reading
from shapr.converters.run import left
from shapr.converters.run.job import JOB, PROGRESS, Answer, Job, Written
from shapr.converters.run.process import answered, inside
from shapr.converters.run.zygote import ROOT
from shapr.errors import Refused
from tests.converters import kit
from tests.converters.kit import SAMPLES

BRACKET = SAMPLES / "bracket.step"


async def shown(folder: Path, source: Path, outputs: str, **more: object) -> Answer:
    return await kit.converter().convert(kit.job(folder, source, outputs, preview=True, **more), lambda _: None)


def box(path: Path) -> np.ndarray:
    """Lengths of the sides in millimetres."""
    points = np.concatenate([part.vertices for part in gltf_read.read_glb(path, "x", lambda _: None).parts])
    return np.ptp(points, axis=0)


@pytest.mark.parametrize("name", ["bracket.step", "assembly.step", "bracket.stl"])
@pytest.mark.parametrize("outputs", ["iges", "obj"])
async def test_a_conversion_that_asks_gets_a_thumbnail_and_a_preview(tmp_path: Path, name: str, outputs: str) -> None:
    answer = await shown(tmp_path, SAMPLES / name, outputs)
    assert [each.error for each in answer.written] == [None]
    assert answer.thumbnail
    assert answer.preview
    with Image.open(answer.thumbnail) as image:
        assert (image.format, image.size) == ("PNG", (512, 512))
        assert (np.asarray(image)[..., 3] == 255).mean() > 0.1
    assert answer.report
    low, high = (np.array(answer.report["source"]["bounding_box"][end]) for end in ("min", "max"))
    assert box(answer.preview) == pytest.approx(high - low, rel=0.02)
    assert answer.report["losses"] == []


async def test_who_does_not_ask_gets_none(tmp_path: Path) -> None:
    answer = await kit.converter().convert(kit.job(tmp_path, BRACKET, "stl"), lambda _: None)
    assert (answer.thumbnail, answer.preview) == (None, None)
    assert not list(tmp_path.glob("thumbnail*"))


async def test_the_outputs_are_the_same_bytes_with_and_without(tmp_path: Path) -> None:
    made = []
    for at, asked in enumerate((False, True, True)):
        folder = tmp_path / str(at)
        folder.mkdir()
        answer = await kit.converter().convert(kit.job(folder, BRACKET, "stl,step", preview=asked), lambda _: None)
        pictures = [path.read_bytes() for path in (answer.thumbnail, answer.preview) if path]
        made.append([each.path.read_bytes() for each in answer.written if each.path] + pictures)
    assert made[0] == made[1][:2]
    assert made[1] == made[2]


async def test_progress_does_not_stop_before_the_pictures(tmp_path: Path) -> None:
    told: list[int] = []
    await kit.converter().convert(kit.job(tmp_path, BRACKET, "stl", preview=True), told.append)
    assert told == sorted(told)
    assert told[-1] == 100


def prepared(folder: Path, source: Path = SAMPLES / "bracket.stl", outputs: str = "obj") -> Job:
    """A job that this very process may do."""
    job = kit.job(folder, source, outputs, preview=True)
    (folder / JOB).write_text(inside(job).model_dump_json())
    Reading(folder / PROGRESS).close()
    return job


def done(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Answer:
    job = prepared(folder)
    monkeypatch.chdir(folder)
    child.main(Path())
    return answered(job, 0, "")


def failing(error: BaseException) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", [MemoryError(), ValueError("no"), ZeroDivisionError()])
def test_a_thumbnail_that_fails_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: Exception
) -> None:
    monkeypatch.setattr(thumbnail, "draw", failing(error))
    answer = done(tmp_path, monkeypatch)
    assert answer.written[0].path
    assert answer.thumbnail is None
    assert answer.preview
    assert answer.report
    assert answer.report["losses"] == ["There is no thumbnail: it could not be made."]
    assert type(error).__name__ in capfd.readouterr().err, "the trace is for whoever mends it"


def test_a_preview_that_would_be_heavy_is_left_out_with_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "LIGHT", 10)
    answer = done(tmp_path, monkeypatch)
    assert answer.thumbnail
    assert answer.preview is None
    assert answer.report
    (loss,) = answer.report["losses"]
    assert "at most 10 are shown" in loss


def test_a_child_that_dies_of_the_pictures_has_left_its_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "make", failing(SystemExit(1)))
    with pytest.raises(SystemExit):
        done(tmp_path, monkeypatch)
    answer = left.answer(tmp_path, ("obj",))
    assert answer
    assert answer.written[0].path
    assert answer.report
    assert (answer.thumbnail, answer.preview) == (None, None)


class Killed:
    """A zygote whose child left an answer, and was then ended for breaking a limit."""

    async def run(self, scratch: Path, *_: object) -> None:
        (scratch / "output-0.stl").write_bytes(b"solid")
        written = Written(format="stl", path=Path("output-0.stl"), options={})
        child.leave(scratch, Answer(written=(written,)))
        raise Refused("out_of_memory", "it needs more than 1 MB")


async def test_a_limit_that_only_the_pictures_break_costs_only_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit.converter(), "zygote", Killed())
    answer = await shown(tmp_path, BRACKET, "stl")
    assert answer.written[0].path == tmp_path / "output-0.stl"
    with pytest.raises(Refused, match="out_of_memory"):  # without pictures it was about something else
        await kit.converter().convert(kit.job(tmp_path, BRACKET, "stl"), lambda _: None)


def test_pictures_that_take_for_ever_are_ended_and_the_outputs_are_there(tmp_path: Path) -> None:
    prepared(tmp_path)
    slow = "from shapr.converters import job, preview, thumbnail; import time, pathlib; preview.PATIENCE = 1; "
    slow += "thumbnail.draw = lambda *_: time.sleep(60); job.main(pathlib.Path())"
    ended = subprocess.run([sys.executable, "-c", slow], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, timeout=60)
    assert ended.returncode == -signal.SIGALRM
    answer = left.answer(tmp_path, ("obj",))
    assert answer
    assert answer.written[0].path


def test_a_preview_is_a_glb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = done(tmp_path, monkeypatch)
    assert answer.preview
    data = answer.preview.read_bytes()
    assert struct.unpack_from("<4sII", data) == (b"glTF", 2, len(data))
