"""What the kernel reads in place of what it does not understand in a STEP file: a copy beside the file. For it a string
ends at an apostrophe (said as two) before a comma or a parenthesis, as in 'Pipe (2'')': it gets it in hexadecimal."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from shapr.converters.preflight.references import uncommented

Said = bytes | Callable[[bytes], bytes]  # what an entity is to say, or how that is made of what it says
COPY = ".instead"  # behind the file's own name
# Or a string: what stands in one is no definition.
DOUBLED, HEXADECIMAL = b"''", rb"\X\27"
BEFORE = re.compile(rb"\s*[,)]")
DEFINED = re.compile(rb"'[^']*+'|(#(\d+)\s*+=\s*+)(?:[^;']++|'[^']*+')*+;")


def lay(path: Path, instead: Mapping[int, Said], text: bytes) -> None:
    """Write the copy, if there has to be one. `instead`: what to say of entities, by their numbers. `text`: the file's,
    in which of each string a quote is left, and of an apostrophe another one."""
    if not instead and DOUBLED not in text:
        return
    content = uncommented(path.read_bytes())
    misread = [at for at in _doubled(content) if BEFORE.match(content, at + len(DOUBLED))] if DOUBLED in text else []
    begins = [0, *(at + len(DOUBLED) for at in misread)]
    pieces = (content[begin:end] for begin, end in zip(begins, [*misread, None], strict=True))
    if instead or misread:
        path.with_name(path.name + COPY).write_bytes(_with(HEXADECIMAL.join(pieces), instead))


def understood(path: Path) -> Path:
    """The copy, if there had to be one; else the file itself."""
    copy = path.with_name(path.name + COPY)
    return copy if copy.is_file() else path


def _doubled(content: bytes) -> list[int]:
    """Where one string seems to end and the next one to begin: both are one, with an apostrophe."""
    quotes = np.flatnonzero(np.frombuffer(content, np.uint8) == ord("'"))
    ends, begins = quotes[1:-1:2], quotes[2::2]
    found: list[int] = ends[: len(begins)][begins - ends[: len(begins)] == 1].tolist()
    return found


def _with(content: bytes, instead: Mapping[int, Said]) -> bytes:
    """Without comments."""
    if not instead:
        return content

    def said(found: re.Match[bytes]) -> bytes:
        text = instead.get(int(found[2])) if found[2] else None
        if callable(text):
            text = text(found[0][len(found[1]) : -1])
        return found[0] if text is None else found[1] + text + b";"

    return DEFINED.sub(said, content)
