"""Idempotency-Key: sent twice, converted once; also at once, and after the holder has died."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from shapr import keys
from shapr.adapters.idempotency import Held, InFlight, Keys, Stands
from shapr.conversion import new_id
from tests.web.conftest import STL, Api
from tests.web.test_problems import assert_problem


@pytest.fixture
def key() -> dict[str, str]:
    return {"Idempotency-Key": f"key-{new_id()}"}


@pytest.fixture
def held_keys(api: Api) -> Keys:
    assert isinstance(api.parts.keys, Keys)
    return api.parts.keys


async def expire(our: Keys, held: Held) -> None:
    """As if its holder had died a lease ago."""
    async with our._postgres.connection() as connection:
        await connection.execute(
            "UPDATE idempotency_keys SET held_until = now() - interval '1 s' WHERE holder = $1", held.holder
        )


def in_flight(answer: httpx.Response) -> bool:
    return answer.status_code == 409 and answer.json()["code"] == "idempotency_in_flight"


async def test_the_same_request_again_is_the_same_conversion(
    api: Api, key: dict[str, str], left_behind: Callable[[], set[str]]
) -> None:
    first = await api.submit(headers=key, batch="b")
    again = await api.submit(headers=key, batch="b")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["location"] == first.headers["location"]
    assert left_behind() == {keys.source("local", first.json()["id"])}


async def test_it_is_the_meaning_that_counts_not_the_form(api: Api, key: dict[str, str]) -> None:
    first = await api.submit(headers=key, file=("cube.stl", STL), outputs=["step", "obj"], options='{"units": "mm"}')
    same = await api.submit(headers=key, file=("cube.stl", STL), outputs="stp, obj", options=' {"units":"mm"} ')
    assert same.json()["id"] == first.json()["id"]


@pytest.mark.parametrize(
    "other",
    [
        {"file": ("cube.stl", STL + b"\n")},
        {"file": ("another.stl", STL)},
        {"outputs": "obj,glb"},
        {"options": '{"units": "in"}'},
        {"batch": "other"},
        {"priority": "4"},
        {"reuse": "false"},
    ],
)
async def test_another_request_with_the_key_is_refused(api: Api, key: dict[str, str], other: dict[str, Any]) -> None:
    first = await api.created(headers=key)
    assert_problem(await api.submit(headers=key, **other), "idempotency_mismatch")
    assert (await api.submit(headers=key)).json()["id"] == first["id"], "and changes nothing"


async def test_of_fifty_at_once_one_is_accepted(
    api: Api, key: dict[str, str], left_behind: Callable[[], set[str]]
) -> None:
    before = len(api.started)
    answers = await asyncio.gather(*(api.submit(headers=key) for _ in range(50)))
    accepted = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert len(accepted) == 1
    refused = [answer for answer in answers if answer.status_code != 202]
    assert all(in_flight(answer) and int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert {request.id for request in api.started[before:]} == accepted
    assert left_behind() == {keys.source("local", *accepted)}


async def test_racers_with_different_files_make_one_conversion(api: Api, key: dict[str, str]) -> None:
    answers = await asyncio.gather(
        *(api.submit(headers=key, file=(f"part-{at % 5}.stl", STL + b"\n" * (at % 5))) for at in range(25))
    )
    codes = Counter(answer.status_code for answer in answers)
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1, codes
    assert set(codes) <= {202, 409, 422}


async def test_a_refused_request_frees_its_key(api: Api, key: dict[str, str]) -> None:
    assert_problem(await api.submit(headers=key, file=("cube.stl", b"")), "empty_file")
    assert_problem(await api.submit(headers=key, file=("cube.stl", b"\x89PNG\r\n\x1a\n" + STL)), "format_mismatch")
    assert_problem(await api.submit(headers=key, outputs="dwg"), "unsupported_pair")
    assert (await api.submit(headers=key)).status_code == 202


async def test_a_key_is_held_while_its_request_is_read(api: Api, key: dict[str, str], held_keys: Keys) -> None:
    held = await held_keys.hold("local", key["Idempotency-Key"], "somebody")
    assert isinstance(held, Held)
    assert in_flight(await api.submit(headers=key))
    assert await held_keys.renew(held)
    await held_keys.free(held)
    assert (await api.submit(headers=key)).status_code == 202
    assert not await held_keys.renew(held), "it is somebody else's now"


async def test_the_key_of_a_crashed_holder_is_taken_over_when_its_lease_ends(
    api: Api, key: dict[str, str], held_keys: Keys
) -> None:
    held = await held_keys.hold("local", key["Idempotency-Key"], "the dead")
    assert isinstance(held, Held)
    await expire(held_keys, held)
    told = await api.created(headers=key)
    late = await api.rows.get("local", told["id"])
    assert late
    assert not await held_keys.create(late.model_copy(update={"id": new_id()}), held, "f"), "the dead cannot accept"
    assert (await api.submit(headers=key)).json()["id"] == told["id"]


async def test_a_holder_that_lost_its_key_accepts_nothing(
    api: Api, key: dict[str, str], held_keys: Keys, left_behind: Callable[[], set[str]], monkeypatch: Any
) -> None:
    """Its lease ends while the file is on its way, and another request takes the key and is accepted."""
    create = held_keys.create
    winner: list[str] = []

    async def too_late(conversion: Any, held: Held, fingerprint: str) -> bool:
        monkeypatch.setattr(held_keys, "create", create)
        await expire(held_keys, held)
        winner.append((await api.created(headers=key))["id"])
        return await create(conversion, held, fingerprint)

    monkeypatch.setattr(held_keys, "create", too_late)
    assert in_flight(await api.submit(headers=key))
    assert left_behind() == {keys.source("local", *winner)}
    assert (await api.submit(headers=key)).json()["id"] == winner[0]


async def test_keys_are_a_tenants_own(held_keys: Keys) -> None:
    name = new_id()
    assert isinstance(await held_keys.hold("acme", name, "a"), Held)
    assert isinstance(await held_keys.hold("other", name, "b"), Held)
    assert isinstance(await held_keys.hold("acme", name, "c"), InFlight)


async def test_a_key_is_forgotten_after_a_day(api: Api, key: dict[str, str], held_keys: Keys) -> None:
    first = await api.created(headers=key)
    assert isinstance(await held_keys.hold("local", key["Idempotency-Key"], "x"), Stands)
    async with held_keys._postgres.connection() as connection:
        await connection.execute(
            "UPDATE idempotency_keys SET expires_at = now() - interval '1 s' WHERE key = $1", key["Idempotency-Key"]
        )
    second = await api.created(headers=key)
    assert second["id"] != first["id"]
    async with held_keys._postgres.connection() as connection:
        await connection.execute(
            "UPDATE idempotency_keys SET expires_at = now() - interval '1 s' WHERE key = $1", key["Idempotency-Key"]
        )
    assert await held_keys.forget() >= 1


async def test_the_key_of_a_deleted_conversion_says_gone(api: Api, key: dict[str, str], held_keys: Keys) -> None:
    told = await api.created(headers=key)
    async with held_keys._postgres.connection() as connection:
        await connection.execute("UPDATE conversions SET state = 'failed' WHERE id = $1", told["id"])
    assert (await api.http.delete(f"/v1/conversions/{told['id']}")).status_code == 204
    assert (await api.submit(headers=key)).status_code == 410


async def test_two_keys_are_no_key(api: Api) -> None:
    form = {"data": {"outputs": "obj"}, "files": {"file": ("cube.stl", STL)}}
    answer = await api.http.post(
        "/v1/conversions", headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")], **form
    )
    assert_problem(answer, "invalid_request")


@pytest.mark.parametrize("bad", ["", "a\tb", "k" * 256, "schl\u00fcssel"])
async def test_a_key_that_is_none_is_refused(api: Api, bad: str) -> None:
    answer = await api.submit(headers={"Idempotency-Key": bad.encode("latin-1")})  # type: ignore[dict-item]
    assert_problem(answer, "invalid_request")
