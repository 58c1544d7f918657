"""Outputs and sources as downloads: names, ETags, ranges, and gzip for those who take it."""

import re
import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from shapr import keys
from shapr.conversion import Conversion, Output
from shapr.converters import archive
from shapr.converters.formats import ALIASES, FORMATS
from shapr.errors import TABLE, Refused
from web.auth import tenant
from web.multipart import clean_name
from web.parts import Parts, parts
from web.problems import problem

INFLATED = 1 << 18  # bytes decompressed at a time: a small chunk may hold a thousand times its size

router = APIRouter(tags=["files"])
CONTENT: dict[str, dict[str, Any]] = {kind.media_type: {} for kind in FORMATS.values()}
A_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": CONTENT},
    206: {"description": "A range of it", "content": CONTENT},
    304: {"description": "The caller has it"},
}


@dataclass(frozen=True)
class File:
    """An object to be served. `size` and `sha256` are those of the decoded bytes, `encoding` is how it is stored."""

    key: str
    name: str
    media_type: str
    size: int
    sha256: str
    encoding: Literal["gzip"] | None = None
    stub: bool = False


@router.get("/v1/conversions/{id}/outputs/{format}", response_class=Response, responses=A_FILE)
async def output(request: Request, id: str, format: str) -> Response:
    """The converted file. Ranges are those of the file as stored uncompressed; else the whole file comes."""
    our = parts(request)
    conversion = await our.conversion(tenant(request), id)
    name = ALIASES.get(format.lower())
    wanted = next((output for output in conversion.outputs if output.format == name), None)
    if wanted is None:
        raise Refused("not_found", "this output was not asked for")
    if not conversion.state.terminal:
        raise Refused("conflict", f"the conversion is {conversion.state}: wait for its end")
    if wanted.state == "failed" and wanted.error:
        code = wanted.error.code if wanted.error.code in TABLE else "internal"
        return problem(code, wanted.error.detail, step=conversion.failed_step)
    if wanted.state != "completed":
        raise Refused("conflict", f"the conversion is {conversion.state}: there is no such output")
    return await served(our, request, published(conversion, wanted))


@router.get("/v1/conversions/{id}/source", response_class=Response, responses=A_FILE)
async def source(request: Request, id: str) -> Response:
    """The file that was uploaded."""
    our = parts(request)
    conversion = await our.conversion(tenant(request), id)
    return await served(our, request, uploaded(conversion))


def uploaded(conversion: Conversion) -> File:
    """The source as it was uploaded; `not_found` before that, and when it was refused."""
    source = conversion.source
    if source.size is None or source.sha256 is None:
        raise Refused("not_found", "the source is not here")
    key = keys.source(conversion.tenant, conversion.id)
    media_type = archive.MEDIA_TYPE if archive.is_archive(source.name) else FORMATS[source.format].media_type
    return File(key, source.name, media_type, source.size, source.sha256)


def published(conversion: Conversion, output: Output) -> File:
    """A completed output, named like its source."""
    kind = FORMATS[output.format]
    return File(
        keys.output(conversion.tenant, conversion.id, output),
        f"{stem(conversion)}.{kind.extensions[0]}",
        kind.media_type,
        cast(int, output.size),
        cast(str, output.sha256),
        output.encoding,
        stub=bool(conversion.report and conversion.report.get("stub")),
    )


def stem(conversion: Conversion) -> str:
    """The source's name without its extension."""
    return clean_name(conversion.source.name).rpartition(".")[0] or "output"


async def served(our: Parts, request: Request, file: File) -> Response:
    """The file: whole, a range of it (206, 416), or 304."""
    packed = file.encoding == "gzip" and takes_gzip(request.headers.get("accept-encoding", ""))
    etag = f'"{file.sha256}-gzip"' if packed else f'"{file.sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "none" if file.encoding else "bytes",
        "Content-Disposition": attachment(file.name),
        "X-Content-Type-Options": "nosniff",
    }
    if file.stub:
        headers["X-Shapr-Stub"] = "1"  # nothing was converted
    if file.encoding:
        headers["Vary"] = "Accept-Encoding"
    if known(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    span = None if file.encoding else asked(request, etag, file.size)
    if span is not None and span[0] > span[1]:
        return problem(
            "range_not_satisfiable",
            f"the file has {file.size} bytes",
            headers={"Content-Range": f"bytes */{file.size}"},
        )
    opened = await our.bucket.open(file.key, span)
    body = opened.body
    length = file.size
    if packed:
        headers["Content-Encoding"] = "gzip"
        length = opened.size
    elif file.encoding:
        body = inflated(body)
    if span:
        headers["Content-Range"] = f"bytes {span[0]}-{span[1]}/{file.size}"
        length = span[1] - span[0] + 1
    headers["Content-Length"] = str(length)
    return StreamingResponse(body, 206 if span else 200, headers, file.media_type)


def attachment(name: str) -> str:
    """A Content-Disposition (RFC 6266): plain ASCII for old clients, the exact name for the others."""
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{exact}'


def known(if_none_match: str, etag: str) -> bool:
    """Is this entity among those the caller has? Weak comparison, RFC 9110 section 13.1.2."""
    has = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in has or etag in has


def takes_gzip(accept_encoding: str) -> bool:
    weights = {"*": 0.0}
    for item in accept_encoding.lower().split(","):
        coding, _, weight = item.partition(";")
        match = re.fullmatch(r"\s*q=(\d(?:\.\d{0,3})?)\s*", weight)
        weights[coding.strip()] = float(match[1]) if match else 1.0
    return weights.get("gzip", weights["*"]) > 0


def asked(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    """First and last byte of the single range asked for; (1, 0) if it lies outside; None for the whole file.

    What is malformed, several ranges, or meant for another entity (If-Range) is no range at all.
    """
    match = re.fullmatch(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", request.headers.get("range", ""))
    if not match or match[0].endswith("=-") or request.headers.get("if-range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        return (max(size - int(last), 0), size - 1) if int(last) else (1, 0)
    if last and int(last) < int(first):
        return None
    return (int(first), min(int(last or size), size - 1)) if int(first) < size else (1, 0)


async def inflated(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """gzip undone on the way, a bounded piece at a time."""
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
    async with aclosing(cast(Any, body)) as chunks:
        async for chunk in chunks:
            rest = chunk
            while rest:
                if data := unpack.decompress(rest, INFLATED):
                    yield data
                rest = unpack.unconsumed_tail
    if data := unpack.flush():
        yield data
