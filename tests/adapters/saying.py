"""A bucket that answers, and says no to one operation: the answers of the others are the real store's."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSResponse

from shapr.adapters.objects import Objects


class Body(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@contextmanager
def saying(objects: Objects, operation: str, status: int, code: str) -> Iterator[list[str]]:
    """For the block, `operation` (`PutObject`) ends with this status and error code. Gives what was asked for so."""
    events, asked = objects._s3._connected().meta.events, list[str]()

    def answer(request: Any, **_: object) -> AWSResponse:
        asked.append(request.url)
        return AWSResponse(request.url, status, {}, Body(f"<Error><Code>{code}</Code></Error>".encode()))

    events.register(f"before-send.s3.{operation}", answer)
    try:
        yield asked
    finally:
        events.unregister(f"before-send.s3.{operation}", answer)
