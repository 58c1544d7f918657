"""How an output is stored: text is gzip-compressed, the rest is compact already."""

import gzip
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from shapr.converters.formats import FORMATS

CHUNK = 1 << 20
LEVEL = 6  # CAD text shrinks 4 to 8 times; higher levels cost several times the CPU for a few percent


@dataclass(frozen=True)
class Packed:
    """A file ready to be stored; `size` in bytes and `sha256` are those of the decoded content."""

    path: Path
    encoding: Literal["gzip"] | None
    size: int
    sha256: str


def pack(path: Path, format: str, options: dict[str, Any]) -> Packed:
    """Hash a file and, when its format is text, write `<path>.gz` beside it. The same bytes give the same bytes."""
    if not is_text(format, options):
        size, sha256 = read(path)
        return Packed(path, None, size, sha256)
    target = path.with_name(path.name + ".gz")
    target.unlink(missing_ok=True)  # a converter may have left a link there, and we would write where it leads
    # No name and no time in the header: two runs of one conversion must agree.
    with target.open("xb") as raw, gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as packed:
        size, sha256 = read(path, packed)
    return Packed(target, "gzip", size, sha256)


def is_text(format: str, options: dict[str, Any]) -> bool:
    encoding = options.get("encoding")
    return FORMATS[format].text if encoding is None else encoding == "ascii"


def read(path: Path, copy: io.BufferedIOBase | gzip.GzipFile | None = None) -> tuple[int, str]:
    """Size in bytes and SHA-256 (hex) of a file; what is read goes to `copy`, too."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if copy is not None:
                copy.write(chunk)
    return size, digest.hexdigest()
