"""Overload and maintenance: what the API refuses, what it goes on doing, and how it says so."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from shapr.adapters.switches import FRESH, NAMES
from shapr.settings import Settings
from tests.web.conftest import STL, Api, listening, serving
from web.auth import SAFE

REASON = "the database moves, back at noon"


@asynccontextmanager
async def room_for(settings: Settings, places: int) -> AsyncIterator[Api]:
    """An API whose queue has so many places left, whatever other tests left in it."""
    async with serving(settings) as measure:
        waiting = (await measure.http.get("/v1/switches")).json()["queue"]["waiting"]
    async with serving(settings.model_copy(update={"max_queue": waiting + places})) as api:
        yield api


@pytest.fixture
async def read_only(settings: Settings) -> AsyncIterator[Api]:
    async with serving(settings) as api:
        kept = await api.created()
        api.app.state.kept = kept["id"]
        assert (await api.http.put("/v1/switches/read-only", json={"reason": REASON})).status_code == 200
        yield api
        assert (await api.http.delete("/v1/switches/read-only")).status_code == 200


async def test_a_full_queue_refuses_and_says_when_to_come_again(settings: Settings) -> None:
    async with room_for(settings, 2) as api:
        await api.created()
        await api.created()
        refused = await api.submit()
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert refused.json()["retryable"]
        assert 5 <= int(refused.headers["retry-after"]) <= 300


async def test_a_place_that_is_given_away_is_there_again(settings: Settings) -> None:
    async with room_for(settings, 1) as api:
        made = await api.created()
        assert (await api.submit()).status_code == 503
        async with api.rows._postgres.connection() as connection:
            await connection.execute("UPDATE conversions SET state = 'completed' WHERE id = $1", made["id"])
        await asyncio.sleep(FRESH)
        assert (await api.submit()).status_code == 202


async def test_a_burst_does_not_slip_through_what_was_counted_before(settings: Settings) -> None:
    async with room_for(settings, 3) as api:
        await api.parts.switches.look()
        answers = await asyncio.gather(*(api.submit() for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [202] * 3 + [503] * 17


async def test_a_request_that_was_refused_gives_its_place_back(settings: Settings) -> None:
    async with room_for(settings, 1) as api:
        for _ in range(3):
            assert (await api.submit(file=("cube.stl", b""))).status_code == 422
        assert (await api.submit()).status_code == 202


async def test_an_overloaded_service_does_not_take_the_upload(settings: Settings) -> None:
    """The answer comes while the body is still outstanding."""
    async with serving(settings) as measure:
        waiting = (await measure.http.get("/v1/switches")).json()["queue"]["waiting"]
        await measure.created()
    async with listening(settings.model_copy(update={"max_queue": waiting + 1})) as api:
        host, port = api.http.base_url.host, api.http.base_url.port
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(
            f"POST /v1/conversions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 1000000000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode()
        )
        status = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    assert b" 503 " in status


async def test_a_request_that_was_accepted_already_is_answered_again_in_overload(settings: Settings) -> None:
    async with room_for(settings, 1) as api:
        key = {"Idempotency-Key": f"k{time.monotonic_ns()}"}
        first = await api.submit(headers=key)
        assert first.status_code == 202
        assert (await api.submit(headers={"Idempotency-Key": "another"})).status_code == 503
        again = await api.submit(headers=key)
        assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


async def test_a_key_refused_in_overload_is_free_afterwards(settings: Settings) -> None:
    key = {"Idempotency-Key": f"f{time.monotonic_ns()}"}
    async with room_for(settings, 1) as api:
        await api.created()
        assert (await api.submit(headers=key)).status_code == 503
    async with serving(settings) as api:
        assert (await api.submit(headers=key)).status_code == 202


def routes(api: Api) -> set[tuple[str, str]]:
    """Every (method, path) of the application, with the kept conversion's id and a format in the path."""
    given = {"id": api.app.state.kept}
    made = {
        (method, re.sub(r"{(\w+)[^}]*}", lambda name: given.get(name[1], "stl"), route.path or ""))
        for route in iter_route_contexts(api.app.routes)
        for method in route.methods or ()
    }
    assert len(made) > 15, "they were found"
    return made


