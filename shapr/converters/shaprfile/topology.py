"""A Parasolid body as STEP: regions, shells, faces, loops and edges. `part21.py` says why by way of STEP.

Facts of the XT format: fins run around a face with the face on their left; a fin ends at its vertex; the shells of a
region of kind `S` bound material, the first from outside; a face's back shell is behind its normal.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from OCP.Geom import (
    Geom_BSplineCurve,
    Geom_BSplineSurface,
    Geom_Curve,
    Geom_SphericalSurface,
    Geom_Surface,
    Geom_SurfaceOfRevolution,
    Geom_ToroidalSurface,
)
from OCP.gp import gp_Pnt

from shapr.converters.shaprfile import curves, frames, surfaces, traced, walk
from shapr.converters.shaprfile.curves import needed, xyz
from shapr.converters.shaprfile.part21 import MM, Part21, logical
from shapr.converters.shaprfile.xb import File, Node
from shapr.errors import Refused

DOUBTS = {"CONE": 1, "OFFSET_SURF": 2, "BLENDED_EDGE": 3}  # surfaces whose parameters nobody has seen used
CLOSED = (Geom_SphericalSurface, Geom_ToroidalSurface, Geom_BSplineSurface, Geom_SurfaceOfRevolution)
SMOOTH = 0.99  # cosine between normals


@dataclass
class Written:
    """`solids`, `sheets` and `wires`: STEP entities. `faces`: the node ids of the faces in the order in which they were
    written, those with material on both sides twice; `looks`: whether each was written as looking along its surface,
    and `along` the same in that order, with the kind of its surface, of those that bound a solid. `touching`: whether
    there are loops that meet in a vertex, or one that passes it twice."""

    solids: list[str] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    wires: list[str] = field(default_factory=list)  # one for each edge that bounds no face
    faces: list[int] = field(default_factory=list)
    looks: dict[int, set[bool]] = field(default_factory=dict)
    along: list[tuple[bool, str]] = field(default_factory=list)
    touching: bool = False

    @property
    def items(self) -> list[str]:
        return [*self.solids, *self.sheets, *self.wires]


@dataclass(frozen=True)
class Reading:
    """What the format leaves open: which shell of a region is around the others (`outer`), which way round a ring runs
    whose curves are those of its fins (`along_edge`), whether what touches in a vertex is one loop or two (`loops`).
    And what the kernel is better not shown: `turn` is a choice of frames."""

    outer: int = 0
    along_edge: bool = False
    turn: int = 0
    loops: Callable[[list[list[Node]]], list[list[Node]]] = list


class BodyWriter:
    """Writes one body of a file into a STEP text.

    `fitted`: curves by their edge, which take long and are the same however else the body is read.
    """

    def __init__(
        self, file: File, part: Part21, fitted: dict[int, Geom_BSplineCurve], reading: Reading | None = None
    ) -> None:
        self.fitted = fitted
        self.file = file
        self.part = part
        self.reading = reading or Reading()
        self.made = Written()
        self._vertices: dict[int, tuple[str, gp_Pnt]] = {}
        self._edges: dict[int, str] = {}
        self._surfaces: dict[int, str] = {}

    def write(self, body: Node) -> Written:
        """`unsupported_geometry` for what cannot be said in STEP, with the reason."""
        regions = list(walk.chain(self.file, body.region))
        for region in regions:
            if region.type == "S":
                self.made.solids.append(self._solid(list(walk.chain(self.file, region.shell))))
        shells = [shell for region in regions for shell in walk.chain(self.file, region.shell)]
        if loose := self._loose(shells):
            shell = self.part.new(f"OPEN_SHELL('',({','.join(self._face(face, False) for face in loose)}))")
            del self.made.along[-len(loose) :]  # a sheet has no sides
            self.made.sheets.append(self.part.new(f"SHELL_BASED_SURFACE_MODEL('',({shell}))"))
        for edge in self.file.of("EDGE"):
            if not any(fin.loop for fin in walk.fins(self.file, edge)):
                alone = self.part.new(f"CONNECTED_EDGE_SET('',({self._edge(edge)}))")
                self.made.wires.append(self.part.new(f"EDGE_BASED_WIREFRAME_MODEL('',({alone}))"))
        points = [self.file.nodes.get(shell.vertex or 0) for shell in shells]
        if any(point is not None and point.fin is None for point in points):
            raise Refused("unsupported_geometry", "the body has a point that is no end of an edge")
        if not self.made.items:
            raise Refused("unsupported_geometry", "the body has no faces and no edges")
        return self.made

    def _loose(self, shells: list[Node]) -> list[Node]:
        """Faces that have no material on either side."""
        faces = {
            face.index: face
            for shell in shells
            for face in (*walk.chain(self.file, shell.face), *walk.chain(self.file, shell.front_face, "next_front"))
        }
        return [face for face in faces.values() if face.node_id not in self.made.looks]

    def _solid(self, shells: list[Node]) -> str:
        if not shells:
            raise Refused("corrupt_file", "a solid has no shell")
        shells.insert(0, shells.pop(self.reading.outer % len(shells)))
        outer, *inner = [self._shell(shell) for shell in shells]
        if not inner:
            return self.part.new(f"MANIFOLD_SOLID_BREP('',{outer})")
        voids = ",".join(self.part.new(f"ORIENTED_CLOSED_SHELL('',*,{shell},.T.)") for shell in inner)
        return self.part.new(f"BREP_WITH_VOIDS('',{outer},({voids}))")

    def _shell(self, shell: Node) -> str:
        """Faces with the material behind them as they are, those with the material before them turned over."""
        faces = [self._face(face, False) for face in walk.chain(self.file, shell.face)]
        faces += [self._face(face, True) for face in walk.chain(self.file, shell.front_face, "next_front")]
        if not faces:
            raise Refused("unsupported_geometry", "a shell has no faces")
        return self.part.new(f"CLOSED_SHELL('',({','.join(faces)}))")

    def _face(self, face: Node, turned: bool) -> str:
        surface = needed(self.file, face.surface, "a face has no surface")
        if surface.index not in self._surfaces:
            made = frames.turned(surfaces.geometry(self.file, surface), self.reading.turn)
            self._surfaces[surface.index] = surfaces.written(self.part, made)
        along = self._looks_along(face, surface)
        rings = self._rings(face, surface)
        bounds = [self.part.new(f"FACE_BOUND('',{ring},{logical(not turned)})") for ring in rings]
        if not bounds:
            bounds.append(self._unbounded(frames.turned(surfaces.geometry(self.file, surface), self.reading.turn)))
        bounded = f"({','.join(bounds)}),{self._surfaces[surface.index]},{logical(along != turned)}"
        self.made.faces.append(face.node_id)
        self.made.looks.setdefault(face.node_id, set()).add(along != turned)
        self.made.along.append((along != turned, surface.kind))
        return self.part.new(f"ADVANCED_FACE('',{bounded})")

    def _looks_along(self, face: Node, surface: Node) -> bool:
        """Whether a face looks the way the kernel's surface does."""
        if surface.kind == "BLENDED_EDGE":
            for loop in walk.chain(self.file, face.loop):
                for fin in walk.ring(self.file, loop):
                    smooth = self._continues(fin, surface)
                    if smooth is not None:
                        return smooth
        return bool((face.sense == surface.sense) != surfaces.inverted(self.file, surface))

    def _continues(self, fin: Node, blend: Node) -> bool | None:
        """A blend runs on smoothly: whether the next face says that this one looks away from the spine, if it does."""
        other = self.file.nodes.get(fin.other or 0)
        loop = self.file.nodes.get(other.loop or 0) if other is not None else None
        face = self.file.nodes.get(loop.face or 0) if loop is not None else None
        next = self.file.nodes.get(face.surface or 0) if face is not None else None
        vertex = self.file.nodes.get(fin.vertex or 0)
        if face is None or next is None or vertex is None or next.kind == "BLENDED_EDGE":
            return None
        at = traced.metres(needed(self.file, vertex.point, "a vertex has no point").pvec)
        _, away = traced.touching(traced.analysed(surfaces.geometry(self.file, blend)), at)
        _, out = traced.touching(traced.analysed(surfaces.geometry(self.file, next)), at)
        same = float(away @ out) * (1 if self._looks_along(face, next) else -1)
        return same > 0 if abs(same) > SMOOTH else None

    def _unbounded(self, made: Geom_Surface) -> str:
        """A whole sphere, torus or the like: STEP wants a vertex somewhere on it."""
        if not isinstance(made, CLOSED):
            raise Refused("unsupported_geometry", "a face without an edge is not converted")
        bounds = made.Bounds()
        at = made.Value(bounds[0], bounds[2])
        vertex = self.part.new(f"VERTEX_POINT('',{self.part.point(xyz(at))})")
        return self.part.new(f"FACE_BOUND('',{self.part.new(f'VERTEX_LOOP({curves.quoted()},{vertex})')},.T.)")

    def _rings(self, face: Node, surface: Node) -> list[str]:
        """Loops of edges, and of a vertex where the surface comes to a point; other vertices alone say nothing."""
        fins = [list(walk.ring(self.file, loop)) for loop in walk.chain(self.file, face.loop)]
        edged = [[fin for fin in loop if fin.edge is not None] for loop in fins]
        loops = [loop for loop in edged if loop]
        self.made.touching |= not len(walk.touching(loops)) == len(loops) == len(walk.apart(loops))
        found = [self._ring(loop) for loop in self.reading.loops(loops)]
        points = [loop[0].vertex for loop, edges in zip(fins, edged, strict=True) if not edges]
        if surface.kind == "CONE":
            found += [self.part.new(f"VERTEX_LOOP('',{self._vertex(each)[0]})") for each in points if each is not None]
        return found

    def _ring(self, fins: list[Node]) -> str:
        found = []
        for fin in fins:
            edge = self._edge(needed(self.file, fin.edge, "a fin has no edge"))
            found.append(self.part.new(f"ORIENTED_EDGE('',*,*,{edge},{logical(fin.sense == '+')})"))
        return self.part.new(f"EDGE_LOOP('',({','.join(found)}))")

    def _edge(self, edge: Node) -> str:
        if edge.index not in self._edges:
            self._edges[edge.index] = self._edge_curve(edge)
        return self._edges[edge.index]

    def _edge_curve(self, edge: Node) -> str:
        curve, along = self._carrier(edge)
        start, end = self._ends(edge, curve)
        if edge.curve is None and start[1].Distance(end[1]) > 0:
            along = _runs_from(curve, start[1], end[1])
        if isinstance(curve, Geom_BSplineCurve):
            curve = curves.between(curve, *((start[1], end[1]) if along else (end[1], start[1])))
        written = curves.written(self.part, curve)
        return self.part.new(f"EDGE_CURVE('',{start[0]},{end[0]},{written},{logical(along)})")

    def _carrier(self, edge: Node) -> tuple[Geom_Curve, bool]:
        """The edge's curve, and whether the edge runs along it."""
        curve, fin = self.file.nodes.get(edge.curve or 0), None
        if curve is None:  # a tolerant edge: its fins have the curves, each on its face's surface
            fins = [fin for fin in walk.fins(self.file, edge) if fin.curve is not None]
            fin = min(fins, key=self._doubt, default=None)
            curve = needed(self.file, fin.curve if fin else None, "an edge has no curve")
        basis, along = self._basis(curve)
        if basis.kind in ("INTERSECTION", "SP_CURVE"):
            if edge.index not in self.fitted:
                corners = {each.vertex for each in walk.fins(self.file, edge) if each.vertex is not None}
                ends = [np.array(xyz(self._vertex(each)[1])) for each in sorted(corners)]
                self.fitted[edge.index] = traced.geometry(self.file, basis, lambda: self._meets(edge, fin), ends)
            made: Geom_Curve = self.fitted[edge.index].Copy()  # what is done with it changes it
        else:
            made = curves.geometry(self.file, basis)
        if fin is not None and not self.reading.along_edge:  # the curve of a fin runs as the fin does
            along = along == (fin.sense == "+")
        return made, along

    def _basis(self, curve: Node) -> tuple[Node, bool]:
        """What a curve lies on, and whether it runs along it."""
        along, basis = curve.sense == "+", curve
        for _ in range(surfaces.DEEPEST):
            if basis.kind != "TRIMMED_CURVE":
                return basis, along
            if basis.parm_1 is None or basis.parm_2 is None:
                raise Refused("corrupt_file", "a trimmed curve has no ends")
            along = (basis.sense == "+") == (basis.parm_1 <= basis.parm_2)
            basis = needed(self.file, basis.basis_curve, "a trimmed curve has no basis")
        raise Refused("corrupt_file", "a curve is trimmed by itself")

    def _doubt(self, fin: Node) -> int:
        """How little is known of the parameters that a fin's curve is given in."""
        basis, _ = self._basis(needed(self.file, fin.curve, "a fin has no curve"))
        carrier = self.file.nodes.get(basis.fields.get("surface") or 0) if basis.kind == "SP_CURVE" else None
        return 0 if carrier is None else DOUBTS.get(carrier.kind, 0)

    def _meets(self, edge: Node, fin: Node | None) -> Callable[[traced.Points], float] | None:
        """How far a point is from the other face of an edge."""
        for other in walk.fins(self.file, edge):
            loop = self.file.nodes.get(other.loop or 0)
            face = self.file.nodes.get(loop.face or 0) if loop is not None else None
            if other is not fin and face is not None and face.surface:
                found = self.file.nodes.get(face.surface)
                if found is not None:
                    return traced.apart(surfaces.geometry(self.file, found))
        return None

    def _ends(self, edge: Node, curve: Geom_Curve) -> tuple[tuple[str, gp_Pnt], tuple[str, gp_Pnt]]:
        """Start and end vertex. A ring has none: one is put where its curve begins."""
        fins = walk.fins(self.file, edge)
        start = next((fin.vertex for fin in fins if fin.sense == "-"), None)
        end = next((fin.vertex for fin in fins if fin.sense == "+"), None)
        if end is None and start is None:
            at = curve.Value(curve.FirstParameter())
            made = self.part.new(f"VERTEX_POINT('',{self.part.point(xyz(at))})"), at
            return made, made
        if start is None:  # an edge of one face only
            ahead = next(fin for fin in fins if fin.sense == "+")
            start = needed(self.file, ahead.backward, "a loop is not closed").vertex
        if end is None:
            ahead = next(fin for fin in fins if fin.sense == "-")
            end = needed(self.file, ahead.backward, "a loop is not closed").vertex
        return self._vertex(start), self._vertex(end)

    def _vertex(self, index: int | None) -> tuple[str, gp_Pnt]:
        vertex = needed(self.file, index, "an edge ends in no vertex")
        if vertex.index not in self._vertices:
            at = needed(self.file, vertex.point, "a vertex has no point").pvec
            made = self.part.new(f"VERTEX_POINT('',{self.part.point([MM * value for value in at])})")
            self._vertices[vertex.index] = made, curves.point(at)
        return self._vertices[vertex.index]


def _runs_from(curve: Geom_Curve, start: gp_Pnt, end: gp_Pnt) -> bool:
    """Whether a curve runs from the one to the other, by its own ends."""
    first, last = curve.Value(curve.FirstParameter()), curve.Value(curve.LastParameter())
    return bool(first.Distance(start) + last.Distance(end) <= first.Distance(end) + last.Distance(start))
