"""The seed's API: its rows, its files, its upload, for its own client."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from shapr import keys
from shapr.conversion import Error, Output, State, Step
from shapr.settings import Settings
from tests.web.conftest import ADDRESS, NOBODYS, STEP, STL, Api, serving
from tests.web.test_conversions import Worker
from tests.web.test_problems import assert_problem

FIELDS = ["id", "user_id", "status", "target_type", "input_file", "output_file", "created_at", "finished_at"]


async def created(api: Api, target: str = "obj") -> dict[str, Any]:
    answer = await api.http.post("/shapr/conversion", json={"targettype": target})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def upload(api: Api, id: str, name: str = "cube.stl", data: bytes = STL) -> httpx.Response:
    """As the client does it: the file, then `txid`, and the header `txid`."""
    return await api.http.post("/shapr/upload", files={"file": (name, data), "txid": (None, id)}, headers={"txid": id})


async def one(api: Api, id: str) -> dict[str, Any]:
    answer = await api.http.get(f"/shapr/conversion/{id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def completed(api: Api, folder: Path, name: str, data: bytes, target: str) -> tuple[dict[str, Any], bytes]:
    """A conversion that a worker has completed, and what it made."""
    row = (await upload(api, (await created(api, target))["id"], name, data)).json()
    assert row["status"] == 0, row
    worker, made = Worker(api, row), name.encode()
    await worker.step(Step.STORE)
    output = Output(format=target, state="completed", size=len(made), sha256=hashlib.sha256(made).hexdigest())
    (folder / "made").write_bytes(made)
    await api.bucket.put(keys.output("local", row["id"], output), folder / "made", encoding=None, media_type="model/x")
    await worker.store(output)
    await worker.end(State.COMPLETED)
    return await one(api, row["id"]), made


def href(row: dict[str, Any], name: str) -> str:
    """What a browser asks for when the client's plain concatenation is clicked."""
    link = httpx.URL(f"{ADDRESS}/shapr").join(f"{ADDRESS}/shapr/files/{row['id']}/{row[name]}")
    assert urlsplit(str(link)).fragment == urlsplit(str(link)).query == ""
    return str(link)


async def test_a_new_conversion_is_a_row_that_waits(api: Api) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    row = await created(api, "step")
    assert list(row) == FIELDS
    expected = {"user_id": "0", "status": 0, "target_type": "step", "input_file": None, "output_file": None}
    assert row.items() >= expected.items()
    assert row["finished_at"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["created_at"])
    assert before <= datetime.fromisoformat(row["created_at"]) <= datetime.now(UTC)
    assert await one(api, row["id"]) == {**row, "progress": None}
    told = await api.get(row["id"])
    assert (told["state"], told["source"]) == (
        "awaiting_source",
        {"name": None, "format": None, "size": None, "sha256": None},
    )
    assert_problem(await api.http.get(f"/v1/conversions/{row['id']}/source"), "not_found")


@pytest.mark.parametrize(
    ("sent", "target"), [("step", "step"), ("iges", "iges"), ("stl", "stl"), ("obj", "obj"), ("igs", "iges")]
)
async def test_the_target_is_told_by_its_canonical_name(api: Api, sent: str, target: str) -> None:
    assert (await created(api, sent))["target_type"] == target
    form = await api.http.post("/shapr/conversion", data={"targettype": sent})
    assert (form.status_code, form.json()["target_type"]) == (200, target)


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        ("application/json", b'{"targettype": "dwg"}', "unsupported_pair"),
        ("application/json", b'{"targettype": ""}', "unsupported_pair"),
        ("application/json", b'{"targettype": null}', "invalid_request"),
        ("application/json", b'{"targettype": ["step"]}', "invalid_request"),
        ("application/json", b"{}", "invalid_request"),
        ("application/json", b"[]", "invalid_request"),
        ("application/json", b'"step"', "invalid_request"),
        ("application/json", b"", "malformed_request"),
        ("application/json", b"{", "malformed_request"),
        ("application/json", b"[" * 2000, "malformed_request"),
        ("application/json;charset=utf-8", b" " * 2030 + b'{"targettype": "step"}', "file_too_large"),
        ("application/x-www-form-urlencoded", b"targettype=dwg", "unsupported_pair"),
        ("application/x-www-form-urlencoded", b"a=b", "invalid_request"),
        ("application/x-www-form-urlencoded", b"\xff", "malformed_request"),
        ("text/plain", b"step", "unsupported_media_type"),
    ],
)
async def test_a_body_that_names_no_target_is_refused(api: Api, content_type: str, body: bytes, code: str) -> None:
    answer = await api.http.post("/shapr/conversion", content=body, headers={"Content-Type": content_type})
    assert_problem(answer, code)


async def test_an_upload_is_an_object_a_row_and_a_workflow(api: Api, left_behind: Callable[[], set[str]]) -> None:
    row = await created(api)
    answer = await upload(api, row["id"])
    assert (answer.status_code, answer.json()) == (200, {**row, "input_file": "cube.stl"})
    assert left_behind() == {keys.source("local", row["id"])}
    assert await api.bucket.verify(keys.source("local", row["id"])) == (len(STL), hashlib.sha256(STL).hexdigest())
    request, attempt = api.executions.started[-1]
    assert (request.id, request.source_format, request.outputs, attempt) == (row["id"], "stl", ("obj",), 1)
    told = await api.get(row["id"])
    assert (told["state"], told["outputs"][0]["options"]["units"]) == ("queued", "mm")


