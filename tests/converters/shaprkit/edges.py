"""The curve of an edge: bare, or trimmed, along or against what it lies on."""

from typing import Any

from OCP.BRep import BRep_Tool

from tests.converters.shaprkit import geometry
from tests.converters.shaprkit.geometry import MM, xyz
from tests.converters.shaprkit.nodes import Nodes


def curve(nodes: Nodes, edge: Any, style: Any, ring: bool) -> int:
    """Of an edge that is run forward."""
    first, last = BRep_Tool.Range_s(edge)
    kernel = BRep_Tool.Curve_s(edge, first, last)
    if style.trimmed and not ring:
        return trimmed(nodes, kernel, first, last, style.trimmed)
    if style.curve_sense == "-":  # the edge runs against its curve: the same points the other way round
        kernel = kernel.Reversed()
    return geometry.curve(nodes, kernel, style.curve_sense)


def trimmed(nodes: Nodes, kernel: Any, first: float, last: float, basis_sense: str) -> int:
    """Runs from point_1 to point_2, as the edge does; the parameters fall when the basis has a negative sense."""
    if basis_sense == "-":
        kernel, first, last = kernel.Reversed(), kernel.ReversedParameter(first), kernel.ReversedParameter(last)
    points = {"point_1": xyz(kernel.Value(first), MM), "point_2": xyz(kernel.Value(last), MM)}
    basis = geometry.curve(nodes, kernel, basis_sense)
    scale = MM if nodes.kind(basis) == "LINE" else 1.0
    return nodes.add("TRIMMED_CURVE", sense="+", basis_curve=basis, **points, parm_1=first / scale, parm_2=last / scale)
