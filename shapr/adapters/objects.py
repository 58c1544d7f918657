"""The bucket: sources, work and outputs, in any S3.

Keys come from `shapr.keys`. Work and outputs are content-addressed, so a key that exists already holds the same bytes.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from shapr.adapters.incoming import PART, Incoming
from shapr.adapters.s3 import S3
from shapr.errors import Refused, Unavailable
from shapr.settings import Settings

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

CHUNK = 1 << 20  # bytes read at a time
BLOCK = 16 << 20  # bytes asked for at a time


@dataclass(frozen=True)
class Opened:
    """An object, or a range of it, being read: how many bytes are stored, how they are encoded, and the bytes."""

    size: int
    encoding: Literal["gzip"] | None
    body: AsyncIterator[bytes]


class Objects:
    """One bucket. Nothing is connected before the first call. What cannot be reached or is full is `Unavailable`."""

    def __init__(self, settings: Settings) -> None:
        self.bucket = settings.s3_bucket
        self._region = settings.s3_region
        self._s3 = S3(settings)

    async def create_bucket(self) -> None:
        """Unless it is there."""
        here: Any = (
            {} if self._region == "us-east-1" else {"LocationConstraint": self._region}
        )  # S3 refuses its default
        more: Any = {"CreateBucketConfiguration": here} if here else {}
        try:
            await self._s3.call(lambda s3: s3.head_bucket(Bucket=self.bucket))
        except LookupError:
            with suppress(FileExistsError):  # another starter was faster
                await self._s3.call(lambda s3: s3.create_bucket(Bucket=self.bucket, **more))
            await self.ready()

    async def ready(self) -> None:
        try:
            await self._s3.call(lambda s3: s3.head_bucket(Bucket=self.bucket))
        except LookupError as error:
            raise Unavailable(f"s3: there is no bucket {self.bucket}") from error

    async def probe(self, key: str) -> None:
        """Write a small object, read it and delete it: Unavailable when one of these fails, though the bucket answers.

        All in one go: whoever gives up waiting leaves nothing behind.
        """
        data = key.encode()

        def work(s3: "S3Client") -> bytes:
            s3.put_object(Bucket=self.bucket, Key=key, Body=data)
            try:
                with closing(s3.get_object(Bucket=self.bucket, Key=key)["Body"]) as body:
                    return body.read()
            finally:
                s3.delete_object(Bucket=self.bucket, Key=key)

        try:
            read = await self._s3.call(work)
        except LookupError:
            read = b""
        if read != data:
            raise Unavailable("s3: what was written is not what is read")

    @asynccontextmanager
    async def receive(self, key: str) -> AsyncIterator[Incoming]:
        """A new object, written chunk by chunk; it appears when the block ends, and never if the block fails."""
        async with self._written(Incoming(self._s3.call, self.bucket, key)) as incoming:
            yield incoming

    async def verify(self, key: str) -> tuple[int, str]:
        """Size in bytes and SHA-256 (hex) of the object, by reading it; `source_missing` when there is none."""
        digest = hashlib.sha256()
        try:
            size = await self._read(key, digest.update)
        except LookupError as error:
            raise Refused("source_missing", "the uploaded file is not in the store") from error
        return size, digest.hexdigest()

    async def download(self, key: str, path: Path) -> str:
        """Write the stored bytes to `path`; gives their SHA-256 (hex). LookupError when there is no such object."""
        digest = hashlib.sha256()
        with path.open("wb") as out:

            def take(chunk: bytes) -> None:
                digest.update(chunk)
                out.write(chunk)

            await self._read(key, take)
        return digest.hexdigest()

    async def put(self, key: str, path: Path, *, encoding: Literal["gzip"] | None, media_type: str) -> None:
        """Create a content-addressed object from a file; one that is there already is the same."""
        headers = {"ContentType": media_type} | ({"ContentEncoding": encoding} if encoding else {})
        new = Incoming(self._s3.call, self.bucket, key, once=True, headers=headers)
        with path.open("rb") as file, suppress(FileExistsError):
            async with self._written(new) as incoming:
                while chunk := await asyncio.to_thread(file.read, PART):
                    await incoming.write(chunk)

    async def write(self, key: str, data: bytes, media_type: str) -> None:
        """A small object, whatever was there before."""
        await self._s3.call(lambda s3: s3.put_object(Bucket=self.bucket, Key=key, Body=data, ContentType=media_type))

    async def copy(self, source: str, target: str) -> None:
        """Publish an object under a second, content-addressed key, without its bytes coming here.

        Doing it again is fine, also when the source is gone since.
        """
        try:
            given = await self._head(source)
        except LookupError:
            await self._head(target)
            return
        conditions: tuple[Any, ...] = ({"IfNoneMatch": "*"}, {})
        for condition in conditions:  # what is there stays, unless another version of ours packed it otherwise
            with suppress(FileExistsError):
                await self._s3.call(partial(self._copy, source=source, target=target, condition=condition))
            if same(given, await self._head(target)):
                return
        raise Unavailable(f"s3: the copy {target} is not what {source} is")

    async def open(self, key: str, range: tuple[int, int] | None = None) -> Opened:
        """The object, or its bytes from the first to the last of `range`; LookupError when there is none."""
        first, last = range or (0, None)
        block = await self._block(key, first, last)
        total = stored_size(block)
        end = total - 1 if last is None else min(last, total - 1)

        async def body() -> AsyncIterator[bytes]:
            async for read in self._reads(key, block, first, end):
                if chunk := await self._s3.call(read):
                    yield chunk

        return Opened(end - first + 1, "gzip" if block.get("ContentEncoding") == "gzip" else None, body())

    async def delete_prefix(self, prefix: str) -> int:
        """Delete every object below `prefix`, which ends with a slash; gives how many there were."""
        if not prefix.endswith("/"):
            raise ValueError("a prefix without its slash is also that of its neighbours")

        def delete(s3: "S3Client") -> int:
            count = 0
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                keys: Any = [{"Key": each["Key"]} for each in page.get("Contents", [])]
                if keys:
                    done = s3.delete_objects(Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True})
                    if errors := done.get("Errors"):
                        raise Unavailable(f"s3: {len(errors)} objects cannot be deleted: {errors[0].get('Code')}")
                    count += len(keys)
            return count

        return await self._s3.call(delete)

    async def page(self, after: str) -> list[tuple[str, datetime]]:
        """The next 1,000 keys in order, with when each was written; empty at the end."""
        listed = await self._s3.call(lambda s3: s3.list_objects_v2(Bucket=self.bucket, StartAfter=after))
        return [(each["Key"], each["LastModified"]) for each in listed.get("Contents", [])]

    async def abort_unfinished(self, before: datetime) -> int:
        """Abort the multipart uploads begun before then; gives how many there were."""

        def abort(s3: "S3Client") -> int:
            count = 0
            for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket):
                for upload in page.get("Uploads", []):
                    if upload["Initiated"] < before:
                        with suppress(s3.exceptions.NoSuchUpload):
                            s3.abort_multipart_upload(
                                Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                            )
                        count += 1
            return count

        return await self._s3.call(abort)

    async def close(self) -> None:
        await self._s3.close()

    @asynccontextmanager
    async def _written(self, incoming: Incoming) -> AsyncIterator[Incoming]:
        try:
            yield incoming
            await incoming.finish()
        except BaseException:
            # What cannot be undone now is left to the bucket's lifecycle rule for unfinished uploads.
            with suppress(Unavailable, LookupError):
                await asyncio.shield(incoming.abort())
            raise

    async def _read(self, key: str, take: Callable[[bytes], object]) -> int:
        """Give every chunk to `take`, in a thread; gives the size. A cancellation waits for one chunk at most."""
        block = await self._block(key, 0, None)
        size = stored_size(block)
        async for read in self._reads(key, block, 0, size - 1):
            await self._s3.call(partial(_handed_on, read, take))
        return size

    async def _reads(
        self, key: str, block: "GetObjectOutputTypeDef", first: int, last: int
    ) -> "AsyncIterator[Callable[[S3Client], bytes]]":
        """Functions that read the next chunk, block after block from a first one that is open already."""
        at = first
        while True:
            body, left = block["Body"], block["ContentLength"]
            try:
                while left > 0:
                    length = min(CHUNK, left)
                    yield partial(_chunk, body, length)
                    left, at = left - length, at + length
            finally:
                body.close()
            if at > last:
                return
            block = await self._block(key, at, last)

    async def _block(self, key: str, first: int, last: int | None) -> "GetObjectOutputTypeDef":
        """At most `BLOCK` bytes from `first` on. One request for a gigabyte makes SeaweedFS read most of it ahead."""
        end = first + BLOCK - 1 if last is None else min(last, first + BLOCK - 1)

        def get(s3: "S3Client") -> "GetObjectOutputTypeDef":
            try:
                return s3.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={first}-{end}")
            except ClientError as error:
                if first or error.response["Error"].get("Code") not in ("InvalidRange", "416"):
                    raise
                return s3.get_object(Bucket=self.bucket, Key=key)  # an empty object has no range

        return await self._s3.call(get)

    def _copy(self, s3: "S3Client", source: str, target: str, condition: Any) -> None:
        original: Any = {"Bucket": self.bucket, "Key": source}
        s3.copy_object(Bucket=self.bucket, Key=target, CopySource=original, MetadataDirective="COPY", **condition)

    async def _head(self, key: str) -> "HeadObjectOutputTypeDef":
        return await self._s3.call(lambda s3: s3.head_object(Bucket=self.bucket, Key=key))


def _chunk(body: "StreamingBody", length: int, _: "S3Client") -> bytes:
    return body.read(length)


def _handed_on(read: "Callable[[S3Client], bytes]", take: Callable[[bytes], object], s3: "S3Client") -> None:
    take(read(s3))


def stored_size(block: "GetObjectOutputTypeDef") -> int:
    """Bytes of the whole object that a block is of (`Content-Range: bytes 0-9/1000`)."""
    whole = block.get("ContentRange", "").rpartition("/")[2]
    return int(whole) if whole else block["ContentLength"]


def same(one: "HeadObjectOutputTypeDef", other: "HeadObjectOutputTypeDef") -> bool:
    """Size, encoding and type agree; the ETag too, where it is a digest of the bytes and not of an upload's parts."""
    names = ["ContentLength", "ContentEncoding", "ContentType"]
    if "-" not in one["ETag"] + other["ETag"]:
        names.append("ETag")
    return all(one.get(name) == other.get(name) for name in names)
