"""sweep: objects that belong to no conversion, left by a crash between the bucket and the row, are deleted."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from temporalio import activity

from activities.run import refusals
from shapr import keys

UPLOADING = timedelta(days=1)  # a large file on a slow link may be on its way for hours


class Rows(Protocol):
    async def living(self, ids: list[str]) -> set[str]:
        """Those of the ids that have a row which is not a tombstone."""


class Bucket(Protocol):
    async def page(self, after: str) -> list[tuple[str, datetime]]:
        """The next keys in order, with when each was written; empty at the end."""

    async def abort_unfinished(self, before: datetime) -> int:
        """Abort the multipart uploads begun before then; gives how many."""

    async def delete_prefix(self, prefix: str) -> int: ...


class Sweep:
    """`age`: seconds an object is left alone; longer than any request takes from its object to its row."""

    def __init__(self, rows: Rows, bucket: Bucket, age: float) -> None:
        self.rows = rows
        self.bucket = bucket
        self.age = age

    @activity.defn
    async def sweep_orphans(self) -> int:
        """Delete orphans, page by page; gives how many objects and unfinished uploads. A retry goes on where it was."""
        with refusals():
            details = activity.info().heartbeat_details
            after, swept = (details[0], details[1]) if details else ("", 0)
            before = datetime.now(UTC) - timedelta(seconds=self.age)
            while page := await self.bucket.page(after):
                for prefix in await self.orphaned([key for key, written in page if written < before]):
                    swept += await self.bucket.delete_prefix(prefix)
                after = page[-1][0]
                activity.heartbeat(after, swept)
            return swept + await self.bucket.abort_unfinished(datetime.now(UTC) - UPLOADING)

    async def orphaned(self, old: list[str]) -> list[str]:
        """The prefixes among these keys that belong to no living conversion."""
        owners = {found for key in old if (found := keys.owner(key))}
        living = await self.rows.living([id for _, id in owners]) if owners else set()
        return sorted(keys.prefix(tenant, id) for tenant, id in owners if id not in living)
