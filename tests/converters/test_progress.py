"""Percent comes from work done: bytes read and written, memory taken, what the kernel and our loops say."""

import mmap
import struct
import time
from pathlib import Path

import pytest

from benchmarks import big
from benchmarks.progress import followed, standstill
from shapr.converters.progress import AT, SIZE, STEP, Page, Reading
from tests.converters.kit import SAMPLES, convert


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Page, Reading]:
    reading = Reading(tmp_path / "progress.bin")
    return Page(tmp_path / "progress.bin"), reading


def test_a_step_takes_its_share_of_what_is_left_of_the_phase(pair: tuple[Page, Reading]) -> None:
    page, reading = pair
    page.phase(0.2, 0.6)
    seen = [reading.percent()]
    for share in (0.5, 0.5, 1.0):
        page.step(share)
        page.reach(1.0)
        seen.append(reading.percent())
    assert seen == [20, 40, 50, 60]


def test_a_scale_that_ends_early_is_stretched(pair: tuple[Page, Reading]) -> None:
    page, reading = pair
    page.phase(0.0, 1.0)
    page.step(full=0.2)
    page.reach(0.1)
    assert reading.percent() == 50


def test_what_is_read_shows_in_the_offset_and_in_memory(pair: tuple[Page, Reading], tmp_path: Path) -> None:
    page, reading = pair
    source = tmp_path / "source"
    source.write_bytes(bytes(1 << 20))
    page.phase(0.0, 1.0)
    page.reading(1.0, source)
    with source.open("rb", buffering=0) as file:
        file.read(1 << 19)
        half_read = reading.percent()
        file.read()
        read = reading.percent()
    taken = mmap.mmap(-1, 12 << 20)
    for at in range(0, len(taken), mmap.PAGESIZE):
        taken[at] = 1
    assert 25 <= half_read < 50
    assert half_read + 20 <= read
    assert reading.percent() >= 99  # the file is closed by now


def test_what_is_written_shows_in_its_size(pair: tuple[Page, Reading], tmp_path: Path) -> None:
    page, reading = pair
    page.phase(0.0, 1.0)
    page.writing(1.0, tmp_path / "output", 1 << 24)
    before = reading.percent()
    (tmp_path / "output").write_bytes(bytes(1 << 24))
    assert before < 10
    assert reading.percent() >= 50


def test_nothing_on_the_page_makes_it_fall_or_raise(pair: tuple[Page, Reading]) -> None:
    page, reading = pair
    page.phase(0.3, 0.5)
    assert reading.percent() == 30
    nan = float("nan")
    for start, width, kind, full, pid, length in (
        (nan, nan, 0, nan, 0, 0),
        (0.9, 0.1, 0, 0.0, 0, 0),
        (0.4, 0.0, 1, -1.0, 1 << 63, 1 << 63),
        (0.5, 0.1, 2, 1e-300, 1, 255),
        (1e300, -1e300, 77, nan, 0, 3),
    ):
        reading.highest = 30
        page.memory[AT : AT + STEP.size] = STEP.pack(2, start, width, kind, full, 0, pid, length)
        page.memory[AT + STEP.size : SIZE] = b"/\0" * ((SIZE - AT - STEP.size) // 2)
        struct.pack_into("d", page.memory, 16, nan)
        assert 30 <= reading.percent() <= 100


def test_a_page_that_is_being_written_is_not_believed(pair: tuple[Page, Reading]) -> None:
    page, reading = pair
    page.phase(0.1, 0.2)
    assert reading.percent() == 10
    page.memory[AT : AT + STEP.size] = STEP.pack(page.serial + 1, 0.9, 0.1, 0, 1.0, 0, 0, 0)
    assert reading.percent() == 10


@pytest.mark.parametrize(("source", "output"), [("a.step", "step"), ("a.step", "iges"), ("a.iges", "stl")])
async def test_it_rises_through_all_of_a_long_job(tmp_path: Path, source: str, output: str) -> None:
    warm, folder = tmp_path / "warm", tmp_path / "job"
    warm.mkdir()
    folder.mkdir()
    await convert(warm, SAMPLES / "bracket.step", "brep")  # what starts the zygote is not what is measured
    begun = time.monotonic()
    seen = await followed(folder, big.solids(tmp_path / source, 60), output)
    percents = [percent for _, percent in seen]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    # A look every quarter of a second: hardly two of them see the same while it runs.
    assert len(set(percents)) >= 0.5 * len(percents)
    assert standstill(seen)[0] <= max(3.0, 0.4 * (time.monotonic() - begun))
