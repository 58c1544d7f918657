"""What the objects of a 3MF file are for, by their type: the part, what holds it up while it is printed, or neither.

The specification lets supports be ignored, and nobody build an object of the type `other`. That of an object with
components means nothing. Whether an item is to be printed is said by slicers, not by the specification.
"""

from collections import Counter
from collections.abc import Sequence
from enum import IntEnum

from shapr.converters.mesh.model import Part


class Kind(IntEnum):
    """As the library numbers them."""

    OTHER = 0
    MODEL = 1
    SUPPORT = 2
    SOLID_SUPPORT = 3
    SURFACE = 4


NAMES = {
    Kind.SUPPORT: "supports",
    Kind.OTHER: "objects of the type other",
    Kind.SOLID_SUPPORT: "solid supports",
    Kind.SURFACE: "objects of the type surface",
}
LEFT_OUT = (Kind.SUPPORT, Kind.OTHER)  # a support of this kind is no body: the printer decides how thick it is


def chosen(parts: Sequence[tuple[Kind, Part]]) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Those that count as bodies, and in words what was left out, or kept though it is no part. Where there is nothing
    else, all of it is kept."""
    alone = all(kind in LEFT_OUT for kind, _ in parts)
    kept = tuple(part for kind, part in parts if alone or kind not in LEFT_OUT)
    counts = Counter(kind for kind, _ in parts)
    losses = []
    for kind, name in NAMES.items():
        if counts[kind]:
            out = kind in LEFT_OUT and not alone
            losses.append(f"{name} {'are left out' if out else 'are converted like parts'}: {counts[kind]}")
    return kept, tuple(losses)


def unprinted(count: int) -> tuple[str, ...]:
    return (f"items that are not to be printed are converted like the others: {count}",) if count else ()
