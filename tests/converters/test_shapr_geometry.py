"""Parasolid bodies of every kind become the shapes they were made of: volume, faces, box, and points within 1 µm."""

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from OCP.Bnd import Bnd_Box
from OCP.BRep import BRep_Tool
from OCP.BRepBndLib import BRepBndLib
from OCP.BRepCheck import BRepCheck_Analyzer
from OCP.BRepMesh import BRepMesh_IncrementalMesh
from OCP.Geom import Geom_Plane, Geom_SurfaceOfLinearExtrusion
from OCP.gp import gp_Dir, gp_Pnt, gp_Vec
from OCP.ShapeAnalysis import ShapeAnalysis_Surface
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location

from shapr.converters.brep import document
from shapr.converters.brep.measure import volume
from shapr.converters.shaprfile import curves, solids, surfaces, xb
from shapr.converters.shaprfile import traced as curves_traced
from tests.converters.shaprkit import blends, bodies, geometry, shapes, traced
from tests.converters.shaprkit.bodies import Style
from tests.converters.shaprkit.nodes import Nodes

POINTS = 8  # compared, of each shape
NEAR = 0.001  # mm

PLAIN = {
    "rings without vertices": Style(ring_vertices=False),
    "negative senses": Style(surface_sense="-", curve_sense="-"),
    "trimmed": Style(trimmed="+"),
    "trimmed against the basis": Style(trimmed="-", surface_sense="-"),
}
TRACED = {
    "intersections": Style(edges="intersection"),
    "intersections backwards": Style(edges="intersection", curve_sense="-"),
    "terminators": Style(edges="intersection", terminators=True),
    "terminators backwards": Style(edges="intersection", terminators=True, curve_sense="-"),
    "tolerant": Style(edges="tolerant"),
    "tolerant rings": Style(edges="tolerant", ring_vertices=False),
}


def points(shape: Any) -> list[Any]:
    """Some points of a shape: corners of a coarse tessellation lie on it."""
    BRepMesh_IncrementalMesh(shape, 0.5, False, 0.6, False)
    found = []
    for face in shapes.faces(shape):
        place = TopLoc_Location()
        made = BRep_Tool.Triangulation_s(face, place)
        if made is not None:
            found += [made.Node(at).Transformed(place.Transformation()) for at in range(1, made.NbNodes() + 1)]
    return random.Random(1).sample(found, min(POINTS, len(found)))


def far(a: Any, b: Any) -> float:
    """How far points of the one are from the surfaces of the other, at most."""
    surfaces = [ShapeAnalysis_Surface(BRep_Tool.Surface_s(face)) for face in shapes.faces(b)]
    return max(min(off(each, surface) for surface in surfaces) for each in points(a))


def off(point: gp_Pnt, surface: ShapeAnalysis_Surface) -> float:
    at = surface.ValueOfUV(point, 1e-6)
    return float(surface.Value(at).Distance(point))


def extents(shape: Any) -> list[float]:
    box = Bnd_Box()
    BRepBndLib.AddOptimal_s(shape, box, False, False)
    return [*box.CornerMin().Coord(), *box.CornerMax().Coord()]


def back(blob: bytes, folder: Path) -> solids.Body:
    return solids.converted(xb.parse(blob), folder)


def same(shape: Any, style: Style, folder: Path, loose: float) -> None:
    made = back(bodies.body(shape, style), folder).shape
    assert BRepCheck_Analyzer(made).IsValid()
    assert len(shapes.faces(made)) == len(shapes.faces(shape))
    assert volume(made) == pytest.approx(volume(shape), rel=loose)
    assert far(shape, made) < NEAR
    assert far(made, shape) < NEAR
    if style.edges:
        return
    assert extents(made) == pytest.approx(extents(shape), abs=0.002)


@pytest.mark.parametrize("style", PLAIN)
@pytest.mark.parametrize("name", shapes.ANALYTIC)
def test_analytic_bodies_come_back_exactly(name: str, style: str, tmp_path: Path) -> None:
    same(shapes.ANALYTIC[name](), PLAIN[style], tmp_path, 2e-6)


@pytest.mark.parametrize("name", shapes.FREE)
def test_free_form_bodies_come_back(name: str, tmp_path: Path) -> None:
    same(shapes.tilted(shapes.FREE[name]()), PLAIN["negative senses"], tmp_path, 1e-5)


@pytest.mark.parametrize("style", TRACED)
@pytest.mark.parametrize(
    "name",
    [
        "crossed",
        "part of crossed",
        "cone drilled",
        "rational cylinder",
        "other part of swept",
        "part of spun",
        "loft drilled",
        "tubes that touch",
    ],
)
def test_edges_that_surfaces_tell_are_traced(name: str, style: str, tmp_path: Path) -> None:
    same(shapes.tilted(shapes.FREE[name]()), TRACED[style], tmp_path, 1e-5)


