"""The client against the contract, where the real API cannot be made to answer so: refusals, hiccups, new versions."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shapr.answers import ApiError, Damaged, NotTheApi, OutputAnswer, Unreachable
from shapr.client import TRIES, Client, Counted

ID = "cnv_01kb0000000000000000000000"
ADDRESS = "http://shapr.test"
Step = httpx.Response | Exception


def conversion(**more: Any) -> dict[str, Any]:
    source = {"name": "cube.stl", "format": "stl", "size": 4, "sha256": "00"}
    return {"id": ID, "state": "queued", "source": source, "outputs": [], **more}


def problem(code: str, status: int, **headers: str) -> httpx.Response:
    body = {"code": code, "title": "No", "detail": "because", "status": status, "retryable": True}
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json", **headers})


class Script:
    """Answers in this order; keeps what was asked, and how long the client paused in between."""

    def __init__(self, *steps: Step | Callable[[httpx.Request], Step]) -> None:
        self.steps: Iterator[Any] = iter(steps)
        self.asked: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.paused: list[float] = []

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.bodies.append(await request.aread())
        step = next(self.steps)
        step = step(request) if callable(step) else step
        if isinstance(step, Exception):
            raise step
        return step

    async def sleep(self, seconds: float) -> None:
        self.paused.append(seconds)

    def client(self, **more: Any) -> Client:
        return Client(ADDRESS, transport=httpx.MockTransport(self.answer), sleep=self.sleep, **more)


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    path = tmp_path / "cube.stl"
    path.write_bytes(b"cube")
    return path


async def test_a_create_sends_the_fields_before_the_file(cube: Path) -> None:
    script = Script(httpx.Response(202, json=conversion()))
    sent: list[int] = []
    async with script.client() as client:
        made = await client.create(
            cube, ["stl", "glb"], options={"units": "in"}, priority=4, reuse=False, batch="b", sent=sent.append
        )
    assert made.id == ID
    assert sum(sent) == 4
    body = script.bodies[0]
    names = [part.split(b'"')[1] for part in body.split(b"form-data; name=")[1:]]
    assert names == [b"options", b"priority", b"reuse", b"batch", b"outputs", b"outputs", b"file"]
    assert b'{"units": "in"}' in body
    assert b"false" in body
    assert b"cube\r\n" in body
    assert "idempotency-key" not in script.asked[0].headers


async def test_an_upload_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never the whole file: each read asks for a bounded size."""
    path = tmp_path / "big.stl"
    path.write_bytes(bytes(5_000_000))
    asked: list[int] = []
    read = Counted.read

    def noted(file: Counted, size: int | None = -1) -> bytes:
        asked.append(-1 if size is None else size)
        return read(file, size)

    monkeypatch.setattr(Counted, "read", noted)
    script = Script(httpx.Response(202, json=conversion()))
    async with script.client() as client:
        await client.create(path, ["obj"])
    assert len(script.bodies[0]) > 5_000_000
    assert 0 < min(asked) <= max(asked) <= 1 << 20


async def test_a_lost_answer_is_asked_for_again_only_with_a_key(cube: Path) -> None:
    lost = httpx.ReadError("reset")
    with_key = Script(lost, httpx.Response(202, json=conversion()))
    async with with_key.client() as client:
        assert (await client.create(cube, ["stl"], idempotency_key="k")).id == ID
    assert [request.headers["idempotency-key"] for request in with_key.asked] == ["k", "k"]
    assert with_key.bodies[1].count(b"cube\r\n") == 1  # from its start again
    without = Script(lost, httpx.Response(202, json=conversion()))
    async with without.client() as client:
        with pytest.raises(Unreachable):
            await client.create(cube, ["stl"])
    assert len(without.asked) == 1


@pytest.mark.parametrize(
    ("code", "status"), [("idempotency_in_flight", 409), ("rate_limited", 429), ("overloaded", 503)]
)
async def test_what_will_pass_is_waited_for_as_long_as_the_service_says(cube: Path, code: str, status: int) -> None:
    script = Script(problem(code, status, **{"Retry-After": "7"}), httpx.Response(202, json=conversion()))
    async with script.client() as client:
        await client.create(cube, ["stl"], idempotency_key="k")
    assert script.paused == [7]


@pytest.mark.parametrize(("code", "status"), [("conflict", 409), ("idempotency_mismatch", 422), ("internal", 500)])
async def test_what_will_not_pass_is_told_at_once(cube: Path, code: str, status: int) -> None:
    script = Script(problem(code, status))
    async with script.client() as client:
        with pytest.raises(ApiError) as raised:
            await client.create(cube, ["stl"], idempotency_key="k")
    told = raised.value
    assert (told.code, told.status, told.title, told.detail, told.retryable) == (code, status, "No", "because", True)


async def test_patience_ends() -> None:
    script = Script(*[problem("overloaded", 503)] * TRIES)
    async with script.client() as client:
        with pytest.raises(ApiError) as raised:
            await client.get(ID)
    assert raised.value.code == "overloaded"
    assert len(script.asked) == TRIES
    assert sum(script.paused) > 60  # an idempotency lease


async def test_a_far_retry_after_is_not_waited_for() -> None:
    script = Script(problem("quota_exceeded", 429, **{"Retry-After": "86400"}))
    async with script.client() as client:
        with pytest.raises(ApiError):
            await client.get(ID)
    assert script.paused == []


