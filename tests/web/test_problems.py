"""Every error is an RFC 9457 problem of the error table."""

import dataclasses
from typing import Any

import httpx
import pytest

from shapr.conversion import Conversion, new_id
from shapr.errors import TABLE, Unavailable
from tests.web.conftest import ADDRESS, NOBODYS, Api


def assert_problem(answer: httpx.Response, code: str) -> dict[str, Any]:
    problem = answer.json()
    assert problem["code"] == code, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == problem["status"] == TABLE[code].status
    assert problem["title"] == TABLE[code].title
    assert problem["retryable"] is TABLE[code].retryable
    assert problem["detail"]
    assert set(problem) - {"step"} == {"type", "title", "status", "detail", "code", "retryable"}
    return problem


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nowhere", "not_found"),
        ("GET", "/v1/conversions/", "not_found"),
        ("GET", "/docs/assets/nothing.js", "not_found"),
        ("GET", "/docs/assets/../app.py", "not_found"),
        ("DELETE", "/v1/conversions", "method_not_allowed"),
        ("PUT", "/livez", "method_not_allowed"),
        ("OPTIONS", "/v1/conversions", "method_not_allowed"),
        ("GET", "/v1/conversions?limit=201", "invalid_request"),
        ("GET", "/v1/conversions?limit=0", "invalid_request"),
        ("GET", "/v1/conversions?stat=failed", "invalid_request"),
        ("GET", "/v1/conversions?state=superseded", "invalid_request"),
        ("GET", "/v1/conversions?cursor=x", "invalid_request"),
        ("GET", "/v1/conversions?batch=%00", "invalid_request"),
        ("GET", "/v1/conversions?source_format=dwg", "invalid_request"),
        ("GET", "/v1/conversions?created_after=yesterday", "invalid_request"),
        ("GET", "/v1/conversions?created_after=0001-01-01T00:00:00%2B14:00", "invalid_request"),
        ("GET", "/v1/conversions?created_after=9999-12-31T23:59:59-14:00", "invalid_request"),
        ("GET", f"/v1/conversions/{NOBODYS}?wait=soon", "invalid_request"),
        ("GET", f"/v1/conversions/{NOBODYS}?wait=nan", "invalid_request"),
        ("GET", f"/v1/conversions/{NOBODYS}", "not_found"),
        ("GET", "/v1/conversions/cnv_%00", "not_found"),
        ("GET", f"/v1/conversions/{NOBODYS}/source", "not_found"),
        ("GET", f"/v1/conversions/{NOBODYS}/outputs/stl", "not_found"),
    ],
)
async def test_an_error_is_a_problem(api: Api, method: str, path: str, code: str) -> None:
    assert_problem(await api.http.request(method, path), code)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/livez", {"GET"}),
        ("/v1/conversions", {"GET", "POST"}),
        (f"/v1/conversions/{NOBODYS}", {"GET", "DELETE"}),
        ("/v1/switches/drain", {"PUT", "DELETE"}),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(api: Api, path: str, methods: set[str]) -> None:
    answer = await api.http.patch(path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == methods


async def test_a_wrong_method_for_an_action_is_told_the_right_one(api: Api) -> None:
    assert "POST" in (await api.http.patch(f"/v1/conversions/{new_id()}:cancel")).headers["allow"]


async def test_the_type_of_a_problem_leads_to_its_explanation(api: Api) -> None:
    kind = (await api.http.get("/nowhere")).json()["type"]
    path, _, anchor = kind.partition("#")
    page = await api.http.get(path)
    assert page.status_code == 200
    assert f'id="{anchor}"' in page.text


class Broken:
    """Rows whose database misbehaves in a given way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def get(self, tenant: str, id: str) -> Conversion | None:
        raise self.error


@pytest.fixture
async def breakable(api: Api):
    """The shared application, to be given broken parts for one test."""
    whole = api.parts
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as http:
        yield dataclasses.replace(api, http=http)
    api.app.state.parts = whole


async def test_an_unexpected_error_says_nothing_of_itself(breakable: Api) -> None:
    breakable.app.state.parts = dataclasses.replace(breakable.parts, rows=Broken(KeyError("/secret/path")))
    answer = await breakable.http.get(f"/v1/conversions/{new_id()}")
    assert_problem(answer, "internal")
    assert "secret" not in answer.text
    assert "KeyError" not in answer.text


async def test_a_store_that_does_not_answer_says_when_to_come_back(breakable: Api) -> None:
    down = Unavailable("connect to 10.0.0.3:5432 refused")
    breakable.app.state.parts = dataclasses.replace(breakable.parts, rows=Broken(down))
    answer = await breakable.http.get(f"/v1/conversions/{new_id()}")
    assert_problem(answer, "storage_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "10.0.0.3" not in answer.text
