"""Conversions over HTTP: create, get, list. What is accepted here is a row; the row is the promise."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shapr import conversion as words
from shapr import keys
from shapr.adapters.idempotency import Held, Stands
from shapr.conversion import Conversion, State
from shapr.converters.formats import ALIASES
from shapr.errors import Refused, Unavailable
from web.actions import started
from web.answer import ConversionAnswer, ConversionList, address, answers, json, unless_known
from web.auth import tenant
from web.idempotency import in_flight, keyed
from web.intake import Body, Intake, boundary
from web.multipart import Form
from web.parts import ID, Parts, parts
from web.submission import Batch, Submission

WAIT = 60.0  # seconds a request may wait for the end, at most
POLL = 2.0  # seconds between two looks at the row, when no change is announced

router = APIRouter(tags=["conversions"])


class Waiting(BaseModel):
    model_config = ConfigDict(extra="forbid")
    wait: float = Field(0, ge=0, description="Seconds to wait for the end, at most 60; more counts as 60.")


def _format(name: str) -> str:
    if name.lower() not in ALIASES:
        raise ValueError("no such format")
    return ALIASES[name.lower()]


def _cursor(cursor: str) -> str:
    if not ID.fullmatch(cursor):
        raise ValueError("not a cursor")
    return cursor


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


Format = Annotated[str, AfterValidator(_format)]


class Filter(BaseModel):
    model_config = ConfigDict(extra="forbid")
    limit: int = Field(50, ge=1, le=200)
    cursor: Annotated[str, AfterValidator(_cursor)] | None = Field(None, description="From the Link header.")
    state: Literal["awaiting_source", "queued", "running", "stalled", "completed", "failed", "cancelled"] | None = None
    source_format: Format | None = None
    output_format: Format | None = None
    batch: Batch | None = None
    created_after: Annotated[datetime, AfterValidator(_in_utc)] | None = Field(
        None, description="RFC 3339; UTC unless it says otherwise."
    )


LOCATION = {"Location": {"schema": {"type": "string", "format": "uri"}, "description": "The conversion."}}
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The extension says the format."},
                        **Submission.model_json_schema(ref_template="#/components/schemas/{model}")["properties"],
                    },
                    "required": ["file", "outputs"],
                    "additionalProperties": False,
                },
                "encoding": {"options": {"contentType": "application/json"}},
            }
        },
    },
    "parameters": [
        {
            "name": "Prefer",
            "in": "header",
            "schema": {"type": "string"},
            "description": "`wait=N`: answer 200 with the finished conversion if it ends within N seconds, at most 60.",
        },
        {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "maxLength": 255},
            "description": "The same request again, with the same key, within a day: the same conversion.",
        },
    ],
}


@router.post(
    "/v1/conversions",
    status_code=202,
    responses={
        202: {"model": ConversionAnswer, "description": "Accepted: it will be converted", "headers": LOCATION},
        200: {"model": ConversionAnswer, "description": "It ended in time", "headers": LOCATION},
    },
    openapi_extra=FORM,
)
async def create(request: Request) -> Response:
    """Upload a file and have it converted.

    `outputs` may be repeated, or be a comma list. The fields may come before or after the file; what comes before it
    is checked before it is uploaded.
    """
    our, owner = parts(request), tenant(request)
    form = Form(boundary(request, our.settings))
    async with keyed(our, request, owner) as key:
        if isinstance(key, Stands):
            conversion = await repeated(our, request, form, owner, key)
        else:
            async with our.admission.place():  # what the key stands for already has its place
                conversion, fingerprint = await received(our, request, form, owner)
                await recorded(our, conversion, key, fingerprint)
    if conversion.state is State.QUEUED:
        await started(our, conversion)
    seconds = preferred(request.headers)
    if seconds:
        conversion = await ended(our, request, conversion.tenant, conversion.id, seconds)
    base = address(request)
    headers = {"Location": f"{base}/{conversion.id}"}
    in_time = seconds > 0 and conversion.state.terminal
    if in_time:
        headers["Preference-Applied"] = f"wait={seconds:g}"
    (told,) = await answers(our, base, [conversion])
    return json(told, 200 if in_time else 202, headers)


@router.get("/v1/conversions/{id}", responses={200: {"model": ConversionAnswer}})
async def get(request: Request, id: str, query: Annotated[Waiting, Query()]) -> Response:
    """One conversion; with `wait`, as soon as it has ended."""
    our = parts(request)
    conversion = await our.conversion(tenant(request), id)
    if query.wait and not conversion.state.terminal:
        conversion = await ended(our, request, conversion.tenant, id, min(query.wait, WAIT))
    (told,) = await answers(our, address(request), [conversion])
    return unless_known(request, json(told))


@router.get("/v1/conversions", responses={200: {"model": ConversionList}})
async def listed(request: Request, query: Annotated[Filter, Query()]) -> Response:
    """Newest first; the Link header leads to the next page."""
    our, base = parts(request), address(request)
    page = await our.rows.list(
        tenant(request),
        limit=query.limit + 1,
        before=query.cursor,
        state=State(query.state) if query.state else None,
        source_format=query.source_format,
        output_format=query.output_format,
        batch=query.batch,
        created_after=query.created_after,
    )
    more, page = len(page) > query.limit, page[: query.limit]
    following = None
    if more:
        given = {name: value for name, value in request.query_params.items() if name != "cursor"}
        following = f"{base}?{urlencode({**given, 'cursor': page[-1].id})}"
    body = {"conversions": await answers(our, base, page), "next": following}
    return json(body, headers={"Link": f'<{following}>; rel="next"'} if following else None)


async def received(our: Parts, request: Request, form: Form, owner: str) -> tuple[Conversion, str]:
    """The conversion that the form asks for, its source in the bucket, and what the form means: its fingerprint.

    A refusal leaves nothing in the bucket.
    """
    id = words.new_id()
    async with our.bucket.receive(keys.source(owner, id)) as incoming:
        intake = Intake(incoming, our.settings)
        await intake.read(Body(request, our.settings), form)
        submission, source = intake.asked()
        return submission.conversion(id, owner, source, our.sources), submission.fingerprint(source)


async def recorded(our: Parts, conversion: Conversion, key: Held | None, fingerprint: str) -> None:
    """The row is written, with the key that stands for it, or the source is gone and the request fails."""
    try:
        if key is None:
            await our.rows.create(conversion)
        elif not await our.keys.create(conversion, key, fingerprint):
            await our.bucket.delete_prefix(keys.prefix(conversion.tenant, conversion.id))
            raise in_flight(0)  # somebody else took the key while we were out of touch
    except Unavailable:
        # The answer was lost, perhaps not the row: only a clear no takes the source away again.
        if await our.rows.get(conversion.tenant, conversion.id) is None:
            await our.bucket.delete_prefix(keys.prefix(conversion.tenant, conversion.id))
            raise


async def repeated(our: Parts, request: Request, form: Form, owner: str, key: Stands) -> Conversion:
    """The conversion that the key stands for; `idempotency_mismatch` if this request means another."""
    intake = Intake(Nowhere(), our.settings)
    await intake.read(Body(request, our.settings), form)
    submission, source = intake.asked()
    if submission.fingerprint(source) != key.fingerprint:
        raise Refused("idempotency_mismatch", "the key was used for another file, or with other fields")
    return await our.conversion(owner, key.conversion)


class Nowhere:
    """Takes a file that is here already: it is only read to know that it is the same."""

    async def write(self, chunk: bytes) -> None: ...


async def ended(our: Parts, request: Request, owner: str, id: str, seconds: float) -> Conversion:
    """The conversion once it is terminal, or as it is when the time is over or the caller is gone."""
    until = time.monotonic() + seconds
    async with our.progress.changes(id) as changes:  # first listen, then look: no change falls in between
        while True:
            conversion = await our.conversion(owner, id)
            left = until - time.monotonic()
            if conversion.state.terminal or left <= 0 or await request.is_disconnected():
                return conversion
            await changes.wait(min(left, POLL))


def preferred(headers: Mapping[str, str]) -> float:
    """Seconds of `Prefer: wait=N` (RFC 7240); an unreadable preference is none."""
    match = re.search(r'(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})', headers.get("prefer", ""), re.IGNORECASE)
    return min(float(match[1]), WAIT) if match else 0.0