async def test_every_request_that_changes_something_is_refused_while_read_only(read_only: Api) -> None:
    changing = {(m, p) for m, p in routes(read_only) if m not in SAFE and not p.startswith("/v1/switches/")}
    assert {("POST", "/v1/conversions"), ("DELETE", f"/v1/conversions/{read_only.app.state.kept}")} <= changing
    for method, path in changing:
        answer = await read_only.http.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded"), (method, path)
        assert "read-only for maintenance" in answer.json()["detail"]
        assert REASON in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) > 0
    assert [request.id for request in read_only.started] == [read_only.app.state.kept], "from before"
    assert (read_only.executions.cancelled, read_only.executions.deleted) == ([], [])


async def test_everything_can_be_read_while_read_only(read_only: Api) -> None:
    statuses = {path: (await read_only.http.get(path)).status_code for m, path in routes(read_only) if m == "GET"}
    assert statuses[f"/v1/conversions/{read_only.app.state.kept}"] == 200
    # It waits, so there is no output yet; nothing is unavailable.
    others = {path: status for path, status in statuses.items() if status != 200}
    assert set(others.values()) <= {404, 409}, others
    source = await read_only.http.get(f"/v1/conversions/{read_only.app.state.kept}/source")
    assert source.content == STL


async def test_readyz_shows_the_switches_that_are_on(read_only: Api) -> None:
    told = (await read_only.http.get("/readyz")).json()
    assert told["status"] == "ready"
    assert told["switches"]["read-only"]["reason"] == REASON
    assert (await read_only.http.delete("/v1/switches/read-only")).json()["on"] is False
    assert (await read_only.http.get("/readyz")).json()["switches"] == {}
    assert (await read_only.submit()).status_code == 202


async def test_another_process_is_read_only_within_about_a_second(settings: Settings, read_only: Api) -> None:
    async with serving(settings) as other:
        await other.http.get("/readyz")
        await asyncio.sleep(FRESH)
        assert (await other.submit()).status_code == 503


async def test_one_process_can_be_read_only_by_its_environment(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"read_only": True})) as api:
        answer = await api.submit()
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert "read-only" in (await api.http.get("/readyz")).json()["switches"]


async def test_the_switches_are_listed_with_the_queue(api: Api) -> None:
    told = (await api.http.get("/v1/switches")).json()
    assert [switch["name"] for switch in told["switches"]] == list(NAMES)
    assert {switch["on"] for switch in told["switches"]} == {False}
    assert set(told["queue"]) == {"waiting", "limit", "in_hand"}


async def test_a_drain_leaves_the_api_open(api: Api) -> None:
    try:
        told = (await api.http.put("/v1/switches/drain", json={"reason": "deploy"})).json()
        assert (told["name"], told["on"], told["reason"]) == ("drain", True, "deploy")
        assert (await api.submit()).status_code == 202
    finally:
        assert (await api.http.delete("/v1/switches/drain")).json()["on"] is False


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("lights", {"reason": "x"}, 404),
        ("drain", {}, 422),
        ("drain", {"reason": "  "}, 422),
        ("drain", {"reason": "a\nb"}, 422),
        ("drain", {"reason": "x" * 201}, 422),
        ("drain", {"reason": "x", "until": "noon"}, 422),
    ],
)
async def test_a_switch_needs_a_name_we_know_and_a_reason(api: Api, name: str, body: Any, status: int) -> None:
    assert (await api.http.put(f"/v1/switches/{name}", json=body)).status_code == status
    assert not any(switch["on"] for switch in (await api.http.get("/v1/switches")).json()["switches"])


async def test_pages_of_other_origins_turn_no_switch(api: Api) -> None:
    answer = await api.http.put("/v1/switches/drain", json={"reason": "x"}, headers={"Origin": "http://evil.test"})
    assert answer.status_code == 403
