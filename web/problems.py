"""How the API says no: RFC 9457 problems, one for every row of the error table, and for nothing else."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shapr.conversion import Deleted, Step
from shapr.errors import TABLE, Refused, Unavailable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "5"  # seconds; what is down is being restarted, and that takes about as long
DETAIL_LENGTH = 500
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
FROM_ROUTER = {400: "malformed_request", 404: "not_found", 405: "method_not_allowed"}

log = structlog.get_logger()


class Problem(BaseModel):
    """RFC 9457, with the `code` of the error table and, for a conversion, the `step` that failed."""

    type: str = Field(description="Where the error is explained.")
    title: str
    status: int
    detail: str
    code: str
    retryable: bool = Field(description="The same request may succeed later, unchanged.")
    step: Step | None = Field(None, description="The step of the conversion that failed.")


class Gone(Refused):
    """It was deleted: when, and what went with it (None while that is still going)."""

    def __init__(self, deleted_at: datetime, deleted: Deleted | None) -> None:
        super().__init__("gone", "it was deleted")
        self.deleted_at = deleted_at
        self.deleted = deleted


def problem(
    code: str,
    detail: str,
    *,
    step: Step | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """The answer that says so; `more` are further members of its body."""
    row = TABLE[code]
    body: dict[str, Any] = {
        "type": f"/docs/errors#{code}",
        "title": row.title,
        "status": row.status,
        "detail": detail,
        "code": code,
        "retryable": row.retryable,
        **(more or {}),
    }
    if step is not None:
        body["step"] = step
    said = dict(headers or {})
    if row.status == 503:
        said.setdefault("Retry-After", RETRY_AFTER)
    if code == "request_timeout":
        said["Connection"] = "close"  # the rest of the request may still come, or never
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), row.status, said, MEDIA_TYPE)


def refusal(error: Refused) -> Response:
    """What a caller is told who is refused."""
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else None
    return problem(error.code, error.detail, headers=headers)


def sentences(errors: Sequence[Any]) -> str:
    """Pydantic's complaints, for a caller: the field and what is wrong with it, without the value."""
    said = [f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in errors]
    return "; ".join(said)[:DETAIL_LENGTH]


def install(app: FastAPI) -> None:
    """Make every error of the application a problem; an unexpected one is logged and says nothing."""

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return refusal(error)

    @app.exception_handler(Gone)
    async def gone(_: Request, error: Gone) -> Response:
        counts = error.deleted.model_dump() if error.deleted else None
        return problem("gone", error.detail, more={"deleted_at": error.deleted_at, "counts": counts})

    @app.exception_handler(Unavailable)
    async def unavailable(request: Request, error: Unavailable) -> Response:
        log.warning("dependency_unavailable", path=request.url.path, detail=error.detail)
        return problem(error.code, "the service cannot reach one of its stores; try again")

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return problem("invalid_request", sentences(error.errors()))

    @app.exception_handler(HTTPException)
    async def of_the_router(request: Request, error: HTTPException) -> Response:
        said = {404: "nothing is at this address", 405: f"{request.method} is not possible here"}
        code = FROM_ROUTER.get(error.status_code, "internal")
        headers = {"Allow": allowed(request)} if error.status_code == 405 else error.headers
        return problem(code, said.get(error.status_code, str(error.detail)), headers=headers)

    app.add_middleware(Unexpected)


def allowed(request: Request) -> str:
    """The methods of an address. The router knows only those of its first route that is there."""

    def found(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return ", ".join(method for method in METHODS if found(method))


class Unexpected:
    """The outermost net: an exception nobody foresaw is logged here, and the caller learns only that it happened."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            if scope["type"] != "http":
                raise
            log.exception("unexpected_error", method=scope["method"], path=scope["path"])
            if started:
                raise  # the server cuts the connection, so a half answer is not taken for a whole one
            await problem("internal", "something went wrong on our side; it has been logged")(scope, receive, send)
