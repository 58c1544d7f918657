"""STEP files that place parts by operators (CARTESIAN_TRANSFORMATION_OPERATOR_3D, ISO 10303-42): moved, turned, scaled,
mirrored. `brep/placed.py` tells the kernel what they mean."""

import re
from collections.abc import Sequence

import numpy as np

from shapr.converters.preflight.graph import Graph
from shapr.errors import Refused

OPERATOR = b"CARTESIAN_TRANSFORMATION_OPERATOR_3D"
REPLICA = b"_REPLICA("  # a curve or a surface that is placed by one
# Name, name and description, of which strings are a quote here; axis 1, axis 2, origin, scale, axis 3.
SAID = re.compile(rb"\((?:['$],){3}(#\d+|\$),(#\d+|\$),#\d+,([^,]+),(#\d+|\$)\)")
DIRECTION = re.compile(rb"DIRECTION\(['$],\(([^()]*)\)\)")
SAME = 1e-9
LEAST, MOST = 1e-6, 1e6  # scales: beyond them nothing is left of a part that a kernel could work with

Axis = Sequence[float] | None


def check(graph: Graph) -> None:
    """`corrupt_file` if one does not say what it does, `invalid_geometry` if it leaves nothing of a part."""
    if OPERATOR not in graph.text:
        return
    operators = np.flatnonzero(graph.are(OPERATOR)).tolist()
    if graph.text.count(OPERATOR) > len(operators):  # then the kernel would not move what they place
        raise Refused("unsupported_geometry", "the STEP file places a part by an operator of a form that is not read")
    directions, replicas = _directions(graph, operators), REPLICA in graph.text
    for at in operators:
        begin = int(graph.words[at]) + len(OPERATOR)
        said = SAID.match(graph.text, begin, graph.ends(at))
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
