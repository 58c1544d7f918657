"""STEP text as the kernel reads it: of the first edition of ISO 10303-21, with one DATA section, and with neither a
comment nor the end of a line behind the number of an entity."""

import re
from pathlib import Path

from shapr.converters.preflight.references import ASIDE

MARK = b"\xef\xbb\xbf"
SIGNS = (b"ANCHOR", b"REFERENCE", b"DATA(", b"DATA (")
BEYOND = re.compile(rb"\b(?:ANCHOR|REFERENCE|SIGNATURE)\s*;.*?\bENDSEC\s*;", re.DOTALL)
NAMED = re.compile(rb"\bDATA\s*\([^;]*;")
NEXT = re.compile(rb"\bENDSEC\s*;\s*DATA\s*;")  # one section goes on as the next
COMMENTED = re.compile(rb"#\d+\s*/\*")
BROKEN = re.compile(rb"\n[ \t]*=")
NUMBERED = re.compile(rb"#\d+\s*=")


def plain(path: Path) -> Path:
    """The file itself, or a copy beside it that says the same, without a byte moved."""
    content = path.read_bytes()
    head = content[: content.find(b"=")]
    known = any(sign in head for sign in SIGNS) or _commented(content, len(head)) or BROKEN.search(content)
    if not (content.startswith(MARK) or known):
        return path
    kept = bytearray(content.replace(MARK, b"   ", 1) if content.startswith(MARK) else content)
    words = bytearray(kept)  # without strings and comments
    for aside in ASIDE.finditer(content):
        blank = b" " * len(aside[0])
        words[aside.start() : aside.end()] = blank
        if not aside[0].startswith(b"'"):
            kept[aside.start() : aside.end()] = blank
    for beyond, first, instead in ((BEYOND, 0, b""), (NAMED, 0, b"DATA;"), (NEXT, 1, b"")):  # the first ends the header
        for found in list(beyond.finditer(bytes(words)))[first:]:
            said = instead.ljust(len(found[0]))
            words[found.start() : found.end()] = kept[found.start() : found.end()] = said
    for number in NUMBERED.finditer(words):
        kept[number.start() : number.end()] = b" ".join(number[0].split()).ljust(len(number[0]))
    made = path.with_name("plain.step")
    made.write_bytes(kept)
    return made


def _commented(content: bytes, start: int) -> bool:
    """Whether there may be a comment behind a number."""
    return content.find(b"/*", start) >= 0 and COMMENTED.search(content) is not None
