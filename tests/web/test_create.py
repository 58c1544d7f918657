"""Creating a conversion: what is accepted becomes an object, a row and a workflow; what is refused leaves nothing."""

import asyncio
import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shapr import keys
from shapr.adapters.transitions import Transitions
from shapr.conversion import Conversion, Outcome, Request, Run, State, Step
from shapr.errors import Unavailable
from shapr.settings import Settings
from tests.web.conftest import STEP, STL, Api, NotedExecutions, serving
from tests.web.test_problems import assert_problem
from web.app import create_app


async def test_a_submission_is_an_object_a_row_and_a_workflow(api: Api) -> None:
    answer = await api.submit(("cube.stl", STL), outputs="obj,step", batch="night", priority="4", reuse="false")
    assert answer.status_code == 202
    told = answer.json()
    assert answer.headers["location"] == told["links"]["self"]
    assert told["source"] == {
        "name": "cube.stl",
        "format": "stl",
        "size": len(STL),
        "sha256": hashlib.sha256(STL).hexdigest(),
    }
    row = await api.rows.get("local", told["id"])
    assert row is not None
    assert (row.state, row.batch, row.priority, row.reuse) == (State.QUEUED, "night", 4, False)
    assert await api.bucket.verify(keys.source("local", row.id)) == (row.source.size, row.source.sha256)
    expected = Request(
        id=row.id, tenant="local", source_name="cube.stl", source_format="stl", outputs=("obj", "step"), priority=4
    )
    assert api.started[-1] == expected


async def test_the_effective_options_are_echoed(api: Api) -> None:
    told = await api.created(outputs="stl,step", options=json.dumps({"units": "in", "encoding": "ascii"}))
    options = {output["format"]: output["options"] for output in told["outputs"]}
    assert options["stl"] == {"units": "in", "up_axis": "z", "encoding": "ascii", "heal": False, "source_units": "mm"}
    assert options["step"] == {"units": "in", "step_schema": "AP214", "heal": False, "source_units": "mm"}


async def test_outputs_may_be_repeated_a_list_and_called_by_their_extension(api: Api) -> None:
    told = await api.created(outputs=["OBJ, stp", "igs"])
    assert [output["format"] for output in told["outputs"]] == ["obj", "step", "iges"]


