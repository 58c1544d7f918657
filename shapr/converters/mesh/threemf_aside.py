"""What a 3MF package says beside its objects, in words: extensions, metadata, and other files."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from shapr.converters.archive import Entries
from shapr.converters.mesh.accessors import some

TEXTURES = "textures are passed over"
HEAD = 1 << 16  # bytes of a part within which it names its extensions
MOST = 10  # that are looked for, each through the whole part
NAMESPACE = re.compile(rb"xmlns:([\w.-]+)\s*=\s*[\"']([^\"'<>]*)[\"']")
# Of extensions that are read, or whose use is told as such.
READ = re.compile(
    rb"http://(?:schemas\.microsoft\.com/3dmanufacturing/(?:core|material|production|slice|beamlattice)/.*"
    rb"|schemas\.3mf\.io/3dmanufacturing/implicit/.*"
    rb"|schemas\.openxmlformats\.org/.*|www\.w3\.org/.*)"
)
PACKAGE = (".model", ".rels")
PICTURES = (".png", ".jpg", ".jpeg")


def extensions(text: bytes) -> Iterator[str]:
    """The names of those that a part of the package uses and nobody here reads."""
    unread = ((prefix, name) for prefix, name in NAMESPACE.findall(text, 0, HEAD) if not READ.fullmatch(name))
    for prefix, name in islice(unread, MOST):
        if any(mark + prefix + b":" in text for mark in (b"<", b" ", b"\n")):
            yield name.decode(errors="replace")


def losses(entries: Entries, unread: set[str], model: Any, textured: bool) -> Iterator[str]:
    """`model` is the library's; `textured`: its textures are told."""
    if unread:
        yield f"extensions that are not read are passed over: {some(unread)}"
    group = model.GetMetaDataGroup()
    if names := [group.GetMetaData(at).GetName() for at in range(group.GetMetaDataCount())]:
        yield f"metadata is passed over: {some(names)}"
    if others := [each.filename for each in entries if not each.is_dir() and _other(each.filename, textured)]:
        yield f"other files of the package are passed over: {some(others)}"


def _other(name: str, textured: bool) -> bool:
    if name.lower().endswith(PACKAGE) or name == "[Content_Types].xml":
        return False
    return not (textured and name.lower().endswith(PICTURES) and not name.startswith("Metadata/"))
