"""The tree of a 3MF package, counted before the library reads it: lib3mf walks every instance, a billion if asked to.

Only the tags that make the tree are looked for, in the text; what stands in a comment counts as well.
"""

import html
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from shapr.converters.mesh import threemf_aside
from shapr.converters.progress import Reach, silent, within
from shapr.errors import Refused

MAX_INSTANCES = 100_000
MAX_OBJECTS = 10_000  # the library's time grows with their square
MAX_RELATIONSHIPS = 10_000  # in one part of the package; likewise
MAX_DEPTH = 100  # of components within components; the library walks each way down
OBJECT = re.compile(rb"[<:]object[\s/>]")
ITEM = re.compile(rb"[<:]item[\s/>]")
TAG = re.compile(rb"<(?:[^\s<>/:\"'=]+:)?(object|component)(?=[\s/>])((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)>")
UNPRINTED = re.compile(rb"[<:]item\s[^<>]*?[\s:]printable\s*=\s*[\"'](?:0|false)[\"']")
ATTRIBUTE = re.compile(r"(?:^|[\s:])(id|objectid|path)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")

LONG_INDEX = re.compile(rb"\s[vp][123]\s*=\s*[\"'][\s\d+&#;]{10}")  # the library keeps 32 bits of it
ID = re.compile(rb"\s(?:object|p)?id\s*=\s*[\"'][\s+0]*+(\d{10,})")  # it keeps 32 bits of these too
MAX_ID = 2**31
PIECE = 4 << 20  # bytes that are looked at before anybody is told
COLOURLESS = re.compile(rb"<(?:[^\s<>/:\"'=]+:)?color\s*/?>")

Key = tuple[str, str]  # the part of the package, and the id within it


def check(path: Path, reach: Reach = silent) -> tuple[int, set[str], tuple[str, ...]]:
    """`decompression_bomb` if an object has too many others inside, `corrupt_file` if it has itself. Gives how many
    items are said not to be printed, the extensions that nobody reads, and what else the library says nothing of."""
    inside: dict[Key, list[Key]] = {}
    objects = items = unprinted = 0
    unread: set[str] = set()
    told: dict[str, None] = {}
    with zipfile.ZipFile(path) as archive:
        total, done = max(sum(entry.file_size for entry in archive.infolist()), 1), 0
        for entry in archive.infolist():
            own = within(reach, done / total, (done + entry.file_size) / total)
            text = _text(archive, entry, within(own, 0.0, 0.1)).replace(b"\0", b"") if not entry.is_dir() else b""
            if text.count(b"object") > MAX_OBJECTS:
                objects += len(OBJECT.findall(text))
                items += len(ITEM.findall(text))
            if objects > MAX_OBJECTS:
                raise Refused("limit_exceeded", f"it has {objects} objects; {MAX_OBJECTS} are allowed")
            if items > MAX_INSTANCES:
                raise Refused("decompression_bomb", f"it builds {items} parts; {MAX_INSTANCES} are allowed")
            _look(text, entry.filename, within(own, 0.1, 1.0))
            done += entry.file_size
            unprinted += len(UNPRINTED.findall(text)) if b"printable" in text else 0
            if entry.filename.endswith(".model"):
                unread.update(threemf_aside.extensions(text))
                told.update(dict.fromkeys(threemf_aside.said(text)))
            if b"component" in text:
                _collect(text, entry.filename, inside)
    counts: dict[Key, tuple[int, int]] = {}
    try:
        for key in inside:
            _count(key, inside, counts)
    except RecursionError:
        raise Refused("limit_exceeded", "the components are nested too deeply") from None
    return unprinted, unread, tuple(told)


def _text(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, reach: Reach) -> bytes:
    pieces, done = [], 0
    with archive.open(entry) as content:
        while piece := content.read(PIECE):
            pieces.append(piece)
            done += len(piece)
            reach(min(done / max(entry.file_size, 1), 1.0))
    return b"".join(pieces)


def _look(text: bytes, part: str, reach: Reach) -> None:
    """For what the library reads as something else, or for ever."""
    if part.endswith(".rels") and text.count(b"Relationship") > MAX_RELATIONSHIPS:
        raise Refused("limit_exceeded", f"a part of it has more than {MAX_RELATIONSHIPS} relationships")
    for start, end in _pieces(text):
        if COLOURLESS.search(text, start, end):
            raise Refused("corrupt_file", "a colour of the 3MF file has no value")
        if LONG_INDEX.search(text, start, end):
            raise Refused("corrupt_file", "an index of the 3MF file is beyond any count")
        if any(len(id) > 10 or int(id) > MAX_ID for id in ID.findall(text, start, end)):
            raise Refused("corrupt_file", "an id of the 3MF file is beyond any that is allowed")
        reach(end / len(text))


def _pieces(text: bytes) -> Iterator[tuple[int, int]]:
    """Where pieces of some megabytes begin and end: at tags, none of which is cut, for no tag has a `<` within."""
    start = 0
    while start < len(text):
        tag = text.find(b"<", start + PIECE)
        end = tag if tag >= 0 else len(text)
        yield start, end
        start = end


def _collect(text: bytes, part: str, inside: dict[Key, list[Key]]) -> None:
    current: list[Key] = []
    for tag in TAG.finditer(text):
        found = {
            name: html.unescape(a or b).strip() for name, a, b in ATTRIBUTE.findall(tag[2].decode(errors="replace"))
        }
        if tag[1] == b"object":
            current = inside.setdefault((part, _number(found.get("id", ""))), [])
        else:
            current.append((found.get("path", part).lstrip("/"), _number(found.get("objectid", ""))))


def _number(id: str) -> str:
    """`07` and `+7` are 7 to the library."""
    return id.lstrip("+").lstrip("0")


def _count(key: Key, inside: dict[Key, list[Key]], counts: dict[Key, tuple[int, int]]) -> tuple[int, int]:
    """Instances in an object, itself among them, and how deep they are nested."""
    if key not in counts:
        counts[key] = -1, 0
        found = [_count(each, inside, counts) for each in inside.get(key, [])]
        counts[key] = 1 + sum(one for one, _ in found), 1 + max((depth for _, depth in found), default=0)
        if counts[key][0] > MAX_INSTANCES:
            raise Refused("decompression_bomb", f"an object expands to more than {MAX_INSTANCES} parts")
        if counts[key][1] > MAX_DEPTH:
            raise Refused("limit_exceeded", f"components are nested more than {MAX_DEPTH} deep")
    if counts[key][0] < 0:
        raise Refused("corrupt_file", "a component contains itself")
    return counts[key]
