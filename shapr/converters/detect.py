"""What a file's bytes say of its format: the first look of the API, and the child's before any parser."""

import re
import struct
from pathlib import Path

from shapr.converters.formats import Converter
from shapr.errors import Refused

HEAD = 1 << 16  # bytes that the first look sees

MAGIC = (
    (b"ISO-10303-21", "a STEP file"),
    (b"DBRep_DrawableShape", "a BREP file"),
    (b"glTF", "a GLB file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
    (b"<?xml", "XML"),
    (b"<html", "HTML"),
    (b"<!DOCTYPE", "HTML"),
    (b"ply\n", "a PLY file"),
    (b"ply\r", "a PLY file"),
)
OWN = {
    "shapr": ("a ZIP archive", "a database"),
    "step": ("a STEP file",),
    "brep": ("a BREP file",),
    "glb": ("a GLB file",),
    "ply": ("a PLY file",),
    "3mf": ("a ZIP archive",),
}
# What repeats gives nothing back (`*+`, `(?>`): a hostile head would be tried in more ways than there are atoms.
STEP = re.compile(rb"(?:\xef\xbb\xbf)?\s*+(?>/\*.*?\*/\s*+)*+ISO-10303-21\s*;", re.DOTALL)
IGES = re.compile(rb"[^\r\n]{72}[SCB][ \t]*+0*+1?[ \t]*+[\r\n]")
BREP = re.compile(
    rb"(?:\s*DBRep_DrawableShape)?\s*(?:\x00{0,8})?.{0,64}?(?:CASCADE Topology V|Open CASCADE Topology)", re.DOTALL
)
PLY = re.compile(rb"ply[ \t]*+[\r\n]", re.IGNORECASE)
JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
SOLID = re.compile(rb"(?:\xef\xbb\xbf)?\s*+(?:#[^\r\n]*+\s++)*+solid", re.IGNORECASE)
OBJ = re.compile(rb"(?:^|\r)[ \t]*(?:v|vt|vn|vp|f|l|p|o|g|s|mtllib|usemtl)[ \t]", re.MULTILINE)

OFF = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s|#[^\r\n]*[\r\n])*+(?:(?:ST|C|N)*+4?n?OFF(?![A-Z])|\d+\s+\d+(?:\s+\d+)?\s)", re.IGNORECASE
)


def contradicts(format: str, head: bytes, converter: Converter = "built-in") -> str | None:
    """Why these first bytes cannot be of that format; None when they can. `head` is up to `HEAD` bytes.

    A plugged-in converter knows best what it reads: for it, only what is plainly something else is refused.
    """
    kind = next((what for magic, what in MAGIC if head.lstrip()[: len(magic)] == magic), None)
    if kind is not None and kind not in OWN.get(format, ()):
        return f"the content is {kind}"
    if converter != "built-in":
        return None
    sound = {
        "step": _step,
        "iges": _iges,
        "brep": _brep,
        "stl": _stl,
        "obj": _obj,
        "ply": _ply,
        "off": _off,
        "glb": _glb,
        "gltf": _gltf,
        "3mf": _zip,
        "shapr": _shapr,
    }.get(format)
    return None if sound is None or sound(head) else f"the content does not look like {format.upper()}"


def check(format: str, path: Path, converter: Converter = "built-in") -> None:
    """Refuse a file that is empty, or not what its extension says."""
    if not path.stat().st_size:
        raise Refused("empty_file", "the file has no bytes")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if reason := contradicts(format, head, converter):
        raise Refused("format_mismatch", reason)


def _step(head: bytes) -> bool:
    return STEP.match(head) is not None


def _iges(head: bytes) -> bool:
    return IGES.match(head.lstrip(b"\r\n")) is not None


def _brep(head: bytes) -> bool:
    return BREP.match(head[:512]) is not None


def _stl(head: bytes) -> bool:
    """ASCII begins with `solid`; anything of at least a header and a facet may be binary, unless it is plain text."""
    if SOLID.match(head):
        return True
    if len(head) < 84:
        return False
    (count,) = struct.unpack_from("<I", head, 80)
    return count == 0 or not _text(head[80:4096])


def _obj(head: bytes) -> bool:
    return b"\0" not in head and OBJ.search(head) is not None


def _ply(head: bytes) -> bool:
    return PLY.match(head) is not None and b"format" in head[:4096]


def _off(head: bytes) -> bool:
    """`OFF` with its prefixes, after comments; or counts at once, as the word may be left out."""
    return b"\0" not in head and OFF.match(head) is not None


def _glb(head: bytes) -> bool:
    return head.startswith(b"glTF")


def _gltf(head: bytes) -> bool:
    return JSON.match(head) is not None


def _shapr(head: bytes) -> bool:
    """The container, or the bare database in it."""
    return head.startswith((b"PK\x03\x04", b"SQLite format 3\0"))


def _zip(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04")


def _text(data: bytes) -> bool:
    return bool(data) and all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in data)
