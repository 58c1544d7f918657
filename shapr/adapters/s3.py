"""boto3 in a few threads of its own, its errors in our words."""

import asyncio
import errno
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shapr.errors import Unavailable
from shapr.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THREADS = 16
ABSENT = {"404", "NoSuchKey", "NotFound", "NoSuchUpload"}
EXISTS = {"412", "PreconditionFailed", "BucketAlreadyExists", "BucketAlreadyOwnedByYou"}
FULL = {"507", "InsufficientStorage", "XMinioStorageFull"}

Got = TypeVar("Got")


class S3:
    """One client, shared by the threads (clients may be, sessions may not). It is made at the first call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: S3Client | None = None
        self._making = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, "s3")

    async def call(self, work: "Callable[[S3Client], Got]") -> Got:
        """Run `work` in a thread. Absent: LookupError; there already: FileExistsError; anything else: Unavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._guarded, work)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    def _guarded(self, work: "Callable[[S3Client], Got]") -> Got:
        try:
            return work(self._connected())
        except ClientError as error:
            raise in_our_words(error) from error
        except BotoCoreError as error:
            raise Unavailable(f"s3: {error}") from error
        except OSError as error:  # of a file on our side
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Unavailable("the local disk is full", "storage_full") from error
            raise

    def _connected(self) -> "S3Client":
        with self._making:
            if self._client is None:
                self._client = connect(self._settings)
            return self._client


def in_our_words(error: ClientError) -> Exception:
    """What an answer of the store means.

    A missing bucket is an incident, not an absent object. SeaweedFS says `InternalError` when its disk is full.
    """
    code = error.response["Error"].get("Code", "")
    said = {code, str(error.response["ResponseMetadata"].get("HTTPStatusCode", ""))}
    if said & ABSENT and code != "NoSuchBucket":
        return LookupError(code)
    if said & EXISTS:
        return FileExistsError(code)
    return Unavailable(f"s3: {error}", "storage_full" if said & FULL else "storage_unavailable")


def connect(settings: Settings) -> "S3Client":
    access, secret = settings.s3_access_key, settings.s3_secret_key
    own = settings.s3_endpoint is not None
    return boto3.session.Session().client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=access.get_secret_value() if access else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if own else "auto"},
            connect_timeout=2,
            read_timeout=30,
            retries={"total_max_attempts": 3, "mode": "standard"},
            max_pool_connections=THREADS,
            proxies={} if own else None,
            request_checksum_calculation="when_required",  # uploads are verified by their SHA-256
            response_checksum_validation="when_required",
        ),
    )
