"""XML before a native parser sees it: no DTD and no entities, in any encoding that a parser might guess."""

import re

from shapr.errors import Refused

FORBIDDEN = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)
DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']\s*([^\"'\s]*)", re.IGNORECASE)
ENCODINGS = {b"utf-8", b"utf8", b"utf-16", b"utf-16le", b"utf-16be", b"us-ascii", b"ascii"}
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # UTF-8, UTF-16; with its zeros gone UTF-32 looks the same
OVERLAP = 64  # bytes of a chunk that are seen with the next one


class Look:
    """Looks at a document chunk by chunk. `xml_forbidden` for a DTD, an entity or an encoding that could hide one.

    With zeros taken out, markup in UTF-16 and UTF-32 reads like ASCII. Comments are not spared: nobody writes
    `<!DOCTYPE` in one.
    """

    def __init__(self, surely: bool = True) -> None:
        """`surely`: it must be XML; else it is looked at only if it begins like it."""
        self._surely = surely
        self._concerned = True
        self._seen = b""
        self._first = True

    def at(self, chunk: bytes) -> None:
        if not self._concerned:
            return
        text = self._seen + chunk.replace(b"\0", b"")
        if self._first and text.strip():
            self._begin(text)
            self._first = False
        if self._concerned and FORBIDDEN.search(text):
            raise Refused("xml_forbidden", "the XML has a DTD or entities")
        self._seen = text[-OVERLAP:]

    def _begin(self, text: bytes) -> None:
        for mark in MARKS:
            text = text.removeprefix(mark)
        text = text.lstrip()
        if not text.startswith(b"<"):
            if self._surely:
                raise Refused("xml_forbidden", "the XML is not in UTF-8 or UTF-16")
            self._concerned = False
            return
        declared = DECLARED.match(text)
        if declared and declared[1].lower() not in ENCODINGS:
            raise Refused("xml_forbidden", "the XML is in another encoding than UTF-8 or UTF-16")
