"""Who converts what: our own converter, a program that is plugged in, or the stub."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from shapr.conversion import Conversion, Output, Source, State
from shapr.converters import formats
from shapr.converters.run import child, converters
from shapr.converters.run.converters import Converters, own_version
from shapr.converters.run.job import Converted
from shapr.errors import Refused, Unavailable
from shapr.settings import Settings
from tests.converters.programs import COPY, SOURCE, code, convert, job, program


async def chosen(settings: Settings, folder: Path, name: str, source: bytes = SOURCE) -> Converted:
    asked = job(folder, name=name, source=source)
    conversion = Conversion(
        id="cnv_1",
        tenant="acme",
        state=State.RUNNING,
        created_at=datetime.now(UTC),
        source=Source(name=name, format=asked.source_format),
        outputs=(Output(format="stl", options={"units": "in"}),),
    )
    return await Converters(settings).convert(conversion, asked.source, asked.scratch, lambda _: None)


async def test_a_program_replaces_our_reader_of_its_format_and_no_other(tmp_path: Path) -> None:
    settings = Settings(converter_stl=program(tmp_path, COPY))
    converters = Converters(settings)
    assert converters.sources == {**formats.BUILT_IN, "stl": "external"}
    converted = await chosen(settings, tmp_path, "part.stl", b"not an STL")
    assert converted.written[0].path and converted.written[0].path.read_bytes() == b"not an STL"
    assert converted.written[0].options == {}, "it was given no options, so none took effect"
    assert converted.version == converters.version("stl")
    assert converted.version.startswith("convert-")
    assert converted.report == {"converter": "external", "version": converted.version}
    assert converters.version("step") == own_version()


async def test_the_version_changes_with_the_program(tmp_path: Path) -> None:
    converters = Converters(Settings(converter_shapr=program(tmp_path, COPY)))
    first = converters.version("shapr")
    assert first == converters.version("shapr")
    program(tmp_path, f"{COPY} ")
    assert converters.version("shapr") != first


@pytest.mark.parametrize("writes", ["exit 1", "exit 0", "kill -SEGV $$"])
async def test_what_fails_on_a_full_disk_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: str
) -> None:
    settings = Settings(converter_stl=program(tmp_path, writes))
    failed = await chosen(settings, tmp_path, "part.stl", b"solid")
    assert failed.written[0].error, "there is room: it is the program's, or the file's"
    monkeypatch.setattr(converters, "ROOM", 1 << 60)  # bytes: no disk has them
    with pytest.raises(Unavailable) as caught:
        await chosen(settings, tmp_path, "part.stl", b"solid")
    assert (caught.value.code, caught.value.detail) == ("storage_full", "the local disk is full")


async def test_a_source_that_is_refused_is_refused_on_a_full_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converters, "ROOM", 1 << 60)
    with pytest.raises(Refused, match="empty_file"):
        await chosen(Settings(converter_stl=program(tmp_path, COPY)), tmp_path, "part.stl", b"")


def test_our_own_version_names_the_kernel() -> None:
    assert own_version().startswith("built-in-8.0.1.1.0-")


@pytest.mark.parametrize(
    ("given", "served"),
    [
        ({}, "built-in"),
        ({"demo_stub": True}, "stub"),
        ({"converter_shapr": "/opt/vendor/convert"}, "external"),
        ({"demo_stub": True, "converter_shapr": "/opt/vendor/convert"}, "external"),
        ({"converter_shapr": ""}, "built-in"),
    ],
)
def test_the_stub_is_chosen_only_when_asked_for_and_serves_nothing_else(
    given: dict[str, Any], served: str | None
) -> None:
    sources = formats.sources(Settings.model_validate(given))
    assert sources.get("shapr") == served
    assert {**sources, "shapr": "built-in"} == formats.BUILT_IN


def test_every_source_format_can_be_given_a_program() -> None:
    readable = {f"converter_{f.name}" for f in formats.FORMATS.values() if f.reads}
    limits = {"converter_timeout", "converter_cpu", "converter_memory", "converter_output"}
    assert {name for name in Settings.model_fields if name.startswith("converter_")} == readable | limits


async def test_a_format_that_nobody_reads_here_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As 3MF where there is no lib3mf, accepted by an API that runs elsewhere."""
    monkeypatch.delitem(formats.BUILT_IN, "shapr")
    converted = await chosen(Settings(), tmp_path, "leg.shapr")
    assert code(converted.written[0]) == "converter_unavailable"


async def test_the_stub_says_so_everywhere(tmp_path: Path) -> None:
    settings = Settings(demo_stub=True)
    with capture_logs() as logs:
        converters = Converters(settings)
        converters.announce()
        converted = await chosen(settings, tmp_path, "leg.shapr")
    assert converted.written[0].path
    text = converted.written[0].path.read_text()
    assert text.startswith("STUB RESULT. Nothing was converted")
    assert converted.report and converted.report["stub"] is True
    assert converted.report["losses"] == ["This is a stub result: nothing was converted."]
    assert converted.version.startswith("stub-")
    seen = [(each["event"], each["log_level"]) for each in logs]
    assert ("stub_converter", "warning") in seen
    assert ("stub_result", "warning") in seen


async def test_the_stub_fails_at_60_percent_when_the_name_asks_for_it(tmp_path: Path) -> None:
    stub = Converters(Settings(demo_stub=True)).plugged["shapr"]
    seen: list[int] = []
    (written,) = await stub.convert(job(tmp_path, name="please fail.shapr"), seen.append)
    assert code(written) == "converter_crashed"
    assert written.error and "fails at 60 %" in written.error.detail
    assert seen[-1] == 60


async def test_a_stub_result_repeats_and_takes_about_two_seconds(tmp_path: Path) -> None:
    stub = Converters(Settings(demo_stub=True)).plugged["shapr"]
    begun = time.monotonic()
    first, second = [(await stub.convert(job(tmp_path), lambda _: None))[0].path for _ in range(2)]
    assert first and second and first.read_bytes() == second.read_bytes()
    assert 3 < time.monotonic() - begun < 8


@pytest.mark.parametrize("fault", ["missing", "not executable"])
def test_a_program_that_cannot_work_is_loud_at_the_start(tmp_path: Path, fault: str) -> None:
    path = program(tmp_path, COPY)
    path.chmod(0o644)
    if fault == "missing":
        path.unlink()
    with capture_logs() as logs:
        Converters(Settings(converter_step=path)).announce()
    assert [(each["event"], each["log_level"], each["format"]) for each in logs] == [
        ("converter_unavailable", "error", "step")
    ]


def test_a_relative_program_is_found_from_where_it_was_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPR_CONVERTER_SHAPR", "vendor/convert")
    assert Settings().converter_shapr == tmp_path / "vendor" / "convert"


async def test_a_busy_loop_is_not_starved_by_a_flood(tmp_path: Path) -> None:
    """The flood is taken at each look, a pipe's worth: the worker has time for its other conversions."""
    path = program(tmp_path, f"{sys.executable} -Ic \"while True: print('x' * 100000)\"")
    begun = time.process_time()
    await convert(path, job(tmp_path, wall=1.0))
    assert time.process_time() - begun < 1.0
    assert child.PIPE <= 1 << 20


def test_the_stub_says_in_one_line_why_it_failed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "shapr.converters.stub", tmp_path / "missing.shapr", "stl", tmp_path / "out.stl"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    (said,) = ran.stderr.splitlines()
    assert "No such file" in said
