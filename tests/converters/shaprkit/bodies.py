"""A shape of the kernel as a Parasolid body, by the definitions of the XT format.

Faces look out of the material; their fins have the face on their left and end at their vertex; material is in the
regions of kind `S`, whose shells lie behind (`shell`) or before (`front_shell`) faces. There are no seams: a whole
cylinder has two loops, a whole sphere none, and a ring need not have a vertex.
"""

from dataclasses import dataclass, field
from typing import Any

from OCP.BRep import BRep_Tool
from OCP.BRepClass3d import BRepClass3d
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Shape

from shapr.converters.brep.document import explore, free_edges
from tests.converters.shaprkit import blends, edges, geometry, traced
from tests.converters.shaprkit.geometry import MM, xyz
from tests.converters.shaprkit.nodes import PARTITION, Nodes
from tests.converters.shaprkit.rings import apexes, ends, passing, rings

SOLID, WIRE, SHEET, GENERAL = 1, 2, 3, 6
REVERSED = TopAbs_Orientation.TopAbs_REVERSED


@dataclass
class Style:
    """How a body is written, where the format leaves a choice."""

    surface_sense: str = "+"  # `-`: surfaces look the other way, and faces know it
    curve_sense: str = "+"  # `-`: edges run against their curves
    trimmed: str = ""  # `+` or `-`: edges with vertices have trimmed curves, on a basis of that sense
    ring_vertices: bool = True  # else rings have none
    edges: str = ""  # `intersection`, `tolerant`: what edges are given by
    terminators: bool = False  # intersections end where their surfaces touch
    surfaces: str = ""  # `blend`: cylinders and tori are rolling balls
    pinched: bool = False  # loops that meet in a vertex are one
    dummy_fins: bool = True  # edges of one face have a second fin without a loop
    title: str = PARTITION
    world: bool = True


@dataclass
class Built:
    nodes: Nodes
    style: Style
    vertices: dict[int, int] = field(default_factory=dict)
    edges: dict[int, int] = field(default_factory=dict)
    fins: dict[int, list[int]] = field(default_factory=dict)  # by edge
    kernels: dict[int, Any] = field(default_factory=dict)  # the kernel's surface by face
    faces: list[int] = field(default_factory=list)
    ids: int = 10

    def id(self) -> int:
        self.ids += 1
        return self.ids


def body(shape: TopoDS_Shape, style: Style | None = None) -> bytes:
    """The transmit file of one body: of all solids of a shape, else of its faces, and of its edges without faces."""
    return build(shape, style or Style()).data((style or Style()).title)


def build(shape: TopoDS_Shape, style: Style) -> Nodes:
    nodes = Nodes()
    world = nodes.add("WORLD", alive=True, highest_id=5000, current_id=17) if style.world else None
    body = nodes.add("BODY", res_size=1000.0, res_linear=1e-8, state=1, nom_geom_state=1, owner=world)
    if world:
        nodes.set(world, body=body)
    built = Built(nodes, style)
    outside = nodes.add("REGION", node_id=built.id(), body=body, type="V")
    regions = [outside]
    air = nodes.add("SHELL", node_id=built.id(), region=outside)
    solids = list(explore(shape, TopAbs_ShapeEnum.TopAbs_SOLID))
    if solids:
        every = [hash(face) for solid in solids for face in explore(solid, TopAbs_ShapeEnum.TopAbs_FACE)]
        kind = SOLID if len(set(every)) == len(every) else GENERAL
        regions += _solids(built, body, solids, outside, air)
    elif faces := list(explore(shape, TopAbs_ShapeEnum.TopAbs_FACE)):
        kind = SHEET
        made = [_face(built, face, back=air, front=air) for face in faces]
        nodes.set(outside, shell=air)
        nodes.set(air, body=body, face=nodes.chain(made), front_face=nodes.chain(made, "previous_front", "next_front"))
    else:
        kind = WIRE
        nodes.set(outside, shell=air)
        nodes.set(air, body=body)
    free = _wires(built, free_edges(shape))
    if free and kind != WIRE:
        kind = GENERAL
    nodes.set(air, edge=nodes.chain(free))
    nodes.chain(regions)
    _finish(built)
    rims = [edge for edge in built.edges.values() if kind == WIRE or edge not in free]
    vertices = list(built.vertices.values())
    for index in (*rims, *vertices):
        nodes.set(index, owner=body)
    nodes.set(body, region=outside, body_type=kind, edge=nodes.chain(rims), vertex=nodes.chain(vertices))
    nodes.set(body, highest_node_id=built.ids)
    return nodes


