"""compress: run the converter, compress what it wrote, put it under `work/`."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from temporalio import activity

from activities import reuse
from activities.pack import Packed, pack, read
from activities.run import Claims, Tells, claim, in_touch, refusals
from shapr import keys
from shapr.conversion import Conversion, Error, Output, Pictures, Results, Source, Step, Stored, Uploaded
from shapr.converters.formats import FORMATS
from shapr.converters.run.job import ONCE_MORE, Converted, Death, Died, Written
from shapr.errors import Refused


class Shelf(reuse.Shelf, Protocol):
    async def download(self, key: str, path: Path) -> str:
        """Write the object to `path`; gives the SHA-256 of the bytes written."""

    async def put(self, key: str, path: Path, *, encoding: Literal["gzip"] | None, media_type: str) -> None: ...


class Rows(Claims, reuse.Rows, Protocol): ...


class Converters(Protocol):
    def version(self, source_format: str) -> str:
        """What identifies the converter of a source format: the same version makes the same outputs."""

    def made_by(self, source: Source) -> str:
        """What decides, beside the file and its options, what is made of it."""

    async def convert(
        self,
        conversion: Conversion,
        source: Path,
        folder: Path,
        progress: Callable[[float], None],
        after: Death | None = None,
    ) -> Converted:
        """Outputs in the scratch `folder`; progress 0..100. A cancellation kills the converter first.

        Raises Refused; `after` the death of a first run, only when there is no output at all.
        """


@dataclass(frozen=True)
class Made:
    """What there is for store: outputs, what is to be said of them, and the pictures if they were asked for."""

    outputs: tuple[Output, ...]
    report: dict[str, Any] | None
    pictures: Pictures | None


class Compress:
    def __init__(
        self,
        rows: Rows,
        progress: Tells,
        shelf: Shelf,
        scratch: Callable[[], AbstractContextManager[Path]],
        converters: Converters,
    ) -> None:
        self.rows = rows
        self.progress = progress
        self.shelf = shelf
        self.scratch = scratch
        self.converters = converters

    @activity.defn
    async def compress(self, uploaded: Uploaded) -> Results:
        with refusals():
            conversion = await claim(self.rows, uploaded.request.id, Step.COMPRESS)
            async with in_touch(self.progress, conversion, Step.COMPRESS) as reach:
                try:
                    made = await self.made(conversion, uploaded.source, lambda own: reach(own * 95 // 100))
                except asyncio.CancelledError:
                    activity.logger.warning("converter killed: %s", activity.cancellation_details())
                    raise
            return Results(request=uploaded.request, outputs=made.outputs, report=made.report, pictures=made.pictures)

    async def made(self, conversion: Conversion, source: Source, progress: Callable[[float], None]) -> Made:
        """Every output in the order asked for, reused or converted, the report, and the pictures."""
        version, maker = self.converters.version(source.format), self.converters.made_by(source)
        recipes = {output.format: reuse.recipe(conversion, source, output, maker) for output in conversion.outputs}
        there = await reuse.reused(self.rows, self.shelf, conversion, recipes) if conversion.reuse else {}
        pictures = await reuse.pictures(self.shelf, conversion, there) if conversion.preview else None
        if conversion.preview and pictures is None:
            there = {}  # nobody has made them yet: only the converter does
        made = {format: output for format, (output, _) in there.items()}
        report = None
        if rest := tuple(output for output in conversion.outputs if output.format not in made):
            # Pictures that are there already are not drawn again.
            asked = {"outputs": rest, "preview": conversion.preview and pictures is None}
            new, version_then = await self.converted(conversion.model_copy(update=asked), source, progress)
            report, pictures = new.report, pictures or new.pictures
            for output in new.outputs:
                # A program that was replaced in the meantime has made something else than was foreseen.
                known = recipes[output.format] if version_then == version else None
                made[output.format] = output.model_copy(update={"recipe": known})
        outputs = tuple(made[output.format] for output in conversion.outputs)
        return Made(outputs, reuse.report(there, report), pictures)

    async def converted(
        self, conversion: Conversion, source: Source, progress: Callable[[float], None]
    ) -> tuple[Made, str]:
        """Run the converter, once more if it crashed, and shelve what it wrote; and the converter's version."""
        after: Death | None = None
        for again in (True, False):
            try:
                with self.scratch() as folder:
                    path = folder / "source"
                    if await self.shelf.download(keys.source(conversion.tenant, conversion.id), path) != source.sha256:
                        raise Refused("checksum_mismatch", "the stored source changed since it was uploaded")
                    converted = await self.converters.convert(conversion, path, folder, progress, after)
                    outputs = tuple([await self.shelve(conversion, w) for w in converted.written])
                    pictures = await self.pictures(conversion, converted) if conversion.preview else None
                    return Made(outputs, converted.report, pictures), converted.version
            except Refused as refused:
                if refused.code not in ONCE_MORE or not again:
                    raise
                error = Error(code=refused.code, detail=refused.detail)
                after = refused.death if isinstance(refused, Died) else Death(error=error)
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

    async def pictures(self, conversion: Conversion, converted: Converted) -> Pictures:
        """Those that could be made, under `work/`."""
        return Pictures(
            thumbnail=await self.picture(conversion, converted.thumbnail, "image/png"),
            preview=await self.picture(conversion, converted.preview, FORMATS["glb"].media_type),
        )

    async def picture(self, conversion: Conversion, path: Path | None, media_type: str) -> Stored | None:
        if path is None:
            return None
        size, sha256 = await asyncio.to_thread(read, path)
        stored = Stored(size=size, sha256=sha256)
        await self.shelf.put(keys.work(conversion, stored), path, encoding=None, media_type=media_type)
        return stored
