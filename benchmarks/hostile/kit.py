"""What a hostile file is, and the tricks that fit every format."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "samples"
BROKEN = ("corrupt_file",)


@dataclass(frozen=True)
class Bait:
    """What no converter may touch: a folder with files that it would like, and a port where somebody listens."""

    folder: Path
    port: int

    def places(self, name: str) -> dict[str, str]:
        """The ways to name a file of the bait; relative ones are as seen from the source."""
        return {
            "absolute": str(self.folder / name),
            "relative": f"../{self.folder.name}/{name}",
            "file-uri": f"file://{self.folder / name}",
            "http": f"http://127.0.0.1:{self.port}/{name}",
            "ftp": f"ftp://127.0.0.1:{self.port}/{name}",
            "unc": f"\\\\127.0.0.1@{self.port}\\share\\{name}",
            "backslash": f"..\\{self.folder.name}\\{name}",
        }


@dataclass(frozen=True)
class Hostile:
    """A file, and the codes with which its conversion may end. `converts`: it may also succeed, with finite outputs."""

    name: str
    data: bytes
    codes: frozenset[str]
    converts: bool = False


def refused(name: str, data: bytes | str, *codes: str) -> Hostile:
    return Hostile(name, data if isinstance(data, bytes) else data.encode(), frozenset(codes))


def either(name: str, data: bytes | str, *codes: str) -> Hostile:
    """Refused by one of these codes, or converted."""
    return Hostile(name, data if isinstance(data, bytes) else data.encode(), frozenset(codes), converts=True)


def cut(stem: str, extension: str, data: bytes, parts: int, *codes: str) -> Iterator[Hostile]:
    """The file cut short at `parts` points."""
    for part in range(1, parts + 1):
        end = len(data) * part // (parts + 1)
        yield refused(f"{stem}-cut-{part}.{extension}", data[:end], *codes)


def flipped(stem: str, extension: str, data: bytes, copies: int, *codes: str, flips: int = 20) -> Iterator[Hostile]:
    """Copies with some bits turned over, the same ones every time."""
    for copy in range(copies):
        chosen = random.Random(f"{stem}{extension}{copy}")  # a str seed is not hashed by the interpreter's own hash
        bad = bytearray(data)
        for _ in range(flips):
            bad[chosen.randrange(len(bad))] ^= 1 << chosen.randrange(8)
        yield either(f"{stem}-flipped-{copy}.{extension}", bytes(bad), *codes)


def blobs(extension: str) -> Iterator[Hostile]:
    """What is no file of any format."""
    yield refused(f"empty.{extension}", b"", "empty_file")
    codes = ("format_mismatch", "corrupt_file", "no_geometry", "unsafe_archive")
    yield refused(f"one-byte.{extension}", b"\0", *codes)
    yield refused(f"white-space.{extension}", b" \r\n\t" * 20_000, *codes)
    yield refused(f"zeros.{extension}", bytes(100_000), *codes)
    yield refused(f"html.{extension}", b"<!DOCTYPE html><html><body>solid v 0 0 0</body></html>" * 50, *codes)
    noise = random.Random(extension).randbytes(60_000)
    yield refused(f"noise.{extension}", noise, *codes, "limit_exceeded", "invalid_geometry")
