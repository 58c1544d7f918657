"""By what a STEP file names others: that is found, refused where it is geometry, and taken out."""

import re
from pathlib import Path

from shapr.errors import Refused

# Strings and comments. What is not closed goes to the end; NUL is white space to the kernel's scanner.
ASIDE = re.compile(rb"'[^']*(?:'|\Z)|/\*(?:.*?\*/|.*)|\0+", re.DOTALL)

# By these a file names others. The kernel opens those of the first two, also by absolute path.
NAMES = (b"DOCUMENT_FILE", b"APPLIED_EXTERNAL_IDENTIFICATION_ASSIGNMENT", b"EXTERNALLY_DEFINED_")
EXTERNAL = re.compile(b"|".join(NAMES))
MODEL = re.compile(
    rb"'[^']*\.(?:step|stp|p21|stpx|stpz|iges|igs|jt|prt|par|asm|sldprt|sldasm|ipt|iam|catpart|catproduct|model|x_t|x_b"
    rb"|xmt_txt|sat|sab|brep|stl)'",
    re.IGNORECASE,
)
# By these a product is said to be in a document.
TIES = (b"DOCUMENT_REFERENCE", b"PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS")
LOSS = "References to other files were passed over."
DOCUMENT_FILE = re.compile(rb"DOCUMENT(_FILE)(?!\w)")


def check(content: bytes, text: bytes) -> tuple[str, ...]:
    """What is passed over, in words. `text` is the content without strings, comments and white space."""
    if not any(name in text for name in NAMES):
        return ()
    if any(tie in text for tie in TIES):
        _refuse_models(content)
    return (LOSS,)


def _refuse_models(content: bytes) -> None:
    """A document that is named like a model is geometry that is elsewhere; others say something about it."""
    seen = -1
    for name in EXTERNAL.finditer(content):
        if name.start() > seen:
            begin, end = content.rfind(b";", max(seen, 0), name.start()), content.find(b";", name.end())
            seen = end if end > 0 else len(content)
            if MODEL.search(content, begin + 1, seen):
                raise Refused("external_reference", "geometry of the STEP file is in other files that it names")


def without_references(path: Path) -> Path:
    """The file itself, or a copy beside it in which no entity names another file."""
    content = path.read_bytes()
    if not any(name in content for name in NAMES):
        return path
    kept, at = bytearray(content), 0
    # Between strings and comments: where the kernel's scanner sees words, and nowhere else.
    for aside in (*ASIDE.finditer(content), None):
        end = aside.start() if aside else len(content)
        for name in EXTERNAL.finditer(content, at, end):
            file = DOCUMENT_FILE.match(content, name.start(), end)
            if file:  # a document still: the kernel takes for granted that products are in one
                kept[file.start(1) : file.end(1)] = b"     "
            else:
                kept[name.start()] = ord("X")  # a word that means nothing, and no byte is moved
        at = aside.end() if aside else at
    cleaned = path.with_name("cleaned.step")
    cleaned.write_bytes(kept)
    return cleaned


def uncommented(content: bytes) -> bytes:
    content = content.replace(b"\0", b" ")
    if b"/*" not in content:
        return content
    return ASIDE.sub(lambda aside: aside[0] if aside[0].startswith(b"'") else b" ", content)
