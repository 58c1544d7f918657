"""STEP: ISO 10303-21 text, as the kernel's own scanner reads it."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shapr.converters.preflight import forms, references, step_names
from shapr.converters.preflight.forms import DIGITS
from shapr.converters.preflight.graph import HEAD, MAX_ID, Graph, Nodes, check_instances, free, heights
from shapr.converters.preflight.references import ASIDE
from shapr.converters.progress import Reach, along, silent, within
from shapr.errors import Refused

NESTED = 100  # parentheses; real files need some five, the kernel's stack holds some ten thousand
LISTS = 20_000  # in one entity of a type that the kernel does not know: 1 s of its time, which grows with their square
LONG = b"()" * LISTS  # without anything else, and without what they hold
FULL = re.compile(rb"\(?(?:COORDINATES_LIST|\w*(?:TRIANGULATED|TESSELLATED|SPLINE|BEZIER|KNOTS|BOUNDED|RATIONAL))")
HEADERS = 1000  # entities; real files have three to ten, and the kernel's time grows with their square
SPACE = b" \t\r\n\f\v"
BROKEN = re.compile(rb"=\s*+\w++\s++\w")  # of text without strings and comments
# Of that without white space too:
DATA = re.compile(rb"\bDATA[;(]")
END = re.compile(rb"\bENDSEC;[^;]*END-ISO-10303-21;")
BEYOND = re.compile(rb"E\+?[1-9]\d\d+")  # 1E100 and more: the kernel's infinity is 2E100
COUNT = re.compile(rb"[(,][-+]?\d{7,}[,)]")
SPLINE = tuple(map(re.compile, (b"B_SPLINE", b"BEZIER", b"KNOTS")))  # one word is looked for ten times as fast as three
NOT_PARENTHESES = bytes(set(range(256)) - set(b"()"))

OCCURRENCE = re.compile(rb"NEXT_ASSEMBLY_USAGE_OCCURRENCE\b")
MAPPED = re.compile(rb"MAPPED_ITEM\b")
MAP = re.compile(rb"REPRESENTATION_MAP\b")
COMPOSITE = re.compile(rb"COMPOSITE_CURVE|BOUNDARY_CURVE\b")  # and its segments
COMPOSITES = b"COMPOSITE_CURVE", b"BOUNDARY_CURVE"  # each looked for by itself takes a tenth of that
REPRESENTATION = re.compile(rb"\b(?!DEFINITIONAL_|SHAPE_DEFINITION_)\w*REPRESENTATION\b")
ELSEWHERE = b";REFERENCE;#"  # a section of the third edition that is not empty

# The kernel takes one of the second for granted where it meets the first.
NEEDED: tuple[tuple[bytes, tuple[bytes, ...]], ...] = (
    (b"PCURVE", (b"DEFINITIONAL_REPRESENTATION",)),
    (b"AXIS2_PLACEMENT_3D", (b"CARTESIAN_POINT",)),
    (b"PLANE", (b"AXIS2_PLACEMENT_3D",)),
    (b"CIRCLE", (b"AXIS2_PLACEMENT_3D", b"AXIS2_PLACEMENT_2D")),
    (b"EDGE_CURVE", (b"VERTEX_POINT",)),
    (b"FACE_BOUND", (b"EDGE_LOOP", b"VERTEX_LOOP", b"POLY_LOOP")),
    (b"FACE_OUTER_BOUND", (b"EDGE_LOOP", b"VERTEX_LOOP", b"POLY_LOOP")),
)
# What these refer to must be there.
WHOLE = (b"EDGE_CURVE", b"ORIENTED_EDGE", b"EDGE_LOOP", b"FACE_BOUND", b"FACE_OUTER_BOUND", b"ADVANCED_FACE", b"LINE")
# No list of numbers as the kernel reads them: 3E1 is none, it lacks the point.
NUMBERS = rb"(?:[-+]?+\d*+(?:\.\d*+(?:[Ee][-+]?+\d++)?+)?+,?+)++"
ODD_LISTS = tuple(re.compile(kind + rb"\('*+,\((?!" + NUMBERS + rb"\))") for kind in (b"CARTESIAN_POINT", b"DIRECTION"))
REPEATED = 10_000  # references in one entity
BOUNDARIES = (b"EDGE_CURVE", b"ORIENTED_EDGE", b"EDGE_LOOP", b"FACE_BOUND", b"FACE_OUTER_BOUND")
NONE = np.zeros(0, np.int64)
VALIDATION = b"'geometric validation property'"
MEASURES = "What parts are said to measure (area, volume, centroid) was passed over."
SHARED = 1000  # uses of one of those; real files have some two
FOUND, COUNTED = 0.38, 0.58  # of the time since the words are found


def check(path: Path, reach: Reach = silent) -> tuple[Graph, tuple[str, ...]]:
    """What it refers to, and what will be passed over. Tells how far it is from when the words are found."""
    content = path.read_bytes()
    spaced = _spaced(content)
    text = spaced.translate(None, SPACE)
    long = _structure(text)
    if BROKEN.search(spaced):  # the kernel makes nothing of it, and tells nobody
        raise Refused("corrupt_file", "a type of the STEP file has white space in its name")
    graph = _graph(text, within(reach, 0.05, FOUND))
    if long:
        _lists(graph)
    _numbers(graph, within(reach, FOUND + 0.03, COUNTED))
    _repeated(graph)
    lost = references.check(content, text)
    if len(graph.begins):
        _check(graph, within(reach, COUNTED, 1.0))
    elsewhere = (references.LOSS,) if lost or ELSEWHERE in text else ()
    measures = (MEASURES,) if VALIDATION in content else ()
    names = step_names.sentences(content, int(np.count_nonzero(graph.are(b"ADVANCED_FACE"))))
    return graph, (*elsewhere, *measures, *names)


def graph_of(content: bytes) -> Graph:
    return _graph(_words(content))


def _words(content: bytes) -> bytes:
    """The text without strings, of which a quote is left, comments and white space."""
    return _spaced(content).translate(None, SPACE)


def _spaced(content: bytes) -> bytes:
    """The same with its white space."""
    if b"\0" in content:
        content = content.replace(b"\0", b" ")
    last, kept, at = content.rfind(b"/*"), bytearray(), 0
    for aside in ASIDE.finditer(content) if last >= 0 else ():  # up to where no comment follows: the head, as a rule
        if at > last:
            break
        kept += content[at : aside.start()] + (b"'" if aside[0][:1] == b"'" else b"")
        at = aside.end()
    kept += b"'".join(content[at:].split(b"'")[::2])  # the same as above, in a third of the time
    return bytes(kept)


def _structure(text: bytes) -> bool:
    """Whether an entity may have very many lists."""
    data = DATA.search(text)
    if not data:
        raise Refused("corrupt_file", "the STEP file has no data section")
    if text.count(b";", 0, data.start()) > HEADERS:
        raise Refused("limit_exceeded", f"the header of the STEP file has more than {HEADERS} entities")
    tail = text[-4096:]
    if not END.search(tail) and not END.search(text):
        raise Refused("corrupt_file", "the STEP file is cut short: it has no end")
    parentheses = text.translate(None, NOT_PARENTHESES)
    long = False
    for _ in range(NESTED):
        long = long or LONG in parentheses  # of small files, and deep inside of most, shorter than that: no search
        inner = parentheses.replace(b"()", b"")
        if len(inner) == len(parentheses):
            break
        parentheses = inner
    if parentheses:
        if b"()" in parentheses:
            raise Refused("limit_exceeded", f"the STEP file nests parentheses more than {NESTED} deep")
        raise Refused("corrupt_file", "a parenthesis of the STEP file is not closed")
    return long


def _lists(graph: Graph) -> None:
    """Several entities in a row look like lists too; those of types that are full of them the kernel knows."""
    begin = np.flatnonzero(np.frombuffer(graph.text, np.uint8) == ord("("))
    counts = np.bincount((np.searchsorted(graph.begins, begin, "right") - 1).clip(0), minlength=len(graph.begins))
    for at in np.flatnonzero(counts > LISTS):
        if not FULL.match(graph.text, int(graph.words[at])):
            raise Refused("limit_exceeded", f"an entity of the STEP file has more than {LISTS} lists")


def _numbers(graph: Graph, reach: Reach) -> None:
    text = graph.text
    reach(0.0)
    if any(text[found.start() - 1] in b"0123456789." for found in BEYOND.finditer(text)):
        raise Refused("invalid_geometry", "the STEP file holds a number beyond any size")
    for odd in along(ODD_LISTS, len(ODD_LISTS), within(reach, 0.3, 0.9)):
        if odd.search(text):
            raise Refused("corrupt_file", "a point or a direction of the STEP file is not made of numbers")
    reach(0.9)
    splines = [found.start() for word in SPLINE for found in word.finditer(text)] if b"_KNOTS" in text else []
    for at in graph.holders(splines):
        if COUNT.search(text, int(graph.begins[at]), graph.ends(at)):
            raise Refused("corrupt_file", "a spline of the STEP file announces more than it can hold")
    reach(1.0)


def _repeated(graph: Graph) -> None:
    """The kernel compares what an entity refers to again with all that it does: 100,000 times take it a minute."""
    for owner in np.flatnonzero(np.bincount(graph.owners) > REPEATED):
        first, last = np.searchsorted(graph.owners, [owner, owner + 1])
        targets = graph.targets[first:last]
        if len(targets) - len(np.unique(targets)) > REPEATED:
            raise Refused("limit_exceeded", f"an entity repeats references of it more than {REPEATED} times")


def _graph(text: bytes, reach: Reach = silent) -> Graph:
    """Of every `#` with a number: a definition if `=` follows, else a reference."""
    content = np.frombuffer(text + bytes(DIGITS + 2), np.uint8)
    signs = np.flatnonzero(content == ord("#"))
    numbers, ends = np.zeros(len(signs), np.int64), signs + 1
    going = np.arange(len(signs))
    for at in range(1, DIGITS + 1):
        reach(at / DIGITS)
        digits = content[signs[going] + at] - np.uint8(ord("0"))  # what is less wraps round
        going, digits = going[digits < 10], digits[digits < 10]
        if not len(going):
            break
        numbers[going] = numbers[going] * 10 + digits
        ends[going] += 1
    if numbers.max(initial=0) > MAX_ID:
        raise Refused("limit_exceeded", f"an entity of the STEP file has a number above {MAX_ID}")
    defines = (content[ends] == ord("=")) & (ends > signs + 1)
    owners = np.cumsum(defines) - 1
    refers = ~defines & (owners >= 0)
    words = ends[defines] + 1
    everywhere = np.ndarray(len(content) - HEAD + 1, "<u8", content, strides=(1,))
    heads, owners, defined, targets = everywhere[words], owners[refers], numbers[defines], numbers[refers]
    new = free(defined, targets)
    return Graph(text, signs[defines], words, defined, owners, targets, heads, np.unique(heads), {}, new)


def _check(graph: Graph, reach: Reach) -> None:
    defined, targets = graph.defined, graph.targets
    highest = int(max(defined.max(), targets.max(initial=0)))
    if highest > 8 * len(defined) + 1000:  # numbers with great gaps: count them anew
        names, anew = np.unique(np.concatenate([defined, targets]), return_inverse=True)
        highest, defined, targets = len(names), anew[: len(defined)], anew[len(defined) :]
    _needed(graph, defined, targets, highest)
    _documents(graph, defined, targets, highest)
    _shared(graph, defined, targets)
    reach(0.4)
    forms.check(graph, defined, targets, highest)
    reach(0.8)
    owners, held = defined[graph.owners], ~_holding_itself(graph, defined, targets)
    heights(highest + 1, owners[held], targets[held])
    reach(0.83)
    forms.check_names(graph)
    reach(0.94)
    _instances(graph)
    reach(1.0)


def _holding_itself(graph: Graph, defined: Nodes, targets: Nodes) -> npt.NDArray[np.bool_]:
    """References of representations that are of no kind to themselves, as Datakit has written of densities: the kernel
    takes none for an item."""
    itself: npt.NDArray[np.bool_] = defined[graph.owners] == targets
    if itself.any():
        itself &= graph.are(b"REPRESENTATION")[graph.owners]
    return itself


def _needed(graph: Graph, defined: Nodes, targets: Nodes, highest: int) -> None:
    there = np.zeros(highest + 1, bool)
    there[defined] = True
    if np.count_nonzero(there) < len(defined):
        raise Refused("corrupt_file", "two entities of the STEP file have the same number")
    lacking = graph.owners[~there[targets]]
    if any(graph.are(kind)[lacking].any() for kind in WHOLE):
        raise Refused("corrupt_file", "an edge or a face of the STEP file refers to what is not there")
    for kind, others in NEEDED:
        if not graph.are(kind).any():
            continue
        without = graph.are(kind) & ~_having(graph, forms.of(graph, defined, highest, others, NONE)[targets])
        if without.any():
            fitting = forms.of(graph, defined, highest, others, targets[without[graph.owners]])
            if (without & ~_having(graph, fitting[targets])).any():
                raise Refused("corrupt_file", f"a {kind.decode()} of the STEP file has no {others[0].decode()}")


def _having(graph: Graph, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The definitions that one of these references stands in."""
    has = np.zeros(len(graph.defined), bool)
    has[graph.owners[wanted]] = True
    return has


