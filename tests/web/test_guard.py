"""Without keys the API serves the machine itself, and no web page that happens to be open on it."""

import httpx
import pytest

from shapr.settings import Settings
from tests.web.conftest import ADDRESS, Api
from web.app import create_app
from web.auth import Guard


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000"])
async def test_our_own_names_are_served_on_any_port(api: Api, host: str) -> None:
    assert (await api.http.get("/livez", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.test", "127.0.0.1.evil.test:8000", "localhost.evil.test", "", "evil.test:127.0.0.1"]
)
async def test_a_foreign_host_name_is_forbidden(api: Api, host: str) -> None:
    answer = await api.http.get("/v1/conversions", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "http://127.0.0.1:3000", "http://[broken", ""])
async def test_another_origin_may_not_create_anything(api: Api, origin: str) -> None:
    before = len(api.started)
    answer = await api.submit(headers={"Origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert len(api.started) == before


async def test_our_own_pages_may(api: Api) -> None:
    assert (await api.submit(headers={"Origin": ADDRESS})).status_code == 202


async def test_a_connection_to_a_public_address_is_forbidden(api: Api) -> None:
    app = Guard(api.app, "everywhere.test")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://everywhere.test") as http:
        assert (await http.get("/livez")).status_code == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.test"])
def test_it_does_not_start_where_others_could_reach_it(settings: Settings, host: str) -> None:
    with pytest.raises(RuntimeError, match="loopback"):
        create_app(settings.model_copy(update={"host": host}))
