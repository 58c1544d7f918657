"""Entities of a STEP file that the kernel has read, by their types in the text."""

import re
from collections.abc import Iterator
from typing import Any

from OCP.STEPCAFControl import STEPCAFControl_Reader


def of(
    reader: STEPCAFControl_Reader, content: bytes, types: tuple[bytes, ...], classes: tuple[type, ...]
) -> Iterator[Any]:
    """Those of these types, the kernel's classes for which are these: the reader has them in the order of the text. All
    that it has is looked at where a comment or a string of the text looks like more: of a million entities that takes
    two seconds."""
    model = reader.ChangeReader().Model()
    definition = re.compile(rb"#\d+\s*=\s*(%b)?" % b"|".join(types))
    defined = [found[1] is not None for found in definition.finditer(content)]
    told = len(defined) == model.NbEntities()
    entities = (model.Value(at + 1) for at in range(model.NbEntities()) if not told or defined[at])
    return (each for each in entities if isinstance(each, classes))