@pytest.mark.parametrize(
    "name", ["cone of two halves", "cone with an apex", "half a sphere", "elbow", "two solids", "rounded"]
)
def test_tolerant_edges_of_analytic_bodies_are_traced(name: str, tmp_path: Path) -> None:
    same(shapes.tilted(shapes.ANALYTIC[name]()), TRACED["tolerant rings"], tmp_path, 1e-5)


@pytest.mark.parametrize("sense", "+-")
@pytest.mark.parametrize("name", shapes.FILLETS)
def test_fillets_kept_as_rolling_balls_come_back(name: str, sense: str, tmp_path: Path) -> None:
    same(shapes.tilted(shapes.FILLETS[name]()), Style(surfaces="blend", surface_sense=sense), tmp_path, 1e-5)


def test_a_face_with_material_on_both_sides_is_in_both_solids(tmp_path: Path) -> None:
    made = back(bodies.body(shapes.glued()), tmp_path).shape
    assert volume(made) == pytest.approx(10 * 20 * 35)
    assert len(shapes.faces(made)) == 12


def test_the_sides_of_a_face_with_material_on_both_are_known(tmp_path: Path) -> None:
    """Its colour is that of both."""
    made = back(bodies.body(shapes.glued()), tmp_path)
    assert sorted(len(pieces) for pieces in made.faces.values()) == [1] * 10 + [2]


@pytest.mark.parametrize("dummy", [True, False])
@pytest.mark.parametrize("edges", ["", "tolerant"])
def test_sheets_come_back(dummy: bool, edges: str, tmp_path: Path) -> None:
    for sheet in (shapes.faces(shapes.crossed())[0], shapes.together(*shapes.faces(shapes.box())[:3])):
        made = back(bodies.body(sheet, Style(edges=edges, dummy_fins=dummy)), tmp_path)
        assert made.kind == "sheet"
        assert len(shapes.faces(made.shape)) == len(shapes.faces(sheet))
        assert far(sheet, made.shape) < NEAR


def test_the_shell_around_the_voids_need_not_come_first(tmp_path: Path) -> None:
    shape = shapes.ANALYTIC["two voids"]()
    nodes = bodies.build(shape, Style())
    region = next(at for at in nodes.indices("REGION") if nodes.get(at)["type"] == "S")
    first, *rest = chain(nodes, nodes.get(region)["shell"])
    for shell in (first, *rest):
        nodes.set(shell, next=None)
    nodes.set(region, shell=nodes.chain([*rest, first], previous=""))
    assert volume(back(nodes.data(), tmp_path).shape) == pytest.approx(volume(shape), rel=1e-6)


def test_rings_whose_curves_run_as_the_edge_are_read_too(tmp_path: Path) -> None:
    shape = shapes.cylinder(5, 12)
    nodes = bodies.build(shape, Style(edges="tolerant", ring_vertices=False))
    for fin in nodes.indices("FIN"):
        if nodes.get(fin)["sense"] == "-":
            trimmed = nodes.get(nodes.get(fin)["curve"])
            nodes.set(trimmed["basis_curve"], sense={"+": "-", "-": "+"}[nodes.get(trimmed["basis_curve"])["sense"]])
            trimmed["parm_1"], trimmed["parm_2"] = trimmed["parm_2"], trimmed["parm_1"]
    assert volume(back(nodes.data(), tmp_path).shape) == pytest.approx(volume(shape), rel=1e-5)


@pytest.mark.parametrize("major", [-2.0, 2.0])
def test_lemons_and_apples_come_back(major: float, tmp_path: Path) -> None:
    """A whole torus that meets its axis: its volume is that of the arc that is turned, by Pappus."""
    nodes = bodies.build(shapes.ANALYTIC["sphere"](), Style())
    face = nodes.indices("FACE")[0]
    torus = nodes.add(
        "TORUS",
        sense="+",
        owner=face,
        centre=(0, 0, 0),
        axis=(0, 0, 1),
        x_axis=(1, 0, 0),
        major_radius=major / 1000,
        minor_radius=0.005,
    )
    nodes.set(face, surface=torus)
    half = math.acos(-major / 5)
    steps = [(-half + (at + 0.5) * half / 5000, half / 5000) for at in range(10000)]
    expected = sum(math.pi * (major + 5 * math.cos(v)) ** 2 * 5 * math.cos(v) * step for v, step in steps)
    assert volume(back(nodes.data(), tmp_path).shape) == pytest.approx(expected, rel=3e-3)


