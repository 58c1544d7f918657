"""`GET /v1/formats`: the format table, rendered."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from shapr.conversion import Options
from shapr.converters.formats import FORMATS, QUALITY, fitting, pairs
from web.answer import json
from web.parts import parts

router = APIRouter(tags=["formats"])


class FormatAnswer(BaseModel):
    name: str
    title: str
    kind: str
    extensions: tuple[str, ...]
    media_type: str
    reads: bool
    writes: bool


class FormatsAnswer(BaseModel):
    formats: list[FormatAnswer]
    pairs: dict[str, dict[str, dict[str, Any]]] = Field(
        description="Source format, output format, and the options that fit this pair with their defaults."
    )
    options: dict[str, Any] = Field(description="The JSON schema of `options`.")
    quality: dict[str, dict[str, float]] = Field(
        description="Presets: the linear deflection as a fraction of the part's diagonal, the angular in degrees."
    )
    max_upload_bytes: int


def table(max_upload_bytes: int) -> dict[str, Any]:
    return {
        "formats": [{name: getattr(format, name) for name in FormatAnswer.model_fields} for format in FORMATS.values()],
        "pairs": {
            source: {output: fitting(source, output) for output in outputs} for source, outputs in pairs().items()
        },
        "options": Options.model_json_schema(),
        "quality": {
            name: {"linear_deflection": linear, "angular_deflection": angular}
            for name, (linear, angular) in QUALITY.items()
        },
        "max_upload_bytes": max_upload_bytes,
    }


@router.get("/v1/formats", responses={200: {"model": FormatsAnswer}})
async def formats(request: Request) -> Response:
    """What is read and written, and the options of each pair."""
    return json(table(parts(request).settings.max_upload_bytes))
