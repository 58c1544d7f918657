"""A new object that arrives chunk by chunk: a small one as one put, a large one as a multipart upload."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from shapr.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART = 8 << 20  # bytes; S3 allows 10,000 parts, so 80 GiB


class Call(Protocol):
    def __call__(self, work: "Callable[[S3Client], Any]", /) -> Awaitable[Any]: ...


class Incoming:
    """At most two parts are in memory: one filling up, one on its way. A slow store slows the writer down.

    `once`: an object that is there already stays, and FileExistsError says so.
    """

    def __init__(
        self, call: Call, bucket: str, key: str, *, once: bool = False, headers: dict[str, str] | None = None
    ) -> None:
        self._call = call
        self._where: Any = {"Bucket": bucket, "Key": key}
        self._headers: Any = headers or {}
        self._condition: Any = {"IfNoneMatch": "*"} if once else {}
        self._filling = bytearray()  # boto3 takes it as it is; its stubs do not know
        self._upload: str | None = None
        self._parts: list[Any] = []
        self._doing: asyncio.Task[None] | None = None
        self._may_exist = False

    async def write(self, chunk: bytes) -> None:
        self._filling += chunk
        if len(self._filling) >= PART:
            await self._done()
            part, self._filling = self._filling, bytearray()
            self._do(self._send(part))  # while the next one fills up

    async def finish(self) -> None:
        """Make the object appear."""
        await self._done()
        self._do(self._complete(self._filling))
        await self._done()

    async def abort(self) -> None:
        """Leave nothing in the store."""
        if self._doing is not None:
            await asyncio.gather(self._doing, return_exceptions=True)
        if self._upload is not None:
            with suppress(LookupError):  # it may be complete, its answer lost
                await self._call(lambda s3: s3.abort_multipart_upload(UploadId=self._upload or "", **self._where))
        if self._may_exist and not self._condition:
            await self._call(lambda s3: s3.delete_object(**self._where))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self._doing = asyncio.create_task(work)

    async def _done(self) -> None:
        """A request to the store runs to its end even if the writer is cancelled: `abort` must know what it did."""
        if self._doing is not None:
            try:
                await asyncio.shield(self._doing)
            except LookupError as error:
                raise Unavailable("s3: the unfinished upload is not there any more") from error
            self._doing = None

    async def _send(self, part: Any) -> None:
        if self._upload is None:
            made = await self._call(lambda s3: s3.create_multipart_upload(**self._headers, **self._where))
            self._upload = made["UploadId"]
        number = len(self._parts) + 1
        sent = await self._call(
            lambda s3: s3.upload_part(PartNumber=number, UploadId=self._upload or "", Body=part, **self._where)
        )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})

    async def _complete(self, rest: Any) -> None:
        if self._upload is None:
            self._may_exist = True
            await self._call(
                lambda s3: s3.put_object(Body=rest, **self._headers, **self._condition, **self._where),
            )
            return
        if rest:
            await self._send(rest)
        self._may_exist = True
        parts: Any = {"Parts": self._parts}
        await self._call(
            lambda s3: s3.complete_multipart_upload(
                UploadId=self._upload or "", MultipartUpload=parts, **self._condition, **self._where
            )
        )
        self._upload = None
