"""The bucket: sources, work and outputs, in any S3. boto3 in a few threads of its own.

Keys come from `shapr.keys`. Work and outputs are content-addressed, so a key that exists already holds the same bytes.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from shapr.adapters.incoming import PART, Incoming
from shapr.errors import Refused, Unavailable
from shapr.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK = 1 << 20
THREADS = 16
ABSENT = {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}
EXISTS = {"PreconditionFailed", "412"}
FULL = {"507", "InsufficientStorage", "XMinioStorageFull"}

Got = TypeVar("Got")


@dataclass(frozen=True)
class Opened:
    """An object being read: its stored size in bytes, how it is encoded, and its stored bytes."""

    size: int
    encoding: str | None
    body: AsyncIterator[bytes]


class Objects:
    """One bucket. Nothing is connected before the first call."""

    def __init__(self, settings: Settings) -> None:
        self.bucket = settings.s3_bucket
        self._settings = settings
        self._client: S3Client | None = None
        self._threads = ThreadPoolExecutor(THREADS, "s3")

    async def create_bucket(self) -> None:
        try:
            await self._call(lambda s3: s3.create_bucket(Bucket=self.bucket))
        except FileExistsError:
            return

    async def ready(self) -> None:
        try:
            await self._call(lambda s3: s3.head_bucket(Bucket=self.bucket))
        except LookupError as error:
            raise Unavailable(f"s3: there is no bucket {self.bucket}") from error

    @asynccontextmanager
    async def receive(self, key: str) -> AsyncIterator[Incoming]:
        """A new object, written chunk by chunk; it appears when the block ends, and never if the block fails."""
        incoming = Incoming(self._call, self.bucket, key)
        try:
            yield incoming
            await incoming.finish()
        except BaseException:
            with contextlib.suppress(Unavailable, LookupError):
                await asyncio.shield(incoming.abort())
            raise

    async def verify(self, key: str) -> tuple[int, str]:
        """Size in bytes and SHA-256 (hex) of the object, by reading it; `source_missing` when there is none."""

        def read(s3: "S3Client") -> tuple[int, str]:
            body, digest, size = s3.get_object(Bucket=self.bucket, Key=key)["Body"], hashlib.sha256(), 0
            for chunk in body.iter_chunks(CHUNK):
                digest.update(chunk)
                size += len(chunk)
            return size, digest.hexdigest()

        try:
            return await self._call(read)
        except LookupError as error:
            raise Refused("source_missing", "the uploaded file is not in the store") from error

    async def download(self, key: str, path: Path) -> str:
        """Write the stored bytes to `path`; gives their SHA-256 (hex)."""

        def read(s3: "S3Client") -> str:
            body, digest = s3.get_object(Bucket=self.bucket, Key=key)["Body"], hashlib.sha256()
            with path.open("wb") as out:
                for chunk in body.iter_chunks(CHUNK):
                    digest.update(chunk)
                    out.write(chunk)
            return digest.hexdigest()

        return await self._call(read)

    async def put(self, key: str, path: Path, *, encoding: Literal["gzip"] | None, media_type: str) -> None:
        """Create a content-addressed object from a file; one that is there already is the same."""
        headers: dict[str, Any] = {"ContentType": media_type} | ({"ContentEncoding": encoding} if encoding else {})

        def write(s3: "S3Client") -> None:
            if path.stat().st_size > PART:
                parts = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=2)
                s3.upload_file(str(path), self.bucket, key, ExtraArgs=headers, Config=parts)
            else:
                s3.put_object(Bucket=self.bucket, Key=key, Body=path.read_bytes(), IfNoneMatch="*", **headers)

        with contextlib.suppress(FileExistsError):
            await self._call(write)

    async def copy(self, source: str, target: str) -> None:
        """Publish an object under a second, content-addressed key, without its bytes coming here."""

        def publish(s3: "S3Client") -> None:
            given = s3.head_object(Bucket=self.bucket, Key=source)
            s3.copy_object(
                Bucket=self.bucket, Key=target, CopySource={"Bucket": self.bucket, "Key": source},
                MetadataDirective="COPY",
            )  # fmt: skip
            made = s3.head_object(Bucket=self.bucket, Key=target)
            same = ("ContentLength", "ContentEncoding", "ContentType")
            if any(given.get(name) != made.get(name) for name in same):
                raise Unavailable(f"s3: the copy {target} is not what {source} is")

        def published(s3: "S3Client") -> bool:
            s3.head_object(Bucket=self.bucket, Key=target)
            return True

        try:
            await self._call(publish)
        except LookupError:
            # An attempt before this one may have published it and lost its work since.
            if not await self._call(published):
                raise

    async def open(self, key: str, range: tuple[int, int] | None = None) -> Opened:
        """The object, or its bytes from the first to the last of `range`; LookupError when there is none."""
        part: Any = {"Range": f"bytes={range[0]}-{range[1]}"} if range else {}
        got = await self._call(lambda s3: s3.get_object(Bucket=self.bucket, Key=key, **part))

        async def body() -> AsyncIterator[bytes]:
            try:
                while chunk := await self._call(lambda _: got["Body"].read(CHUNK)):
                    yield chunk
            finally:
                got["Body"].close()

        return Opened(got["ContentLength"], got.get("ContentEncoding") or None, body())

    async def delete_prefix(self, prefix: str) -> int:
        """Delete every object below; gives how many there were."""

        def delete(s3: "S3Client") -> int:
            count = 0
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
                if keys:
                    s3.delete_objects(Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True})  # type: ignore[typeddict-item]
                    count += len(keys)
            return count

        return await self._call(delete)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(self, work: "Callable[[S3Client], Got]") -> Got:
        """Run `work` in a thread, its driver's errors in our words."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._guarded, work)

    def _guarded(self, work: "Callable[[S3Client], Got]") -> Got:
        try:
            return work(self._connected())
        except ClientError as error:
            code = error.response["Error"].get("Code", "")
            status = str(error.response["ResponseMetadata"].get("HTTPStatusCode", ""))
            if {code, status} & ABSENT:
                raise LookupError(code) from error
            if {code, status} & EXISTS or code in ("BucketAlreadyExists", "BucketAlreadyOwnedByYou"):
                raise FileExistsError(code) from error
            full = bool({code, status} & FULL)
            raise Unavailable(f"s3: {error}", "storage_full" if full else "storage_unavailable") from error
        except (BotoCoreError, Boto3Error, HTTPClientError) as error:
            raise Unavailable(f"s3: {error}") from error

    def _connected(self) -> "S3Client":
        if self._client is None:
            self._client = connect(self._settings)
        return self._client


def connect(settings: Settings) -> "S3Client":
    """A client of the settings' endpoint; clients may be shared by threads, sessions may not."""
    access, secret = settings.s3_access_key, settings.s3_secret_key
    return boto3.session.Session().client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=access.get_secret_value() if access else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=2,
            read_timeout=30,
            retries={"max_attempts": 3, "mode": "standard"},
            max_pool_connections=THREADS,
            proxies={} if settings.s3_endpoint else None,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
