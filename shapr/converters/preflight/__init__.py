"""What a B-Rep file's text shows before the kernel is let near it.

The kernel believes counts, follows references in circles until its stack ends, expands what is nested, and opens
files by name. Each look here is linear, and small beside the parse that it precedes.
"""

from collections.abc import Callable
from pathlib import Path

from shapr.converters.preflight import (
    brep,
    iges,
    iges_aside,
    instead,
    mapped,
    measures,
    merged,
    placed,
    products,
    quotes,
    shared,
    splines,
    step,
    styles,
    tessellated,
    unheard,
)
from shapr.converters.preflight.iges_end import unpadded
from shapr.converters.preflight.iges_lines import joined
from shapr.converters.progress import PLAIN, Page, Reach, silent, within

# Of a look at STEP: bytes of memory for each of the file, taken as its words are found, and how much that is of it.
TAKING, WORDS = 6.0, 0.25
LINED = 0.03  # of what is left then: when an IGES file has its parameters in lines as the kernel reads them
CHECKED = 0.89  # of what is left then: when it is known that the kernel may see the file
SAID, LAID = 0.93, 0.97  # when it is known what of a STEP file is said anew, and when that is written


def _step(path: Path, reach: Reach) -> tuple[str, ...]:
    graph, losses = step.check(path, within(reach, 0.0, CHECKED))
    placed.check(graph)
    products.check(graph)
    shapes = mapped.Shapes(graph)
    mapped.check(shapes)
    tessellated.check(graph)
    shared.tell(graph, shapes)
    said: dict[int, instead.Said] = {**measures.instead(graph), **styles.instead(graph), **splines.instead(graph)}
    said |= mapped.instead(shapes) | products.instead(graph)
    said |= merged.instead(graph)
    reach(SAID)
    instead.lay(path, said, quotes.odd(path, graph))
    reach(LAID)
    return (*losses, *unheard.passed_over(graph, shapes, said.keys()))


def _iges(path: Path, reach: Reach) -> tuple[str, ...]:
    usual = joined(unpadded(path))
    reach(LINED)
    looked = iges.check(usual, within(reach, LINED, CHECKED))
    iges_aside.lay(path, usual, looked.endless, looked.short)
    return looked.losses


LOOKS: dict[str, Callable[[Path, Reach], tuple[str, ...]]] = {
    "step": _step,
    "iges": _iges,
    "brep": brep.check,
}


def begin(format: str, path: Path, page: Page) -> None:
    """Say on the page what shows how far the look is: the memory that it takes at first for STEP, and its own
    word."""
    if format == "step":
        page.taking(1.0, TAKING * path.stat().st_size, PLAIN, 1.0 - WORDS)
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
