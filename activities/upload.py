"""upload: the source is in the bucket, and is what it claims to be."""

from typing import Protocol

from temporalio import activity

from activities.run import Claims, Tells, claim, in_touch, refusals
from shapr import keys
from shapr.conversion import Request, Source, Step, Uploaded
from shapr.errors import Refused


class Sources(Protocol):
    async def verify(self, key: str) -> tuple[int, str]:
        """Size in bytes and SHA-256 of what is there; `source_missing` when nothing is."""


class Upload:
    def __init__(self, rows: Claims, progress: Tells, sources: Sources) -> None:
        self.rows = rows
        self.progress = progress
        self.sources = sources

    @activity.defn
    async def upload(self, request: Request) -> Uploaded:
        with refusals():
            conversion = await claim(self.rows, request.id, Step.UPLOAD)
            async with in_touch(self.progress, conversion, Step.UPLOAD):
                size, sha256 = await self.sources.verify(keys.source(conversion.tenant, conversion.id))
            return Uploaded(request=request, source=agreed(conversion.source, size, sha256))


def agreed(announced: Source, size: int, sha256: str) -> Source:
    """The source as it is; `checksum_mismatch` if that is not what its row announced."""
    if announced.size not in (None, size) or announced.sha256 not in (None, sha256):
        raise Refused("checksum_mismatch", f"{announced.size} bytes were announced and {size} other bytes are stored")
    return announced.model_copy(update={"size": size, "sha256": sha256})
