"""STEP files that place parts by operators (CARTESIAN_TRANSFORMATION_OPERATOR_3D, ISO 10303-42): the kernel moves and
turns by them, but a mirrored part comes out turned, and a scaled one by the inverse."""

import re

import numpy as np

from shapr.converters.preflight.graph import Graph
from shapr.errors import Refused

OPERATOR = b"CARTESIAN_TRANSFORMATION_OPERATOR_3D"
# Name, name and description, of which strings are a quote here; axis 1, axis 2, origin, scale, axis 3.
SAID = re.compile(rb"\((?:['$],){3}(#\d+|\$),(#\d+|\$),#\d+,([^,]+),(#\d+|\$)\)")
DIRECTION = re.compile(rb"DIRECTION\(['$],\(([^()]*)\)\)")
SAME = 1e-9


def check(graph: Graph) -> None:
    """`unsupported_geometry` if one does more than to move and to turn."""
    for at in np.flatnonzero(graph.are(OPERATOR)).tolist() if OPERATOR in graph.text else ():
        begin = int(graph.words[at]) + len(OPERATOR)
        said = SAID.match(graph.text, begin, graph.ends(at))
        if said is None:
            raise Refused("corrupt_file", "an operator of the STEP file does not say how it places a part")
        x, y, scale, z = said.groups()
        if scale != b"$" and not abs(_number(scale) - 1) < SAME:
            raise Refused("unsupported_geometry", "the STEP file places a part scaled")
        if y != b"$" and np.linalg.det([_axis(graph, x, 0), _axis(graph, y, 1), _axis(graph, z, 2)]) < 0:
            raise Refused("unsupported_geometry", "the STEP file places a part mirrored")


def _axis(graph: Graph, pointer: bytes, number: int) -> list[float]:
    """Where none is given, the axis of that number."""
    if pointer == b"$":
        return [float(at == number) for at in range(3)]
    found = np.flatnonzero(graph.defined == int(pointer[1:]))
    said = DIRECTION.match(graph.text, int(graph.words[found[0]])) if len(found) else None
    values = list(map(_number, said[1].split(b","))) if said else []
    if len(values) != 3:
        raise Refused("corrupt_file", "an axis of an operator of the STEP file is no direction")
    return values


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refused("corrupt_file", "an operator of the STEP file holds no number where one belongs") from None
