"""The curve of an edge: bare, or trimmed, along or against what it lies on."""

from typing import Any

from OCP.BRep import BRep_Tool

from tests.converters.shaprkit import geometry
from tests.converters.shaprkit.geometry import MM, xyz
from tests.converters.shaprkit.nodes import Nodes


def curve(nodes: Nodes, edge: Any, style: Any, ring: bool) -> int:
    """Of an edge that is run forward."""
    kernel, first, last = _curve(edge)
    along = style.curve_sense == "+"
    if not along:
        # The edge runs against its curve: the same point set the other way round.
        kernel, first, last = kernel.Reversed(), kernel.ReversedParameter(last), kernel.ReversedParameter(first)
    if not style.trimmed or ring:
        return geometry.curve(nodes, kernel, style.curve_sense)
    return trimmed(nodes, kernel, first, last, along, style.trimmed)


def _curve(edge: Any) -> tuple[Any, float, float]:
    first, last = BRep_Tool.Range_s(edge)
    return BRep_Tool.Curve_s(edge, first, last), first, last


def trimmed(nodes: Nodes, kernel: Any, first: float, last: float, along: bool, basis_sense: str) -> int:
    """Runs from point_1 to point_2; the parameters fall when the basis has a negative sense.

    `along`: the trimmed curve has a positive sense, and runs as the edge does.
    """
    if basis_sense == "-":
        kernel, first, last = kernel.Reversed(), kernel.ReversedParameter(first), kernel.ReversedParameter(last)
    points = {"point_1": xyz(kernel.Value(first), MM), "point_2": xyz(kernel.Value(last), MM)}
    basis = geometry.curve(nodes, kernel, basis_sense)
    scale = MM if nodes.kind(basis) == "LINE" else 1.0
    sense = "+" if along else "-"
    return nodes.add(
        "TRIMMED_CURVE", sense=sense, basis_curve=basis, **points, parm_1=first / scale, parm_2=last / scale
    )
