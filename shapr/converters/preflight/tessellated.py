"""STEP whose shapes are tessellated (AP242): the lists of triangles are put aside before the kernel reads the file.

The kernel believes every index and count in them, crashes on a shell that holds anything but faces, and knows no sets.
So it gets the same file with one triangle for each list, which says whose it is; of that it makes parts, places, names,
colours and units (`brep/proxies.py`). The lists are read by us, and only those that a part shows (`facets.py`).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shapr.converters.mentions import mentions
from shapr.converters.preflight.editions import plain
from shapr.converters.preflight.facets import COMPLEX, COORDINATES, TRIANGLES, Lists
from shapr.converters.preflight.graph import HEAD, Graph
from shapr.converters.preflight.hybrid import EXACT, HOLDERS, Inside, exact_alone, inside, numbers
from shapr.converters.preflight.references import uncommented
from shapr.converters.preflight.sets import MOST, Matrix, Sets
from shapr.converters.preflight.step import graph_of
from shapr.errors import Refused

KINDS = (b"TESSELLATED_", b"TRIANGULATED_", b"COMPLEX_")  # as definitions of them begin
CURVED = b"CUBIC_BEZIER_TRIANGULATED_FACE"
DEFINITION = re.compile(rb"#(\d+)\s*=\s*(\w*)\s*\(")
NAME = re.compile(rb"\s*('[^']*'(?:'[^']*')*)")
NAMED = re.compile(rb"\bREPRESENTATION_ITEM\s*\(\s*('[^']*'(?:'[^']*')*)")
LISTED = re.compile(rb"(\s*(?:'[^']*'(?:'[^']*')*|\$)\s*,\s*)\([^()']*\)")
# The first point says whose it is, the second coordinate how long the file's unit is.
PROXY = b"COORDINATES_LIST('',3,((%d.,1.,0.),(0.,0.,1.),(0.,0.,0.)));"
NOTHING = b"COORDINATES_LIST('',1,((0.,0.,0.)));"

Definition = tuple[re.Match[bytes], int]


@dataclass(frozen=True)
class Aside:
    """The file for the kernel; the lists; by the item's number, where sets place it; the items that present an exact
    shape, which is in the file too; all that are no drawing; how often one is placed that stands elsewhere already; and
    how many faces there are that nobody reads."""

    path: Path
    lists: Lists
    places: dict[int, Matrix]
    doubles: frozenset[int]
    items: frozenset[int]
    again: int
    curved: int


def mentioned(path: Path) -> bool:
    """Whether there may be tessellated shapes in it."""
    return mentions(path, COORDINATES)


def check(graph: Graph) -> None:
    """`corrupt_file` for faces, shells and solids of nothing, which are not put aside."""
    kinds = (*HOLDERS, *TRIANGLES, *COMPLEX)
    if any(_begins(graph, kind) for kind in KINDS) and numbers(graph, *kinds) and not numbers(graph, COORDINATES):
        raise Refused("corrupt_file", "a tessellated shape of the STEP file has no coordinates")


def put_aside(path: Path) -> Aside:
    path = exact_alone(plain(path))
    content = uncommented(path.read_bytes())
    graph = graph_of(content)
    items = numbers(graph, *TRIANGLES, *COMPLEX)
    holders = {number: kind for kind in HOLDERS for number in numbers(graph, kind)}
    held = _held(graph, items, set(holders))
    sets = Sets(graph, items, held)
    made = Aside(
        path,
        Lists(graph),
        sets.places,
        _doubles(graph, items, held),
        frozenset(items - sets.drawn),
        sets.again,
        len(numbers(graph, CURVED)),
    )
    if not made.items and not holders:
        return made  # notes
    definitions = list(_definitions(content))
    there = items.intersection(int(found[1]) for found, _ in definitions)  # one without an end takes the next with it
    points = {item: next(graph.free) for item in sorted(there)}
    instead = {item: b"TRIANGULATED_FACE(%%b,#%d,3,(),$,(),((1,2,3)));" % points[item] for item in there}
    instead |= {each: b"%b(%%b,(%b),$);" % (kind, _listed(held[each], there)) for each, kind in holders.items()}
    instead |= {each: b"TESSELLATED_SHELL(%%b,(%b),$);" % _listed(own, there) for each, own in sets.own.items()}
    instead |= dict.fromkeys(_only_of(graph, items), NOTHING)
    lost = items - there
    opened = {number: [each for each in within if each not in lost] for number, within in sets.opened.items()}
    loose = there & set().union(*opened.values())
    shells = {item: next(graph.free) for item in sorted(loose)}
    aside = path.with_name("aside.step")
    aside.write_bytes(_rewritten(content, definitions, instead, opened, points, shells))
    return replace(made, path=aside)


def _begins(graph: Graph, kind: bytes) -> bool:
    """Whether a definition may be of it: a search of the text for the whole word would take longer."""
    return bool((graph.heads == np.uint64(int.from_bytes(kind[:HEAD], "little"))).any())


def _held(graph: Graph, items: set[int], holders: set[int]) -> Inside:
    """Of each holder, its items and those of holders in it."""
    links, found, count = inside(graph, holders), dict[int, list[int]](), 0
    for holder in holders:
        own: dict[int, None] = {}  # in order
        waiting, seen = links.get(holder, [])[::-1], {holder}
        while waiting:
            each = waiting.pop()
            if each in items:
                own[each] = None
            elif each in holders and each not in seen:
                seen.add(each)
                waiting += links.get(each, [])[::-1]
        found[holder], count = list(own), count + len(own) + len(seen)
        if count > len(graph.targets) + MOST:
            raise Refused("limit_exceeded", f"tessellated shapes hold others of {MOST} faces and more")
    return found


def _doubles(graph: Graph, items: set[int], held: Inside) -> frozenset[int]:
    """The items that say which exact shape they present, or whose holder does."""
    exact = numbers(graph, *EXACT)
    links = inside(graph, items | held.keys()) if exact else {}
    presenting = [number for number, ends in links.items() if not exact.isdisjoint(ends)]
    return frozenset(item for number in presenting for item in held.get(number, [number]))


def _listed(wanted: Iterable[int], there: set[int]) -> bytes:
    return b",".join(b"#%d" % each for each in wanted if each in there)


def _only_of(graph: Graph, items: set[int]) -> set[int]:
    """The lists of coordinates that nothing else refers to."""
    lists = numbers(graph, COORDINATES)
    owners = graph.defined[graph.owners]
    others = graph.targets[~np.isin(owners, list(items))]
    return lists.difference(others[np.isin(others, list(lists))].tolist())


def _rewritten(
    content: bytes,
    definitions: list[Definition],
    instead: dict[int, bytes],
    opened: Inside,
    points: dict[int, int],
    shells: dict[int, int],
) -> bytes:
    """With other definitions `instead` of some, `%b` being the name that they have, and the `points` of each item; and
    representations with what they hold `opened`, items in `shells` that are called like them."""
    more: list[bytes] = []

    def said(number: int, name: bytes) -> bytes:
        if number in points:
            more.append(b"#%d=%b" % (points[number], PROXY % number))
        if number in shells:
            more.append(b"#%d=TESSELLATED_SHELL(%b,(#%d),$);" % (shells[number], name, number))
        return instead[number] % name if b"%b" in instead[number] else instead[number]

    kept, at = bytearray(), 0
    for found, stop in definitions:
        number = int(found[1])
        if number in instead:
            name = (NAME.match if found[2] else NAMED.search)(content, found.end(), stop)
            kept += content[at : found.start()] + b"#%d=" % number + said(number, name[1] if name else b"''")
        elif number not in opened or (listed := LISTED.match(content, found.end(), stop)) is None:
            continue
        else:
            held = b",".join(b"#%d" % shells.get(each, each) for each in opened[number])
            kept += b"%b(%b)%b" % (content[at : listed.end(1)], held, content[listed.end() : stop])
        at = stop
    end = max(content.rfind(b"ENDSEC"), at)
    return b"%b%b\n%b\n%b" % (bytes(kept), content[at:end], b"\n".join(more), content[end:])


def _definitions(content: bytes) -> Iterator[Definition]:
    """Each up to what stands between its parentheses, and where it ends."""
    array = np.frombuffer(content, np.uint8)
    quotes, ends = np.flatnonzero(array == ord("'")), np.flatnonzero(array == ord(";"))
    ends = ends[np.searchsorted(quotes, ends) % 2 == 0]  # not within a string
    at = 0
    for found in DEFINITION.finditer(content):
        if found.start() >= at and not np.searchsorted(quotes, found.start()) % 2:
            after = int(np.searchsorted(ends, found.end()))
            if after < len(ends):
                at = int(ends[after]) + 1
                yield found, at