async def test_nobody_at_the_address_is_told_at_once_but_a_restart_is_survived() -> None:
    refused = httpx.ConnectError("connection refused")
    async with Script(refused).client() as client:
        with pytest.raises(Unreachable, match="connection refused"):
            await client.get(ID)
    script = Script(httpx.Response(200, json=conversion()), refused, httpx.Response(200, json=conversion()))
    async with script.client() as client:
        await client.get(ID)
        assert (await client.get(ID)).id == ID


@pytest.mark.parametrize("verb", ["cancel", "retry", "delete"])
async def test_a_change_without_a_key_is_asked_for_once(verb: str) -> None:
    script = Script(httpx.ReadError("reset"))
    async with script.client() as client:
        with pytest.raises(Unreachable):
            await getattr(client, verb)(ID)
    assert len(script.asked) == 1


async def test_changes_go_where_the_contract_says() -> None:
    answer = httpx.Response(202, json=conversion())
    script = Script(answer, answer, httpx.Response(204), httpx.Response(200, json=conversion()))
    async with script.client() as client:
        await client.cancel(ID)
        await client.retry(ID)
        await client.delete(ID)
        await client.get("../x?y", wait=2.5)
    assert [(r.method, r.url.raw_path.decode()) for r in script.asked] == [
        ("POST", f"/v1/conversions/{ID}:cancel"),
        ("POST", f"/v1/conversions/{ID}:retry"),
        ("DELETE", f"/v1/conversions/{ID}"),
        ("GET", "/v1/conversions/..%2Fx%3Fy?wait=2.5"),
    ]


async def test_a_list_goes_over_pages_and_never_to_another_host() -> None:
    first = {
        "conversions": [conversion()] * 2,
        "next": "http://evil.test/v1/conversions?limit=200&cursor=c&state=queued",
    }
    second = {"conversions": [conversion()], "next": None}
    script = Script(httpx.Response(200, json=first), httpx.Response(200, json=second))
    async with script.client(api_key="secret") as client:
        seen = [each async for each in client.list(state="queued", batch=None)]
    assert len(seen) == 3
    assert [request.url.host for request in script.asked] == ["shapr.test"] * 2
    assert dict(script.asked[1].url.params) == {"limit": "200", "cursor": "c", "state": "queued"}
    assert script.asked[1].headers["authorization"] == "Bearer secret"


async def test_a_list_stops_at_its_limit() -> None:
    page = {"conversions": [conversion()] * 3, "next": f"{ADDRESS}/v1/conversions?cursor=c"}
    script = Script(httpx.Response(200, json=page))
    async with script.client() as client:
        assert len([each async for each in client.list(limit=2)]) == 2


async def test_a_newer_service_is_understood_and_nothing_it_says_is_lost() -> None:
    told = conversion(state="dreaming", novelty={"a": 1}, report={"losses": []})
    async with Script(httpx.Response(200, json=told)).client() as client:
        seen = await client.get(ID)
    assert seen.state == "dreaming"
    assert not seen.terminal
    assert json.loads(seen.model_dump_json())["novelty"] == {"a": 1}


@pytest.mark.parametrize(
    "answer", [httpx.Response(404, text="<h1>Not here</h1>"), httpx.Response(200, json=[]), httpx.Response(302)]
)
async def test_another_server_at_the_address_is_told_from_ours(answer: httpx.Response) -> None:
    async with Script(answer).client() as client:
        with pytest.raises(NotTheApi):
            await client.formats()


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://x", "", "http://"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="looks like"):
        Client(address)


async def test_parts_that_are_down_are_an_answer() -> None:
    told = {"status": "unavailable", "parts": {"s3": {"status": "down", "milliseconds": 1}}}
    async with Script(httpx.Response(503, json=told)).client() as client:
        assert (await client.readyz()).parts["s3"].status == "down"


def output(data: bytes) -> OutputAnswer:
    return OutputAnswer(format="stl", state="completed", size=len(data), sha256=hashlib.sha256(data).hexdigest())


async def test_a_download_is_there_whole(tmp_path: Path) -> None:
    received: list[int] = []
    async with Script(httpx.Response(200, content=b"solid")).client() as client:
        await client.download(ID, output(b"solid"), tmp_path / "a.stl", received=received.append)
    assert (tmp_path / "a.stl").read_bytes() == b"solid"
    assert sum(received) == 5


@pytest.mark.parametrize("damaged", [b"soliD", b"soli", b"solid and more"])
async def test_a_damaged_download_leaves_the_target_as_it_was(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "a.stl").write_bytes(b"before")
    async with Script(httpx.Response(200, content=damaged)).client() as client:
        with pytest.raises(Damaged):
            await client.download(ID, output(b"solid"), tmp_path / "a.stl")
    assert [path.name for path in tmp_path.iterdir()] == ["a.stl"]
    assert (tmp_path / "a.stl").read_bytes() == b"before"


async def test_a_broken_connection_does_not_break_a_download(tmp_path: Path) -> None:
    script = Script(httpx.ReadError("reset"), httpx.Response(200, content=b"solid"))
    async with script.client() as client:
        await client.download(ID, output(b"solid"), tmp_path / "a.stl")
    assert [path.name for path in tmp_path.iterdir()] == ["a.stl"]


async def test_a_download_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C in the middle of a large file."""
    half = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"so"
        half.set()
        await asyncio.Event().wait()

    async with Script(httpx.Response(200, content=body())).client() as client:
        going = asyncio.create_task(client.download(ID, output(b"solid"), tmp_path / "a.stl"))
        await half.wait()
        assert len(list(tmp_path.iterdir())) == 1
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
    assert list(tmp_path.iterdir()) == []
