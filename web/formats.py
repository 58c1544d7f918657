"""`GET /v1/formats`: the format table, rendered."""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from shapr.conversion import Options
from shapr.converters.formats import FORMATS, QUALITY, Format, Sources, fitting, pairs
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
    converter: Literal["built-in", "external", "stub"] | None = Field(
        description="Who reads it here: we, a program that is plugged in, or a stub, whose results are not conversions."
    )


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


def table(sources: Sources, max_upload_bytes: int) -> dict[str, Any]:
    return {
        "formats": [row(format, sources) for format in FORMATS.values()],
        "pairs": {
            source: {output: fitting(source, output, sources) for output in outputs}
            for source, outputs in pairs(sources).items()
        },
        "options": Options.model_json_schema(),
        "quality": {
            name: {"linear_deflection": linear, "angular_deflection": angular}
            for name, (linear, angular) in QUALITY.items()
        },
        "max_upload_bytes": max_upload_bytes,
    }


def row(format: Format, sources: Sources) -> dict[str, Any]:
    return {
        "name": format.name,
        "title": format.title,
        "kind": format.kind,
        "extensions": format.extensions,
        "media_type": format.media_type,
        "reads": format.name in sources,
        "writes": format.writes,
        "converter": sources.get(format.name),
    }


@router.get("/v1/formats", responses={200: {"model": FormatsAnswer}})
async def formats(request: Request) -> Response:
    """What is read and written, and the options of each pair."""
    our = parts(request)
    return json(table(our.sources, our.settings.max_upload_bytes))