def _documents(graph: Graph, defined: Nodes, targets: Nodes, highest: int) -> None:
    """The kernel takes for granted that what a product is in is a document. Before those it refers to two others."""
    documents = np.zeros(highest + 1, bool)
    documents[defined[graph.are(b"DOCUMENT") | graph.are(b"DOCUMENT_FILE")]] = True
    for at in np.flatnonzero(graph.are(b"PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS")):
        first, last = np.searchsorted(graph.owners, [at, at + 1])
        if not documents[targets[first + 2 : last]].all():
            raise Refused("corrupt_file", "a product of the STEP file is in a document of no known kind")


def _shared(graph: Graph, defined: Nodes, targets: Nodes) -> None:
    """The kernel looks through what an edge has for each of its faces as often as it has faces."""
    uses = np.bincount(targets, minlength=int(defined.max()) + 1)
    for kind in BOUNDARIES:
        if (uses[defined[graph.are(kind)]] > SHARED).any():
            raise Refused("limit_exceeded", f"more than {SHARED} entities of the STEP file share one edge or bound")


def _instances(graph: Graph) -> None:
    """The two ways to place a thing many times: occurrences of products, and mapped representations. And curves made
    of curves."""
    # Relating and related product come first, also in a complex instance, whose parts are in the alphabet's order.
    check_instances((record[1], record[2]) for record in _records(graph, OCCURRENCE) if len(record) > 2)
    if any(word in graph.text for word in COMPOSITES):
        check_instances((record[0], target) for record in _records(graph, COMPOSITE) for target in record[1:])
    mapped = {record[0]: record[1:] for record in _records(graph, MAPPED)}
    if mapped:
        maps = [(item, target) for item, targets in mapped.items() for target in targets[:1]]
        maps += [(record[0], record[2]) for record in _records(graph, MAP) if len(record) > 2]
        held = [(r[0], item) for r in _records(graph, REPRESENTATION) for item in r[1:] if item in mapped]
        check_instances(maps + held)


def _records(graph: Graph, pattern: re.Pattern[bytes]) -> Iterator[list[int]]:
    """The numbers of each definition that has this word: its own, then those that it refers to."""
    rows = np.array(graph.holders([found.start() for found in pattern.finditer(graph.text)]), np.int64)
    begins, ends = (np.searchsorted(graph.owners, each).tolist() for each in (rows, rows + 1))
    for number, first, last in zip(graph.defined[rows].tolist(), begins, ends, strict=True):
        yield [number, *graph.targets[first:last].tolist()]
