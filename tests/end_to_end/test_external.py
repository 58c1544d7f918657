"""Programs that are plugged in, and the stub, through API, workflow and worker on the real servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

import worker_main
from cli.up import environment
from shapr.adapters import temporal
from shapr.settings import Settings
from tests.web.conftest import ADDRESS
from web.app import create_app

PROGRAM = """#!/bin/sh
echo "progress: 50%"
case "$1" in *slow*) sleep 300 & wait;; esac
printf 'solid %s\\nendsolid\\n' "$2" > "$3"
"""
SHAPR, STL = b"PK\x03\x04 a workspace", b"whatever the program reads"


@pytest.fixture(scope="module")
async def chosen(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The stub reads `.shapr`, a program reads `.stl`."""
    folder = tmp_path_factory.mktemp("external")
    program = folder / "convert"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    own = {"demo_stub": True, "converter_stl": program, "scratch_dir": folder / "scratch", "grace": 1}
    return settings.model_copy(update=own)


@pytest.fixture(scope="module")
async def client(chosen: Settings) -> Client:
    return await temporal.connect(chosen)


@pytest.fixture(scope="module")
async def http(chosen: Settings, client: Client) -> AsyncIterator[httpx.AsyncClient]:
    """The API, and both workers, in this process, on the real servers."""
    app, parts = create_app(chosen), worker_main.Parts(chosen)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(parts.close)
        await stack.enter_async_context(worker_main.conversions(client, parts, chosen))
        await stack.enter_async_context(worker_main.compress(client, parts, chosen))
        await stack.enter_async_context(app.router.lifespan_context(app))
        yield await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ADDRESS, timeout=60)
        )


async def submit(http: httpx.AsyncClient, name: str, source: bytes, outputs: str, wait: int = 0) -> dict[str, Any]:
    answer = await http.post(
        "/v1/conversions",
        data={"outputs": outputs},
        files={"file": (name, source)},
        headers={"Prefer": f"wait={wait}"},
    )
    assert answer.is_success, answer.text
    return answer.json()


async def test_a_stub_result_is_labelled_in_the_report_the_file_and_the_header(http: httpx.AsyncClient) -> None:
    told = await submit(http, "leg.shapr", SHAPR, "step", 50)
    assert told["state"] == "completed", told
    assert told["report"]["stub"] is True
    answer = await http.get(told["outputs"][0]["url"])
    assert answer.text.startswith("STUB RESULT. Nothing was converted")
    assert answer.headers["X-Shapr-Stub"] == "1"


async def test_a_failing_stub_fails_the_conversion_for_its_reason(http: httpx.AsyncClient) -> None:
    told = await submit(http, "please fail.shapr", SHAPR, "stl", 50)
    assert told["state"] == "failed"
    assert (told["error"]["code"], told["error"]["step"]) == ("converter_crashed", "compress")
    assert "fails at 60 %" in told["error"]["detail"]


async def test_a_program_reads_the_format_it_is_plugged_in_for(http: httpx.AsyncClient) -> None:
    told = await submit(http, "part.stl", STL, "stl,obj", 50)
    assert told["state"] == "completed", told
    assert told["report"]["converter"] == "external"
    answer = await http.get(told["links"]["outputs"]["obj"])
    assert answer.text == "solid obj\nendsolid\n"
    assert "X-Shapr-Stub" not in answer.headers


async def test_a_cancelled_conversion_ends_the_program_and_what_it_started(
    http: httpx.AsyncClient, client: Client, chosen: Settings
) -> None:
    told = await submit(http, "slow.stl", STL, "stl")
    async with asyncio.timeout(30):
        while not at_work(chosen):
            await asyncio.sleep(0.05)
    await client.get_workflow_handle(told["workflow_id"]).cancel()
    ended = (await http.get(told["links"]["self"], params={"wait": 30})).json()
    assert ended["state"] == "cancelled"
    assert not at_work(chosen)


def at_work(settings: Settings) -> list[Path]:
    """Processes in a scratch dir of these settings."""
    assert settings.scratch_dir
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink().is_relative_to(settings.scratch_dir):
                    found.append(entry)
            except OSError:
                continue
    return found


def test_what_is_plugged_in_reaches_the_processes_of_make_up(chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(chosen).items():
        monkeypatch.setenv(name, value)
    assert (Settings().converter_stl, Settings().demo_stub) == (chosen.converter_stl, True)
    assert Settings().converter_shapr is None
