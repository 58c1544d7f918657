"""IGES files that lie, loop, explode, or name other files."""

import re
from collections.abc import Iterator

from benchmarks.hostile.kit import BROKEN, SAMPLES, Bait, Hostile, blobs, cut, either, flipped, refused

PARSE = ("corrupt_file", "no_geometry", "invalid_geometry", "limit_exceeded")
BOMB = ("decompression_bomb", "limit_exceeded")
GLOBAL = (
    "1H,,1H;,4Hpart,8Hpart.igs,4Hnone,4Hnone,32,38,6,308,15,4Hpart,1.,2,2HMM,1,0.01,"
    "15H20000101.000000,1E-07,10.,4Hnone,4Hnone,11,0,15H20000101.000000;"
)


LINES = re.compile(
    r".{1,63}[,;]|.{1,64}", re.DOTALL
)  # of parameters: only what is longer than a line goes on in the next


def section(letter: str, text: str, width: int = 72) -> list[str]:
    pieces = [text[at : at + width] for at in range(0, len(text), width)] or [""]
    return [f"{piece:72}{letter}{n:7}" for n, piece in enumerate(pieces, 1)]


def iges(entities: list[tuple[int, int, str]], terminate: str | None = None, head: str = GLOBAL) -> str:
    """A file of (type, form, parameters); a parameter that is an entity is its directory line: 1, 3, 5..."""
    directory, parameters = [], []
    for at, (kind, form, text) in enumerate(entities):
        pieces = LINES.findall(f"{kind},{text};")
        begin = len(parameters) + 1
        entry = 2 * at + 1
        for piece in pieces:
            parameters.append(f"{piece:64}{entry:8}P{len(parameters) + 1:7}")
        directory.append(f"{kind:8}{begin:8}{0:8}{0:8}{0:8}{0:8}{0:8}{0:8}00000000D{entry:7}")
        directory.append(f"{kind:8}{0:8}{0:8}{len(pieces):8}{form:8}{'':16}{'':8}{0:8}D{entry + 1:7}")
    globals_ = section("G", head)
    end = terminate or f"S{1:7}G{len(globals_):7}D{len(directory):7}P{len(parameters):7}"
    return "\n".join([*section("S", ""), *globals_, *directory, *parameters, f"{end:72}T{1:7}", ""])


PLANE = (108, 0, "0.,0.,1.,0.,0,0.,0.,0.,1.")
RULED = [(110, 0, "0.,0.,0.,10.,0.,0."), (110, 0, "0.,10.,0.,10.,10.,0."), (118, 1, "1,3,0,0")]


def nested(levels: int, copies: int, loop: bool = False) -> str:
    """Subfigures that hold `copies` of the next: 308 defines, 408 places."""
    entities: list[tuple[int, int, str]] = [*RULED]
    for level in range(levels):
        first = 2 * len(entities) + 1
        last = level == levels - 1
        held = [first + 2 * (n + 1) for n in range(copies)]
        entities.append((308, 0, f"0,1H{level % 10},{copies},{','.join(map(str, held))}"))
        below = 7 if last and loop else 5 if last else first + 2 * (copies + 1)
        placed = (408, 0, f"{below},0.,0.,0.,1.") if not last or loop else RULED[0]
        entities += [placed] * copies
    entities.append((408, 0, "7,0.,0.,0.,1."))
    return iges(entities)


def groups(levels: int, copies: int, loop: bool = False) -> str:
    entities: list[tuple[int, int, str]] = [*RULED]
    for level in range(levels):
        at = 2 * len(entities) + 1
        below = 5 if level == levels - 1 else at + 2
        entities.append((402, 7, f"{copies},{','.join([str(7 if loop and level == levels - 1 else below)] * copies)}"))
    return iges(entities)


def changed(text: str, pattern: str, to: str) -> str:
    made, found = re.subn(pattern, to, text, count=1, flags=re.MULTILINE)
    if not found:
        raise AssertionError(f"the sample has no {pattern}")
    return made