def _solids(built: Built, body: int, solids: list[TopoDS_Shape], outside: int, air: int) -> list[int]:
    """The regions of material, and the voids inside them. A face between two of them has material on both sides."""
    nodes, regions = built.nodes, []
    behind: dict[int, list[int]] = {}  # faces by the shell behind them
    before: dict[int, list[int]] = {air: []}
    made: dict[int, int] = {}
    for solid in solids:
        region = nodes.add("REGION", node_id=built.id(), body=body, type="S")
        outer = BRepClass3d.OuterShell_s(TopoDS.Solid(solid))
        shells, found = [], list(explore(solid, TopAbs_ShapeEnum.TopAbs_SHELL))
        found.sort(key=lambda each, outer=outer: not each.IsSame(outer))
        for at, each in enumerate(found):
            shell = nodes.add("SHELL", node_id=built.id(), body=body, region=region)
            front = air
            if at:
                void = nodes.add("REGION", node_id=built.id(), body=body, type="V")
                front = nodes.add("SHELL", node_id=built.id(), region=void)
                nodes.set(void, shell=front)
                regions.append(void)
            for face in explore(each, TopAbs_ShapeEnum.TopAbs_FACE):
                if hash(face) in made:
                    between = made[hash(face)]
                    before[nodes.get(between)["front_shell"]].remove(between)
                    before.setdefault(shell, []).append(between)
                    nodes.set(between, front_shell=shell)
                else:
                    made[hash(face)] = _face(built, face, back=shell, front=front)
                    behind.setdefault(shell, []).append(made[hash(face)])
                    before.setdefault(front, []).append(made[hash(face)])
            shells.append(shell)
        nodes.set(region, shell=nodes.chain(shells, previous=""))
        if not nodes.get(body).get("shell"):
            nodes.set(body, shell=shells[0])
        regions.append(region)
    for shell, backs in behind.items():
        nodes.set(shell, face=nodes.chain(backs))
    for shell, fronts in before.items():
        nodes.set(shell, front_face=nodes.chain(fronts, "previous_front", "next_front"))
    nodes.set(outside, shell=air)
    return regions


def _face(built: Built, face: Any, back: int, front: int) -> int:
    face = TopoDS.Face(face)
    nodes, kernel = built.nodes, BRep_Tool.Surface_s(face)
    looks_out = (face.Orientation() != REVERSED) != geometry.opposite(kernel)
    sense = built.style.surface_sense
    surface = _surface(built, face, kernel, sense)
    made = nodes.add(
        "FACE",
        node_id=built.id(),
        surface=surface,
        sense=sense if looks_out else {"+": "-", "-": "+"}[sense],
        shell=back,
        front_shell=front,
    )
    nodes.set(surface, owner=made, node_id=built.id())
    built.faces.append(made)
    built.kernels[made] = kernel
    loops = [_loop(built, made, face, surface, ring) for ring in (passing if built.style.pinched else rings)(face)]
    loops += [_apex(built, made, vertex) for vertex in apexes(face)]
    nodes.set(made, loop=nodes.chain(loops, previous=""))
    return made


def _surface(built: Built, face: Any, kernel: Any, sense: str) -> int:

    if built.style.surfaces == "blend" and blends.rolls(kernel):
        return blends.surface(built.nodes, face, kernel, sense)
    return geometry.surface(built.nodes, kernel, sense, below=built.style.surface_sense)


def _apex(built: Built, face: int, vertex: Any) -> int:
    """A loop of one fin without an edge."""
    loop = built.nodes.add("LOOP", node_id=built.id(), face=face)
    fin = built.nodes.add("FIN", loop=loop, vertex=_vertex(built, vertex), sense="+")
    built.nodes.set(fin, forward=fin, backward=fin)
    built.nodes.set(loop, fin=fin)
    return loop


