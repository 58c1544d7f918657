"""Strings of a STEP file that the kernel's scanner ends elsewhere than the standard does. To it a string ends with a
quote before a comma or a parenthesis, and only spaces and ends of lines may be between: `'2'', long'` ends in its
middle, and one with a tab or a comment behind it goes on. What followed was lost without a word, and nobody had looked
at it."""

import mmap
import re
from pathlib import Path

from shapr.converters.mentions import mentions
from shapr.converters.preflight.graph import Graph

QUOTE = b"''"  # within a string; of each string, one is left in the text of a graph
SIGNS = b"/*", b"\t", b"\0"
BEHIND = re.compile(rb"'[ \r\n]*+(?:/\*|[\t\0])")
FEEDS = b"\f\v"  # no white space to the scanner, wherever they are: it drops what they stand in
STRING = re.compile(rb"('(?:[^']++|'')*+')(\s*+)")
EARLY = re.compile(rb"''(?=[ \r\n]*+[,)])")
SAME = rb"\\X\\27"  # a quote, in hexadecimal


def odd(path: Path, graph: Graph) -> bool:
    """Whether there may be such strings."""
    if QUOTE in graph.text or any(mentions(path, bytes((feed,))) for feed in FEEDS):
        return True
    return any(mentions(path, sign) for sign in SIGNS) and _goes_on(path)


def _goes_on(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return BEHIND.search(content) is not None


def closed(content: bytes) -> bytes:
    """The same without them. `content` has no comments."""
    return STRING.sub(_closed, content.translate(bytes.maketrans(FEEDS, b"  ")))


def _closed(found: re.Match[bytes]) -> bytes:
    string, behind = found.groups()
    return b"'%b'%b" % (EARLY.sub(SAME, string[1:-1]), behind.translate(None, b"\t"))
