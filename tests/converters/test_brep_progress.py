"""Large B-Reps tell how far they are: BREP text is looked through in pieces, and no word is lost between two."""

import re
from pathlib import Path

import pytest
from OCP.TopAbs import TopAbs_ShapeEnum

from benchmarks.hostile.brep import cylinder
from shapr.converters import preflight
from shapr.converters.brep import brep, document, step
from shapr.converters.brep.indicator import Indicator
from shapr.converters.preflight import brep as look
from shapr.converters.progress import Page, Reading
from shapr.errors import Refused


@pytest.mark.parametrize("piece", [1, 40, 41, 43, 97, 1 << 20])
@pytest.mark.parametrize(("word", "refused"), [("NaN", True), ("-inf", True), ("information", False)])
def test_a_number_that_is_none_is_found_wherever_pieces_meet(
    piece: int, word: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "PIECE", piece)
    monkeypatch.setattr(brep.BRepTools, "Read_s", lambda *_: False)
    text, _ = cylinder()
    for number in list(re.finditer(r"(?<=\n)1(?= )|(?<= )10(?=\s)", text))[:6]:
        path = tmp_path / "cylinder.brep"
        path.write_text(text[: number.start()] + word + text[number.end() :])
        with pytest.raises(Refused) as found:
            brep.read(path, path.name, {})
        assert (found.value.code == "invalid_geometry") is refused, text[number.start() - 20 : number.end()]


def test_a_look_at_numbers_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, _ = cylinder()
    path = tmp_path / "cylinder.brep"
    path.write_text(text)
    counts: list[int] = []
    for piece in (1 << 20, 1):
        monkeypatch.setattr(look, "PIECE", piece)
        told: list[float] = []
        preflight.check("brep", path, told.append)
        assert told == sorted(told)
        counts.append(len(set(told)))
    assert counts[1] > counts[0] + 5


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Indicator, list[float]]:
    """Whom to tell, and what a parent sees each time that we tell."""
    reading = Reading(tmp_path / "page")
    page = Page(tmp_path / "page")
    page.phase(0.0, 1.0)
    told: list[float] = []
    tell = page.reach

    def reach(done: float) -> None:
        tell(done)
        told.append(reading.done())

    monkeypatch.setattr(page, "reach", reach)
    return Indicator(page), told


def test_reading_tells_before_the_kernel_does(
    seen: tuple[Indicator, list[float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, _ = cylinder()
    path = tmp_path / "cylinder.brep"
    path.write_text(text)
    monkeypatch.setattr(brep.BRepTools, "Read_s", lambda *_: False)
    monkeypatch.setattr(look, "PIECE", 1)
    with pytest.raises(Refused):
        brep.read(path, path.name, {}, seen[0])
    assert seen[1] == sorted(seen[1])
    assert len({each for each in seen[1] if 0 < each <= brep.LOOKED}) > 20


def test_what_is_made_of_it_and_checked_tells_after_the_kernel(
    seen: tuple[Indicator, list[float]], tmp_path: Path
) -> None:
    text, _ = cylinder()
    path = tmp_path / "cylinder.brep"
    path.write_text(text)
    model = brep.read(path, path.name, {}, seen[0])
    assert len({each for each in seen[1] if each > brep.READ}) >= 2
    told: list[float] = []
    document.check(model, told.append)
    assert told == sorted(told)
    assert any(0.5 < each < 1 for each in told)


def test_a_step_file_that_is_written_tells_as_its_entities_are_taken_apart(
    seen: tuple[Indicator, list[float]], tmp_path: Path
) -> None:
    text, _ = cylinder()
    (tmp_path / "cylinder.brep").write_text(text)
    model = brep.read(tmp_path / "cylinder.brep", "cylinder.brep", {})
    options = {"units": "mm", "step_schema": "AP214"}
    step.write(model, tmp_path / "cylinder.step", "cylinder.step", options, seen[0])
    assert seen[1] == sorted(seen[1])
    assert len(set(seen[1])) >= 3  # each before something that takes seconds
    assert document.count(document.shape(step.read(tmp_path / "cylinder.step")), TopAbs_ShapeEnum.TopAbs_FACE) == 3
