"""Names that a STEP file gives to faces, which have none in any output, in a sentence. Those of edges, points and
representations are passed over without a word: systems number them."""

import re
from collections.abc import Iterator

from shapr.converters.preflight.references import uncommented

UNNAMED = b"ADVANCED_FACE('',"
FACE = re.compile(rb"ADVANCED_FACE\s*+\(\s*+'(?!'\s*,|NONE')")


def sentences(content: bytes, faces: int) -> Iterator[str]:
    """`faces`: how many the file has."""
    if content.count(UNNAMED) < faces and (named := sum(1 for _ in FACE.finditer(uncommented(content)))):
        yield f"Names of faces were passed over: {named}."
