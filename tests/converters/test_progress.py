"""Percent comes from work done: bytes read and written, memory taken, what the kernel and our loops say."""

import itertools
import mmap
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import big
from benchmarks.progress import followed, standstill
from shapr.converters import proc, progress
from shapr.converters.progress import AT, LONG, NAME, READ_MEMORY, SCALE, SIZE, STEP, Page, Reading
from shapr.converters.run.allocator import allocator
from shapr.converters.run.zygote import environment
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


def test_a_scale_says_what_a_position_means(pair: tuple[Page, Reading]) -> None:
    page, reading = pair
    page.phase(0.0, 1.0)
    page.step(scale=((0.25, 0.0), (0.5, 0.75), (1.0, 0.875)))
    seen = []
    for position in (0.125, 0.25, 0.375, 0.5, 0.75, 1.0):
        page.reach(position)
        seen.append(reading.percent())
    assert seen == [0, 0, 37.5, 75, 81.25, 87.5]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(proc, "DESCRIPTORS", 4096)  # a test run has more open than a converter
    (tmp_path / "source").write_bytes(bytes(1 << 20))
    return tmp_path / "source"


def test_what_is_read_shows_in_the_offset_in_memory_and_at_its_close(pair: tuple[Page, Reading], source: Path) -> None:
    page, reading = pair
    page.phase(0.0, 1.0)
    page.reading(1.0, source)
    with source.open("rb", buffering=0) as file:
        file.read(1 << 19)
        half_read = reading.percent()
        file.read()
        read = reading.percent()
    closed = reading.percent()
    _take(12 << 20)
    assert 7 <= half_read < 15 <= read < 25
    assert read + 24 <= closed < 60
    assert reading.percent() >= 99


def _take(memory: int) -> None:
    taken = mmap.mmap(-1, memory)
    for at in range(0, len(taken), mmap.PAGESIZE):
        taken[at] = 1


def test_what_is_written_shows_in_its_size(pair: tuple[Page, Reading], tmp_path: Path) -> None:
    page, reading = pair
    page.phase(0.0, 1.0)
    page.writing(1.0, tmp_path / "output", 1 << 24)
    before = reading.percent()
    (tmp_path / "output").write_bytes(bytes(1 << 24))
    assert before < 10
    assert reading.percent() >= before + 25


def test_memory_shows_what_nothing_else_does(pair: tuple[Page, Reading]) -> None:
    page, reading = pair
    page.phase(0.0, 1.0)
    page.taking(1.0, 16 << 20, scale=((1.0, 1.0),))
    page.reach(0.5)
    before = reading.percent()
    _take(8 << 20)
    assert 25 <= before < 35
    assert before + 24.9 <= reading.percent() < 70


def test_where_the_position_stands_memory_shows(pair: tuple[Page, Reading]) -> None:
    page, reading = pair
    page.phase(0.0, 1.0)
    page.taking(1.0, 1 << 40, ((0.5, 0.2), (0.5, 0.8), (1.0, 1.0)), by_position=0.9, standing=8 << 20)
    page.reach(0.25)
    seen = [reading.percent()]
    _take(8 << 20)  # of before it stood
    page.reach(0.5 - 1e-12)
    seen.append(reading.percent())
    _take(4 << 20)
    seen.append(reading.percent())
    page.reach(0.75)
    seen.append(reading.percent())
    assert seen == [9, 18, pytest.approx(45, abs=5), 81]


def test_what_is_taken_once_a_large_file_is_closed_shows(
    pair: tuple[Page, Reading], source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "shows_again", lambda _: True)
    page, reading = pair
    page.phase(0.0, 1.0)
    page.reading(1.0, source)
    with source.open("rb", buffering=0) as file:
        file.read()
        reading.percent()
    closed = reading.percent()
    _take(int(progress.GRAPH_MEMORY * (1 << 20)))
    assert closed + 9 <= reading.percent() < closed + 20


HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif(not HUGE.exists() or "[never]" in HUGE.read_text(), reason="there are no huge pages")
def test_a_huge_page_of_memory_counts_as_what_it_holds(pair: tuple[Page, Reading]) -> None:
    page, reading = pair
    page.phase(0.0, 1.0)
    page.taking(1.0, 64 << 20)
    before = reading.percent()
    taken = mmap.mmap(-1, 64 << 20)
    taken.madvise(mmap.MADV_HUGEPAGE)
    for at in range(0, len(taken), mmap.PAGESIZE):
        taken[at] = 1
    assert before < 10
    assert reading.percent() > 80


