"""multipart/form-data (RFC 7578) as a stream of events."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from shapr.errors import Refused

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

NAME_BYTES = 200  # of a file name; the extension is kept
PARAMETER = re.compile(r';\s*([\w*-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')


@dataclass(frozen=True)
class Part:
    """A part begins. `file_name` as it was sent; None when the part is a plain field."""

    name: str
    file_name: str | None


Event = Part | bytes | None
"""A part begins, a piece of its data, its end."""


class Form:
    """A form being read. It holds no more than the chunk in hand; the parser keeps a boundary's length of it."""

    def __init__(self, boundary: str) -> None:
        self._events: list[Event] = []
        self._header = b""
        self._value = b""
        self._disposition = ""
        self._complete = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._part_begin,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_header_begin": self._header_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary.encode("latin-1", "replace"), callbacks)
        except FormParserError as error:
            raise Refused("malformed_request", "the multipart boundary is too long") from error

    def feed(self, chunk: bytes) -> list[Event]:
        """What this chunk of the body brought; `malformed_request` when the form breaks the rules."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Refused("malformed_request", "the multipart form breaks the rules of RFC 7578") from error
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """The body is over; `malformed_request` if the form is not."""
        if not self._complete:
            raise Refused("malformed_request", "the multipart form ends before its last boundary")

    def _part_begin(self) -> None:
        self._disposition = ""

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _part_end(self) -> None:
        self._events.append(None)

    def _header_begin(self) -> None:
        self._header = self._value = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value.decode("utf-8", "replace")

    def _headers_finished(self) -> None:
        given = parameters(self._disposition)
        if "name" not in given:
            raise Refused("malformed_request", "a part of the form has no name")
        self._events.append(Part(given["name"], given.get("filename")))

    def _end(self) -> None:
        self._complete = True


def parameters(header: str) -> dict[str, str]:
    """The parameters of a Content-Disposition or Content-Type; `filename*` (RFC 5987), if readable, is `filename`."""
    found: dict[str, str] = {}
    for match in PARAMETER.finditer(header):
        key, value = match[1].lower(), match[2].strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = re.sub(r'\\(["\\])', r"\1", value[1:-1])
        found.setdefault(key, value)
    charset, _, encoded = found.pop("filename*", "").partition("'")
    if charset.lower() in ("utf-8", "iso-8859-1"):
        found["filename"] = unquote(encoded.partition("'")[2], encoding=charset, errors="replace")
    return found


def clean_name(sent: str) -> str:
    """The last component of a file name: printable, with no path, of at most NAME_BYTES bytes. May be empty.

    Invisible characters go too: a right-to-left override makes `exe.step` of what is not.
    """
    last = re.split(r"[/\\]", sent)[-1]
    spaced = "".join(" " if unicodedata.category(c) in ("Zs", "Zl", "Zp") else c for c in last)
    shown = "".join(c for c in spaced if c.isprintable()).strip()
    if shown in ("", ".", ".."):
        return ""
    suffix = PurePosixPath(shown).suffix
    if len(suffix.encode()) > NAME_BYTES // 4:
        suffix = ""
    stem = shown.removesuffix(suffix).encode()[: NAME_BYTES - len(suffix.encode())]
    return stem.decode(errors="ignore").rstrip() + suffix
