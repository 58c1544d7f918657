"""Names that stay the same from run to run: where each output goes, and the idempotency key of each file."""

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from shapr.client import Counted

PIECE = 1 << 22  # bytes hashed at a time


def targets(sources: Sequence[Path], extensions: Mapping[str, str], folder: Path) -> list[dict[str, Path]]:
    """For each source, the path of each output: `<stem>.<extension>` in the folder.

    `extensions` has one for each format. A path that is one of the sources becomes `<stem>.converted.<extension>`,
    and of sources with the same stem the second gets `<stem>-2.<extension>`. The same command gives the same paths.
    """
    given = {identity for source in sources if (identity := _identity(source))}
    taken: set[Path] = set()

    def free(stem: str, extension: str) -> Path:
        for path in _candidates(folder, stem, extension, given):
            if path not in taken and _identity(path) not in given:
                taken.add(path)
                return path
        raise AssertionError("the candidates never end")

    return [{name: free(source.stem, ext) for name, ext in extensions.items()} for source in sources]


def _candidates(folder: Path, stem: str, extension: str, given: set[tuple[int, int]]) -> Iterator[Path]:
    if _identity(folder / f"{stem}.{extension}") in given:
        stem = f"{stem}.converted"
    yield folder / f"{stem}.{extension}"
    yield from (folder / f"{stem}-{number}.{extension}" for number in count(2))


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode: the same file, whatever links and spellings lead to it."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def key(batch: str, name: str, sha256: str, outputs: Sequence[str], options: Mapping[str, Any]) -> str:
    """The idempotency key of a file in a batch: the same wish has the same key, so a second run finds the first."""
    wish = json.dumps([batch, name, sha256, list(outputs), dict(options)], sort_keys=True)
    return f"cli-{hashlib.sha256(wish.encode()).hexdigest()}"


async def sha256(path: Path) -> str:
    """Of the content, in pieces, so that other files go on meanwhile."""
    digest = hashlib.sha256()
    with Counted(path, None) as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            digest.update(piece)
    return digest.hexdigest()
