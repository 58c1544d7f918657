"""Sound B-Rep files with a few words exchanged: what a random walk finds that nobody thinks of.

Ten minutes of it made the kernel crash on one file in fifty and spin on as many; most of those are recognised now. A
crash that is left costs its own job and is told as one.
"""

import random
import re
from collections.abc import Iterator

from benchmarks.hostile.brep import cylinder
from benchmarks.hostile.kit import SAMPLES, Bait, Hostile, either

CODES = ("corrupt_file", "no_geometry", "invalid_geometry", "limit_exceeded", "format_mismatch", "external_reference")
CRASH = ("converter_crashed",)
WORD = re.compile(
    rb"#\d+|-?\d+\.\d*(?:E[-+]?\d+)?|-?\d+|\.[A-Z_]+\.|[A-Z_0-9]{4,}(?=\()|\$|\*|\([^()]*\)|'[^']*'|[-+]\d+ 0"
)
NUMBERS = (b"0", b"0.", b"-1", b"-1.", b"1E99", b"1E-300", b"999999", b"2147483647", b"-2147483648", b"65536")
OTHERS = (b"$", b"*", b"()", b"''", b"((((0.))))", b"#1")
MUTANTS = 16  # of each


def files(_: Bait) -> Iterator[Hostile]:
    text, binary = cylinder()
    sources = {
        "bracket.step": (SAMPLES / "bracket.step").read_bytes(),
        "assembly.step": (SAMPLES / "assembly.step").read_bytes(),
        "bracket.iges": (SAMPLES / "bracket.iges").read_bytes(),
        "cylinder.brep": text.encode(),
    }
    for name, data in sources.items():
        stem, _, extension = name.partition(".")
        for number in range(MUTANTS):
            bad = mutant(data, random.Random(f"{name}{number}"))
            yield either(f"mutant-{stem}-{number}.{extension}", bad, *CODES, *CRASH)
    for number in range(MUTANTS):
        bad = patched(binary, random.Random(f"binary{number}"))
        yield either(f"mutant-binary-{number}.brep", bad, *CODES, *CRASH)


def mutant(data: bytes, chance: random.Random) -> bytes:
    """Some words of the data section exchanged, for each other or for what nobody expects."""
    words = list(WORD.finditer(data, max(data.find(b"DATA;"), data.find(b"TShapes"), 0)))
    bad, end = [], len(data)
    for word in sorted(chance.sample(words, chance.choice((1, 2, 3, 6))), key=lambda each: -each.start()):
        new = chance.choice((chance.choice(words)[0], chance.choice(NUMBERS), chance.choice(OTHERS)))
        if word.end() <= end:
            bad += [data[word.end() : end], new]
            end = word.start()
    return b"".join(reversed([*bad, data[:end]]))


def patched(data: bytes, chance: random.Random) -> bytes:
    """Some bytes exchanged, behind the heads of the sections."""
    bad = bytearray(data)
    for _ in range(chance.choice((1, 2, 4))):
        bad[chance.randrange(200, len(bad))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(bad)
