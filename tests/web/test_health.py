"""Alive is not ready: the API comes up whatever is down, and says what it is."""

import asyncio

import pytest
from pydantic import SecretStr

from shapr.adapters import workers
from shapr.settings import Settings
from tests.web.conftest import Api, serving
from web import health

NOWHERE = {
    "postgres": {"database_url": SecretStr("postgresql://nobody@127.0.0.1:1/shapr")},
    "s3": {"s3_endpoint": "http://127.0.0.1:1"},
    "temporal": {"temporal_address": "127.0.0.1:1"},
    "redis": {"redis_url": SecretStr("redis://127.0.0.1:1/0")},
}


async def test_with_every_part_up_it_is_ready(api: Api) -> None:
    answer = await api.http.get("/readyz")
    told = answer.json()
    assert answer.status_code == 200, told
    assert told["status"] == "ready"
    assert {name: part["status"] for name, part in told["parts"].items()} == dict.fromkeys(NOWHERE, "up")


@pytest.mark.parametrize(
    ("down", "status", "word"),
    [
        ("postgres", 503, "unavailable"),
        ("s3", 503, "unavailable"),
        ("temporal", 503, "unavailable"),
        ("redis", 200, "degraded"),
    ],
)
async def test_a_part_that_is_down_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, down: str, status: int, word: str
) -> None:
    monkeypatch.setattr(health, "PATIENCE", 20)  # with the others, which are up, also on a busy machine
    async with serving(settings.model_copy(update=NOWHERE[down])) as api:
        answer = await asyncio.wait_for(api.http.get("/readyz"), 25)
        told = answer.json()
        assert (answer.status_code, told["status"]) == (status, word)
        assert [name for name, part in told["parts"].items() if part["status"] == "down"] == [down]
        assert "127.0.0.1" not in answer.text


async def test_the_fences_of_the_workers_are_told(
    api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "KEY", "test:readyz")
    worker = workers.Workers(settings)
    await worker.tell(("rlimits", "seccomp"), {"landlock": "Function not implemented"})
    told = (await api.http.get("/readyz")).json()
    missing = {"landlock": "Function not implemented"}
    assert told["sandbox"] == {"workers": 1, "active": ["rlimits", "seccomp"], "missing": missing}
    await worker.close()


async def test_without_redis_the_fences_are_not_known(settings: Settings) -> None:
    async with serving(settings.model_copy(update=NOWHERE["redis"])) as api:
        assert (await api.http.get("/readyz")).json()["sandbox"] is None


async def test_it_comes_up_and_lives_while_everything_is_down(settings: Settings) -> None:
    nothing = {key: value for each in NOWHERE.values() for key, value in each.items()}
    async with serving(settings.model_copy(update=nothing)) as api:
        assert (await api.http.get("/livez")).status_code == 200
        assert (await asyncio.wait_for(api.http.get("/readyz"), 5)).status_code == 503
        assert (await api.submit()).json()["code"] == "storage_unavailable"
