"""store: publish the outputs under their final keys, once, and record them."""

import json
from typing import Any, Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.run import Claims, Tells, claim, in_touch, refusals, this_run
from shapr import keys
from shapr.conversion import Conversion, Pictures, Results, Run, Step
from shapr.errors import SUPERSEDED, Refused


class Rows(Claims, Protocol):
    async def store(self, run: Run, id: str, results: Results, report: dict[str, Any] | None) -> bool:
        """Record the outputs; False when a younger run owns the row."""


class Shelf(Protocol):
    async def copy(self, source: str, target: str) -> None:
        """Create-once: publishing the same bytes again is the same as publishing them. LookupError without any."""

    async def write(self, key: str, data: bytes, media_type: str) -> None: ...


class Store:
    def __init__(self, rows: Rows, progress: Tells, shelf: Shelf) -> None:
        self.rows = rows
        self.progress = progress
        self.shelf = shelf

    @activity.defn
    async def store(self, results: Results) -> Results:
        with refusals():
            conversion = await claim(self.rows, results.request.id, Step.STORE)
            async with in_touch(self.progress, conversion, Step.STORE):
                for output in results.outputs:
                    if output.state == "completed":
                        target = keys.output(conversion.tenant, conversion.id, output)
                        await self.publish(keys.work(conversion, output), target, output.format)
                await self.extras(conversion, results)
                if not await self.rows.store(this_run(), conversion.id, results, results.report):
                    raise Refused(SUPERSEDED, "a younger run owns this conversion")
            return results

    async def extras(self, conversion: Conversion, results: Results) -> None:
        """The report, and the pictures if there are any."""
        where = conversion.tenant, conversion.id
        if results.report is not None:
            told = json.dumps(results.report, sort_keys=True).encode()
            await self.shelf.write(keys.report(*where), told, "application/json")
        pictures = results.pictures or Pictures()
        if pictures.thumbnail is not None:
            await self.publish(keys.work(conversion, pictures.thumbnail), keys.thumbnail(*where), "a thumbnail")
        if pictures.preview is not None:
            await self.publish(keys.work(conversion, pictures.preview), keys.preview(*where), "a preview")

    async def publish(self, source: str, target: str, what: str) -> None:
        try:
            await self.shelf.copy(source, target)
        except LookupError as error:
            # After an operator's reset to this step, say. No retry brings it back: only the converter does.
            detail = f"what was converted to {what} is not in the store any more: try the conversion again"
            raise ApplicationError(detail, type="internal", non_retryable=True) from error
