"""The tree of a 3MF package, counted before the library reads it: lib3mf walks every instance, a billion if asked to.

Only the tags that make the tree are looked for, in the text; what stands in a comment counts as well.
"""

import html
import re
import zipfile
from pathlib import Path

from shapr.errors import Refused

MAX_INSTANCES = 100_000
TAG = re.compile(rb"<(?:[^\s<>/:\"'=]+:)?(object|component)(?=[\s/>])((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)>")
ATTRIBUTE = re.compile(r"(?:^|[\s:])(id|objectid|path)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")

COLOURLESS = re.compile(rb"<(?:[^\s<>/:\"'=]+:)?color\s*/?>")

Key = tuple[str, str]  # the part of the package, and the id within it


def check(path: Path) -> None:
    """`decompression_bomb` if an object has too many others inside, `corrupt_file` if it has itself."""
    inside: dict[Key, list[Key]] = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            text = archive.read(entry).replace(b"\0", b"") if not entry.is_dir() else b""
            if COLOURLESS.search(text):
                raise Refused("corrupt_file", "a colour of the 3MF file has no value")
            if b"component" in text:
                _collect(text, entry.filename, inside)
    counts: dict[Key, int] = {}
    try:
        for key in inside:
            _count(key, inside, counts)
    except RecursionError:
        raise Refused("limit_exceeded", "the components are nested too deeply") from None


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


def _count(key: Key, inside: dict[Key, list[Key]], counts: dict[Key, int]) -> int:
    """Instances in an object, itself among them."""
    if key not in counts:
        counts[key] = -1
        counts[key] = 1 + sum(_count(each, inside, counts) for each in inside.get(key, []))
        if counts[key] > MAX_INSTANCES:
            raise Refused("decompression_bomb", f"an object expands to more than {MAX_INSTANCES} parts")
    if counts[key] < 0:
        raise Refused("corrupt_file", "a component contains itself")
    return counts[key]
