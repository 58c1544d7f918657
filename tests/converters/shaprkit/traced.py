"""Curves that are given by the surfaces they lie on: intersections, and curves in the parameters of a surface."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
from OCP.BRep import BRep_Tool
from OCP.Geom2d import Geom2d_TrimmedCurve
from OCP.Geom2dConvert import Geom2dConvert
from OCP.gp import gp_Pnt
from OCP.ShapeAnalysis import ShapeAnalysis_Surface
from OCP.TopAbs import TopAbs_Orientation

from tests.converters.shaprkit import geometry
from tests.converters.shaprkit.geometry import MM, xyz
from tests.converters.shaprkit.nodes import Nodes

CHART = 24  # points of a chart


def on_surface(nodes: Nodes, edge: Any, face: Any, surface: int) -> int:
    """The curve of a fin of a tolerant edge: it runs as the fin does, trimmed, on a spline in parameters."""
    first, last = BRep_Tool.Range_s(edge)
    flat = BRep_Tool.CurveOnSurface_s(edge, face, first, last)
    spline = Geom2dConvert.CurveToBSplineCurve_s(Geom2d_TrimmedCurve(flat, first, last))
    kernel = geometry.basis(BRep_Tool.Surface_s(face))
    if spline.IsPeriodic():
        spline.SetNotPeriodic()
    poles = [_parameters(kernel, nodes.kind(surface), spline.Pole(at)) for at in range(1, spline.NbPoles() + 1)]
    runs = edge.Orientation() != TopAbs_Orientation.TopAbs_REVERSED
    flat_curve = geometry.bcurve(nodes, spline, poles)
    curve = nodes.add("SP_CURVE", sense="+" if runs else "-", surface=surface, b_curve=flat_curve)
    values = (first, last) if runs else (last, first)
    points = [xyz(kernel.Value(at.X(), at.Y()), MM) for at in map(spline.Value, values)]
    return nodes.add(
        "TRIMMED_CURVE",
        sense="+",
        basis_curve=curve,
        point_1=points[0],
        point_2=points[1],
        parm_1=values[0],
        parm_2=values[1],
    )


def _parameters(kernel: Any, kind: str, at: Any) -> tuple[float, float]:
    """Parasolid's parameters of the kernel's."""
    u, v = at.X(), at.Y()
    if geometry.mirrored(kernel):
        u = -u
    match kind:
        case "PLANE":
            return u / MM, v / MM
        case "CYLINDER":
            return u, v / MM
        case "CONE":
            angle = kernel.SemiAngle()
            sign = -1 if angle < 0 else 1
            return sign * u, sign * v * math.cos(angle) / MM
        case "SWEPT_SURF":
            return u, v / MM
        case "SPUN_SURF":
            return v, u
    return u, v


def replace(built: Any, edge: int, kernel: Any, fins: list[int]) -> None:
    """An intersection instead of the curve, where two different surfaces meet at an angle."""
    nodes, style = built.nodes, built.style
    faces = [nodes.get(nodes.get(fin)["loop"])["face"] for fin in fins if nodes.get(fin).get("loop")]
    if len(faces) != 2 or nodes.kind(nodes.get(edge)["curve"]) in ("LINE", "CIRCLE"):
        return
    surfaces = [nodes.get(face)["surface"] for face in faces]
    kernels = [built.kernels[face] for face in faces]
    first, last = BRep_Tool.Range_s(kernel)
    curve = BRep_Tool.Curve_s(kernel, first, last)
    values = np.linspace(first, last, CHART)
    if style.curve_sense == "-":
        values = values[::-1]
    points = [exact(np.array(xyz(curve.Value(value))), kernels) / MM for value in values]
    closed = bool(np.linalg.norm(points[0] - points[-1]) < 1e-9)
    if closed:
        points[-1] = points[0]
    intersection = intersected(nodes, surfaces, points, closed, style.curve_sense, style.terminators)
    nodes.set(intersection, owner=edge, node_id=built.id())
    nodes.set(edge, curve=intersection)


def intersected(
    nodes: Nodes, surfaces: list[int], points: list[Any], closed: bool, sense: str, terminators: bool = False
) -> int:
    """`terminators`: the chart stops before its ends, where the surfaces may touch; its limits say where those are."""
    rows = [tuple(map(float, each)) for each in points]
    exact_ends, terminated = (rows[0], rows[-1]), terminators and not closed
    if terminated:
        rows = rows[1:-1]
    steps = [float(np.linalg.norm(np.array(b) - np.array(a))) for a, b in pairwise(rows)]
    chart = nodes.add(
        "CHART",
        base_parameter=0.0,
        base_scale=1.0,
        chart_count=len(rows),
        chordal_error=max(steps) * 0.01,
        angular_error=0.1,
        parameter_error=[None, None],
        hvec=rows,
    )
    kind = "H" if closed else "T" if terminated else "L"
    limits = [
        nodes.add("LIMIT", type=kind, hvec=[end, rows[at]] if terminated else [end])
        for end, at in zip(exact_ends, (0, -1), strict=True)
    ]
    data = nodes.add("INTERSECTION_DATA", uv_type=1, values=[None] * 4)
    return nodes.add(
        "INTERSECTION",
        sense=sense,
        surface=surfaces,
        chart=chart,
        start=limits[0],
        end=limits[1],
        intersection_data=data,
    )


def exact(point: Any, surfaces: list[Any]) -> Any:
    """Pulled onto both surfaces, by turns."""
    both = [ShapeAnalysis_Surface(surface) for surface in surfaces]
    for _ in range(60):
        before = point
        for each in both:
            at = each.ValueOfUV(gp_Pnt(*point), 1e-9)
            point = np.array(xyz(each.Surface().Value(at.X(), at.Y())))
        if np.linalg.norm(point - before) < 1e-11:
            break
    return point
