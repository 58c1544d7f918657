"""What is no geometry in an IGES file, and says nothing of any that is kept: dimensions, notes, drawings, views,
tables, connections. The kernel reads all of it, trusts every count in it, and crashes on lies. And surfaces that go on
for ever.

So it sees a copy in which each of these is a null entity (type 0), which the standard has for what was deleted. What
others leave out stands in it too.
"""

from collections.abc import Mapping
from pathlib import Path

from shapr.converters.preflight.iges_curves import integer
from shapr.converters.preflight.iges_lines import delimiters, lengthened

COPY = ".aside"  # behind the file's own name
KINDS = frozenset({*range(202, 300), 125, 132, 134, 136, 138, 146, 148, 302, 304, 310, 312, 316, 320, 322})
KINDS |= {404, 410, 412, 414, 418, 420, 422}
KEPT = {  # forms of other types; the rest of them are notes, say how things are shown or connected, or what they are
    106: frozenset({1, 2, 3, 11, 12, 13, 63}),
    402: frozenset({1, 7, 14, 15}),
    406: frozenset({1, 15}),  # layers and names
}
NONE = b"%8d" % 0
LOOKED = {b"%d" % kind for kind in (*KINDS, *KEPT)}


def lay(path: Path, usual: Path, endless: frozenset[int], short: Mapping[int, tuple[bytes, ...]]) -> None:
    """Write the copy beside a file, if there has to be one. `usual`: what of it was checked, be it a copy too.
    `endless`, `short`: what the look found, by lines of the directory."""
    lines = usual.read_bytes().splitlines()
    if short:
        lines = lengthened(lines, short)
    directory = [at for at, line in enumerate(lines) if line[72:73] == b"D"]
    apart = {
        2 * at + 1: (first, second)
        for at, (first, second) in enumerate(zip(directory[::2], directory[1::2], strict=True))
        if 2 * at + 1 in endless
        or (
            lines[first][:8].strip().lstrip(b"+0") in LOOKED
            and _apart(integer(lines[first][:8]), integer(lines[second][32:40]))
        )
    }
    if not apart and not short:
        if usual != path:
            usual.replace(path.with_name(path.name + COPY))
        return
    for first, second in apart.values():
        begin, count = lines[first][8:16], lines[second][24:32]
        lines[first] = NONE + begin + 6 * NONE + lines[first][64:]
        lines[second] = 3 * NONE + count + NONE + 24 * b" " + NONE + lines[second][72:]
    end = _end(lines)
    for at, line in enumerate(lines):
        if line[72:73] == b"P" and (owner := integer(line[64:72])) in apart:
            del apart[owner]
            lines[at] = (b"0" + end).ljust(64) + line[64:]  # the lines that follow are a comment, behind the end
    path.with_name(path.name + COPY).write_bytes(b"\n".join(lines) + b"\n")


def geometry(path: Path) -> Path:
    """The copy, if there had to be one; else the file itself."""
    copy = path.with_name(path.name + COPY)
    return copy if copy.is_file() else path


def _apart(kind: int, form: int) -> bool:
    return form not in KEPT[kind] if kind in KEPT else kind in KINDS


def _end(lines: list[bytes]) -> bytes:
    """What an entity ends with, which a file may choose."""
    return delimiters(b"".join(line[:72] for line in lines if line[72:73] == b"G")[:72])[1:]
