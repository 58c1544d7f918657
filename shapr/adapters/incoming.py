"""A new object that arrives chunk by chunk: small ones as one put, large ones as a multipart upload."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART = 8 << 20  # bytes; S3 allows 10,000 parts, so 80 GiB


class Call(Protocol):
    def __call__(self, work: "Callable[[S3Client], Any]", /) -> Awaitable[Any]: ...


class Incoming:
    """At most two parts are in memory: one filling up, one on its way. A slow store slows the writer down."""

    def __init__(self, call: Call, bucket: str, key: str) -> None:
        self._call = call
        self._where: Any = {"Bucket": bucket, "Key": key}
        self._filling = bytearray()
        self._upload: Any = None
        self._parts: list[Any] = []
        self._sending: asyncio.Task[None] | None = None

    async def write(self, chunk: bytes) -> None:
        self._filling += chunk
        if len(self._filling) >= PART:
            await self._sent()
            if self._upload is None:
                made = await self._call(lambda s3: s3.create_multipart_upload(**self._where))
                self._upload = made["UploadId"]
            part, self._filling = self._filling, bytearray()
            self._sending = asyncio.create_task(self._send(part))

    async def finish(self) -> None:
        """Make the object appear."""
        await self._sent()
        rest = bytes(self._filling)
        if self._upload is None:
            await self._call(lambda s3: s3.put_object(Body=rest, **self._where))
            return
        if rest:
            await self._send(self._filling)
        await self._call(
            lambda s3: s3.complete_multipart_upload(
                UploadId=self._upload,
                MultipartUpload={"Parts": self._parts},
                **self._where,
            )
        )
        self._upload = None

    async def abort(self) -> None:
        """Leave nothing in the store."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._upload is not None:
            await self._call(lambda s3: s3.abort_multipart_upload(UploadId=self._upload, **self._where))

    async def _sent(self) -> None:
        if self._sending is not None:
            await self._sending
            self._sending = None

    async def _send(self, part: bytearray) -> None:
        number = len(self._parts) + 1
        made = await self._call(
            lambda s3: s3.upload_part(PartNumber=number, UploadId=self._upload, Body=bytes(part), **self._where)
        )
        self._parts.append({"PartNumber": number, "ETag": made["ETag"]})
