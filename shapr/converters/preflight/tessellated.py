"""STEP whose shapes are tessellated (AP242): the lists of triangles are put aside before the kernel reads the file.

The kernel believes every index and count in them, crashes on a shell that holds anything but faces, and knows no sets.
So it gets the same file with one triangle for each list, which says whose it is; of that it makes parts, places, names,
colours and units (`brep/proxies.py`). The lists are read by us, and only those that a part shows (`facets.py`).
"""

import mmap
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shapr.converters.preflight.editions import plain
from shapr.converters.preflight.facets import COMPLEX, COORDINATES, TRIANGLES, Lists
from shapr.converters.preflight.hybrid import EXACT, Inside, exact_alone, inside, numbers
from shapr.converters.preflight.references import ASIDE
from shapr.converters.preflight.sets import Matrix, Sets
from shapr.converters.preflight.step import MAX_ID, Graph, graph_of
from shapr.errors import Refused

MENTION = b"LATED_"  # in both of the words below, which are looked for where this is found
MENTIONS = (b"TRIANGULATED_", b"TESSELLATED_S")
CURVED = b"CUBIC_BEZIER_TRIANGULATED_FACE"
HOLDERS = (b"TESSELLATED_SOLID", b"TESSELLATED_SHELL")
DEFINITION = re.compile(rb"#(\d+)\s*=\s*(\w*)\s*\(")
NAME = re.compile(rb"\s*('[^']*'(?:'[^']*')*)")
NAMED = re.compile(rb"\bREPRESENTATION_ITEM\s*\(\s*('[^']*'(?:'[^']*')*)")
LISTED = re.compile(rb"(\s*(?:'[^']*'(?:'[^']*')*|\$)\s*,\s*)\([^()']*\)")
# The first point says whose it is, the second coordinate how long the file's unit is.
PROXY = b"COORDINATES_LIST('',3,((%d.,1.,0.),(0.,0.,1.),(0.,0.,0.)));"
NOTHING = b"COORDINATES_LIST('',1,((0.,0.,0.)));"


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
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(MENTION) >= 0 and any(content.find(word) >= 0 for word in MENTIONS)


def put_aside(path: Path) -> Aside:
    content = _uncommented(exact_alone(plain(path)).read_bytes())
    graph = graph_of(content)
    items = numbers(graph, *TRIANGLES, *COMPLEX)
    holders = {number: kind for kind in HOLDERS for number in numbers(graph, kind)}
    links = inside(graph, items | set(holders))
    held = {holder: _within(holder, links, items, set(holders)) for holder in holders}
    sets = Sets(graph, items, held)
    exact = numbers(graph, *EXACT)
    presenting = [number for number, ends in links.items() if not exact.isdisjoint(ends)]
    doubles = {item for number in presenting for item in held.get(number, [number])}
    new = int(max(graph.defined.max(initial=0), graph.targets.max(initial=0))) + 1
    if new + 2 * len(items) > MAX_ID:
        raise Refused("limit_exceeded", f"an entity of the STEP file has a number near {MAX_ID}")
    points = {item: new + 2 * at for at, item in enumerate(sorted(items))}  # and the number after it for a shell
    instead = {item: b"TRIANGULATED_FACE(%%b,#%d,3,(),$,(),((1,2,3)));" % points[item] for item in items}
    for holder, kind in holders.items():
        instead[holder] = b"%b(%%b,(%b),$);" % (kind, _listed(held[holder]))
    for number, own in sets.own.items():
        instead[number] = b"TESSELLATED_SHELL(%%b,(%b),$);" % _listed(own)
    instead |= dict.fromkeys(_only_of(graph, items), NOTHING)
    opened = {
        number: [points[each] + 1 if each in items else each for each in within]
        for number, within in sets.opened.items()
    }
    alone = {item: at + 1 for item, at in points.items()}
    made = path.with_name("aside.step")
    made.write_bytes(_rewritten(content, instead, opened, alone))
    curved = len(numbers(graph, CURVED))
    return Aside(made, Lists(graph), sets.places, frozenset(doubles), frozenset(items - sets.drawn), sets.again, curved)


def _uncommented(content: bytes) -> bytes:
    content = content.replace(b"\0", b" ")
    if b"/*" not in content:
        return content
    return ASIDE.sub(lambda aside: aside[0] if aside[0].startswith(b"'") else b" ", content)


def _within(holder: int, links: Inside, items: set[int], holders: set[int]) -> list[int]:
    """The items of a holder, and of those in it."""
    found: dict[int, None] = {}  # in order
    waiting, seen = list(links.get(holder, ())), {holder}
    while waiting:
        each = waiting.pop(0)
        if each in items:
            found[each] = None
        elif each in holders and each not in seen:
            seen.add(each)
            waiting += links.get(each, ())
    return list(found)


def _listed(wanted: Iterable[int]) -> bytes:
    return b",".join(b"#%d" % each for each in wanted)


def _only_of(graph: Graph, items: set[int]) -> set[int]:
    """The lists of coordinates that nothing else refers to."""
    lists = numbers(graph, COORDINATES)
    owners = graph.defined[graph.owners]
    others = graph.targets[~np.isin(owners, list(items))]
    return lists.difference(others[np.isin(others, list(lists))].tolist())


def _rewritten(content: bytes, instead: dict[int, bytes], opened: dict[int, list[int]], alone: dict[int, int]) -> bytes:
    """With other definitions `instead` of some, `%b` being the name that they have; representations with what they hold
    `opened`; and for every item its points, and a shell of it `alone`, which is called like it."""
    array = np.frombuffer(content, np.uint8)
    quotes, ends = np.flatnonzero(array == ord("'")), np.flatnonzero(array == ord(";"))
    ends = ends[np.searchsorted(quotes, ends) % 2 == 0]  # not within a string
    kept, at, more = bytearray(), 0, list[bytes]()
    for found in DEFINITION.finditer(content):
        number, after = int(found[1]), int(np.searchsorted(ends, found.end()))
        if number not in instead and number not in opened:
            continue
        if found.start() < at or np.searchsorted(quotes, found.start()) % 2 or after == len(ends):
            continue
        stop = int(ends[after]) + 1
        kept += content[at : found.start()] + b"#%d=" % number
        if number in instead:
            name = (NAME if found[2] else NAMED).search(content, found.end(), stop)
            said = instead[number]
            called = name[1] if name else b"''"
            kept += said % called if b"%b" in said else said
            if number in alone:
                more.append(b"#%d=%b" % (alone[number] - 1, PROXY % number))
                more.append(b"#%d=TESSELLATED_SHELL(%b,(#%d),$);" % (alone[number], called, number))
        else:
            listed = LISTED.match(content, found.end(), stop)
            if listed is None:
                raise Refused("corrupt_file", "a tessellated representation of the STEP file has no list of items")
            held = b",".join(b"#%d" % each for each in opened[number])
            kept += b"%b(%b(%b)%b" % (found[2], listed[1], held, content[listed.end() : stop])
        at = stop
    end = max(content.rfind(b"ENDSEC"), at)
    return b"%b%b\n%b\n%b" % (bytes(kept), content[at:end], b"\n".join(more), content[end:])
