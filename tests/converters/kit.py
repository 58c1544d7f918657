"""Runs a converter as the worker does: a job in a scratch dir, a child of the zygote."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shapr.conversion import Options
from shapr.converters import formats
from shapr.converters.run.job import Job, Limits, Written
from shapr.converters.run.process import Converter
from shapr.settings import Settings

SAMPLES = Path(__file__).parents[2] / "samples"


def job(folder: Path, source: Path, outputs: str, name: str | None = None, **more: Any) -> Job:
    """`more`: options, `preview`, and limits by their names."""
    preview = more.pop("preview", False)
    limits = Limits.of(Settings())
    given = {key: more.pop(key) for key in tuple(more) if key in Limits.model_fields}
    shutil.copy(source, folder / "source")
    format = formats.source_format(name or source.name, formats.BUILT_IN)
    effective = formats.effective(format, tuple(outputs.split(",")), Options(**more), formats.BUILT_IN)
    return Job(
        source=folder / "source",
        source_format=format,
        source_name=name or source.name,
        outputs=tuple(effective.items()),
        scratch=folder,
        limits=limits.model_copy(update=given),
        preview=preview,
    )


@functools.cache
def converter() -> Converter:
    """One for the whole run: a zygote takes seconds to start. It ends with this process at the latest."""
    return Converter(Settings())


async def convert(
    folder: Path, source: Path, outputs: str, progress: Callable[[float], None] = lambda _: None, **more: Any
) -> dict[str, Written]:
    """The outputs by format."""
    answer = await converter().convert(job(folder, source, outputs, **more), progress)
    return {each.format: each for each in answer.written}
