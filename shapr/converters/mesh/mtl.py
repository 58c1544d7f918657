"""MTL, the materials of an OBJ file: names and flat colours. What makes them shine is passed over, and told."""

import math
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from shapr.converters.mesh import text
from shapr.converters.mesh.beside import Companions
from shapr.converters.mesh.model import LONGEST_NAME, Colour

MOST = 100  # libraries of one file
BETWEEN = re.compile(r"(?<=\.mtl)\s+", re.IGNORECASE)  # files
SHINE = {"ks", "ke", "pm", "ps", "pc"}  # specular, emitted light, metal, sheen, clear coat


def read(folder: Path, libraries: Iterable[str]) -> tuple[dict[str, Colour | None], list[str]]:
    """The colours of the materials that these `mtllib` statements name, and what is to be said of it.

    Only files that lie in `folder` are opened. `Kd` is taken as sRGB, which is what programs write.
    """
    materials: dict[str, Colour | None] = {}
    losses: list[str] = []
    companions = Companions(folder)
    known: set[Path] = set()  # the same file has many names
    for statement in libraries:
        found, lacking = _files(companions, statement)
        losses += [f"materials are in {name}, which was not part of the upload" for name in lacking]
        for path in [each for each in found if each not in known]:
            known.add(path)
            losses += _parse(path.read_bytes().removeprefix(b"\xef\xbb\xbf"), materials)
    return materials, list(dict.fromkeys(losses))[:MOST]


def _files(folder: Companions, statement: str) -> tuple[list[Path], list[str]]:
    """The files, and printable names of those that are not there. A name may hold blanks, a statement several names."""
    if (whole := _beside(folder, statement)) is not None:
        return [whole], []
    found, lacking = [], []
    names = BETWEEN.split(statement)
    for name in [each for each in names if each.lower().endswith(".mtl")][:MOST] if len(names) > 1 else names:
        path = _beside(folder, name)
        if path is not None:
            found.append(path)
        else:
            last = PurePosixPath(name.replace("\\", "/")).name
            lacking.append("".join(c if c.isprintable() else "_" for c in last)[:80] or "another file")
    return found, lacking


def _beside(folder: Companions, name: str) -> Path | None:
    """The file of that name in the folder; one whose path leads elsewhere counts as lying beside the source."""
    relative = PurePosixPath(name.strip().strip('"').replace("\\", "/"))
    if relative.suffix.lower() != ".mtl" or "\0" in name:
        return None  # nothing else in the folder is meant to be read
    return folder.find(relative) or folder.find(PurePosixPath(relative.name))


def _parse(content: bytes, materials: dict[str, Colour | None]) -> list[str]:
    """Adds to `materials`; gives what is passed over."""
    name: str | None = None
    losses: list[str] = []
    for line in content.splitlines():
        key, rest = (*text.said(line).split(None, 1), "", "")[:2]
        key, words = key.lower(), rest.split()
        if key == "newmtl":
            name = rest.strip()[:LONGEST_NAME]
            materials.setdefault(name, None)
        elif key.startswith(("map_", "bump", "disp", "decal", "refl", "norm")):
            losses.append("textures are passed over")
        elif name is not None and key == "kd":
            if kd := _numbers(words[:1] * 3 if len(words) == 1 else words, 3):  # a single one is a grey
                materials[name] = (kd[0], kd[1], kd[2], (materials[name] or (0, 0, 0, 1.0))[3])
            else:
                losses.append("colours that are not red, green and blue are passed over")
        elif name is not None and key in SHINE and any(_numbers(words, len(words)) or ()):
            losses.append("of materials only the colour is kept")
        elif name is not None and key in ("d", "tr") and (opacity := _numbers(words[-1:], 1)):
            red, green, blue, _ = materials[name] or (0.8, 0.8, 0.8, 1.0)  # the format's own grey
            materials[name] = (red, green, blue, opacity[0] if key == "d" else 1.0 - opacity[0])
    return losses


def _numbers(words: list[str], count: int) -> list[float] | None:
    """The first words as numbers of 0..1; None if they are something else, such as a spectral file."""
    try:
        found = [float(word) for word in words[:count]]
    except ValueError:
        return None
    if len(found) < count or not all(map(math.isfinite, found)):
        return None
    return [min(max(value, 0.0), 1.0) for value in found]
