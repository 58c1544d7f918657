"""What a 3MF package says beside its objects, in words: extensions, metadata, and other files."""

import re
from collections.abc import Iterator
from typing import Any

from shapr.converters.archive import Entries
from shapr.converters.mesh.accessors import some
from shapr.converters.mesh.gltf_aside import SHINE
from shapr.converters.mesh.threemf_parts import each_of, objects

TEXTURES = "textures are passed over"
PAINTED = "colours that a slicer has painted on triangles are passed over"
PAINT = (b"paint_color=", b"mmu_segmentation=")  # of Bambu Studio and OrcaSlicer, and of PrusaSlicer
HEAD = 1 << 16  # bytes of a part within which it names its extensions
NAMESPACE = re.compile(rb"xmlns:([\w.-]+)\s*=\s*[\"']([^\"'<>]*)[\"']")
# Of extensions that are read, or whose use is told as such.
READ = re.compile(
    rb"http://(?:schemas\.microsoft\.com/3dmanufacturing/(?:core|material|production|slice|beamlattice)/.*"
    rb"|schemas\.3mf\.io/3dmanufacturing/implicit/.*"
    rb"|schemas\.openxmlformats\.org/.*|www\.w3\.org/.*)"
)
PREFIX = re.compile(rb"(?<=[\s<])[\w.-]+\Z")
COLONS, LONGEST = 20_000, 50
PACKAGE = (".model", ".rels")
PICTURES = (".png", ".jpg", ".jpeg")


def extensions(text: bytes) -> Iterator[str]:
    """The names of those that a part of the package uses and nobody here reads."""
    given = {prefix: name for prefix, name in NAMESPACE.findall(text, 0, HEAD) if not READ.fullmatch(name)}
    for prefix in given.keys() & _prefixes(text) if given else ():
        yield given[prefix].decode(errors="replace")


def _prefixes(text: bytes) -> set[bytes]:
    """What stands before the first colons: there is none in the numbers that fill a mesh, so this is quick."""
    found, at = set(), text.find(b":")
    for _ in range(COLONS):
        if at < 0:
            break
        if word := PREFIX.search(text, max(at - LONGEST, 0), at):
            found.add(word[0])
        at = text.find(b":", at + 1)
    return found


def said(text: bytes) -> Iterator[str]:
    """What is to be said of a part of the package that the library says nothing of."""
    if b"displaypropertiesid" in text:
        yield SHINE
    if any(word in text for word in PAINT):
        yield PAINTED


def losses(entries: Entries, unread: set[str], model: Any, textured: bool) -> Iterator[str]:
    """`model` is the library's; `textured`: its textures are told."""
    if unread:
        yield f"extensions that are not read are passed over: {some(unread)}"
    noted = [each.GetMetaDataGroup() for each in (model, *objects(model), *each_of(model.GetBuildItems()))]
    if names := {group.GetMetaData(at).GetName() for group in noted for at in range(group.GetMetaDataCount())}:
        yield f"metadata is passed over: {some(names)}"
    if others := [each.filename for each in entries if not each.is_dir() and _other(each.filename, textured)]:
        yield f"other files of the package are passed over: {some(others)}"


def _other(name: str, textured: bool) -> bool:
    if name.lower().endswith(PACKAGE) or name == "[Content_Types].xml":
        return False
    return not (textured and name.lower().endswith(PICTURES) and not name.startswith("Metadata/"))
