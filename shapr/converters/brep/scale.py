"""How the kernel's progress runs through the work: measured marks of its own scale, chosen by what a model holds.

Its indicator gives every level of a model equal shares, and jumps over what it has not used: the whole of a single
part is read within an eighth of the scale, and most of the time goes where faces are healed, a sixteenth of that.
"""

import re
from itertools import accumulate, compress
from pathlib import Path
from typing import NamedTuple

from shapr.converters.progress import MARKS, Scale, shows_again

SHELL = re.compile(rb"_SHELL\s*\([^)]*\)")
FREE = (b"B_SPLINE_SURFACE_WITH_KNOTS", b"UNIFORM_SURFACE", b"BEZIER_SURFACE", b"SURFACE_OF_", b"OFFSET_SURFACE")
OCCURRENCE = b"NEXT_ASSEMBLY_USAGE_OCCURRENCE"

# Of a part without components, an eighth of the scale: an equal share for each of its solids, after one for its
# placement. Of a solid's share: faces built, healed, tolerances set; then it stands, as those of vertices are looked at
# and what was changed is noted.
ALONE = 0.125
SOLID: Scale = ((0.5, 0.07), (0.5625, 0.57), (0.625, 0.85), (0.7, 0.92), (0.75, 0.94), (0.75, 1.0))
# The same where curves on planes are kept (planes.py), which halves the part of the scale that the repair has.
SOLID_KEPT: Scale = (
    (0.5, 0.07),
    (0.75, 0.13),
    (0.7812, 0.6),
    (0.8125, 0.86),
    (0.85, 0.93),
    (0.875, 0.94),
    (0.875, 1.0),
)
# And both where the faces are not planes, cylinders and the like: edges are projected on them as they are built.
FREE_SOLID: Scale = ((0.5, 0.35), (0.5625, 0.75), (0.625, 0.86), (0.7, 0.95), (0.75, 0.96), (0.75, 1.0))
FREE_SOLID_KEPT: Scale = (
    (0.5, 0.35),
    (0.75, 0.37),
    (0.7812, 0.75),
    (0.8125, 0.86),
    (0.85, 0.95),
    (0.875, 0.96),
    (0.875, 1.0),
)
STANDING = 150.0  # bytes of memory that each face takes as what was changed is noted
SHAPES, PLACED, NAMED = 0.87, 0.89, 0.94  # of the time: when all shapes are read, are in the document, have names
DETAILED = 20  # solids, so that the marks have room
# Bytes of memory that a face read takes, and with what is taken again; it shows where the indicator stands.
SHELLS, SHELLS_AGAIN, BY_POSITION = 7_000.0, 11_500.0, 0.8
# Before the kernel can ask which side of a closed shell is in, it makes a polyhedron of each face that is free: bytes
# of memory for the face, and at least for each of the file's where the surface has many parts.
POLYHEDRON, POLYHEDRA = 90_000.0, 16.0

# Of reading one root of an IGES file: faces built, healed, solids put together, tolerances set. And bytes of memory for
# each of the file.
IGES_ALONE: Scale = ((0.25, 0.3), (0.2812, 0.6), (0.3125, 0.81), (0.5, 0.96), (1.0, 1.0))
IGES_MEMORY = 3.2

# Of writing: a single part is through at less than a quarter. Then colours and names: nothing shows but memory.
WRITTEN_ALONE: Scale = ((0.0625, 0.1), (0.22, 0.6), (1.0, 0.7))
WRITTEN: Scale = ((1.0, 0.7),)
# Bytes of memory that a face's entities take; with what is taken again, where the shape is copied as it is repaired.
FACE, FACE_AGAIN = 15_000.0, 28_000.0


class Reading(NamedTuple):
    """Of a STEP file: how its reading runs, bytes of memory that it takes, the faces of its largest closed shell."""

    scale: Scale
    memory: float
    largest: int


def of_reading(path: Path, roots: int, *, kept: bool = False) -> Reading:
    """Of a file that is read as so many roots. `kept`: with its curves on planes."""
    content = path.read_bytes()
    after = ((0.5, PLACED), (1.0, NAMED))
    last = content.rfind(b")") + 1  # beyond it no list ends, and each that begins would be followed to the end
    shells = list(SHELL.finditer(content, 0, last))
    faces = [shell[0].count(b"#") for shell in shells]
    closed = [content.startswith(b"CLOSED", shell.start() - len(b"CLOSED")) for shell in shells]
    free = sum(map(content.count, FREE))
    largest = max(compress(faces, closed), default=0)
    part = min(free / max(sum(faces), 1), 1.0)
    again = SHELLS_AGAIN * sum(faces)
    memory = again if shows_again(again) else SHELLS * sum(faces)
    if b"CLOSED_SHELL" in content:
        memory += max(POLYHEDRON * free, POLYHEDRA * part * len(content))
    if roots > 1 or OCCURRENCE in content:
        return Reading(((0.499, SHAPES), *after), memory, largest)
    if not 0 < len(faces) <= MARKS - len(after) - 1:
        return Reading(((ALONE, SHAPES), *after), memory, largest)
    plain, freely = (SOLID_KEPT, FREE_SOLID_KEPT) if kept else (SOLID, FREE_SOLID)
    return Reading((*_solids(faces, _between(plain, freely, part)), *after), memory, largest)


def _between(first: Scale, second: Scale, part: float) -> Scale:
    """Two scales with the same positions, mixed."""
    return tuple((at, done + part * (other - done)) for (at, done), (_, other) in zip(first, second, strict=True))


def _solids(faces: list[int], solid: Scale) -> Scale:
    """Marks for solids of so many faces, one after the other."""
    each = ALONE / (len(faces) + 1)
    inside: Scale = solid if len(faces) <= DETAILED else ((1.0, 1.0),)
    ends = list(accumulate(faces))
    return (
        (each, 0.0),
        *(
            (each * (number + 1 + at), SHAPES * (end - count + count * done) / max(ends[-1], 1))
            for number, (count, end) in enumerate(zip(faces, ends, strict=True))
            for at, done in inside
        ),
    )
