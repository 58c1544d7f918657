"""What the kernel reads in place of entities of a STEP file that it does not understand: a copy beside the file."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from shapr.converters.preflight import quotes
from shapr.converters.preflight.references import uncommented

Said = bytes | Callable[[bytes], bytes]  # what an entity is to say, or how that is made of what it says
COPY = ".instead"  # behind the file's own name
# Or a string: what stands in one is no definition. What is not closed goes to the end.
DEFINED = re.compile(rb"'[^']*+'?+|(#(\d+)\s*+=\s*+)((?:[^;']++|'[^']*+'?+)*+)(;?+)")


def lay(path: Path, instead: Mapping[int, Said], odd: bool) -> None:
    """Write the copy, if there has to be one. `instead`: what to say of entities, by their numbers; `odd`: strings may
    end elsewhere for the kernel."""
    if not instead and not odd:
        return
    content = path.read_bytes()
    said = _with(uncommented(content), instead) if instead else uncommented(content)
    said = quotes.closed(said) if odd else said
    if said != content:
        path.with_name(path.name + COPY).write_bytes(said)


def understood(path: Path) -> Path:
    """The copy, if there had to be one; else the file itself."""
    copy = path.with_name(path.name + COPY)
    return copy if copy.is_file() else path


def _with(content: bytes, instead: Mapping[int, Said]) -> bytes:
    def said(found: re.Match[bytes]) -> bytes:
        text = instead.get(int(found[2])) if found[4] else None
        if callable(text):
            text = text(found[3])
        return found[0] if text is None else found[1] + text + b";"

    return DEFINED.sub(said, content)