def _loop(built: Built, face: int, kernel_face: Any, surface: int, ring: list[Any]) -> int:
    nodes = built.nodes
    loop = nodes.add("LOOP", node_id=built.id(), face=face)
    fins = []
    for edge in ring:
        made = _edge(built, edge)
        runs = edge.Orientation() != REVERSED
        fin = nodes.add("FIN", loop=loop, edge=made, sense="+" if runs else "-")
        if built.style.edges == "tolerant":
            nodes.set(fin, curve=traced.on_surface(nodes, edge, kernel_face, surface))
        last = ends(edge)[1]
        if not _ring_without_vertex(built, edge):
            nodes.set(fin, vertex=_vertex(built, last))
        built.fins[made].append(fin)
        fins.append(fin)
    for before, after in zip(fins, [*fins[1:], fins[0]], strict=True):
        nodes.set(before, forward=after)
        nodes.set(after, backward=before)
    nodes.set(loop, fin=fins[0])
    return loop


def _ring_without_vertex(built: Built, edge: Any) -> bool:
    first, last = ends(edge)
    return not built.style.ring_vertices and bool(first.IsSame(last))


def _edge(built: Built, edge: Any) -> int:
    key = hash(edge)
    if key not in built.edges:
        made = built.edges[key] = built.nodes.add("EDGE", node_id=built.id())
        built.fins[made] = []
        forward = TopoDS.Edge(edge.Oriented(TopAbs_Orientation.TopAbs_FORWARD))
        if built.style.edges == "tolerant":
            built.nodes.set(made, tolerance=1e-6)
        else:
            ring = _ring_without_vertex(built, edge)
            curve = edges.curve(built.nodes, forward, built.style, ring)
            built.nodes.set(made, curve=curve)
            built.nodes.set(curve, owner=made, node_id=built.id())
        built.nodes.get(made)["kernel"] = forward
    return built.edges[key]


def _vertex(built: Built, vertex: Any) -> int:
    key = hash(vertex)
    if key not in built.vertices:
        at = built.nodes.add("POINT", node_id=built.id(), pvec=xyz(BRep_Tool.Pnt_s(TopoDS.Vertex(vertex)), MM))
        built.vertices[key] = built.nodes.add("VERTEX", node_id=built.id(), point=at)
        built.nodes.set(at, owner=built.vertices[key])
    return built.vertices[key]


def _wires(built: Built, free: list[TopoDS_Shape]) -> list[int]:
    """Edges without faces: both fins have no loop."""
    before = set(built.edges.values())
    for each in free:
        edge = TopoDS.Edge(each.Oriented(TopAbs_Orientation.TopAbs_FORWARD))
        made = _edge(built, edge)
        for sense, vertex in zip("-+", ends(edge), strict=True):
            fin = built.nodes.add("FIN", edge=made, sense=sense)
            if not _ring_without_vertex(built, edge):
                built.nodes.set(fin, vertex=_vertex(built, vertex))
            built.fins[made].append(fin)
    return [edge for edge in built.edges.values() if edge not in before]


def _finish(built: Built) -> None:
    """Fins around their edges and vertices; intersection curves, once it is known which faces meet."""
    nodes = built.nodes
    at_vertex: dict[int, list[int]] = {}
    for edge, fins in built.fins.items():
        kernel = nodes.get(edge).pop("kernel")
        if len(fins) == 1 and built.style.dummy_fins:
            sense = {"+": "-", "-": "+"}[nodes.get(fins[0])["sense"]]
            start = ends(kernel)[0 if sense == "-" else 1]
            fins.append(nodes.add("FIN", edge=edge, sense=sense))
            if not _ring_without_vertex(built, kernel):
                nodes.set(fins[-1], vertex=_vertex(built, start))
        if len(fins) > 1:
            for before, after in zip(fins, [*fins[1:], fins[0]], strict=True):
                nodes.set(before, other=after)
        nodes.set(edge, fin=fins[0])
        if built.style.edges == "intersection":
            traced.replace(built, edge, kernel, fins)
        for fin in fins:
            if vertex := nodes.get(fin).get("vertex"):
                at_vertex.setdefault(vertex, []).append(fin)
    for vertex, fins in at_vertex.items():
        nodes.set(vertex, fin=nodes.chain(fins, "", "next_at_vertex"))