async def test_an_expiry_is_counted_from_the_creation(api: Api) -> None:
    told = await api.created(expires_in="3600")
    created, expires = (datetime.fromisoformat(told[name]) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(hours=1)
    assert told["created_at"].endswith("Z")
    assert abs(datetime.now(UTC) - created) < timedelta(seconds=30)


async def test_the_fields_may_come_after_the_file(api: Api) -> None:
    answer = await raw(api, part("file", STL, "cube.stl"), part("outputs", b"obj"), part("priority", b"5"))
    assert answer.status_code == 202, answer.text
    assert api.started[-1].priority == 5


async def test_the_name_is_cleaned_and_kept(api: Api) -> None:
    told = await api.created(file=("..\\dir/Größe №5\u202e.STL", STL))
    assert told["source"]["name"] == "Größe №5.STL"


@pytest.mark.parametrize(
    ("file", "fields", "code"),
    [
        (("empty.stl", b""), {}, "empty_file"),
        (("cube.xyz", STL), {}, "unsupported_format"),
        (("cube", STL), {}, "unsupported_format"),
        (("model.glb", STL), {}, "format_mismatch"),
        (("cube.step", STL), {}, "format_mismatch"),
        (("part.stl", STEP), {}, "format_mismatch"),
        (("", STL), {}, "invalid_request"),
        (("..", STL), {}, "invalid_request"),
        (("cube.stl", STL), {"outputs": ""}, "invalid_request"),
        (("cube.stl", STL), {"outputs": "dwg"}, "unsupported_pair"),
        (("cube.stl", STL), {"outputs": "step,stp"}, "invalid_request"),
        (("cube.stl", STL), {"options": "{"}, "invalid_options"),
        (("cube.stl", STL), {"options": "[]"}, "invalid_options"),
        (("cube.stl", STL), {"options": '{"colour": "red"}'}, "invalid_options"),
        (("cube.stl", STL), {"options": '{"units": "parsec"}'}, "invalid_options"),
        (("cube.stl", STL), {"options": '{"step_schema": "AP203"}'}, "invalid_options"),
        (("part.step", STEP), {"options": '{"linear_deflection": NaN}'}, "invalid_options"),
        (("part.step", STEP), {"options": '{"quality": "fine", "linear_deflection": 1}'}, "invalid_options"),
        (("cube.stl", STL), {"priority": "2"}, "invalid_request"),
        (("cube.stl", STL), {"priority": "6"}, "invalid_request"),
        (("cube.stl", STL), {"priority": ["3", "4"]}, "invalid_request"),
        (("cube.stl", STL), {"reuse": "perhaps"}, "invalid_request"),
        (("cube.stl", STL), {"expires_in": "0"}, "invalid_request"),
        (("cube.stl", STL), {"expires_in": str(10**12)}, "invalid_request"),
        (("cube.stl", STL), {"batch": "a\x00b"}, "invalid_request"),
        (("cube.stl", STL), {"batch": "b" * 201}, "invalid_request"),
        (("cube.stl", STL), {"colour": "red"}, "invalid_request"),
        (("cube.stl", STL), {"webhook_url": "https://example.test/hook"}, "invalid_request"),
        (("cube.stl", STL), {"webhook_url": "file:///etc/passwd"}, "invalid_request"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_leaves_nothing(
    api: Api, left_behind: Callable[[], set[str]], file: Any, fields: dict[str, Any], code: str
) -> None:
    started = len(api.started)
    assert_problem(await api.submit(file, **fields), code)
    assert left_behind() == set()
    assert len(api.started) == started


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([("outputs", b"obj", None)], "invalid_request"),
        ([("file", STL, "cube.stl")], "invalid_request"),
        ([("file", STL, None), ("outputs", b"obj", None)], "invalid_request"),
        ([("file", STL, "a.stl"), ("file", STL, "b.stl"), ("outputs", b"obj", None)], "invalid_request"),
        ([("outputs", b"\xff", None), ("file", STL, "cube.stl")], "invalid_request"),
        ([("batch", b"x" * 70_000, None), ("file", STL, "cube.stl")], "invalid_request"),
        ([("outputs", b"obj", None)] * 65, "invalid_request"),
    ],
)
async def test_a_form_that_is_not_ours_is_refused(api: Api, parts: list[tuple[str, bytes, str | None]], code: str):
    assert_problem(await raw(api, *(part(*each) for each in parts)), code)


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("application/json", "unsupported_media_type"),
        ("text/plain", "unsupported_media_type"),
        ("", "unsupported_media_type"),
        ("multipart/form-data", "malformed_request"),
        ("multipart/form-data; boundary=" + "b" * 500, "malformed_request"),
        ("multipart/form-data; boundary=other", "malformed_request"),
    ],
)
async def test_a_body_that_is_no_form_is_refused(api: Api, content_type: str, code: str) -> None:
    body = part("file", STL, "cube.stl") + b"--edge--\r\n"
    assert_problem(await api.http.post("/v1/conversions", content=body, headers={"Content-Type": content_type}), code)


async def test_a_form_that_ends_early_is_refused_and_leaves_nothing(api: Api, left_behind: Callable[[], set[str]]):
    body = part("outputs", b"obj") + part("file", STL, "cube.stl")
    answer = await api.http.post("/v1/conversions", content=body[:-20], headers=EDGE)
    assert_problem(answer, "malformed_request")
    assert left_behind() == set()


async def test_a_large_file_refused_at_its_end_leaves_no_half_upload(api: Api, left_behind: Callable[[], set[str]]):
    large = STL + b"\n" * (20 << 20)
    answer = await raw(api, part("file", large, "cube.stl"), part("outputs", b"obj"), part("priority", b"9"))
    assert_problem(answer, "invalid_request")
    assert left_behind() == set()


async def test_a_large_file_arrives_whole(api: Api) -> None:
    large = STL + b"\n" * (20 << 20)
    told = await api.created(file=("cube.stl", large))
    stored = await api.bucket.verify(keys.source("local", told["id"]))
    assert stored == (len(large), hashlib.sha256(large).hexdigest())


async def test_options_may_be_a_file_of_their_own(api: Api) -> None:
    answer = await raw(
        api, part("file", STL, "cube.stl"), part("outputs", b"obj"), part("options", b'{"units": "m"}', "o.json")
    )
    assert answer.json()["outputs"][0]["options"]["units"] == "m"


