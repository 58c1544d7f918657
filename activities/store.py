"""store: publish the outputs under their final keys, once, and record them."""

from typing import Any, Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.run import Claims, Tells, claim, in_touch, refusals, this_run
from shapr import keys
from shapr.conversion import Conversion, Output, Results, Run, Step
from shapr.errors import SUPERSEDED, Refused


class Rows(Claims, Protocol):
    async def store(self, run: Run, id: str, results: Results, report: dict[str, Any] | None) -> bool:
        """Record the outputs; False when a younger run owns the row."""


class Shelf(Protocol):
    async def copy(self, source: str, target: str) -> None:
        """Create-once: publishing the same bytes again is the same as publishing them. LookupError without any."""


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
                        await self.publish(conversion, output)
                if not await self.rows.store(this_run(), conversion.id, results, results.report):
                    raise Refused(SUPERSEDED, "a younger run owns this conversion")
            return results

    async def publish(self, conversion: Conversion, output: Output) -> None:
        target = keys.output(conversion.tenant, conversion.id, output)
        try:
            await self.shelf.copy(keys.work(conversion, output), target)
        except LookupError as error:
            # After an operator's reset to this step, say. No retry brings it back: only the converter does.
            detail = f"what was converted to {output.format} is not in the store any more: try the conversion again"
            raise ApplicationError(detail, type="internal", non_retryable=True) from error
