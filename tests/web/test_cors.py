"""Pages of other origins may use the seed's API from a browser, and nothing else."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shapr.settings import Settings
from tests.web.conftest import ADDRESS, STL, Api, serving
from tests.web.test_legacy import created
from tests.web.test_problems import assert_problem

PAGE = "http://localhost:3000"
ASKED = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,txid"}


@pytest.fixture(scope="module")
async def choosy(settings: Settings) -> AsyncIterator[Api]:
    """It welcomes two origins."""
    allowed = {"legacy_origins": f"https://app.test, {PAGE}/"}
    async with serving(settings.model_copy(update=allowed)) as running:
        yield running


def cors(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("path", ["conversion", "upload", "conversion/x", "files/x/y", "nowhere"])
async def test_a_preflight_is_answered(api: Api, path: str) -> None:
    answer = await api.http.options(f"/shapr/{path}", headers=ASKED)
    assert (answer.status_code, answer.content) == (204, b"")
    assert cors(answer) == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-methods": "GET, HEAD, POST",
        "access-control-allow-headers": "content-type,txid",
        "access-control-max-age": "3600",
    }
    assert answer.headers["vary"] == "Origin"


async def test_a_preflight_to_a_private_network_is_answered(api: Api) -> None:
    asked = {**ASKED, "Access-Control-Request-Private-Network": "true"}
    answer = await api.http.options("/shapr/upload", headers=asked)
    assert answer.headers["access-control-allow-private-network"] == "true"


async def test_a_preflight_that_asks_for_nonsense_gets_what_the_client_needs(api: Api) -> None:
    asked = {**ASKED, "Access-Control-Request-Headers": "x" * 5000}
    answer = await api.http.options("/shapr/upload", headers=asked)
    assert answer.headers["access-control-allow-headers"] == "content-type, txid"


@pytest.mark.parametrize("origin", [PAGE, "https://quarantime.io", "null", ADDRESS])
async def test_a_page_of_any_origin_creates_uploads_and_reads(api: Api, origin: str) -> None:
    said = {"Origin": origin}
    made = await api.http.post("/shapr/conversion", json={"targettype": "obj"}, headers=said)
    files = {"file": ("cube.stl", STL), "txid": (None, made.json()["id"])}
    sent = await api.http.post("/shapr/upload", files=files, headers={**said, "txid": made.json()["id"]})
    listed = await api.http.get("/shapr/conversion", headers=said)
    got = await api.http.get(f"/shapr/files/{made.json()['id']}/cube.stl", headers=said)
    for answer in (made, sent, listed, got):
        assert answer.status_code == 200, answer.text
        assert cors(answer) == {"access-control-allow-origin": origin}
        assert answer.headers["vary"] == "Origin"


async def test_errors_can_be_read_too(api: Api) -> None:
    said = {"Origin": PAGE}
    for answer, status in [
        (await api.http.get("/shapr/nowhere", headers=said), 404),
        (await api.http.get("/shapr/conversion/x", headers=said), 404),
        (await api.http.put("/shapr/conversion", headers=said), 405),
        (await api.http.post("/shapr/conversion", headers=said), 415),
        (await api.http.post("/shapr/conversion", json={"targettype": "dwg"}, headers=said), 422),
        (await api.http.get("/shapr/conversion", headers={**said, "Host": "evil.test"}), 403),
    ]:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert cors(answer) == {"access-control-allow-origin": PAGE}


async def test_an_unexpected_error_can_be_read_too(api: Api) -> None:
    whole, api.app.state.parts = api.parts, None
    try:
        answer = await api.http.get("/shapr/conversion", headers={"Origin": PAGE})
    finally:
        api.app.state.parts = whole
    assert_problem(answer, "internal")
    assert cors(answer) == {"access-control-allow-origin": PAGE}


async def test_whoever_is_no_page_gets_no_such_headers(api: Api) -> None:
    answer = await api.http.get("/shapr/conversion")
    assert (cors(answer), answer.headers["vary"]) == ({}, "Origin")


@pytest.mark.parametrize("path", ["/v1/conversions", "/v1/conversions/x", "/", "/shaprx", "/v1/../shapr/conversion"])
async def test_everything_else_stays_closed(api: Api, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = await api.http.request(method, f"{ADDRESS}{path}".replace("/../", "/%2e%2e/"), headers=ASKED)
        assert cors(answer) == {}
        if method == "POST":
            assert_problem(answer, "forbidden")


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_a_foreign_host_name_stays_forbidden(api: Api, method: str) -> None:
    headers = {**ASKED, "Host": "evil.test", "Origin": "http://evil.test"}
    assert_problem(await api.http.request(method, "/shapr/conversion", headers=headers), "forbidden")


async def test_only_the_named_origins_are_welcome(choosy: Api) -> None:
    for origin in (PAGE, "https://app.test", "HTTPS://APP.TEST"):
        answer = await choosy.http.post("/shapr/conversion", json={"targettype": "stl"}, headers={"Origin": origin})
        assert (answer.status_code, cors(answer)) == (200, {"access-control-allow-origin": origin})
    for origin in ("http://app.test", "https://app.test.evil.test", "null", "", "*"):
        said = {**ASKED, "Origin": origin}
        assert_problem(
            await choosy.http.post("/shapr/conversion", json={"targettype": "stl"}, headers=said), "forbidden"
        )
        preflight = await choosy.http.options("/shapr/conversion", headers=said)
        listed = await choosy.http.get("/shapr/conversion", headers=said)
        assert (cors(preflight), cors(listed), listed.headers["vary"]) == ({}, {}, "Origin")
    assert (await created(choosy))["status"] == 0, "what is no page has no origin"
