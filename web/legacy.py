"""The seed's API below /shapr, for its own client and load script: docs/legacy.md."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import orjson
from fastapi import APIRouter, Request, Response

from shapr import conversion as words
from shapr.conversion import Conversion, Output, Source, State
from shapr.converters import formats
from shapr.errors import Refused
from web.answer import MOVED, json, percent
from web.auth import tenant
from web.files import published, served, uploaded
from web.intake import Body, media_type
from web.legacy_upload import drained, made_here, taken
from web.parts import Parts, parts

BODY_BYTES = 2048
NEWEST = 1000  # conversions in the list
STATUS = {
    State.AWAITING_SOURCE: 0,
    State.QUEUED: 0,
    State.RUNNING: 1,
    State.STALLED: 1,
    State.COMPLETED: 2,
    State.FAILED: 3,
    State.CANCELLED: 3,
}

router = APIRouter(prefix="/shapr", include_in_schema=False)


@router.post("/conversion")
async def create(request: Request) -> Response:
    """A conversion that waits for its file."""
    our = parts(request)
    body = Body(request, our.settings)
    try:
        target = formats.output_format(await target_type(request, body))
    finally:
        await drained(body)
    made = Conversion(
        id=words.new_id(),
        tenant=tenant(request),
        state=State.AWAITING_SOURCE,
        created_at=datetime.now(UTC),
        source=Source(name="", format=""),
        outputs=(Output(format=target),),
        reuse=False,  # to the seed, a file's name matters: `fail.shapr` fails, whatever its bytes did under another one
        legacy=True,
    )
    await our.rows.create(made)
    return json(row(made))


@router.post("/upload")
async def upload(request: Request) -> Response:
    """The file of a conversion that waits for it. A file that is refused makes it a failed one."""
    return json(row(await taken(parts(request), tenant(request), request)))


@router.get("/conversion")
async def listed(request: Request) -> Response:
    newest = await parts(request).rows.list(tenant(request), legacy=True, limit=NEWEST)
    return json([row(conversion) for conversion in newest])


@router.get("/conversion/{id}")
async def get(request: Request, id: str) -> Response:
    our = parts(request)
    conversion = await made_here(our, tenant(request), id)
    return json({**row(conversion), "progress": await progress(our, conversion)})


@router.get("/files/{id}/{name}")
async def file(request: Request, id: str, name: str) -> Response:
    """The input or the output, by its name in the row."""
    our = parts(request)
    conversion = await made_here(our, tenant(request), id)
    if name == conversion.source.name:
        return await served(our, request, uploaded(conversion))
    if name == output_name(conversion):
        return await served(our, request, replace(published(conversion, conversion.outputs[0]), name=name))
    raise Refused("not_found", "there is no such file")


async def target_type(request: Request, body: Body) -> str:
    """What a form or a JSON object says it is."""
    sent = bytearray()
    while body.more:
        sent += await body.piece()
        if len(sent) > BODY_BYTES:
            raise Refused("file_too_large", f"at most {BODY_BYTES} bytes are accepted here")
    try:
        match media_type(request):
            case "application/json":
                fields = orjson.loads(bytes(sent))
            case "application/x-www-form-urlencoded":
                fields = {name: values[-1] for name, values in parse_qs(sent.decode()).items()}
            case _:
                raise Refused("unsupported_media_type", "send application/json or application/x-www-form-urlencoded")
    except ValueError as error:
        raise Refused("malformed_request", "the body is not what its Content-Type says") from error
    target = fields.get("targettype") if isinstance(fields, dict) else None
    if not isinstance(target, str):
        raise Refused("invalid_request", "targettype: the name of a format is needed")
    return target


async def progress(our: Parts, conversion: Conversion) -> str | None:
    """Percent as the seed's client gets it; nothing before a worker has begun."""
    if conversion.state in (State.AWAITING_SOURCE, State.QUEUED) or not conversion.attempts:
        return None
    wanted = [(conversion.id, conversion.attempts)] if conversion.state in MOVED else []
    told = await our.progress.get(wanted) if wanted else {}
    return str(int(percent(conversion, told.get(conversion.id, 0))))


def row(conversion: Conversion) -> dict[str, Any]:
    return {
        "id": conversion.id,
        "user_id": "0",
        "status": STATUS[conversion.state],
        "target_type": conversion.outputs[0].format,
        "input_file": conversion.source.name or None,
        "output_file": output_name(conversion),
        "created_at": moment(conversion.created_at),
        "finished_at": moment(conversion.finished_at) if conversion.finished_at else None,
    }


def output_name(conversion: Conversion) -> str | None:
    """Of a completed one: `<stem>.<target>`, unless that is the name of the input."""
    if conversion.state is not State.COMPLETED:
        return None
    given, target = conversion.source.name, conversion.outputs[0].format
    stem = given.rpartition(".")[0]
    name = f"{stem}.{target}"
    return f"{stem}.converted.{target}" if name == given else name


def moment(time: datetime) -> str:
    """As JavaScript's toISOString writes it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
