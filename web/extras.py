"""What is to be said and seen of a conversion that has ended: its report, its thumbnail, its preview."""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response

from shapr import keys
from shapr.conversion import Conversion, Stored
from shapr.converters.formats import FORMATS
from shapr.errors import Refused
from web.answer import json, unless_known
from web.auth import tenant
from web.files import A_FILE, File, served, stem
from web.parts import parts

PNG, GLB = "image/png", FORMATS["glb"].media_type

router = APIRouter(tags=["files"])


def a_file(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {status: {**told, "content": {media_type: {}}} for status, told in A_FILE.items() if status != 304} | {
        304: A_FILE[304]
    }


A_REPORT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The report", "content": {"application/json": {"schema": {"type": "object"}}}},
    304: {"description": "The caller has it"},
}


@router.get("/v1/conversions/{id}/report", response_class=Response, responses=A_REPORT)
async def report(request: Request, id: str) -> Response:
    """What the conversion kept and lost, measured on the source and on each output."""
    conversion = await ended(request, id)
    if conversion.report is None:
        raise Refused("not_found", "there is no report: nothing was converted")
    return unless_known(request, json(conversion.report))


@router.get("/v1/conversions/{id}/thumbnail", response_class=Response, responses=a_file(PNG))
async def thumbnail(request: Request, id: str) -> Response:
    """A picture of 512 x 512 pixels with a transparent ground, if `preview` was asked for."""
    conversion = await ended(request, id)
    stored = shown(conversion, "thumbnail")
    file = File(keys.thumbnail(conversion.tenant, conversion.id), f"{stem(conversion)}.png", PNG, *stored)
    return await served(parts(request), request, file)


@router.get("/v1/conversions/{id}/preview", response_class=Response, responses=a_file(GLB))
async def preview(request: Request, id: str) -> Response:
    """The source as a GLB that is light enough for a web page, if `preview` was asked for."""
    conversion = await ended(request, id)
    stored = shown(conversion, "preview")
    file = File(keys.preview(conversion.tenant, conversion.id), f"{stem(conversion)}.preview.glb", GLB, *stored)
    return await served(parts(request), request, file)


async def ended(request: Request, id: str) -> Conversion:
    """The conversion; `conflict` before its end."""
    conversion = await parts(request).conversion(tenant(request), id)
    if not conversion.state.terminal:
        raise Refused("conflict", f"the conversion is {conversion.state}: wait for its end")
    return conversion


def shown(conversion: Conversion, what: Literal["thumbnail", "preview"]) -> tuple[int, str]:
    """Size and digest of a picture; `not_found` if there is none."""
    if not conversion.preview:
        raise Refused("not_found", f"there is no {what}: it was not asked for (preview=true)")
    stored: Stored | None = getattr(conversion.pictures, what, None)
    if stored is None:
        why = "see the report" if conversion.report else "nothing was converted"
        raise Refused("not_found", f"there is no {what}: it could not be made ({why})")
    return stored.size, stored.sha256
