"""Names that a STEP file gives to what has none in any output, in sentences: faces, and parts beside their own names.
Those of edges, points and representations are passed over without a word: systems number them."""

import re
from collections.abc import Iterator

STRING = rb"'([^']*+(?:''[^']*+)*+)'"
UNNAMED, WORD = b"ADVANCED_FACE('',", b"PRODUCT"
FACE = re.compile(rb"ADVANCED_FACE\s*+\(\s*+'(?!'\s*,|NONE')")
PRODUCT = re.compile(WORD + rb"\s*+\(\s*+%b\s*+,\s*+%b" % (STRING, STRING))


def sentences(content: bytes, faces: int) -> Iterator[str]:
    """`faces`: how many the file has."""
    if content.count(UNNAMED) < faces and (named := sum(1 for _ in FACE.finditer(content))):
        yield f"Names of faces were passed over: {named}."
    if numbered := sum(bool(name) and number not in (b"", name) for number, name in _products(content)):
        yield f"Numbers of parts (ids of products) that are not their names were passed over: {numbered}."


def _products(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The number and the name of each. Found as a word: an expression takes fifty times as long to come to one."""
    at = content.find(WORD)
    while at >= 0:
        if found := PRODUCT.match(content, at):
            yield found[1].strip(), found[2].strip()
        at = content.find(WORD, at + 1)