def files(bait: Bait) -> Iterator[Hostile]:
    raw = (SAMPLES / "bracket.iges").read_bytes()
    text = raw.decode()
    last = text.rstrip("\n").rindex("\n") + 1
    yield from blobs("iges")
    yield from cut("bracket", "iges", raw, 4, *BROKEN)
    yield from flipped("bracket", "iges", raw, 6, *PARSE, "format_mismatch", "external_reference")
    for name, end in {
        "more": "S      1G      3D    908P    927",
        "fewer": "S      1G      3D      8P      7",
        "huge": "S      1G      3D9999999P9999999",
        "negative": "S      1G      3D   -408P   -227",
        "none": " " * 32,
    }.items():
        yield either(f"terminate-{name}.iges", text[:last] + f"{end:72}T{1:7}\n", *PARSE)
    for letter in "SGDP":
        kept = [line for line in text.splitlines() if line[72:73] != letter]
        yield either(f"section-{letter.lower()}-gone.iges", "\n".join(kept) + "\n", *PARSE, "format_mismatch")
    yield either("directory-odd.iges", changed(text, r"^.*D0000010\r?\n", ""), *PARSE)
    yield either("pointer-to-itself.iges", iges([(402, 7, "1,1"), *RULED]), *PARSE)
    yield either("pointer-outside.iges", iges([(402, 7, "2,99999,-77"), *RULED]), *PARSE)
    yield either("pointer-even.iges", iges([(118, 1, "2,4,0,0"), *RULED]), *PARSE)
    named = [*RULED[:2], (118, 1, "1,3,0,0,0,1,7"), (406, 15, "1,60000H" + "A" * 60_000)]
    yield either("name-60-000.iges", iges(named), *PARSE)
    yield either("ruled-of-itself.iges", iges([(118, 1, "1,1,0,0")]), *PARSE)
    yield either("solid-of-itself.iges", iges([(186, 0, "1,1,0")]), *PARSE)
    yield either("shell-of-itself.iges", iges([(186, 0, "3,1,0"), (514, 1, "1,3,1")]), *PARSE)
    yield either("face-of-itself.iges", iges([(186, 0, "3,1,0"), (514, 1, "1,5,1"), (510, 1, "5,1,1,5")]), *PARSE)
    yield either("trimmed-of-itself.iges", iges([(144, 0, "1,0,0,1")]), *PARSE)
    yield either("offset-of-itself.iges", iges([(140, 0, "0.,0.,1.,1.,1")]), *PARSE)
    yield either("curve-of-itself.iges", iges([(102, 0, "2,1,1"), (118, 1, "1,1,0,0")]), *PARSE)
    yield either("revolution-of-itself.iges", iges([(120, 0, "1,1,0.,1.")]), *PARSE)
    yield either("boolean-of-itself.iges", iges([(180, 0, "3,-1,-1,1")]), *PARSE)
    yield either(
        "transform-of-itself.iges",
        changed(
            iges([*RULED, (124, 0, "1.,0.,0.,0.,0.,1.,0.,0.,0.,0.,1.,0.")]),
            r"^     124       4       0       0       0       0       0",
            "     124       4       0       0       0       0       7",
        ),
        *PARSE,
    )
    yield refused("bomb-subfigures.iges", nested(30, 2), *BOMB, "no_geometry")
    yield refused("bomb-groups.iges", groups(30, 2), *BOMB)
    yield either("cycle-subfigures.iges", nested(3, 1, loop=True), *PARSE)
    yield either("cycle-groups.iges", groups(3, 1, loop=True), *PARSE)
    yield either("deep-groups.iges", groups(20_000, 1), *PARSE)
    for name, kind, params in (
        ("curve-poles", 126, "2000000000,1,0,0,1,0,0.,0.,1.,1.,1.,1.,0.,0.,0.,1.,0.,0.,0.,1.,0.,0.,1."),
        ("curve-degree", 126, "1,1000000000,0,0,1,0,0.,0.,1.,1.,1.,1.,0.,0.,0.,1.,0.,0.,0.,1.,0.,0.,1."),
        ("curve-negative", 126, "-5,-7,0,0,1,0,0.,0.,1.,1.,1.,1.,0.,0.,0.,1.,0.,0.,0.,1.,0.,0.,1."),
        ("surface-poles", 128, "60000,60000,1,1,0,0,1,0,0,0.,0.,1.,1.,0.,0.,1.,1.,1.,1.,1.,1.,0.,0.,0.,1.,0.,0."),
        ("surface-overflow", 128, "99999999999,99999999999,1,1,0,0,1,0,0,0.,0."),
        ("copious", 106, "1,2000000000,0.,0.,0."),
        ("parametric", 112, "3,0,3,2000000000,0.,1."),
        ("spline-surface", 114, "3,0,50000,50000,0.,1."),
        ("group", 402, "2000000000,1,3,5"),
        ("vertices", 502, "2000000000,0.,0.,0."),
        ("edges", 504, "2000000000,1,1,1,1,1"),
        ("loop", 508, "2000000000,0,1,1,1,0"),
    ):
        form = {106: 12, 402: 7, 502: 1, 504: 1, 508: 1}.get(kind, 0)
        yield either(f"count-{name}.iges", iges([*RULED, (kind, form, params)]), *PARSE, "out_of_memory")
    yield either("hollerith-huge.iges", changed(text, "11Hbracket.igs", "99Hbracket.igs"), *PARSE)
    lie = (406, 15, "1,999999999999Hname")
    yield either("hollerith-parameter.iges", iges([*RULED, lie]), *PARSE)
    yield either("hollerith-negative.iges", iges([*RULED, (406, 15, "1,-5Hname")]), *PARSE)
    for name, number in {
        "1e999": "1E999",
        "nan": "NAN",
        "d-exponent": "1D+999",
        "huge": "1E308",
        "digits": "9" * 5000,
    }.items():
        lines = [(110, 0, f"0.,0.,0.,{number},0.,0."), *RULED[1:]]
        yield either(f"number-{name}.iges", iges(lines), *PARSE)
    yield either("scale-zero.iges", iges(RULED, head=GLOBAL.replace("4Hpart,1.,2", "4Hpart,0.,2")), *PARSE)
    yield either("scale-infinite.iges", iges(RULED, head=GLOBAL.replace("4Hpart,1.,2", "4Hpart,1E999,2")), *PARSE)
    yield either("units-unknown.iges", iges(RULED, head=GLOBAL.replace("2,2HMM", "77,2HXX")), *PARSE)
    yield either("delimiters-odd.iges", iges(RULED, head=GLOBAL.replace("1H,,1H;", "1H;,1H,")), *PARSE)
    yield either("line-10-mb.iges", changed(text, "^     402", "     402" + "A" * 10_000_000), *PARSE)
    yield either("one-line.iges", text.replace("\n", ""), *PARSE, "format_mismatch")
    yield either("nul-bytes.iges", text[:5000] + "\0" * 80 + text[5080:], *PARSE)
    yield refused("compressed.iges", f"{'':72}C{1:7}\n" + text, "unsupported_format")
    yield refused("binary.iges", b"B" + bytes(3) + b"\x50" + raw, *PARSE, "format_mismatch")
    for way, place in bait.places("secret.igs").items():
        outside = [*RULED, (416, 0, f"{len(place)}H{place},4Hname")]
        yield either(f"reference-{way}.iges", iges(outside), "external_reference", *PARSE)
        only = [(416, 1, f"{len(place)}H{place}"), (408, 0, "1,0.,0.,0.,1.")]
        yield refused(f"reference-only-{way}.iges", iges(only), "external_reference", *PARSE)
