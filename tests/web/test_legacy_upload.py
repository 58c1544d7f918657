"""The seed's upload when something is wrong: with the file, the form, the id, the bucket. Nothing stays behind."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shapr import keys
from shapr.adapters.transitions import Transitions
from shapr.conversion import Conversion, Error, Source
from shapr.errors import Unavailable
from tests.web.conftest import NOBODYS, STEP, STL, Api
from tests.web.test_create import EDGE, part
from tests.web.test_legacy import created, one, upload
from tests.web.test_problems import assert_problem

LeftBehind = Callable[[], set[str]]


async def raw(api: Api, *parts: bytes, **headers: str) -> Any:
    return await api.http.post("/shapr/upload", content=b"".join(parts) + b"--edge--\r\n", headers={**EDGE, **headers})


@pytest.mark.parametrize(
    ("name", "data", "input_file", "code"),
    [
        ("cube.step", STL, "cube.step", "format_mismatch"),
        ("part.stl", STEP * 1000, "part.stl", "format_mismatch"),
        ("empty.stl", b"", "empty.stl", "empty_file"),
        ("leg.shapr", b"no workspace", "leg.shapr", "format_mismatch"),
        ("cube.xyz", STL, "cube.xyz", "unsupported_format"),
        ("cube.xyz", b"", "cube.xyz", "unsupported_format"),
        ("cube", STL, "cube", "unsupported_format"),
        ("%2e%2e", STL, "_2e_2e", "unsupported_format"),
        ("..", STL, "_", "unsupported_format"),
        ("/", STL, "_", "unsupported_format"),
        ("\u202e", STL, "_", "unsupported_format"),
        (".step", STEP, ".step", "unsupported_format"),
        ("x." + "e" * 300, STL, "x." + "e" * 198, "unsupported_format"),
    ],
)
async def test_a_file_that_is_refused_makes_the_conversion_a_failed_one(
    api: Api, left_behind: LeftBehind, name: str, data: bytes, input_file: str, code: str
) -> None:
    row, started = await created(api), len(api.started)
    answer = await upload(api, row["id"], name, data)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["input_file"]) == (3, input_file)
    assert answer.json()["finished_at"]
    assert await one(api, row["id"]) == {**answer.json(), "progress": None}
    told = await api.get(row["id"])
    assert (told["state"], told["error"]["code"], told["error"]["step"]) == ("failed", code, "upload")
    assert_problem(await api.http.get(f"/shapr/files/{row['id']}/{input_file}"), "not_found")
    assert (left_behind(), len(api.started)) == (set(), started)
    assert_problem(await upload(api, row["id"]), "conflict")


async def test_the_id_may_come_after_the_file_or_before_it(api: Api) -> None:
    for reverse in (False, True):
        row = await created(api)
        parts = [part("file", STL, "cube.stl"), part("txid", row["id"].encode()), part("note", b"ignored")]
        answer = await raw(api, *(reversed(parts) if reverse else parts))
        assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (200, row["id"], 0)


async def test_a_refused_file_of_an_id_that_comes_after_it_is_a_failed_one_too(
    api: Api, left_behind: LeftBehind
) -> None:
    row = await created(api)
    answer = await raw(api, part("file", STEP * 50_000, "cube.stl"), part("txid", row["id"].encode()))
    assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (200, row["id"], 3)
    assert left_behind() == set()


async def test_the_header_wins_over_the_field(api: Api) -> None:
    mine, other = await created(api), await created(api)
    answer = await raw(api, part("file", STL, "cube.stl"), part("txid", other["id"].encode()), txid=mine["id"])
    assert answer.json()["id"] == mine["id"]
    assert (await one(api, other["id"]))["input_file"] is None


@pytest.mark.parametrize("id", [NOBODYS, "undefined", "' OR 1=1", "a" * 5000, "é"])
async def test_an_unknown_id_is_not_found(api: Api, left_behind: LeftBehind, id: str) -> None:
    assert_problem(await raw(api, part("file", STL, "cube.stl"), part("txid", id.encode())), "not_found")
    if id.isascii():
        assert_problem(await raw(api, part("file", STL, "cube.stl"), txid=id), "not_found")
    assert left_behind() == set()


async def test_a_conversion_of_the_other_api_takes_no_upload(api: Api) -> None:
    assert_problem(await upload(api, (await api.created())["id"]), "not_found")


async def test_a_second_upload_is_a_conflict(api: Api, left_behind: LeftBehind) -> None:
    row = await created(api)
    assert (await upload(api, row["id"])).status_code == 200
    assert_problem(await upload(api, row["id"], "part.step", STEP), "conflict")
    late = await raw(api, part("file", STEP, "part.step"), part("txid", row["id"].encode()))
    assert_problem(late, "conflict")
    assert left_behind() == {keys.source("local", row["id"])}
    assert (await one(api, row["id"]))["input_file"] == "cube.stl"


async def test_of_uploads_that_race_exactly_one_wins(api: Api, left_behind: LeftBehind) -> None:
    row = await created(api)
    files = [("a.stl", STL), ("b.step", STEP), ("bad.step", STL), ("c.stl", STL + b"\n"), ("bad.xyz", STL)]
    answers = await asyncio.gather(*(upload(api, row["id"], *file) for file in files))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    (won,) = (at for at, answer in enumerate(answers) if answer.status_code == 200)
    name, data = files[won]
    assert (await one(api, row["id"]))["input_file"] == name
    if not name.startswith("bad"):
        assert (await api.http.get(f"/shapr/files/{row['id']}/{name}")).content == data
    assert left_behind() == (set() if name.startswith("bad") else {keys.source("local", row["id"])})


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([], "invalid_request"),
        ([part("note", b"x")], "invalid_request"),
        ([part("file", STL)], "invalid_request"),
        ([part("file", STL, "")], "invalid_request"),
        ([part("file", STL, "a.stl"), part("file", STL, "b.stl")], "invalid_request"),
        ([part("other", STL, "a.stl")], "invalid_request"),
        ([part("file", STL, "a.stl"), part("note", b"x" * 70_000)], "invalid_request"),
        ([part("file", STL, "a.stl"), b"nonsense"], "malformed_request"),
    ],
)
async def test_a_form_that_is_none_is_refused_and_the_conversion_still_waits(
    api: Api, left_behind: LeftBehind, parts: list[bytes], code: str
) -> None:
    row = await created(api)
    assert_problem(await raw(api, *parts, txid=row["id"]), code)
    assert left_behind() == set()
    assert (await upload(api, row["id"])).json()["status"] == 0


async def test_a_form_without_an_id_is_refused(api: Api, left_behind: LeftBehind) -> None:
    assert_problem(await raw(api, part("file", STL, "cube.stl")), "invalid_request")
    answer = await api.http.post("/shapr/upload", json={}, headers={"txid": (await created(api))["id"]})
    assert_problem(answer, "unsupported_media_type")
    assert left_behind() == set()


async def test_a_body_that_is_cut_off_leaves_nothing(small: Api, left_behind: LeftBehind) -> None:
    row = await created(small)
    _, writer = await asyncio.open_connection("127.0.0.1", small.http.base_url.port)
    head = f"POST /shapr/upload HTTP/1.1\r\nHost: 127.0.0.1\r\ntxid: {row['id']}\r\nContent-Length: 90000\r\n"
    writer.write(head.encode() + b"Content-Type: multipart/form-data; boundary=edge\r\n\r\n")
    writer.write(part("file", STL, "cube.stl"))
    await writer.drain()
    writer.close()
    await asyncio.sleep(0.5)
    assert left_behind() == set()
    assert (await upload(small, row["id"])).json()["status"] == 0


async def test_a_file_too_large_is_a_refusal_like_any_other(small: Api, left_behind: LeftBehind) -> None:
    for headers in ({}, {"txid": ""}):
        row = await created(small)
        headers = headers and {"txid": row["id"]}
        form = [part("file", STL + b"\n" * 200_000, "cube.stl"), part("txid", row["id"].encode())]
        answer = await raw(small, *form, **headers)
        assert (answer.status_code, answer.json()["status"], answer.json()["input_file"]) == (200, 3, "cube.stl")
        assert (await small.get(row["id"]))["error"]["code"] == "file_too_large"
    assert left_behind() == set()


@pytest.mark.parametrize("announced", [True, False])
async def test_one_that_is_cut_off_for_its_size_fails_if_it_is_known_whose_it_is(
    small: Api, left_behind: LeftBehind, announced: bool
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield part("file", STL, "cube.stl")[:-2]
        for _ in range(100):
            yield b"\n" * 50_000

    row = await created(small)
    whole = b"".join([piece async for piece in endless()])
    for headers, code in (({}, "file_too_large"), ({"txid": row["id"]}, None)):
        content = whole if announced else endless()
        answer = await small.http.post("/shapr/upload", content=content, headers={**EDGE, **headers})
        if code:
            assert_problem(answer, code)
            assert (await one(small, row["id"]))["status"] == 0
        else:
            assert (answer.status_code, answer.json()["status"], answer.json()["input_file"]) == (200, 3, "cube.stl")
    assert left_behind() == set()


class Broken:
    """A bucket or transitions of which one call fails."""

    def __init__(self, whole: Any, name: str, error: Exception, first: bool) -> None:
        self.whole, self.name, self.error, self.first = whole, name, error, first

    def __getattr__(self, name: str) -> Any:
        if name != self.name:
            return getattr(self.whole, name)

        async def fails(*given: Any) -> Any:
            if self.first:
                await getattr(self.whole, name)(*given)
            raise self.error

        return fails


@contextmanager
def broken(api: Api, part: str, name: str, error: Exception, first: bool) -> Iterator[None]:
    whole = api.parts
    replaced: Any = {part: Broken(getattr(whole, part), name, error, first)}
    api.app.state.parts = dataclasses.replace(whole, **replaced)
    try:
        yield
    finally:
        api.app.state.parts = whole


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("error", [Unavailable("s3: away"), LookupError("404")])
async def test_a_copy_that_fails_leaves_the_conversion_waiting(
    api: Api, left_behind: LeftBehind, error: Exception, first: bool
) -> None:
    row, started = await created(api), len(api.started)
    with broken(api, "bucket", "copy", error, first):
        assert_problem(await upload(api, row["id"]), "storage_unavailable")
    assert (left_behind(), len(api.started)) == (set(), started)
    assert await one(api, row["id"]) == {**row, "progress": None}
    assert (await upload(api, row["id"], "part.step", STEP)).json()["input_file"] == "part.step"


@pytest.mark.parametrize("committed", [True, False])
async def test_a_lost_answer_of_the_database_keeps_row_and_object_together(
    api: Api, left_behind: LeftBehind, committed: bool
) -> None:
    row = await created(api)
    with broken(api, "transitions", "supply", Unavailable("connection lost"), committed):
        answer = await upload(api, row["id"])
    if committed:
        assert (answer.status_code, left_behind()) == (200, {keys.source("local", row["id"])})
    else:
        assert_problem(answer, "storage_unavailable")
        assert (left_behind(), (await one(api, row["id"]))["input_file"]) == (set(), None)


async def test_a_source_is_withdrawn_only_while_nobody_works_on_it(api: Api) -> None:
    transitions = api.parts.transitions
    assert isinstance(transitions, Transitions)

    async def queued() -> Conversion:
        row = (await upload(api, (await created(api))["id"])).json()
        found = await api.rows.get("local", row["id"])
        assert found
        return found

    free, cancelled = await queued(), await queued()
    assert not await transitions.withdraw("other", free.id)
    assert await transitions.withdraw("local", free.id)
    assert not await transitions.withdraw("local", free.id)
    await transitions.request_cancel("local", cancelled.id)
    assert not await transitions.withdraw("local", cancelled.id)
    refused = await transitions.refuse(free.id, Source(name="x", format=""), Error(code="empty_file", detail="0 bytes"))
    assert refused
    assert not await transitions.withdraw("local", free.id)
