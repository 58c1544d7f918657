"""How the parameters of a STEP entity stand: the kernel leaves one that has others empty, and falls into the hole."""

import re

import numpy as np
import numpy.typing as npt

from shapr.converters.preflight.graph import Graph, Nodes
from shapr.converters.preflight.measures import CONVERTED, SAID
from shapr.errors import Refused

Bytes = npt.NDArray[np.uint8]

DIGITS = 11  # of an entity's number that are looked at
DIMENSIONS = 3
QUOTES = 200  # in one name
SIDE, NAMED_SIDE = b"SURFACE_SIDE_STYLE", b"PRE_DEFINED_SURFACE_SIDE_STYLE"
# What follows the name of these: a list of numbers, or one of others.
LISTS = {
    b"CARTESIAN_POINT": b"+-.0123456789",
    b"DIRECTION": b"+-.0123456789",
    b"EDGE_LOOP": b"#",
    b"POLY_LOOP": b"#",
    b"DEFINITIONAL_REPRESENTATION": b"#",
}
# What these refer to, all of it, in this order.
ORDERS = {
    b"LINE": ((b"CARTESIAN_POINT",), (b"VECTOR",)),
    b"VECTOR": ((b"DIRECTION",),),
    b"SURFACE_OF_LINEAR_EXTRUSION": ((), (b"VECTOR",)),  # any curve
    b"SURFACE_OF_REVOLUTION": ((), (b"AXIS1_PLACEMENT",)),
    b"SURFACE_STYLE_USAGE": ((SIDE, NAMED_SIDE),),
}
# The kernel knows these by one name alone. With the names of what they are besides (what the standard calls external
# mapping, and no system writes), it passes over some without a word, and crashes on others.
ALONE = (
    *(b"CARTESIAN_POINT", b"DIRECTION", b"VECTOR", b"AXIS1_PLACEMENT", b"AXIS2_PLACEMENT_3D", SIDE, NAMED_SIDE),
    *(b"LINE", b"CIRCLE", b"ELLIPSE", b"HYPERBOLA", b"PARABOLA", b"PLANE", b"CYLINDRICAL_SURFACE", b"CONICAL_SURFACE"),
    *(b"SPHERICAL_SURFACE", b"TOROIDAL_SURFACE", b"SURFACE_OF_REVOLUTION", b"SURFACE_OF_LINEAR_EXTRUSION"),
    *(b"VERTEX_POINT", b"EDGE_CURVE", b"ORIENTED_EDGE", b"EDGE_LOOP", b"VERTEX_LOOP", b"POLY_LOOP", b"FACE_BOUND"),
    *(b"FACE_OUTER_BOUND", b"ADVANCED_FACE", b"CLOSED_SHELL", b"OPEN_SHELL"),
)
NAMED = re.compile(rb"[()](?:%b)\(" % b"|".join(ALONE))
SPLINE = int.from_bytes(b"(BOUNDED", "little")  # how what is of several types begins in most cases
TYPED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_(!&"  # what a type begins with, or several, or a scope
MEASURED = b"VECTOR"  # a number follows
FLAT = b"DEFINITIONAL_REPRESENTATION"
FLAT_CURVES = (b"LINE", b"B_SPLINE_CURVE_WITH_KNOTS", b"B_SPLINE_CURVE")
CURVE = re.compile(rb"\w*?(?:CURVE|LINE|CIRCLE|ELLIPSE|HYPERBOLA|PARABOLA|CONIC|CLOTHOID)")
LOOP, EDGE, SEAM = b"EDGE_LOOP", b"ORIENTED_EDGE", b"SEAM_EDGE"
USUAL = np.frombuffer(b",*,*,#", np.uint8)  # how an oriented edge goes on behind its name
ORIENTED = re.compile(rb"ORIENTED_EDGE\(['$*]+,(?:[*$]|#\d+),(?:[*$]|#\d+),#")
POLYGON, POINT = b"POLY_LOOP", b"CARTESIAN_POINT"
TEXT, LISTED = rb"\(['$*]+,", rb"\(#\d+(?:,#\d+)*+\)"
# These are rare: each is read whole.
FORMS = {
    POLYGON: re.compile(POLYGON + TEXT + LISTED),
    b"CONNECTED_FACE_SET": re.compile(b"CONNECTED_FACE_SET" + TEXT + LISTED),
    b"NEXT_ASSEMBLY_USAGE_OCCURRENCE": re.compile(rb"\w+" + TEXT + rb"['$*]+,['$*]+,#\d+,#\d+"),
    b"MAPPED_ITEM": re.compile(b"MAPPED_ITEM" + TEXT + rb"#\d+,#\d+"),
    b"DRAUGHTING_PRE_DEFINED_COLOUR": re.compile(rb"\w+\('"),
    b"PRESENTATION_LAYER_ASSIGNMENT": re.compile(rb"\w+\('"),
    b"SURFACE_STYLE_USAGE": re.compile(rb"\w+\([^,]"),
}
MOVED, PLACEMENT = b"ITEM_DEFINED_TRANSFORMATION", b"AXIS2_PLACEMENT_3D"
ODD = re.compile(rb"(?:ANGLE|LENGTH)_UNIT\((?!\))")
AXES = 3  # what a placement refers to, if it says all of it
AXIS = re.compile(rb"AXIS2_PLACEMENT_3D\(['$*]+,#\d+,(?:[*$]|#\d+),(?:[*$]|#\d+)\)")
TYPES = re.compile(rb"(?<=[()])\w+(?=\()")
PLACING, PLACED = (
    re.compile(rb"REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION\("),
    b"SHAPE_REPRESENTATION_RELATIONSHIP(",
)
RELATED = re.compile(rb"(?<!_)REPRESENTATION_RELATIONSHIP\(['$*]+,['$*]+,#(\d+),#(\d+)\)")
SEVERAL = re.compile(rb"\(.*?\bSHAPE_REPRESENTATION\(", re.DOTALL)
SHAPE = re.compile(
    rb"(?<!DEFINITION_)(?<!DEPENDENT_SHAPE_)REPRESENTATION(?:_WITH(?:_ACCURACY)?_PARAMETERS)?\(|_MODEL\w*\("
)


def check(graph: Graph, defined: Nodes, targets: Nodes, highest: int) -> None:
    """`defined` and `targets`: those of the graph, up to `highest`."""
    content = np.frombuffer(graph.text + bytes(DIGITS + 4), np.uint8)
    _types(graph, content)
    _units(graph)
    _lists(graph, content)
    _measured(graph, content)
    _loops(graph, defined, targets, highest)
    _edges(graph, content)
    _formed(graph)
    _polygons(graph, defined, targets, highest)
    counts = np.bincount(graph.owners, minlength=len(defined))
    begins = np.cumsum(counts) - counts  # of the references of each
    _placements(graph, content, counts)
    _flat(graph, begins, defined, targets, highest)
    _vertices(graph, defined, targets, highest)
    _placings(graph)
    for kind, order in ORDERS.items():
        rows = np.flatnonzero(graph.are(kind))
        first, fits = begins[rows], counts[rows] == len(order)
        for at, wanted in enumerate(order if fits.all() else ()):
            if wanted:
                fits &= of(graph, defined, highest, wanted, targets[first + at])[targets[first + at]]
        if not fits.all():
            raise Refused("corrupt_file", f"a {kind.decode()} of the STEP file is not made of what it has to be")


def _types(graph: Graph, content: Bytes) -> None:
    """The kernel's parser goes on behind what it does not understand, and drops what is between two such places."""
    letters = np.zeros(256, bool)
    letters[list(TYPED)] = True
    words = graph.words[graph.words > graph.text.find(b";DATA")]  # what stands before is said to be elsewhere
    if not letters[content[words]].all():
        raise Refused("corrupt_file", "an entity of the STEP file has no type")


def check_names(graph: Graph) -> None:
    """What is sound otherwise may still be said in a way that the kernel does not know."""
    rows = np.flatnonzero(graph.are(b"") & (graph.heads != SPLINE))
    if any(NAMED.search(graph.text, int(graph.words[row]), graph.ends(row)) for row in rows.tolist()):
        raise Refused("unsupported_geometry", "the STEP file has shapes in a form of several types that is not read")


def of(graph: Graph, defined: Nodes, highest: int, kinds: tuple[bytes, ...], targets: Nodes) -> npt.NDArray[np.bool_]:
    """By number, what is of one of these types; of several types, if it is among the targets."""
    found, asked = np.zeros(highest + 1, bool), np.zeros(highest + 1, bool)
    for kind in kinds:
        found[defined[graph.are(kind)]] = True
    asked[targets] = ~found[targets]
    if asked.any():
        for row in np.flatnonzero(graph.are(b"") & asked[defined]).tolist():
            found[defined[row]] = any(graph.is_also(row, kind) for kind in kinds)
    return found


def _units(graph: Graph) -> None:
    """Each has a name, and is said in another unit. It is one of several types, as a rule."""
    places = [found.start() for found in CONVERTED.finditer(graph.text, int(graph.begins[0]))]
    rows = graph.holders(places)
    units = [graph.text[graph.words[row] : graph.ends(row)] for row in rows]
    if len(rows) < len(places) or any(ODD.search(unit) for unit in units):
        raise Refused("corrupt_file", "a unit of the STEP file has a parameter too many")
    if any(unit[:1] == b"(" and (types := TYPES.findall(unit)) != sorted(types) for unit in units):
        raise Refused("corrupt_file", "the types of a unit of the STEP file are not in the order of the alphabet")
    found = [SAID.search(unit) for unit in units]
    numbers = np.array([int(each[1]) for each in found if each], np.int64)
    if len(numbers) < len(found) or (found and not np.isin(numbers, graph.defined).all()):
        raise Refused("corrupt_file", "a unit of the STEP file has no name, or is not said in another one")


def _edges(graph: Graph, content: Bytes) -> None:
    rows = np.flatnonzero(graph.are(EDGE))
    at = _behind_name(graph, content, EDGE)
    usual = np.logical_and.reduce([content[at + each] == letter for each, letter in enumerate(USUAL)])
    if not all(ORIENTED.match(graph.text, int(graph.words[row])) for row in rows[~usual].tolist()):
        raise Refused("corrupt_file", "an ORIENTED_EDGE of the STEP file has no edge")


def _placements(graph: Graph, content: Bytes, counts: Nodes) -> None:
    _behind_name(graph, content, PLACEMENT)
    rows = np.flatnonzero(graph.are(PLACEMENT) & (counts != AXES))
    if not all(AXIS.match(graph.text, int(graph.words[row])) for row in rows.tolist()):
        raise Refused("corrupt_file", "a placement of the STEP file lacks a parameter")


def _formed(graph: Graph) -> None:
    for kind, form in FORMS.items():
        if not all(form.match(graph.text, int(graph.words[row])) for row in np.flatnonzero(graph.are(kind)).tolist()):
            raise Refused("corrupt_file", f"a {kind.decode()} of the STEP file is not made of what it has to be")


def _polygons(graph: Graph, defined: Nodes, targets: Nodes, highest: int) -> None:
    points = np.zeros(highest + 1, bool)
    points[defined[graph.are(POINT)]] = True
    if not points[targets[graph.are(POLYGON)[graph.owners]]].all():
        raise Refused("corrupt_file", "a POLY_LOOP of the STEP file is made of what is no point")


def _lists(graph: Graph, content: Bytes) -> None:
    for kind, first in LISTS.items():
        at = _behind_name(graph, content, kind)
        letters = np.zeros(256, bool)
        letters[list(first)] = True
        if not ((content[at] == ord(",")) & (content[at + 1] == ord("(")) & letters[content[at + 2]]).all():
            raise Refused("corrupt_file", f"a {kind.decode()} of the STEP file has no list of what it is made of")


def _measured(graph: Graph, content: Bytes) -> None:
    at = _behind_name(graph, content, MEASURED)
    fits = (content[at] == ord(",")) & (content[at + 1] == ord("#"))
    at += 2
    for _ in range(DIGITS):
        at[content[at] - np.uint8(ord("0")) < 10] += 1  # what is less wraps round
    if not (fits & (content[at] == ord(",")) & np.isin(content[at + 1], list(LISTS[b"DIRECTION"]))).all():
        raise Refused("corrupt_file", "a VECTOR of the STEP file has no length")


def _loops(graph: Graph, defined: Nodes, targets: Nodes, highest: int) -> None:
    edges = np.zeros(highest + 1, bool)
    edges[defined[graph.are(EDGE) | graph.are(SEAM)]] = True
    others = targets[graph.are(LOOP)[graph.owners]]
    others = others[~edges[others]]
    rows = np.flatnonzero(np.isin(defined, others)) if len(others) else others
    if not all(EDGE in graph.text[graph.begins[row] : graph.ends(row)] for row in rows.tolist()):
        raise Refused("corrupt_file", "a loop of the STEP file is made of what is no oriented edge")


def _flat(graph: Graph, begins: Nodes, defined: Nodes, targets: Nodes, highest: int) -> None:
    """The curve of an edge in the parameters of a face has to be one."""
    first = begins[graph.are(FLAT)]
    items = targets[first[first < len(targets)]]
    items = items[~of(graph, defined, highest, FLAT_CURVES, items)[items]]
    rows = np.flatnonzero(np.isin(defined, items)) if len(items) else items
    if not all(CURVE.match(graph.text, int(graph.words[row])) for row in rows.tolist()):
        raise Refused("corrupt_file", "a curve in the parameters of a face of the STEP file is none")


def _vertices(graph: Graph, defined: Nodes, targets: Nodes, highest: int) -> None:
    """Where they are, and what is placed, has to be said by three numbers: after the name are as many commas."""
    places = np.zeros(highest + 1, bool)
    moved = np.zeros(highest + 1, bool)
    moved[targets[graph.are(MOVED)[graph.owners]]] = True
    placed = graph.are(b"VERTEX_POINT") | graph.are(POLYGON) | (graph.are(PLACEMENT) & moved[defined])
    places[targets[placed[graph.owners]]] = True
    for row in np.flatnonzero(places[defined] & graph.are(b"CARTESIAN_POINT")).tolist():
        if graph.text.count(b",", int(graph.begins[row]), graph.ends(row)) < DIMENSIONS:
            raise Refused("corrupt_file", "a point of the STEP file has no place in space")


def _placings(graph: Graph) -> None:
    """Shapes that are placed, and in what, have to be representations."""
    rows = graph.holders([found.start() for found in PLACING.finditer(graph.text)])
    placed = [graph.text[graph.begins[row] : graph.ends(row)] for row in rows]
    related = [RELATED.search(each) for each in placed if PLACED in each]
    wanted = {int(number) for found in related if found for number in found.groups()}
    there = np.flatnonzero(np.isin(graph.defined, list(wanted))) if wanted else np.zeros(0, np.int64)
    fit = [SHAPE.search(graph.text, int(graph.words[row]), graph.ends(row)) for row in there.tolist()]
    if not all(related) or not all(fit) or len(wanted.difference(graph.defined[there].tolist())):
        raise Refused("corrupt_file", "the STEP file places something that is no representation, or in none")
    if any(SEVERAL.match(graph.text, int(graph.words[row]), graph.ends(row)) for row in there.tolist()):
        raise Refused("unsupported_geometry", "the STEP file places shapes in a form of several types that is not read")


def _behind_name(graph: Graph, content: Bytes, kind: bytes) -> Nodes:
    at = graph.words[graph.are(kind)] + len(kind) + 1
    at[np.isin(content[at], list(b"$*"))] += 1
    for _ in range(QUOTES):  # a string is a quote here, two more for each within it
        quoted = content[at] == ord("'")
        if not quoted.any():
            break
        at[quoted] += 1
    if not (at > graph.words[graph.are(kind)] + len(kind) + 1).all():
        raise Refused("corrupt_file", f"a {kind.decode()} of the STEP file lacks a parameter")
    return at
