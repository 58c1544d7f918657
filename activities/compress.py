"""compress: run the converter, compress what it wrote, put it under `work/`."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Protocol

from temporalio import activity

from activities.pack import Packed, pack
from activities.run import Claims, Tells, claim, in_touch, refusals
from shapr import keys
from shapr.conversion import Conversion, Output, Results, Source, Step, Uploaded
from shapr.converters.formats import FORMATS
from shapr.converters.run.job import ONCE_MORE, Converted, Written
from shapr.errors import Refused


class Shelf(Protocol):
    async def download(self, key: str, path: Path) -> str:
        """Write the object to `path`; gives the SHA-256 of the bytes written."""

    async def put(self, key: str, path: Path, *, encoding: Literal["gzip"] | None, media_type: str) -> None: ...


Convert = Callable[[Conversion, Path, Path, Callable[[int], None]], Awaitable[Converted]]
"""(conversion, source file, scratch dir, progress 0..100) to outputs. A cancellation kills the converter first."""


class Compress:
    def __init__(
        self,
        rows: Claims,
        progress: Tells,
        shelf: Shelf,
        scratch: Callable[[], AbstractContextManager[Path]],
        convert: Convert,
    ) -> None:
        self.rows = rows
        self.progress = progress
        self.shelf = shelf
        self.scratch = scratch
        self.convert = convert

    @activity.defn
    async def compress(self, uploaded: Uploaded) -> Results:
        with refusals():
            conversion = await claim(self.rows, uploaded.request.id, Step.COMPRESS)
            async with in_touch(self.progress, conversion, Step.COMPRESS) as reach:
                try:
                    outputs, converted = await self.outputs(
                        conversion, uploaded.source, lambda own: reach(own * 95 // 100)
                    )
                except asyncio.CancelledError:
                    activity.logger.warning("converter killed: %s", activity.cancellation_details())
                    raise
            return Results(request=uploaded.request, outputs=outputs, report=converted.report)

    async def outputs(
        self, conversion: Conversion, source: Source, progress: Callable[[int], None]
    ) -> tuple[tuple[Output, ...], Converted]:
        """Run the converter, once more if it crashed, and shelve what it wrote."""
        for again in (True, False):
            try:
                with self.scratch() as folder:
                    path = folder / "source"
                    if await self.shelf.download(keys.source(conversion.tenant, conversion.id), path) != source.sha256:
                        raise Refused("checksum_mismatch", "the stored source changed since it was uploaded")
                    converted = await self.convert(conversion, path, folder, progress)
                    return tuple([await self.shelve(conversion, w) for w in converted.written]), converted
            except Refused as refused:
                if refused.code not in ONCE_MORE or not again:
                    raise
                activity.logger.warning("one more run after %s: %s", refused.code, refused.detail)
        raise AssertionError("unreachable")

    async def shelve(self, conversion: Conversion, written: Written) -> Output:
        if written.path is None:
            return Output(format=written.format, state="failed", options=written.options, error=written.error)
        packed: Packed = await asyncio.to_thread(pack, written.path, written.format, written.options)
        output = Output(
            format=written.format,
            state="completed",
            options=written.options,
            size=packed.size,
            sha256=packed.sha256,
            encoding=packed.encoding,
        )
        media_type = FORMATS[written.format].media_type
        key = keys.work(conversion, output)
        await self.shelf.put(key, packed.path, encoding=packed.encoding, media_type=media_type)
        return output
