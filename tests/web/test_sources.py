"""What is accepted as a source follows from who reads it: we, a program that is plugged in, or the stub."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shapr import keys
from shapr.conversion import Output, Request, Results, State, Step
from shapr.converters.formats import FORMATS
from shapr.settings import Settings
from tests.web.conftest import STL, Api, serving
from tests.web.test_conversions import Worker
from tests.web.test_problems import assert_problem

SHAPR = ("leg.shapr", b"PK\x03\x04 a workspace")


@pytest.fixture(scope="module")
async def stub(settings: Settings) -> AsyncIterator[Api]:
    async with serving(settings.model_copy(update={"demo_stub": True})) as running:
        yield running


@pytest.fixture(scope="module")
async def external(settings: Settings) -> AsyncIterator[Api]:
    """An API whose operator has plugged in programs; that they exist is the worker's concern."""
    plugged = {name: Path("/opt/vendor/convert") for name in ("converter_shapr", "converter_stl")}
    async with serving(settings.model_copy(update=plugged)) as running:
        yield running


async def converters(api: Api) -> dict[str, Any]:
    told = (await api.http.get("/v1/formats")).json()
    assert {each["name"] for each in told["formats"] if each["reads"]} == set(told["pairs"])
    return {each["name"]: each["converter"] for each in told["formats"] if each["reads"]}


async def test_we_read_shapr_files_ourselves(api: Api) -> None:
    told = await api.created(file=SHAPR, outputs="stl,step", options='{"include_hidden": true}')
    assert told["source"]["format"] == "shapr"
    assert all(output["options"]["include_hidden"] for output in told["outputs"])
    assert (await converters(api))["shapr"] == "built-in"


async def test_the_stub_takes_shapr_files_and_the_formats_say_so(stub: Api) -> None:
    told = await stub.created(file=SHAPR, outputs="stl,step")
    assert told["source"]["format"] == "shapr"
    assert [output["options"] for output in told["outputs"]] == [{}, {}]
    assert stub.started[-1].source_format == "shapr"
    by = await converters(stub)
    assert by.pop("shapr") == "stub"
    assert set(by.values()) == {"built-in"}
    assert "stub results" in (await stub.http.get("/")).text


async def test_a_program_that_is_plugged_in_may_write_every_format(external: Api) -> None:
    every = {name: {} for name, format in FORMATS.items() if format.writes}
    told = (await external.http.get("/v1/formats")).json()
    assert told["pairs"]["shapr"] == every
    assert told["pairs"]["stl"] == every
    assert (await converters(external))["stl"] == "external"
    assert "stub results" not in (await external.http.get("/")).text


async def test_a_program_that_is_plugged_in_takes_no_options(external: Api) -> None:
    problem = assert_problem(await external.submit(SHAPR, options='{"quality": "fine"}'), "invalid_options")
    assert "takes no options" in problem["detail"]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (("leg.shapr", b""), "empty_file"),
        (("leg.shapr", b"\x89PNG\r\n"), "format_mismatch"),
        (("leg.shapr", b"ISO-10303-21;"), "format_mismatch"),
        (("cube.stl", b"%PDF-1.7"), "format_mismatch"),
        (("leg.shapr", b"SQLite format 3\0"), None),
        (("leg.shapr", b"what only the program knows"), None),
        (("cube.stl", b"what only the program knows"), None),
        (("part.step", b"what only the program knows"), "format_mismatch"),
    ],
)
async def test_the_program_decides_what_it_reads_unless_it_is_plainly_something_else(
    external: Api, file: Any, code: str | None
) -> None:
    answer = await external.submit(file, outputs="glb")
    if code:
        assert_problem(answer, code)
    else:
        assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("report", [{"converter": "stub", "stub": True}, None])
async def test_a_stub_result_says_so_in_its_report_and_its_headers(
    stub: Api, tmp_path: Path, report: dict[str, Any] | None
) -> None:
    told = await stub.created(file=SHAPR, outputs="stl")
    worker = Worker(stub, told)
    await worker.step(Step.STORE)
    row = await stub.rows.get("local", told["id"])
    assert row
    output = Output(format="stl", state="completed", size=len(STL), sha256=hashlib.sha256(STL).hexdigest())
    (tmp_path / "stl").write_bytes(STL)
    await stub.bucket.put(
        keys.output(row.tenant, row.id, output), tmp_path / "stl", encoding=None, media_type="model/stl"
    )
    results = Results(request=Request.of(row), outputs=(output,), report=report)
    assert await stub.rows.store(worker.run, row.id, results, results.report)
    await worker.step(Step.NOTIFY)
    await worker.end(State.COMPLETED)
    told = await stub.get(told["id"])
    assert told["report"] == report
    answer = await stub.http.get(told["outputs"][0]["url"])
    assert answer.content == STL
    assert answer.headers.get("X-Shapr-Stub") == ("1" if report else None)
