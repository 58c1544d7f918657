"""How a conversion is told over HTTP: exactly the fields of DESIGN section 9."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import orjson
from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict

from shapr import keys
from shapr.conversion import PROGRESS_AT, Conversion, Error, Output, Pictures, State, Step
from shapr.errors import TABLE
from web.parts import Parts

MOVED = (State.RUNNING, State.STALLED, State.FAILED, State.CANCELLED)  # where the percent is known to Redis alone


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ErrorAnswer(Answer):
    code: str
    title: str
    detail: str
    step: Step | None
    retryable: bool


class SourceAnswer(Answer):
    """`name` and `format` are null while they are not known: until the source is here."""

    name: str | None
    format: str | None
    size: int | None
    sha256: str | None


class OutputAnswer(Answer):
    """`size` and `sha256` are those of the decoded file; `url` once it can be downloaded."""

    format: str
    state: Literal["pending", "completed", "failed"]
    size: int | None
    sha256: str | None
    options: dict[str, Any]
    reused: bool
    error: ErrorAnswer | None
    url: str | None


class Links(Answer):
    """`report`, `thumbnail` and `preview` are named once, and if, there is one."""

    self: str
    outputs: dict[str, str]
    source: str
    report: str | None = None
    thumbnail: str | None = None
    preview: str | None = None


class ConversionAnswer(Answer):
    id: str
    state: Literal["awaiting_source", "queued", "running", "stalled", "completed", "failed", "cancelled"]
    step: Step | None
    progress: int | float
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    batch: str | None
    source: SourceAnswer
    outputs: list[OutputAnswer]
    error: ErrorAnswer | None
    report: dict[str, Any] | None
    attempts: int
    workflow_id: str
    links: Links


class ConversionList(Answer):
    """Newest first. `next` is the address of the next page, as in the Link header; null on the last."""

    conversions: list[ConversionAnswer]
    next: str | None


def json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Times as RFC 3339 in UTC with Z."""
    return Response(orjson.dumps(content, option=orjson.OPT_UTC_Z), status, headers, "application/json")


def unless_known(request: Request, response: Response) -> Response:
    """The response with its ETag, or 304 when the caller has it."""
    etag = f'W/"{hashlib.blake2b(response.body, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def address(request: Request) -> str:
    """Our own address as the caller wrote it; the guard has checked the host."""
    return f"{request.url.scheme}://{request.headers['host']}/v1/conversions"


async def answers(parts: Parts, base: str, conversions: Sequence[Conversion]) -> list[dict[str, Any]]:
    """What callers are told of these conversions; one round trip for the progress of all."""
    wanted = [(c.id, c.attempts) for c in conversions if c.state in MOVED]
    told = await parts.progress.get(wanted) if wanted else {}
    return [answer(c, told.get(c.id, 0), base) for c in conversions]


def answer(conversion: Conversion, told: float, base: str) -> dict[str, Any]:
    """`told` is the percent last heard of this attempt, `base` the address of the collection."""
    here = f"{base}/{conversion.id}"
    links = {output.format: f"{here}/outputs/{output.format}" for output in conversion.outputs}
    return {
        "id": conversion.id,
        "state": conversion.state,
        "step": at(conversion),
        "progress": percent(conversion, told),
        "created_at": conversion.created_at,
        "started_at": conversion.started_at,
        "finished_at": conversion.finished_at,
        "expires_at": conversion.expires_at,
        "batch": conversion.batch,
        "source": {
            "name": conversion.source.name or None,
            "format": conversion.source.format or None,
            "size": conversion.source.size,
            "sha256": conversion.source.sha256,
        },
        "outputs": [_output(conversion, output, links[output.format]) for output in conversion.outputs],
        "error": _error(conversion.error, conversion.failed_step),
        "report": conversion.report,
        "attempts": conversion.attempts,
        "workflow_id": workflow_of(conversion),
        "links": {"self": here, "outputs": links, "source": f"{here}/source", **extras(conversion, here)},
    }


def extras(conversion: Conversion, here: str) -> dict[str, str]:
    """Where the report and the pictures are, once there are any."""
    pictures = conversion.pictures or Pictures()
    there = {"report": conversion.report, "thumbnail": pictures.thumbnail, "preview": pictures.preview}
    return {name: f"{here}/{name}" for name, what in there.items() if what is not None and conversion.state.terminal}


def workflow_of(conversion: Conversion) -> str:
    """The workflow of its attempt: of the next one, while it waits for that."""
    if conversion.workflow_id and conversion.state is not State.QUEUED:
        return conversion.workflow_id
    return keys.workflow(conversion.id, conversion.attempts + 1)


def at(conversion: Conversion) -> Step | None:
    """The step that runs, or that an operator is waited for; nothing before and after."""
    if conversion.state is State.STALLED:
        return conversion.failed_step or conversion.step
    return conversion.step if conversion.state is State.RUNNING else None


def percent(conversion: Conversion, told: float) -> int | float:
    """0..100, with hundredths where it is not whole; never falling within an attempt."""
    if conversion.state is State.COMPLETED:
        return 100
    step = conversion.failed_step if conversion.state in (State.FAILED, State.CANCELLED) else at(conversion)
    # Notify also tells of failures, which have come less far: its floor counts only for what store has recorded.
    if step is Step.NOTIFY and any(output.state == "pending" for output in conversion.outputs):
        step = None
    floor = PROGRESS_AT[step] if step else 0
    reached = min(max(floor, told), 100)
    return int(reached) if reached == int(reached) else reached


def _output(conversion: Conversion, output: Output, url: str) -> dict[str, Any]:
    there = output.state == "completed" and conversion.state.terminal
    return {
        "format": output.format,
        "state": output.state,
        "size": output.size,
        "sha256": output.sha256,
        "options": output.options,
        "reused": output.reused,
        "error": _error(output.error, conversion.failed_step),
        "url": url if there else None,
    }


def _error(error: Error | None, step: Step | None) -> dict[str, Any] | None:
    if error is None:
        return None
    row = TABLE.get(error.code, TABLE["internal"])
    return {
        "code": row.code,
        "title": row.title,
        "detail": error.detail,
        "step": step,
        "retryable": row.retryable,
    }