TAKEN_AGAIN = """
import ctypes, os, sys
from pathlib import Path
from shapr.converters.progress import Page, Reading
libc, pages, size = ctypes.CDLL(None), 3_000, 1 << 16
libc.malloc.restype = ctypes.c_void_p
def take():
    taken = [libc.malloc(ctypes.c_size_t(size)) for _ in range(pages)]
    for each in taken:
        ctypes.memset(each, 1, size)
    return taken
reading = Reading(Path("progress.bin"))
page = Page(Path("progress.bin"))
with open("source", "wb") as source:
    source.truncate(int(sys.argv[1]))
page.phase(0.0, 1.0)
page.reading(1.0, Path("source"))
for each in take():
    libc.free(ctypes.c_void_p(each))
before = reading.done()
take()
print(reading.done() - before)
"""


@pytest.mark.skipif(allocator() is None, reason="the C library's own allocator cannot be told to")
def test_what_is_freed_and_taken_again_while_a_large_file_is_read_shows_again(tmp_path: Path) -> None:
    def risen(size: int) -> float:
        command = (sys.executable, "-c", TAKEN_AGAIN, str(size))
        return float(subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, check=True).stdout)

    size = 3_000 << 16
    assert 0.3 < risen(int(2 * size / READ_MEMORY)) < 0.5
    assert risen(int(LONG / READ_MEMORY) - 1) < 0.05  # where it would be over before anybody looked


def test_nothing_on_the_page_makes_it_fall_or_raise(pair: tuple[Page, Reading]) -> None:
    page, reading = pair
    page.phase(0.3, 0.5)
    assert reading.percent() == 30
    nan = float("nan")
    for start, width, weight, full, pid, length in (
        (nan, nan, 1.0, nan, 0, 0),
        (0.9, 0.1, nan, 0.0, 0, 0),
        (0.4, 0.0, 0.5, -1.0, 1 << 63, 1 << 63),
        (0.5, 0.1, 0.0, 1e-300, 1, 255),
        (1e300, -1e300, -77.0, nan, 0, 3),
    ):
        for position, mark in itertools.product((nan, -1.0, 1e300, -1e300, 0.5), (nan, 0.0, -1.0, 1e-300, 1e300)):
            reading.reached = 0.3
            numbers = (start, width, weight, weight, full, full, 0, pid, length, length, length, full)
            page.memory[AT : AT + STEP.size] = STEP.pack(2, *numbers)
            page.memory[NAME:SCALE] = b"/\0" * ((SCALE - NAME) // 2)
            page.memory[SCALE:SIZE] = struct.pack("d", mark) * ((SIZE - SCALE) // 8)
            struct.pack_into("d", page.memory, 16, position)
            assert 30 <= reading.percent() <= 100


def test_a_page_that_is_being_written_is_not_believed(pair: tuple[Page, Reading]) -> None:
    page, reading = pair
    page.phase(0.1, 0.2)
    assert reading.percent() == 10
    page.memory[AT : AT + STEP.size] = STEP.pack(page.serial + 1, 0.9, 0.1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0)
    assert reading.percent() == 10


@pytest.mark.parametrize(("source", "output"), [("a.step", "step"), ("a.step", "iges"), ("a.iges", "stl")])
async def test_it_rises_through_all_of_a_long_job(tmp_path: Path, source: str, output: str) -> None:
    warm, folder = tmp_path / "warm", tmp_path / "job"
    warm.mkdir()
    folder.mkdir()
    await convert(warm, SAMPLES / "bracket.step", "brep")  # what starts the zygote is not what is measured
    begun = time.monotonic()
    seen = await followed(folder, big.solids(tmp_path / source, 60), output)
    percents = [look.percent for look in seen]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    # A look every quarter of a second: hardly two of them see the same while it runs.
    assert len(set(percents)) >= 0.5 * len(percents)
    assert standstill(seen, lambda look: look.wall)[0] <= max(3.0, 0.4 * (time.monotonic() - begun))
