"""A form with a file as it arrives: fields are kept, the file is hashed on its way into the bucket.

What can be known is refused as soon as it is known, so a file that cannot be converted is not uploaded to its end.
"""

import asyncio
import hashlib

from fastapi import Request

from shapr.conversion import Source
from shapr.converters import archive, formats
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
    if media_type(request) == "application/json":
        raise Refused(
            "unsupported_media_type", "upload ids and URLs are not available in this version: send multipart/form-data"
        )
    found = form_boundary(request)
    if announced(request) > settings.max_upload_bytes + FORM_BYTES:
        raise too_large(settings)
    return found


def form_boundary(request: Request) -> str:
    """The boundary of a multipart form of any size; refuses a body that is none."""
    if media_type(request) != "multipart/form-data":
        raise Refused("unsupported_media_type", "send multipart/form-data")
    found = parameters(request.headers["content-type"].lstrip()[len("multipart/form-data") :]).get("boundary")
    if not found:
        raise Refused("malformed_request", "the Content-Type has no boundary")
    return found


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def announced(request: Request) -> int:
    """Bytes of the body, as far as its headers say."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdigit() else 0


def too_large(settings: Settings) -> Refused:
    return Refused("file_too_large", f"at most {settings.max_upload_bytes} bytes are accepted")


class Body:
    """The body of a request, piece by piece; `more` until all of it is here."""

    def __init__(self, request: Request, settings: Settings) -> None:
        self.more = True
        self._request = request
        self._settings = settings

    async def piece(self) -> bytes:
        """The next piece; `request_timeout` if it stands still, `malformed_request` if it is cut off."""
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                message = await self._request.receive()
        except TimeoutError:
            raise Refused("request_timeout", "no more of the upload arrived") from None
        if message["type"] == "http.disconnect":
            self.more = False
            raise Refused("malformed_request", "the upload was cut off")
        self.more = message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece


class Arrival:
    """A file on its way into the bucket, and what is known of it so far.

    Its name announces its format. Of a ZIP the directory at its end does: until then `format` is empty.
    """

    def __init__(self, name: str, incoming: Incoming, settings: Settings) -> None:
        self.name = name
        self.sources = formats.sources(settings)
        self.archive = archive.is_archive(name)
        self.format = "" if self.archive else formats.source_format(name, self.sources)
        self.size = 0
        self._incoming = incoming
        self._settings = settings
        self._digest = hashlib.sha256()
        self._head = bytearray()
        self._tail = bytearray()

    async def take(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._settings.max_upload_bytes:
            raise too_large(self._settings)
        self._digest.update(data)
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
            if len(self._head) == HEAD:
                self._look()
        if self.archive:
            self._tail += data
            if len(self._tail) > 2 * archive.TAIL:
                del self._tail[: -archive.TAIL]
        await self._incoming.write(data)

    def end(self) -> None:
        if not self.size:
            raise Refused("empty_file", f"{self.name} has 0 bytes")
        if self.size < HEAD:
            self._look()
        if self.archive:
            self.format = archive.main_format(bytes(self._tail[-archive.TAIL :]), self.sources)

    def source(self) -> Source:
        return Source(name=self.name, format=self.format, size=self.size, sha256=self._digest.hexdigest())

    def _look(self) -> None:
        """Does the beginning of the file contradict its extension?"""
        if self.archive:
            if not self._head.startswith(archive.LOCAL):
                raise Refused("format_mismatch", "the content is no ZIP archive")
        elif why := contradicts(self.format, bytes(self._head), self.sources[self.format]):
            raise Refused("format_mismatch", why)


class Reader:
    """Reads one form. What its parts mean is for the subclass to say."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.fields: dict[str, list[str]] = {}
        self._part: Part | None = None
        self._parts = 0
        self._value = bytearray()
        self._field_bytes = 0

    def begin_field(self, part: Part) -> None:
        """A part begins that is not the file."""

    def begin_file(self, part: Part) -> None: ...
    async def file(self, data: bytes) -> None: ...
    def end_file(self) -> None: ...

    async def read(self, body: Body, form: Form) -> None:
        """Take the whole body, as far as it is allowed."""
        received = 0
        while body.more:
            chunk = await body.piece()
            received += len(chunk)
            if received > self.settings.max_upload_bytes + FORM_BYTES:
                raise too_large(self.settings)
            for event in form.feed(chunk):
                await self._take(event)
        form.finish()

    async def _take(self, event: Event) -> None:
        if isinstance(event, Part):
            self._begin(event)
        elif self._part is None:
            raise Refused("malformed_request", "data outside of a part")
        elif event is None:
            self._end(self._part)
        elif self._part.name == "file":
            await self.file(event)
        else:
            self._field(event)

    def _begin(self, part: Part) -> None:
        self._part = part
        self._parts += 1
        if self._parts > PARTS:
            raise Refused("invalid_request", f"a form has at most {PARTS} parts")
        if part.name == "file":
            self.begin_file(part)
        else:
            self.begin_field(part)

    def _field(self, data: bytes) -> None:
        self._field_bytes += len(data)
        if self._field_bytes > FIELD_BYTES:
            raise Refused("invalid_request", f"the fields hold more than {FIELD_BYTES} bytes")
        self._value += data

    def _end(self, part: Part) -> None:
        self._part = None
        if part.name == "file":
            self.end_file()
            return
        try:
            self.fields.setdefault(part.name, []).append(self._value.decode())
        except UnicodeDecodeError as error:
            raise Refused("invalid_request", f"{part.name}: not UTF-8") from error
        self._value.clear()


class Intake(Reader):
    """A create request. `incoming` takes the file."""

    def __init__(self, incoming: Incoming, settings: Settings) -> None:
        super().__init__(settings)
        self.incoming = incoming
        self.arrival: Arrival | None = None

    def begin_field(self, part: Part) -> None:
        if part.name not in FIELDS:
            raise Refused("invalid_request", f"unknown field {part.name[:50]!r}; known: file, {', '.join(FIELDS)}")

    def begin_file(self, part: Part) -> None:
        if self.arrival is not None:
            raise Refused("invalid_request", "file: one file per conversion")
        name = clean_name(part.file_name or "")
        if not name:
            raise Refused("invalid_request", "file: a file with a name is needed")
        self.arrival = Arrival(name, self.incoming, self.settings)
        if "outputs" in self.fields and self.arrival.format:
            of_form(self.fields).outputs_of(self.arrival.format, self.arrival.sources)

    async def file(self, data: bytes) -> None:
        if self.arrival:
            await self.arrival.take(data)

    def end_file(self) -> None:
        if self.arrival:
            self.arrival.end()

    def asked(self) -> tuple[Submission, Source]:
        """What was asked for, of what, now that everything is here."""
        if self.arrival is None:
            raise Refused("invalid_request", "file: it is missing")
        return of_form(self.fields), self.arrival.source()
