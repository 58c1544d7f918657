"""What a B-Rep file's text shows before the kernel is let near it.

The kernel believes counts, follows references in circles until its stack ends, expands what is nested, and opens
files by name. Each look here is linear, and small beside the parse that it precedes.
"""

from collections.abc import Callable
from pathlib import Path

from shapr.converters.preflight import brep, iges, mapped, placed, step, tessellated, unheard
from shapr.converters.progress import Page, Reach, silent

LOOKS: dict[str, Callable[[Path, Reach], tuple[str, ...]]] = {
    "step": lambda path, _: _step(path),
    "iges": iges.check,
    "brep": brep.check,
}
TAKING = 8.0  # bytes of memory for each of a STEP file


def begin(format: str, path: Path, page: Page) -> None:
    """Say on the page what shows how far the look is: the memory that it takes for STEP, else its own word."""
    if format == "step":
        page.taking(1.0, TAKING * path.stat().st_size)
    else:
        page.step()


def check(format: str, path: Path, reach: Reach = silent) -> tuple[str, ...]:
    """Refuse a file that the kernel must not see; gives in sentences what will be passed over (`losses`).

    Codes: `corrupt_file`, `limit_exceeded`, `decompression_bomb`, `external_reference`, `invalid_geometry`,
    `unsupported_geometry`, `unsupported_format`. Of the formats of meshes it knows nothing: their readers are ours, and
    look for themselves.
    """
    look = LOOKS.get(format)
    return look(path, reach) if look else ()


def _step(path: Path) -> tuple[str, ...]:
    graph, losses = step.check(path)
    placed.check(graph)
    mapped.check(graph)
    tessellated.check(graph)
    return (*losses, *unheard.passed_over(graph))
