"""Reuse: what this tenant has had converted before, the same way, is copied instead of converted again."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Protocol

from shapr import keys
from shapr.conversion import Alike, Conversion, Output, Pictures, Source, Stored


class Rows(Protocol):
    async def alike(self, recipes: Sequence[str], other_than: str) -> dict[str, Alike]:
        """By recipe: a completed output of it that another conversion has."""


class Shelf(Protocol):
    async def copy(self, source: str, target: str) -> None:
        """LookupError when the source is not there (any more)."""


def recipe(conversion: Conversion, source: Source, output: Output, maker: str) -> str:
    """What decides the bytes of an output: whose, of which file, asked how, made by which converter. A SHA-256 (hex).

    Not the source's name, where our own converter is the maker: a copy may carry, inside, the title of the file that
    was converted first.
    """
    parts = (conversion.tenant, source.format, source.sha256, output.format, output.options, maker)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


async def reused(
    rows: Rows, shelf: Shelf, conversion: Conversion, recipes: dict[str, str]
) -> dict[str, tuple[Output, Alike]]:
    """By format, the outputs that need no converter: their bytes are under `work/` now, as if it had run."""
    found = await rows.alike(list(recipes.values()), conversion.id)
    there: dict[str, tuple[Output, Alike]] = {}
    for format, wanted in recipes.items():
        if (alike := found.get(wanted)) is None:
            continue
        output = alike.output.model_copy(update={"reused": True, "recipe": wanted})
        try:
            await shelf.copy(keys.output(conversion.tenant, alike.id, output), keys.work(conversion, output))
        except LookupError:
            continue  # deleted just now: then it is converted
        there[format] = output, alike
    return there


async def pictures(shelf: Shelf, conversion: Conversion, there: dict[str, tuple[Output, Alike]]) -> Pictures | None:
    """Those of a conversion whose outputs are reused, under `work/` now; None if none of them was asked for any."""
    alike = next((alike for _, alike in there.values() if alike.pictures is not None), None)
    if alike is None or alike.pictures is None:
        return None
    found: list[tuple[Stored | None, str]] = [
        (alike.pictures.thumbnail, keys.thumbnail(conversion.tenant, alike.id)),
        (alike.pictures.preview, keys.preview(conversion.tenant, alike.id)),
    ]
    try:
        for stored, source in found:
            if stored is not None:
                await shelf.copy(source, keys.work(conversion, stored))
    except LookupError:
        return None  # deleted just now
    return alike.pictures


def report(there: dict[str, tuple[Output, Alike]], converted: dict[str, Any] | None) -> dict[str, Any] | None:
    """What was measured of what was converted now, and of each output that is reused when it was converted."""
    known = {format: alike.report for format, (_, alike) in there.items() if alike.report is not None}
    whole = converted or next(iter(known.values()), None)
    if whole is None or "outputs" not in whole:
        return whole
    sections = {format: told["outputs"][format] for format, told in known.items() if format in told.get("outputs", {})}
    return whole | {"outputs": sections | (converted or {}).get("outputs", {})}
