"""STEP files that place parts by operators (CARTESIAN_TRANSFORMATION_OPERATOR_3D, ISO 10303-42): moved, turned, scaled,
mirrored. `brep/placed.py` tells the kernel what they mean."""

import re
from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np

from shapr.converters.mentions import mentions
from shapr.converters.preflight.graph import Graph
from shapr.converters.preflight.references import uncommented
from shapr.errors import Refused

OPERATOR = b"CARTESIAN_TRANSFORMATION_OPERATOR_3D"
REPLICA = b"_REPLICA("  # a curve or a surface that is placed by one
# Name, name and description, of which strings are a quote here; axis 1, axis 2, origin, scale, axis 3.
SAID = re.compile(rb"\((?:['$],){3}(#\d+|\$),(#\d+|\$),#\d+,([^,]+),(#\d+|\$)\)")
# The same of several types, which are in the order of the alphabet; in the text with strings and white space.
TYPES = (
    rb"\(CARTESIAN_TRANSFORMATION_OPERATOR\((#\d+|\$),(#\d+|\$),#\d+,([^,()]+)\)%b\((#\d+|\$)\)" % OPERATOR,
    rb"FUNCTIONALLY_DEFINED_TRANSFORMATION\(['$]+,['$]+\)GEOMETRIC_REPRESENTATION_ITEM\(\)REPRESENTATION_ITEM\(['$]+\)\)",
)
SEVERAL = re.compile(b"".join(TYPES))
STRING = rb"\s*(?:'[^']*+(?:''[^']*+)*+'|\$)\s*"
IN_TEXT = re.compile(
    rb"'[^']*+'|(=\s*+)\(\s*+CARTESIAN_TRANSFORMATION_OPERATOR\s*+\(([^()]*+)\)\s*+%b\s*+\(([^()]*+)\)\s*+" % OPERATOR
    + rb"FUNCTIONALLY_DEFINED_TRANSFORMATION\s*+\((%b,%b)\)\s*+" % (STRING, STRING)
    + rb"GEOMETRIC_REPRESENTATION_ITEM\s*+\(\s*+\)\s*+REPRESENTATION_ITEM\s*+\((%b)\)\s*+\)" % STRING
)
DIRECTION = re.compile(rb"DIRECTION\(['$],\(([^()]*)\)\)")
SAME = 1e-9
LEAST, MOST = 1e-6, 1e6  # scales: beyond them nothing is left of a part that a kernel could work with

Axis = Sequence[float] | None


def check(graph: Graph) -> None:
    """`corrupt_file` if one does not say what it does, `invalid_geometry` if it leaves nothing of a part."""
    if OPERATOR not in graph.text:
        return
    operators = {at: SAID.match(*_behind(graph, at)) for at in np.flatnonzero(graph.are(OPERATOR)).tolist()}
    if graph.text.count(OPERATOR) > len(operators):
        operators |= _of_several_types(graph, operators.keys())
    directions, replicas = _directions(graph, list(operators)), REPLICA in graph.text
    for said in operators.values():
        if said is None:
            raise Refused("corrupt_file", "an operator of the STEP file does not say how it places a part")
        x, y, scale, z = said.groups()
        size = 1.0 if scale == b"$" else _number(scale)
        if not LEAST <= size <= MOST:
            reason = "the STEP file places a part at a scale that is not above zero, or beyond any size"
            raise Refused("invalid_geometry", reason)
        axes = [_axis(graph, directions, pointer) for pointer in (x, y, z)]
        if replicas and (mirrors(*axes) or abs(size - 1) > SAME):
            raise Refused("unsupported_geometry", "the STEP file has curves or surfaces that are scaled or mirrored")


def simple(path: Path) -> Path:
    """The file itself, or a copy beside it in which operators of several types are of the one that the kernel knows."""
    if not mentions(path, OPERATOR):
        return path
    content = uncommented(path.read_bytes())
    said = IN_TEXT.sub(_simple, content)
    if said == content:
        return path
    made = path.with_name("simple.step")
    made.write_bytes(said)
    return made


def _simple(found: re.Match[bytes]) -> bytes:
    return found.expand(rb"\1%b(\5,\4,\2,\3)" % OPERATOR) if found[1] else found[0]


def _behind(graph: Graph, at: int) -> tuple[bytes, int, int]:
    return graph.text, int(graph.words[at]) + len(OPERATOR), graph.ends(at)


def _of_several_types(graph: Graph, others: Container[int]) -> dict[int, re.Match[bytes]]:
    """The kernel would not move what they place: but for those that can be said in a simple way."""
    found = {}
    rows = graph.holders([place.start() for place in re.finditer(OPERATOR, graph.text)])
    for at in (row for row in rows if row not in others):
        said = SEVERAL.match(graph.text, int(graph.words[at]), graph.ends(at))
        if said is None:
            raise Refused(
                "unsupported_geometry", "the STEP file places a part by an operator of a form that is not read"
            )
        found[at] = said
    return found


def mirrors(x: Axis, y: Axis, z: Axis) -> bool:
    """Whether an operator of these axes does. One without the second axis only turns, as every reader has it."""
    given = [number if axis is None else axis for axis, number in zip((x, y, z), np.eye(3).tolist(), strict=True)]
    return y is not None and bool(np.linalg.det(np.array(given)) < 0)


def _directions(graph: Graph, operators: list[int]) -> dict[int, int]:
    """Where those that operators refer to are said, by their numbers. Looked up at once: there may be 100,000."""
    wanted = graph.targets[np.isin(graph.owners, operators)]
    found = np.flatnonzero(graph.are(b"DIRECTION") & np.isin(graph.defined, wanted))
    return dict(zip(graph.defined[found].tolist(), graph.words[found].tolist(), strict=True))


def _axis(graph: Graph, directions: dict[int, int], pointer: bytes) -> Axis:
    if pointer == b"$":
        return None
    begin = directions.get(int(pointer[1:]))
    said = DIRECTION.match(graph.text, begin) if begin is not None else None
    values = list(map(_number, said[1].split(b","))) if said else []
    if len(values) != 3:
        raise Refused("corrupt_file", "an axis of an operator of the STEP file is no direction")
    return values


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refused("corrupt_file", "an operator of the STEP file holds no number where one belongs") from None
