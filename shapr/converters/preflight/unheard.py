"""What a STEP file says beside the shapes and looks of its parts, and no output has, in sentences."""

from collections.abc import Container, Iterator

import numpy as np

from shapr.converters.preflight import looks, mapped, products, shared, styles
from shapr.converters.preflight.graph import Graph
from shapr.converters.preflight.hybrid import BODIES, EXACT, HOLDERS, TESSELLATED, inside, numbers
from shapr.errors import Refused

PMI = (b"DRAUGHTING_CALLOUT", b"ANNOTATION_", b"_TOLERANCE(", b"DIMENSIONAL_SIZE", b"DIMENSIONAL_LOCATION", b"=DATUM(")
CONSTRUCTION = b"CONSTRUCTIVE_GEOMETRY_REPRESENTATION"
# Solids that are made by calculating: the kernel reads none of them. One or the other word is in each such file.
SETS = b"GEOMETRIC_SET", b"GEOMETRIC_CURVE_SET"
CALCULATED = b"CSG_", b"_SOLID("
SOLIDS = (
    *(b"CSG_SOLID", b"BOOLEAN_RESULT", b"SOLID_REPLICA", b"HALF_SPACE_SOLID", b"BOXED_HALF_SPACE"),
    *(b"EXTRUDED_FACE_SOLID", b"REVOLVED_FACE_SOLID", b"EXTRUDED_AREA_SOLID", b"REVOLVED_AREA_SOLID"),
    *(b"SWEPT_DISK_SOLID", b"SURFACE_CURVE_SWEPT_AREA_SOLID", b"BLOCK", b"SPHERE", b"TORUS", b"ELLIPSOID"),
    *(b"RIGHT_CIRCULAR_CYLINDER", b"RIGHT_CIRCULAR_CONE", b"RIGHT_ANGULAR_WEDGE", b"ECCENTRIC_CONE"),
)
SHELLS, FACES = (b"CLOSED_SHELL", b"OPEN_SHELL", b"CONNECTED_FACE_SET"), (b"ADVANCED_FACE", b"FACE_SURFACE")
HIDDEN, LAYER = b"INVISIBILITY", b"PRESENTATION_LAYER_ASSIGNMENT"
STYLED = b"=STYLED_ITEM"
CROSSED, EDGES = b"DEGENERATE_TOROIDAL_SURFACE", (b"EDGE_LOOP", b"POLY_LOOP")
VIEWS, DESIGNATION = (b"CAMERA_MODEL_D3", b"CAMERA_MODEL_D3_WITH_HLHSR"), b"MATERIAL_DESIGNATION"
OF_ONE_USE = b"CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM"


def passed_over(graph: Graph, shapes: mapped.Shapes, instead: Container[int]) -> Iterator[str]:
    """`instead`: the entities in whose place the kernel is told something else."""
    if any(word in graph.text for word in PMI):
        yield "PMI was passed over: dimensions, tolerances, datums, notes and how they are drawn."
    if CONSTRUCTION in graph.text:
        yield "Construction geometry was passed over."
    if numbers(graph, *VIEWS):
        yield "Saved views were passed over."
    if designations := numbers(graph, DESIGNATION):
        yield f"Designations of materials were passed over: {len(designations)}."
    yield from _looks(graph)
    yield from _products(graph, shapes, instead)
    if any(word in graph.text for word in CALCULATED) and (calculated := _calculated(graph)):
        yield f"Solids that are primitives, sweeps or calculated of others were passed over: {calculated}."
    if odd := _odd_faces(graph):
        yield f"Faces of shells that are said in a way that is not read were passed over: {odd}."
    if crossed := _crossed(graph):
        yield f"Whole tori that cross themselves were read with the part inside and the one outside: {crossed}."
    if unseen := mapped.unseen(graph, shapes):
        yield f"Bodies that no part has, or only in a way that is not read, were passed over: {unseen}."
    if HIDDEN in graph.text and (hidden := _hidden(graph)):
        yield f"Bodies that the file hides were converted like the others: {hidden}."


