"""A create request as it arrives: fields are kept, the file is hashed on its way into the bucket.

What can be known is refused as soon as it is known, so a file that cannot be converted is not uploaded to its end.
"""

import asyncio
import hashlib

from fastapi import Request

from shapr.conversion import Source
from shapr.converters import formats
from shapr.converters.detect import HEAD, contradicts
from shapr.errors import Refused
from shapr.settings import Settings
from web.multipart import Event, Form, Part, clean_name, parameters
from web.parts import Incoming
from web.submission import FIELDS, Submission, of_form

FORM_BYTES = 1 << 20  # boundaries, headers and fields: what a request may hold beside the file
FIELD_BYTES = 1 << 16  # of all fields together
PARTS = 64


def boundary(request: Request, settings: Settings) -> str:
    """The form's boundary; refuses, before a byte of it is read, a body that is no form or is too large."""
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        raise Refused(
            "unsupported_media_type", "upload ids and URLs are not available in this version: send multipart/form-data"
        )
    if kind != "multipart/form-data":
        raise Refused("unsupported_media_type", "send multipart/form-data")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > settings.max_upload_bytes + FORM_BYTES:
        raise too_large(settings)
    found = parameters(content_type[len(kind) :]).get("boundary")
    if not found:
        raise Refused("malformed_request", "the Content-Type has no boundary")
    return found


def too_large(settings: Settings) -> Refused:
    return Refused("file_too_large", f"at most {settings.max_upload_bytes} bytes are accepted")


class Intake:
    """One request. `incoming` takes the file."""

    def __init__(self, incoming: Incoming, settings: Settings) -> None:
        self.incoming = incoming
        self.settings = settings
        self.sources = formats.sources(settings)
        self.fields: dict[str, list[str]] = {}
        self.format: str | None = None
        self.name = ""
        self.size = 0
        self.digest = hashlib.sha256()
        self.head = bytearray()
        self.part: Part | None = None
        self.parts = 0
        self.value = bytearray()
        self.field_bytes = 0

    async def read(self, request: Request, form: Form) -> None:
        """Take the whole body; `request_timeout` if it stands still, `malformed_request` if it is cut off."""
        received, more = 0, True
        while more:
            try:
                async with asyncio.timeout(self.settings.request_timeout):
                    message = await request.receive()
            except TimeoutError:
                raise Refused("request_timeout", "no more of the upload arrived") from None
            if message["type"] == "http.disconnect":
                raise Refused("malformed_request", "the upload was cut off")
            chunk, more = message.get("body", b""), message.get("more_body", False)
            received += len(chunk)
            if received > self.settings.max_upload_bytes + FORM_BYTES:
                raise too_large(self.settings)
            for event in form.feed(chunk):
                await self.take(event)
        form.finish()

    async def take(self, event: Event) -> None:
        if isinstance(event, Part):
            self.begin(event)
        elif self.part is None:
            raise Refused("malformed_request", "data outside of a part")
        elif event is None:
            self.end(self.part)
        elif self.part.name == "file":
            await self.file(event)
        else:
            self.field(event)

    def begin(self, part: Part) -> None:
        self.part = part
        self.parts += 1
        if self.parts > PARTS:
            raise Refused("invalid_request", f"a form has at most {PARTS} parts")
        if part.name != "file":
            if part.name not in FIELDS:
                raise Refused("invalid_request", f"unknown field {part.name[:50]!r}; known: file, {', '.join(FIELDS)}")
            return
        if self.format is not None:
            raise Refused("invalid_request", "file: one file per conversion")
        self.name = clean_name(part.file_name or "")
        if not self.name:
            raise Refused("invalid_request", "file: a file with a name is needed")
        self.format = formats.source_format(self.name, self.sources)
        if "outputs" in self.fields:
            of_form(self.fields).outputs_of(self.format, self.sources)

    async def file(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self.settings.max_upload_bytes:
            raise too_large(self.settings)
        self.digest.update(data)
        if len(self.head) < HEAD:
            self.head += data[: HEAD - len(self.head)]
            if len(self.head) == HEAD:
                self.look()
        await self.incoming.write(data)

    def field(self, data: bytes) -> None:
        self.field_bytes += len(data)
        if self.field_bytes > FIELD_BYTES:
            raise Refused("invalid_request", f"the fields hold more than {FIELD_BYTES} bytes")
        self.value += data

    def end(self, part: Part) -> None:
        self.part = None
        if part.name == "file":
            if not self.size:
                raise Refused("empty_file", f"{self.name} has 0 bytes")
            if self.size < HEAD:
                self.look()
            return
        try:
            self.fields.setdefault(part.name, []).append(self.value.decode())
        except UnicodeDecodeError as error:
            raise Refused("invalid_request", f"{part.name}: not UTF-8") from error
        self.value.clear()

    def look(self) -> None:
        """Does the beginning of the file contradict its extension?"""
        if self.format and (why := contradicts(self.format, bytes(self.head), self.sources[self.format])):
            raise Refused("format_mismatch", why)

    def asked(self) -> tuple[Submission, Source]:
        """What was asked for, of what, now that everything is here."""
        if self.format is None:
            raise Refused("invalid_request", "file: it is missing")
        source = Source(name=self.name, format=self.format, size=self.size, sha256=self.digest.hexdigest())
        return of_form(self.fields), source
