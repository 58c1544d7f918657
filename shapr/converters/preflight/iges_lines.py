"""IGES files in which a number goes on in the next line, or a comment behind the last parameter does. The standard lets
only texts go on, and the kernel's reader ends a number with its line; it takes the rest of a comment for parameters. It
gets the same parameters in other lines, without the comment."""

import re
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from shapr.converters.preflight.iges_curves import integer
from shapr.converters.preflight.iges_units import NEXT, STRING

WIDTH, LINE = 64, 90  # of a line: its parameters; all of it, and some more
OWNER, LETTER, BEGIN, COUNT = slice(64, 72), slice(72, 73), slice(8, 16), slice(24, 32)
END = ord(";")  # of the last parameter, where a file does not choose another one
LENGTH = 16  # of a text's beginning, which is a number too
NUMERIC = np.isin(np.arange(256), list(b"0123456789.+-EeDd"))  # by letter
HEAD = re.compile(rb"^([^\r\n]{72})G", re.MULTILINE)
DELIMITERS = re.compile(rb"\s*(?:1H(.))?.(?:1H(.))?", re.DOTALL)

Lines = dict[int, list[bytes]]  # of parameters, by the number of whom they belong to


def delimiters(head: bytes) -> bytes:
    """What stands between parameters, and what they end with: a file may choose both."""
    found = DELIMITERS.match(head)
    return (found[1] or b",") + (found[2] or b";") if found else b",;"


def usual(head: bytes) -> bytes:
    """The translation of a file's own delimiters to the usual ones."""
    return bytes.maketrans(delimiters(head), b",;")


def joined(path: Path) -> Path:
    """The file itself, or a copy beside it in which every number is within a line, and every comment."""
    content = path.read_bytes()
    first = HEAD.search(content)
    translation = usual(first[1] if first else b"")
    found = _suspects(content, max(range(len(translation)), key=lambda at: (translation[at] == END, at != END)))
    if not found:
        return path
    lines = [line for line in content.splitlines() if len(line) > WIDTH]
    parameters = _by_owner(lines)
    anew = {owner: _anew(parameters[owner], translation) for owner in found}
    changed = {owner: made for owner, made in anew.items() if made is not None}
    if not changed:
        return path
    made = path.with_name("joined.iges")
    made.write_bytes(b"\n".join(_numbered(lines, parameters, changed)) + b"\n")
    return made


def lengthened(lines: list[bytes], more: Mapping[int, tuple[bytes, ...]]) -> list[bytes]:
    """The lines of a file with these parameters behind the last ones of entities, by their lines in the directory."""
    lines = [line for line in lines if len(line) > WIDTH]
    head = next((line[: LETTER.start] for line in lines if line[LETTER] == b"G"), b"")
    translation, between = usual(head), delimiters(head)[:1]
    parameters, changed = _by_owner(lines), dict[int, list[bytes]]()
    for owner, values in more.items():
        said = b"".join(line.ljust(WIDTH) for line in parameters[owner])
        *_, (_, end, _) = _parameters(said.translate(translation))
        said = said[: end - 1] + b"".join(between + value for value in values) + said[end - 1 : end]
        changed[owner] = _laid(said, said.translate(translation))
    return list(_numbered(lines, parameters, changed))


def _by_owner(lines: list[bytes]) -> Lines:
    found: Lines = defaultdict(list)
    for line in lines:
        if line[LETTER] == b"P":
            found[integer(line[OWNER])].append(line[:WIDTH])
    return found


def _numbered(lines: list[bytes], before: Lines, changed: Lines) -> Iterator[bytes]:
    """The lines of the file with these parameters, and the numbers by which its sections know each other."""
    now = before | changed
    begins: dict[int, tuple[int, int]] = {}
    old = new = 1
    for owner in before:
        begins[owner] = old, new
        old, new = old + len(before[owner]), new + len(now[owner])
    entry = 0
    for line in lines:
        if line[LETTER] == b"D":
            entry += 1
            yield _entry(line, entry, begins, before, now)
        elif line[LETTER] == b"P":
            owner = integer(line[OWNER])
            if owner in begins:
                first = begins.pop(owner)[1]
                yield from (b"%-64b%8dP%7d" % (text, owner, first + at) for at, text in enumerate(now[owner]))
        elif line[LETTER] == b"T":
            yield line.replace(b"P%7d" % (old - 1), b"P%7d" % (new - 1))
        else:
            yield line