def _products(graph: Graph, shapes: mapped.Shapes, instead: Container[int]) -> Iterator[str]:
    if graph.text.count(products.TIE) > 1:
        sharing, renamed = shared.sharing(graph, shapes, instead)
        if sharing:
            yield f"Parts that share the shape of another part, and are nowhere else, were passed over: {sharing}."
        if renamed:
            yield f"Parts that share the shape of another part are called like it: {renamed}."
    if products.USE in graph.text and (unplaced := products.unplaced(graph)):
        yield f"Parts of assemblies that do not say where they are were passed over: {unplaced}."
    if unread := products.unread(graph):
        yield f"Uses of parts in assemblies that are said in a way that is not read were passed over: {unread}."


def _looks(graph: Graph) -> Iterator[str]:
    if named := styles.named(graph):
        yield f"Looks of surfaces that have only a name were passed over: {len(named)}."
    if patterns := looks.on_surfaces(graph):
        yield f"Patterns and lines on surfaces (hatches, tiles, boundaries) were passed over: {patterns}."
    if coloured := looks.coloured(graph):
        yield f"Bodies and faces that have several colours got one of them: {coloured}."
    if unread := styles.unread(graph):
        yield f"Colours that are said in a way that is not read were passed over: {unread}."
    if OF_ONE_USE in graph.text and (uses := _uses(graph)):
        yield f"Colours that single uses of a part have were passed over: {uses}."
    if STYLED in graph.text and (whole := styles.of_assemblies(graph)):
        yield f"Colours that assemblies have as a whole were passed over: {whole}."


def _odd_faces(graph: Graph) -> int:
    """Oriented faces, parts of faces, faces without a surface: the kernel makes nothing of them in a shell."""
    shells, faces = (np.logical_or.reduce([graph.are(kind) for kind in kinds]) for kinds in (SHELLS, FACES))
    return len(np.setdiff1d(graph.targets[shells[graph.owners]], graph.defined[faces]))


def _crossed(graph: Graph) -> int:
    """Without edges the kernel has no way to say which part is meant; with them it is right whatever is said."""
    tori = numbers(graph, CROSSED)
    found = inside(graph, numbers(graph, *FACES)).values() if tori else ()
    faces = [set(ends) for ends in found if not tori.isdisjoint(ends)]
    loops, edges = inside(graph, set().union(*faces) - tori), numbers(graph, *EDGES) if faces else set()
    bounding = {bound for bound, held in loops.items() if not edges.isdisjoint(held)}
    return sum(bounding.isdisjoint(face) for face in faces)


def _uses(graph: Graph) -> int:
    """The kernel hears of a colour for a representation in its context, not of one for a body there."""
    bodies = numbers(graph, *BODIES, *HOLDERS)
    return sum(not bodies.isdisjoint(ends) for ends in inside(graph, numbers(graph, OF_ONE_USE)).values())


def _calculated(graph: Graph) -> int:
    """Those that are not in another one; `unsupported_geometry` where there is nothing but them and what they sweep."""
    solids = numbers(graph, *SOLIDS)
    held = inside(graph, solids).values()
    whole = solids.difference(*held)
    if whole and not numbers(graph, *EXACT, *TESSELLATED, *SETS).difference(*held):
        raise Refused("unsupported_geometry", "the solids of the STEP file are primitives, sweeps or calculated ones")
    return len(whole)


def _hidden(graph: Graph) -> int:
    """By their looks, or by their layer."""
    hidden = {each for ends in inside(graph, numbers(graph, HIDDEN)).values() for each in ends}
    layers = hidden & numbers(graph, LAYER)
    for on_layer in inside(graph, layers).values():
        hidden |= set(on_layer)
    for ends in inside(graph, hidden - layers).values():
        hidden |= set(ends)
    return len(hidden & numbers(graph, *BODIES, *HOLDERS, b"MAPPED_ITEM"))
