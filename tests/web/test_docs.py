"""What the service says about itself is complete, true, and needs no other host."""

import hashlib
import re
from typing import Any

import jsonschema
import pytest

from shapr.converters.formats import BUILT_IN, FORMATS, fitting
from tests.web.conftest import ADDRESS, STEP, Api
from web.docs import ASSETS

LOCAL = re.compile(r"""(?:src|href)=["']([^"']*)["']""")


@pytest.fixture
async def schema(api: Api) -> dict[str, Any]:
    return (await api.http.get("/openapi.json")).json()


def check(instance: Any, schema: dict[str, Any], name: str) -> None:
    """Against a component, and nothing else: unknown fields are errors."""
    jsonschema.validate(instance, {"$ref": f"#/components/schemas/{name}", "components": schema["components"]})


async def test_every_operation_is_described_with_its_problem(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    assert {(method, path) for path, item in schema["paths"].items() for method in item} == {
        ("post", "/v1/conversions"),
        ("get", "/v1/conversions"),
        ("get", "/v1/conversions/{id}"),
        ("get", "/v1/conversions/{id}/outputs/{format}"),
        ("get", "/v1/conversions/{id}/source"),
        ("get", "/v1/conversions/{id}/report"),
        ("get", "/v1/conversions/{id}/thumbnail"),
        ("get", "/v1/conversions/{id}/preview"),
        ("get", "/v1/formats"),
        ("get", "/livez"),
        ("get", "/readyz"),
        ("post", "/v1/conversions/{id}:cancel"),
        ("post", "/v1/conversions/{id}:retry"),
        ("delete", "/v1/conversions/{id}"),
        ("get", "/v1/switches"),
        ("put", "/v1/switches/{name}"),
        ("delete", "/v1/switches/{name}"),
    }
    for item in schema["paths"].values():
        for operation in item.values():
            contents = [answer["content"] for answer in operation["responses"].values() if "content" in answer]
            assert contents or operation["responses"].get("204")
            assert {} not in [each["schema"] for content in contents for each in content.values() if "schema" in each]
            assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}


async def test_every_reference_of_the_schema_leads_somewhere(schema: dict[str, Any]) -> None:
    for reference in re.findall(r"'\$ref': '([^']+)'", str(schema)):
        found = schema
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    for component in schema["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(component)


async def test_the_answers_are_what_the_schema_says(api: Api, schema: dict[str, Any]) -> None:
    told = await api.created(file=("part.step", STEP), outputs="stl,obj")
    check(told, schema, "ConversionAnswer")
    check((await api.http.get("/v1/conversions?limit=3")).json(), schema, "ConversionList")
    check((await api.http.get("/v1/formats")).json(), schema, "FormatsAnswer")
    check((await api.http.get("/readyz")).json(), schema, "Readiness")
    check((await api.http.get("/livez")).json(), schema, "Liveness")
    check((await api.http.get("/v1/switches")).json(), schema, "SwitchesAnswer")
    check((await api.http.get("/nowhere")).json(), schema, "Problem")


async def test_a_download_may_have_the_type_of_every_format(schema: dict[str, Any]) -> None:
    for of in ("outputs/{format}", "source"):
        answers = schema["paths"][f"/v1/conversions/{{id}}/{of}"]["get"]["responses"]
        assert set(answers["200"]["content"]) == {kind.media_type for kind in FORMATS.values()}


async def test_the_form_describes_every_field(schema: dict[str, Any]) -> None:
    form = schema["paths"]["/v1/conversions"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {
        "file", "outputs", "options", "webhook_url", "priority", "reuse", "preview", "expires_in", "batch"
    }  # fmt: skip


async def test_the_formats_are_the_table(api: Api) -> None:
    told = (await api.http.get("/v1/formats")).json()
    assert [format["name"] for format in told["formats"]] == list(FORMATS)
    assert set(told["pairs"]) == set(BUILT_IN)
    assert told["pairs"]["step"]["stl"] == fitting("step", "stl", BUILT_IN)
    jsonschema.validate({"quality": "fine", "units": "in"}, told["options"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"colour": "red"}, told["options"])


@pytest.mark.parametrize("path", ["/docs", "/docs/errors", "/"])
async def test_a_page_loads_nothing_from_elsewhere(api: Api, path: str) -> None:
    page = await api.http.get(path)
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe-inline" not in page.headers["content-security-policy"].split("script-src")[1].split(";")[0]
    for link in LOCAL.findall(page.text):
        if link.startswith("/"):
            assert (await api.http.get(link)).status_code == 200, link
        else:
            assert link.startswith(("data:", "#", "http://127.0.0.1:"))


async def test_the_first_page_says_how_to_begin(api: Api) -> None:
    page = (await api.http.get("/")).text
    assert f"{ADDRESS}/v1/conversions" in page
    assert "curl -F file=@" in page
    assert str(api.parts.settings.temporal_ui_port) in page


def test_the_vendored_files_are_those_that_were_reviewed() -> None:
    sums = dict(line.split("  ")[::-1] for line in (ASSETS / "SHA256SUMS").read_text().splitlines())
    assert {"LICENSE", "swagger-ui-bundle.js", "swagger-ui.css"} <= set(sums)
    for name, sha256 in sums.items():
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == sha256
