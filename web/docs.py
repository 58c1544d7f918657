"""The documents that the service serves about itself: OpenAPI, Swagger UI without a CDN, the error table."""

from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.staticfiles import StaticFiles

from shapr.conversion import Options
from shapr.errors import TABLE
from web.problems import MEDIA_TYPE, Problem

ASSETS = Path(__file__).parent / "vendor" / "swagger-ui-dist"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
STYLE = """<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
pre, code { font-family: ui-monospace, monospace; } pre { overflow-x: auto; padding: 1rem; border: 1px solid #8886; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .3rem .8rem .3rem 0; vertical-align: top; }
:root { color-scheme: light dark; }
</style>"""
SWAGGER = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shapr3D Conversion Service: API</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/assets/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""
START = """SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null});
"""

router = APIRouter(include_in_schema=False)


def page(html: str) -> Response:
    return Response(html, media_type="text/html", headers={"Content-Security-Policy": CSP})


@router.get("/docs")
async def swagger() -> Response:
    return page(SWAGGER)


@router.get("/docs/start.js")
async def start() -> Response:
    return Response(START, media_type="text/javascript")


@router.get("/docs/errors")
async def errors() -> Response:
    """Where the `type` of a problem leads."""
    rows = "".join(
        f'<tr id="{row.code}"><td><code>{row.code}</code><td>{row.status}<td>{"yes" if row.retryable else "no"}'
        f"<td>{escape(row.title)}<td>{escape(row.caller)}</tr>\n"
        for row in TABLE.values()
    )
    head = "<tr><th>code<th>status<th>retryable<th>meaning<th>what to do</tr>"
    return page(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Errors</title>{STYLE}'
        f"<h1>Errors</h1><table>{head}{rows}</table></html>"
    )


def install(app: FastAPI) -> None:
    app.include_router(router)
    app.mount("/docs/assets", StaticFiles(directory=ASSETS))
    setattr(app, "openapi", lambda: schema(app))  # noqa: B010 - FastAPI's documented way; mypy forbids the assignment


def schema(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of the whole API; every operation may answer with a problem."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for path in made["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
        components = made.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        reference = "#/components/schemas/{model}"
        schemas["Problem"] = Problem.model_json_schema(ref_template=reference)
        schemas["Options"] = Options.model_json_schema(ref_template=reference)
        for model in ("Problem", "Options"):
            schemas.update(schemas[model].pop("$defs", {}))
        components["responses"] = {
            "Problem": {
                "description": "A problem (RFC 9457) with a `code` of the error table",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
        }
        app.openapi_schema = made
    return app.openapi_schema