def test_faces_beside_the_solids_of_a_body_are_not_left_out(tmp_path: Path) -> None:
    nodes = bodies.build(shapes.box(), Style())
    loose = bodies.build(shapes.faces(shapes.box(5, 5, 5, (50, 0, 0)))[0], Style(world=False))
    air = next(at for at in nodes.indices("SHELL") if nodes.get(at).get("front_face"))
    last = chain(nodes, nodes.get(air)["front_face"], "next_front")[-1]
    moved = nodes.take(loose, but=("BODY", "REGION", "SHELL"))
    extra = next(at for at in moved if nodes.kind(at) == "FACE")
    nodes.set(last, next_front=extra)
    made = back(nodes.data(), tmp_path)
    (solid,) = document.explore(made.shape, TopAbs_ShapeEnum.TopAbs_SOLID)
    assert (made.kind, len(made.faces), volume(solid)) == ("solid", 7, pytest.approx(6000))
    assert extents(made.shape)[3] == pytest.approx(50)


def chain(nodes: Nodes, index: int | None, link: str = "next") -> list[int]:
    found = []
    while index:
        found.append(index)
        index = nodes.get(index).get(link)
    return found


def test_faces_keep_their_ids_whatever_the_order(tmp_path: Path) -> None:
    """Colours of faces hang on it."""
    blob = bodies.body(shapes.box())
    file = xb.parse(blob)
    made = back(blob, tmp_path)
    for face in file.of("FACE"):
        (piece,) = made.faces[face.node_id]
        plane = BRep_Tool.Surface_s(piece).Pln()
        where = [1000 * value for value in file.nodes[face.surface].pvec]
        assert plane.Distance(gp_Pnt(*where)) < 1e-9
        assert abs(plane.Axis().Direction().Dot(gp_Dir(*file.nodes[face.surface].normal))) > 0.999


def test_a_spline_with_knots_beyond_its_ends_closes() -> None:
    """As a periodic one is written: uniform, its first poles again at its end."""
    ring = [(math.cos(at * math.pi / 4) / 100, math.sin(at * math.pi / 4) / 100, 0.0) for at in range(8)]
    poles = [*ring, *ring[:3]]
    made = curves.bspline(curves.Spline(3, poles, None, [float(at) for at in range(15)], [1] * 15, True))
    assert made.IsClosed()
    assert made.Multiplicity(1) == 4
    first = made.Value(made.FirstParameter())
    assert first.Distance(gp_Pnt(*(1000 * (poles[0][i] + 4 * poles[1][i] + poles[2][i]) / 6 for i in range(3)))) < 1e-9


def test_large_indices_are_read(tmp_path: Path) -> None:
    """They take two digits in base 32767."""
    nodes = bodies.build(shapes.box(), Style())
    for _ in range(33000):
        nodes.add("POINT", pvec=(0, 0, 0))
    assert len(list(xb.parse(nodes.data()).of("POINT"))) == 33008


def test_a_ball_that_rolls_along_a_free_curve_leaves_a_tube(tmp_path: Path) -> None:
    """The spine is where the two surfaces, moved in by the radius, meet; its edges are where the ball touches."""
    radius, height = 1.0, 10.0
    nodes = Nodes()
    wave = shapes.spline([(0, 0, 0), (4, 3, 0), (8, -1, 0), (12, 0, 0)])
    wall = geometry.surface(nodes, Geom_SurfaceOfLinearExtrusion(wave, gp_Dir(0, 0, 1)))
    top = geometry.surface(nodes, Geom_Plane(gp_Pnt(0, 0, height), gp_Dir(0, 0, 1)))
    moved = [
        nodes.add("OFFSET_SURF", sense="+", check="U", true_offset=True, surface=of, offset=-radius / 1000, scale=1.0)
        for of in (wall, top)
    ]
    at, along = gp_Pnt(), gp_Vec()
    centres, walls = [], []
    for step in range(60):
        wave.D1(wave.FirstParameter() + (wave.LastParameter() - wave.FirstParameter()) * step / 59, at, along)
        inward = np.array([-along.Y(), along.X(), 0.0]) / along.Magnitude()
        walls.append((np.array([at.X(), at.Y(), height - radius])) / 1000)
        centres.append(walls[-1] + inward * radius / 1000)
    spine = traced.intersected(nodes, moved, centres, False, "+")
    blend = blends.blend(nodes, [wall, top], spine, radius)
    bound = nodes.add("BLEND_BOUND", sense="+", boundary=0, blend=blend)
    edge = traced.intersected(nodes, [bound, wall], walls[::6], False, "+")
    file = xb.parse(nodes.data())
    tube = surfaces.geometry(file, file.nodes[blend])
    ball = ShapeAnalysis_Surface(tube)
    contact = curves_traced.geometry(file, file.nodes[edge])
    for part in np.linspace(0.03, 0.97, 15):
        point = contact.Value(contact.FirstParameter() + (contact.LastParameter() - contact.FirstParameter()) * part)
        assert off(point, ShapeAnalysis_Surface(Geom_SurfaceOfLinearExtrusion(wave, gp_Dir(0, 0, 1)))) < 1e-4
        assert point.Z() == pytest.approx(height - radius, abs=1e-4)
        assert off(point, ball) < NEAR
