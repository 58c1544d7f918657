"""What a deleted conversion kept elsewhere: its objects and its workflow executions."""

from typing import Protocol

from shapr import keys
from shapr.conversion import Conversion, Deleted


class Tombs(Protocol):
    async def buried(self, id: str, deleted: Deleted) -> None:
        """Note on the tombstone that nothing is left."""


class Bucket(Protocol):
    async def delete_prefix(self, prefix: str) -> int: ...


class Executions(Protocol):
    async def delete(self, id: str, attempts: int) -> int:
        """Delete every execution of the conversion; gives how many there were."""


async def purge(tombs: Tombs, bucket: Bucket, executions: Executions, gone: Conversion) -> Deleted:
    """Delete all of it, then say so on the tombstone. Where it breaks off, reconcile begins again."""
    deleted = Deleted(
        executions=await executions.delete(gone.id, gone.attempts),
        objects=await bucket.delete_prefix(keys.prefix(gone.tenant, gone.id)),
    )
    await tombs.buried(gone.id, deleted)
    return deleted
