"""What a B-Rep file's text shows before the kernel is let near it.

The kernel believes counts, follows references in circles until its stack ends, expands what is nested, and opens
files by name. Each look here is linear, and small beside the parse that it precedes.
"""

from collections.abc import Callable
from pathlib import Path

from shapr.converters.preflight import brep, iges, step

LOOKS: dict[str, Callable[[Path], tuple[str, ...]]] = {"step": step.check, "iges": iges.check, "brep": brep.check}


def check(format: str, path: Path) -> tuple[str, ...]:
    """Refuse a file that the kernel must not see; gives in sentences what will be passed over (`losses`).

    Codes: `corrupt_file`, `limit_exceeded`, `decompression_bomb`, `external_reference`, `invalid_geometry`. Of the
    formats of meshes it knows nothing: their readers are ours, and look for themselves.
    """
    look = LOOKS.get(format)
    return look(path) if look else ()
