"""A mesh as a faceted B-Rep: a planar face per triangle, a solid where they close, a void where they close inwards."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
from OCP.BRep import BRep_Builder
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeShapeOnMesh, BRepBuilderAPI_MakeSolid
from OCP.BRepLib import BRepLib
from OCP.StdFail import StdFail_NotDone
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape, TopoDS_Shell, TopoDS_Solid

from shapr.converters.brep import body_names, document, triangulation
from shapr.converters.brep.bodies import Body, Look, held
from shapr.converters.brep.indicator import SILENT, Indicator
from shapr.converters.mesh.model import Mesh, Part, Triangles, Vertices
from shapr.converters.mesh.slivers import FLAT, cleaned
from shapr.converters.mesh.topology import Component, components, welded
from shapr.converters.progress import Reach, along, apart, silent, within
from shapr.errors import Refused

# Exporters round: points that were one differ in the last digits. Fractions of the diagonal, finest first.
WELDING, BUILDING, HOLDING = 0.05, 0.2, 0.05  # of the time; the rest is writing
WELDS = (0.0, 1e-7, 1e-6, 1e-5)
# The kernel makes no face of some slivers: then flatter ones too are closed over by their neighbours. Heights, as
# fractions of the longest side.
SLIVERS = (FLAT, 1e-7, 1e-6, 1e-5)
COLOURS = 256  # different ones of a part's faces; of more each is rounded to one of 6 levels per channel


@dataclass(frozen=True)
class Surfaces:
    """Parts welded into surfaces. `looks` are rows of `known` by triangle, -1 where a sliver was split."""

    parts: Sequence[Part]
    known: list[Look]
    vertices: Vertices
    triangles: Triangles
    found: list[Component]
    looks: npt.NDArray[np.int64]

    @property
    def holder(self) -> str:
        """What they are bodies of; empty where they are bodies of nothing, or of several objects."""
        names = {part.name if part.body else "" for part in self.parts}
        return names.pop() if len(names) == 1 else ""

    @property
    def closed(self) -> int:
        """Triangles that enclose something."""
        return sum(len(each.members) for each in self.found if each.closed)


def faceted(mesh: Mesh, limit: int, stem: str, progress: Indicator = SILENT) -> TDocStd_Document:
    """A document with a part for every object of the mesh, named and coloured like it: of one body or of several.

    `limit` is in triangles: each becomes a face of some 2 kB. Each object or body of the mesh is closed by itself: two
    that touch stay two. Those that stay open are tried together, as groups of one surface are.
    """
    if mesh.triangles > limit:
        raise Refused("limit_exceeded", f"a mesh of {mesh.triangles} triangles; {limit} can become a B-Rep")
    low = np.min([part.vertices.min(axis=0) for part in mesh.parts if len(part.vertices)], axis=0)
    high = np.max([part.vertices.max(axis=0) for part in mesh.parts if len(part.vertices)], axis=0)
    diagonal = float(np.linalg.norm(high - low))
    objects = [list(parts) for _, parts in groupby(mesh.parts, key=lambda part: (part.name, part.body))]
    reach = progress.step(WELDING)
    whole = []
    for parts, own in apart(objects, reach):
        own(0.0)
        if (made := _closed_best(parts, diagonal, reach=own)) is not None:
            whole.append(made)
    if not whole:
        raise Refused("no_geometry", "every triangle of the mesh is degenerate")
    torn = [each for each in whole if each.closed < len(each.triangles)]
    if len(torn) > 1:
        together = _closed_best([part for each in torn for part in each.parts], diagonal)
        if together is not None and together.closed > sum(each.closed for each in torn):
            whole = [each for each in whole if each.closed == len(each.triangles)] + [together]
    total = sum(len(each.triangles) for each in whole)
    built = [(each.holder, _built(each, diagonal, progress, BUILDING * len(each.triangles) / total)) for each in whole]
    bodies = list(_parts(built))
    model = held([("", [body]) for body in bodies], stem, progress.step(HOLDING))
    for part, body in zip(document.roots(model), bodies, strict=True):
        if body.name:
            body_names.put(model, part, body.looks)
    return model


def _parts(built: list[tuple[str, Body]]) -> Iterator[Body]:
    """Bodies of one part as one body of that name."""
    for name, some in groupby(built, key=lambda each: each[0]):
        bodies = [body for _, body in some]
        if name and len(bodies) > 1:
            looks = {key: look for body in bodies for key, look in body.looks.items()}
            yield Body(document.compound([body.shape for body in bodies]), looks, name)
        else:
            yield from bodies


def _closed_best(
    parts: Sequence[Part], diagonal: float, flatness: float = FLAT, reach: Reach = silent
) -> Surfaces | None:
    """The parts welded as little as closes them, or as closes most of them. None if no triangle has an area."""
    whole = Part.joined(parts)
    known, owner = _painted(parts)
    best: Surfaces | None = None
    different = 0  # points
    for fraction, part in apart(WELDS, reach):
        vertices, corners = welded(whole.vertices, whole.corners, fraction * diagonal)
        if len(vertices) == different:
            continue  # none of them is near another one: it would come to the same
        different = different or len(vertices)
        triangles = cleaned(vertices, corners, flatness)
        if not len(triangles):
            continue
        wound, found = components(vertices, triangles, part)
        looks = np.zeros(len(triangles), np.int64)
        if owner.any():  # more than one
            looks = _owners(corners, owner, triangles)
        made = Surfaces(parts, known, vertices, wound, found, looks)
        if best is None or made.closed > best.closed:
            best = made
        if made.closed == len(triangles):
            break
    return best


def _painted(parts: Sequence[Part]) -> tuple[list[Look], npt.NDArray[np.int64]]:
    """Every look of the parts, and which of them each triangle has. A face has one colour: the mean of its corners."""
    known: list[Look] = []
    rows = []
    for part in parts:
        own = part.face_colours
        if part.vertex_colours is not None:
            own = part.vertex_colours[part.corners].mean(axis=1).round().astype(np.uint8)
        if own is None or not len(own):
            rows.append(np.full(len(part.corners), len(known)))
            known.append(Look(part.body or part.name, part.colour))
            continue
        distinct, which = np.unique(own, axis=0, return_inverse=True)
        if len(distinct) > COLOURS:
            coarse = ((own + 25.0) // 51 * 51).astype(np.uint8)
            distinct, which = np.unique(coarse, axis=0, return_inverse=True)
        rows.append(which.ravel() + len(known))
        known += [
            Look(part.body or part.name, (r / 255, g / 255, b / 255, a / 255)) for r, g, b, a in distinct.tolist()
        ]
    return known, np.concatenate(rows).astype(np.int64)


def _owners(before: Triangles, owner: npt.NDArray[np.int64], after: Triangles) -> npt.NDArray[np.int64]:
    """The look of each triangle, found again by its corners; -1 for new ones."""
    if not len(before):
        return np.zeros(len(after), np.int64)
    keys = [np.ascontiguousarray(np.sort(each, axis=1)).view("V12").ravel() for each in (before, after)]
    known, first = np.unique(keys[0], return_index=True)
    at = np.minimum(np.searchsorted(known, keys[1]), len(known) - 1)
    return np.where(known[at] == keys[1], owner[first[at]], -1)


def _built(surfaces: Surfaces, diagonal: float, progress: Indicator, share: float) -> Body:
    """The body of these surfaces, without the slivers of which the kernel makes no face."""
    for flatness in SLIVERS:
        made = surfaces if flatness == FLAT else _closed_best(surfaces.parts, diagonal, flatness)
        body = _body(made, progress, share) if made else None
        if body is not None:
            return body
    raise Refused("invalid_geometry", "the kernel makes no faces of some triangles of the mesh")


def _body(surfaces: Surfaces, progress: Indicator, share: float) -> Body | None:
    """A solid for each closed surface with the voids inside it, a shell for each open one; None if the kernel makes no
    face of some triangle."""
    found = surfaces.found
    made = _shells(surfaces, progress, share)
    if made is None:
        return None
    shells, looks = made
    reach = progress.step(share / 4)
    holders = _holders(surfaces, within(reach, 0.0, 0.3))
    voids: dict[int, list[int]] = {at: [] for at, each in enumerate(found) if each.closed and at not in holders}
    for at, holder in holders.items():
        voids[holder].append(at)
    bodies: list[TopoDS_Shape] = [
        _solid(shells[at], [shells[inner] for inner in inside], found[at])
        for at, inside in along(voids.items(), len(voids), within(reach, 0.3, 1.0))
    ]
    bodies += [shells[at] for at in range(len(found)) if not found[at].closed]
    return Body(bodies[0] if len(bodies) == 1 else document.compound(bodies), looks)


def _holders(surfaces: Surfaces, reach: Reach = silent) -> dict[int, int]:
    """The closed components that are turned inwards, each with the smallest around it that is turned outwards."""
    found = surfaces.found
    closed = (at for at, each in enumerate(found) if each.closed and each.volume > 0)
    outer = np.array(sorted(closed, key=lambda at: found[at].volume), int)
    volumes = np.array([found[at].volume for at in outer.tolist()])
    low = np.array([found[at].low for at in outer.tolist()]).reshape(-1, 3)
    high = np.array([found[at].high for at in outer.tolist()]).reshape(-1, 3)
    made = {}
    for at, void in along(enumerate(found), len(found), reach):
        if not void.closed or void.volume >= 0:
            continue
        first = int(np.searchsorted(volumes, -void.volume, side="right"))  # larger than the void
        holds = (low[first:] <= void.low).all(axis=1) & (high[first:] >= void.high).all(axis=1)
        point = surfaces.vertices[surfaces.triangles[void.members[0], 0]]
        for other in outer[first:][holds].tolist():
            if _surrounds(surfaces.vertices[surfaces.triangles[found[other].members]], point):
                made[at] = other
                break
    return made


def _surrounds(corners: npt.NDArray[np.float64], point: npt.NDArray[np.float64]) -> bool:
    """Whether a closed surface, (m, 3, 3), winds around a point: its solid angle (van Oosterom and Strackee 1983)."""
    a, b, c = np.moveaxis(corners - point, 1, 0)
    na, nb, nc = (np.linalg.norm(each, axis=1) for each in (a, b, c))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c))
    dots = [np.einsum("ij,ij->i", first, second) for first, second in ((a, b), (b, c), (c, a))]
    angle = np.arctan2(volume, na * nb * nc + dots[0] * nc + dots[1] * na + dots[2] * nb).sum()
    return bool(abs(angle) > np.pi)  # 2 pi inside, 0 outside


def _solid(outer: TopoDS_Shell, inner: list[TopoDS_Shell], component: Component) -> TopoDS_Solid:
    making = BRepBuilderAPI_MakeSolid(outer)
    for shell in inner:
        making.Add(shell)
    solid = making.Solid()
    if component.volume < 0 or not component.oriented:
        BRepLib.OrientClosedSolid_s(solid)  # expensive, so only where the winding does not say it
    return solid


def _shells(surfaces: Surfaces, progress: Indicator, share: float) -> tuple[list[TopoDS_Shell], dict[int, Look]] | None:
    making = BRepBuilderAPI_MakeShapeOnMesh(triangulation.made(surfaces.vertices, surfaces.triangles + 1))
    try:
        making.Build(progress.range(share / 2))
    except StdFail_NotDone:  # an edge is shorter than the kernel's tolerance
        return None
    builder, shells, looks = BRep_Builder(), [], {}
    owner = np.empty(len(surfaces.triangles), np.int64)
    for at, each in enumerate(surfaces.found):
        shell = TopoDS_Shell()
        builder.MakeShell(shell)
        shell.Closed(each.closed)
        shells.append(shell)
        owner[each.members] = at
    made = list(document.explore(making.Shape(), TopAbs_ShapeEnum.TopAbs_FACE))
    if len(made) != len(surfaces.triangles):
        return None
    reach = progress.step(share / 4)
    for number, (face, at, look) in enumerate(zip(made, owner.tolist(), surfaces.looks.tolist(), strict=True)):
        reach(number / len(made))
        builder.Add(shells[at], face)
        if look >= 0:
            looks[hash(face)] = surfaces.known[look]
    return shells, looks
