"""Text of a STEP file beyond ASCII: how it is to be read where it is not in hexadecimal as the standard has it, and how
it is written."""

import mmap
import re
from functools import partial
from pathlib import Path

import numpy as np

from shapr.converters.preflight import quotes

BLOCK, QUOTE, APOSTROPHE = 1 << 20, ord("'"), rb"\X\27"
BEYOND_ASCII = re.compile(rb"[\x80-\xff](?:\r?\n?[\x80-\xff])*")  # the kernel breaks long lines anywhere
UTF8, WESTERN, CHINESE = "UTF8", "CP1252", "GB"  # as the kernel calls them
UNKNOWN = "Text is of a code page that the file does not name: names may be wrong, or end too early."
# What no language of the West has: four such letters in a row, two such signs, and signs that are rare or none at all.
FOREIGN = re.compile(rb"[\x80-\xff]{4}|[\x80-\x9f]{2}|[\x81-\x83\x8d\x8f\x90\x9d]")
# GB 2312 by its first bytes: signs, and the characters that nearly all text is made of; Korean ends in the middle.
SIGNS, COMMON, KOREAN = range(0xA1, 0xAA), range(0xB0, 0xD8), 0xC8
USUAL = 0.9  # of a text's characters
CAPITALS = range(0xC0, 0xE0)  # of one of the Russian code pages; of the other the small ones


def of(path: Path) -> tuple[str, tuple[str, ...]]:
    """UTF-8, or, where that is what it cannot be, as Windows wrote it in China or in the West; and in a sentence that
    it may be none of these. The kernel cuts a name off where it is no UTF-8."""
    content = path.read_bytes()
    if content.isascii():
        return UTF8, ()
    runs = [run[0].replace(b"\r", b"").replace(b"\n", b"") for run in BEYOND_ASCII.finditer(content)]
    sound = sum(_decodes(run, "utf-8") for run in runs)
    if 2 * sound >= len(runs):
        return UTF8, (UNKNOWN,) * (sound < len(runs))
    foreign = [run for run in runs if FOREIGN.search(run)]
    if not foreign:
        return WESTERN, ()
    return (CHINESE, ()) if _is_chinese(foreign) else (WESTERN, (UNKNOWN,))


def _is_chinese(runs: list[bytes]) -> bool:
    if not all(_decodes(run, "gb2312") for run in runs):
        return False
    first = [byte for run in runs for byte in run[::2] if byte not in SIGNS]
    common = sum(byte in COMMON for byte in first)
    russian = all(byte in CAPITALS for run in runs for byte in run)
    return not russian and common >= USUAL * len(first) and max(first, default=0) > KOREAN


def _decodes(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def encode(path: Path) -> None:
    """Text beyond ASCII as ISO 10303-21 has it, in hexadecimal: the kernel writes bare UTF-8, which others misread.
    So are apostrophes at which it would end a string that it reads."""
    with path.open("rb") as file:
        plain = all(block.isascii() for block in iter(partial(file.read, BLOCK), b""))
    if not path.stat().st_size:  # which cannot be mapped; whoever wrote it looks for what is there
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        early = [at for at in _doubled(content) if quotes.EARLY.match(content, at)]
        if plain and not early:
            return
        begins = [0, *(at + len(quotes.QUOTE) for at in early)]
        said = APOSTROPHE.join(content[begin:end] for begin, end in zip(begins, [*early, None], strict=True))
    path.write_bytes(BEYOND_ASCII.sub(lambda run: _encoded(run[0].replace(b"\n", b"").decode(errors="replace")), said))


def _doubled(content: mmap.mmap) -> list[int]:
    """Where there is an apostrophe in a string, which is said as two: one string seems to end where another begins."""
    blocks = ((at, np.frombuffer(content[at : at + BLOCK], np.uint8)) for at in range(0, len(content), BLOCK))
    found = np.concatenate([at + np.flatnonzero(block == QUOTE) for at, block in blocks])
    ends, begins = found[1:-1:2], found[2::2]
    doubled: list[int] = ends[: len(begins)][begins - ends[: len(begins)] == 1].tolist()
    return doubled


def _encoded(text: str) -> bytes:
    wide = any(ord(each) > 0xFFFF for each in text)
    digits, kind = (8, "X4") if wide else (4, "X2")
    return f"\\{kind}\\{''.join(f'{ord(each):0{digits}X}' for each in text)}\\X0\\".encode()