def _entry(line: bytes, at: int, begins: dict[int, tuple[int, int]], before: Lines, now: Lines) -> bytes:
    """A line of the directory; what is wrong in it stays so."""
    owner, second = (at, False) if at % 2 else (at - 1, True)
    old, new = (len(each.get(owner, ())) for each in (before, now)) if second else begins.get(owner, (0, 0))
    place = COUNT if second else BEGIN
    if integer(line[place]) != old:
        return line
    return b"%b%8d%b" % (line[: place.start], new, line[place.stop :])


def _anew(lines: list[bytes], translation: bytes) -> list[bytes] | None:
    """The parameters in other lines; None where neither a number of theirs nor a comment goes on in the next."""
    said = b"".join(line.ljust(WIDTH) for line in lines)
    text = said.translate(translation)
    if not (within_number(text, list(range(WIDTH, len(text), WIDTH))) or _commented(text)):
        return None
    return _laid(said, text)


def _laid(said: bytes, text: bytes) -> list[bytes]:
    """Parameters in lines. `text`: the same, with the usual delimiters."""
    made = [bytearray()]
    for begin, end, is_text in _parameters(text):
        part = said[begin:end] if is_text else said[begin:end].strip()
        if len(made[-1]) + (LENGTH if is_text else len(part)) > WIDTH:
            made.append(bytearray())
        while len(made[-1]) + len(part) > WIDTH:
            room = WIDTH - len(made[-1])
            made[-1] += part[:room]
            part = part[room:]
            made.append(bytearray())
        made[-1] += part
    return list(map(bytes, made))


def _parameters(text: bytes) -> Iterator[tuple[int, int, bool]]:
    """Where each begins and, with its delimiter, ends; and whether it is a text. What is behind the last is none."""
    begin = 0
    while begin < len(text):
        string = STRING.match(text, begin)
        found = NEXT.search(text, min(string.end() + integer(string[1]), len(text)) if string else begin)
        end = found.end() if found else len(text)
        yield begin, end, string is not None
        if found is None or found[0] == b";":
            return
        begin = end


def within_number(text: bytes, places: list[int]) -> bool:
    """Whether one of these is, and not in a text, nor in a comment behind the last parameter."""
    waiting = deque(places)
    for begin, end, is_text in _parameters(text):
        string = STRING.match(text, begin) if is_text else None
        stop = string.end() if string else end - 1
        while waiting and waiting[0] < end:
            at = waiting.popleft()
            if begin < at < stop and NUMERIC[text[at - 1]] and NUMERIC[text[at]]:
                return True
    return False


def _commented(text: bytes) -> bool:
    """Whether there are whole lines behind the last parameter, and not only blanks."""
    *_, (_, end, _) = _parameters(text)
    return end <= len(text) - WIDTH and bool(text[end:].strip())


def _suspects(content: bytes, last: int) -> set[int]:
    """Whose parameters go on in a line that begins like a number where the one before ends like one, or behind one
    that holds what they end with: either may be in a text. All at once, for there may be a million lines."""
    letters = np.frombuffer(content + bytes(LINE), np.uint8)
    begins = np.append(0, np.flatnonzero(letters == ord("\n")) + 1)
    here, there = begins[:-1], begins[1:]
    here, there = here[there - here > LETTER.start], there[there - here > LETTER.start]
    if not len(here):
        return set()
    broken = NUMERIC[letters[here + WIDTH - 1]] & NUMERIC[letters[there]]
    ends = np.flatnonzero(letters == last)
    lines = np.searchsorted(here, ends, "right") - 1
    broken[lines[(lines >= 0) & (ends - here[lines] < WIDTH)]] = True
    here, there = here[broken], there[broken]
    for at in reversed(range(OWNER.start, LETTER.stop)):  # of the owner what differs most first
        same = letters[here + at] == letters[there + at]
        here, there = here[same], there[same]
    return {
        integer(content[at + OWNER.start : at + OWNER.stop])
        for at in here[letters[here + LETTER.start] == ord("P")].tolist()
    }