async def test_a_field_left_blank_is_not_given(api: Api) -> None:
    told = await api.created(batch="", priority="", options="", webhook_url="")
    assert (told["batch"], api.started[-1].priority) == (None, 3)


@pytest.mark.parametrize("fault", ["raises", "hangs"])
async def test_a_conversion_is_accepted_while_temporal_is_down(api: Api, fault: str) -> None:
    class Down(NotedExecutions):
        async def start(self, request: Request, attempt: int) -> None:
            if fault == "raises":
                raise RuntimeError("temporal is down")
            await asyncio.sleep(60)

    whole = api.parts
    api.app.state.parts = dataclasses.replace(whole, executions=Down())
    try:
        told = await asyncio.wait_for(api.created(), 5)
    finally:
        api.app.state.parts = whole
    assert isinstance(whole.transitions, Transitions)
    standing = [each.conversion.id for each in await whole.transitions.unended(100_000, 0)]
    assert told["id"] in standing, "reconcile finds it"


async def test_without_temporal_at_all_it_is_accepted_too(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"temporal_address": "127.0.0.1:1"}))
    async with serving(settings) as api, app.router.lifespan_context(app):
        api.app.state.parts = dataclasses.replace(api.parts, executions=app.state.parts.executions)
        told = await asyncio.wait_for(api.created(), 5)
        assert (await api.get(told["id"]))["state"] == "queued"


class Forgetful:
    """Rows whose answer to `create` is lost: before or after the commit."""

    def __init__(self, rows: Any, commits: bool) -> None:
        self.rows = rows
        self.commits = commits
        self.get = rows.get

    async def create(self, conversion: Conversion) -> None:
        if self.commits:
            await self.rows.create(conversion)
        raise Unavailable("connection lost")


@pytest.mark.parametrize("commits", [True, False])
async def test_a_lost_answer_of_the_database_keeps_row_and_object_together(
    api: Api, left_behind: Callable[[], set[str]], commits: bool
) -> None:
    whole = api.parts
    api.app.state.parts = dataclasses.replace(whole, rows=Forgetful(whole.rows, commits))
    try:
        answer = await api.submit()
    finally:
        api.app.state.parts = whole
    if commits:
        assert answer.status_code == 202
        assert left_behind() == {keys.source("local", answer.json()["id"])}
    else:
        assert_problem(answer, "storage_unavailable")
        assert left_behind() == set()


async def test_a_caller_who_prefers_to_wait_gets_the_end(api: Api) -> None:
    class AtOnce(NotedExecutions):
        async def start(self, request: Request, attempt: int) -> None:
            running.append(asyncio.create_task(complete(api, request)))

    running: list[asyncio.Task[None]] = []
    whole = api.parts
    api.app.state.parts = dataclasses.replace(whole, executions=AtOnce())
    try:
        answer = await api.submit(headers={"Prefer": "respond-async, wait=10"})
    finally:
        api.app.state.parts = whole
    await running[0]
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=10")
    assert answer.json()["state"] == "failed"


async def test_a_caller_who_waited_in_vain_gets_202(api: Api) -> None:
    answer = await api.submit(headers={"Prefer": "wait=1"})
    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers


async def complete(api: Api, request: Request) -> None:
    """What a worker would do, in short: the conversion fails."""
    run = Run(workflow=f"conversion-{request.id}", id="run-1", scheduled=datetime.now(UTC))
    await asyncio.sleep(0.2)
    assert await api.rows.claim(request.id, run, Step.NOTIFY)
    assert await api.rows.write(run, Outcome(request=request, state=State.FAILED))
    await api.parts.progress.announce(request.id)


EDGE = {"Content-Type": "multipart/form-data; boundary=edge"}


def part(name: str, data: bytes, file_name: str | None = None) -> bytes:
    named = f'; filename="{file_name}"' if file_name is not None else ""
    return b'--edge\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (
        name.encode(),
        named.encode(),
        data,
    )


async def raw(api: Api, *parts: bytes) -> Any:
    async def body() -> AsyncIterator[bytes]:
        for each in parts:
            yield each
        yield b"--edge--\r\n"

    return await api.http.post("/v1/conversions", content=body(), headers=EDGE)