async def test_a_row_follows_the_life_of_its_conversion(api: Api) -> None:
    row = (await upload(api, (await created(api))["id"])).json()
    worker = Worker(api, row)
    await worker.step(Step.COMPRESS, 57.9)
    got = await one(api, row["id"])
    assert (got["status"], got["progress"], got["finished_at"]) == (1, "57", None)
    await worker.end(State.STALLED, Step.COMPRESS, Error(code="storage_unavailable", detail="it waits"))
    assert (await one(api, row["id"]))["status"] == 1
    await worker.end(State.FAILED, Step.COMPRESS, Error(code="corrupt_file", detail="line 7 makes no sense"))
    got = await one(api, row["id"])
    assert (got["status"], got["progress"], got["output_file"]) == (3, "57", None)
    assert got["finished_at"] >= got["created_at"]


async def test_a_cancelled_one_has_failed(api: Api) -> None:
    row = await created(api)
    assert (await api.http.post(f"/v1/conversions/{row['id']}:cancel")).status_code == 202
    got = await one(api, row["id"])
    assert (got["status"], got["progress"], got["input_file"]) == (3, None, None)
    assert_problem(await upload(api, row["id"]), "conflict")


@pytest.mark.parametrize(
    ("name", "data", "target", "input_file", "output_file"),
    [
        ("part.step", STEP, "stl", "part.step", "part.stl"),
        ("part.step", STEP, "step", "part.step", "part.converted.step"),
        ("part.stp", STEP, "step", "part.stp", "part.step"),
        ("a.b.step", STEP, "obj", "a.b.step", "a.b.obj"),
        ("a#b?c%d.step", STEP, "obj", "a_b_c_d.step", "a_b_c_d.obj"),
        ("%2e%2e.step", STEP, "obj", "_2e_2e.step", "_2e_2e.obj"),
        ("../../x.step", STEP, "obj", ".._.._x.step", ".._.._x.obj"),
        ("..\\x.step", STEP, "obj", ".._x.step", ".._x.obj"),
        ("...step", STEP, "obj", "...step", "...obj"),
        (" with  spaces .step", STEP, "obj", "with  spaces.step", "with  spaces.obj"),
        ("Größe №5 — 部品.step", STEP, "iges", "Größe №5 — 部品.step", "Größe №5 — 部品.iges"),
        ("&amp;+;=@:,'(x)[].step", STEP, "iges", "&amp;+;=@:,'(x)[].step", "&amp;+;=@:,'(x)[].iges"),
        ("n" * 300 + ".step", STEP, "obj", "n" * 195 + ".step", "n" * 195 + ".obj"),
    ],
)
async def test_input_and_output_are_downloaded_by_plain_concatenation(
    api: Api, tmp_path: Path, name: str, data: bytes, target: str, input_file: str, output_file: str
) -> None:
    row, made = await completed(api, tmp_path, name, data, target)
    assert (row["status"], row["progress"]) == (2, "100")
    assert (row["input_file"], row["output_file"]) == (input_file, output_file)
    given, converted = await api.http.get(href(row, "input_file")), await api.http.get(href(row, "output_file"))
    assert (given.status_code, given.content, converted.status_code, converted.content) == (200, data, 200, made)
    for answer in (given, converted):
        assert answer.headers["content-disposition"].startswith("attachment; ")
        assert answer.headers["x-content-type-options"] == "nosniff"
    part = await api.http.get(href(row, "input_file"), headers={"Range": "bytes=0-2"})
    assert (part.status_code, part.content) == (206, data[:3])
    assert_problem(await api.http.get(f"/shapr/files/{row['id']}/other.{target}"), "not_found")


async def test_the_list_has_what_was_made_here_newest_first(api: Api) -> None:
    other = await api.created()
    rows = [await created(api) for _ in range(3)]
    listed = (await api.http.get("/shapr/conversion")).json()
    assert listed[:3] == rows[::-1]
    assert other["id"] not in {row["id"] for row in listed}
    assert_problem(await api.http.get(f"/shapr/conversion/{other['id']}"), "not_found")
    assert_problem(await api.http.get(f"/shapr/files/{other['id']}/cube.stl"), "not_found")


@pytest.mark.parametrize("path", ["conversion/{}", "files/{}/cube.stl", "files/{}/"])
@pytest.mark.parametrize("id", [NOBODYS, "undefined", "..", "' OR 1=1", "\x00"])
async def test_what_is_not_there_is_not_found(api: Api, path: str, id: str) -> None:
    assert_problem(await api.http.get(f"{ADDRESS}/shapr/" + path.format(id.replace("\x00", "%00"))), "not_found")


async def test_a_deleted_one_is_not_found(api: Api) -> None:
    row = await created(api)
    assert (await api.http.delete(f"/v1/conversions/{row['id']}")).status_code == 204
    assert_problem(await api.http.get(f"/shapr/conversion/{row['id']}"), "not_found")
    assert_problem(await upload(api, row["id"]), "not_found")


async def test_it_is_there_only_if_it_was_asked_for(settings: Settings) -> None:
    assert not Settings.model_fields["legacy"].default
    async with serving(settings.model_copy(update={"legacy": False})) as api:
        assert_problem(await api.http.get("/shapr/conversion"), "not_found")
        answer = await api.http.post("/shapr/conversion", json={}, headers={"Origin": "http://app.test"})
        assert_problem(answer, "forbidden")
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_thousand_at_once_are_all_accepted(api: Api) -> None:
    rows = await asyncio.gather(*(created(api) for _ in range(1000)))
    assert len({row["id"] for row in rows}) == 1000
    assert len((await api.http.get("/shapr/conversion")).json()) == 1000
