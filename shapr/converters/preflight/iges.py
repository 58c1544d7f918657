"""IGES 5.3, fixed ASCII: sections, counts and pointers. The kernel trusts all of them."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shapr.converters.preflight import iges_beside, iges_curves, iges_lines, iges_short, iges_units
from shapr.converters.preflight.graph import check_instances, heights
from shapr.converters.preflight.iges_beside import BODIES, SURFACES, Entity
from shapr.converters.preflight.iges_curves import integer, lie
from shapr.converters.preflight.iges_end import unpadded
from shapr.converters.preflight.iges_lines import joined, within_number
from shapr.converters.preflight.iges_units import STRING
from shapr.converters.progress import Reach, along, silent, within
from shapr.errors import Refused

SECTIONS = b"SGDPT"
FORMS = {ord("C"): "compressed ASCII", ord("B"): "binary"}  # by what the first line says
COUNTED = {402: (1, 7, 14, 15), 406: (1,)}  # forms that hold others, or layers
EXTERNAL = 416
SOLIDS, PIECES = (186, 514), (510, 514)  # solids and shells, of which shells and faces are pieces
PLACES = {402, 408, 308, 184, 430}  # what holds others, so that nesting multiplies
LONG = re.compile(rb",\s*(\d{4,})H")

Short = dict[int, tuple[bytes, ...]]  # what entities leave out at their end, by their lines in the directory


class Looked(NamedTuple):
    losses: tuple[str, ...]
    endless: frozenset[int]  # entities that the kernel must not see, by their lines in the directory
    short: Short  # of others


class Rule(NamedTuple):
    """Where the pointers of a type are, after its type number: alone, and in a list with its count.

    Each with the types it may point at; none named: any. `repeat` is the list's (count at, first, width, pointers at).
    """

    alone: tuple[tuple[int, frozenset[int]], ...] = ()
    repeat: tuple[int, int, int, tuple[tuple[int, frozenset[int]], ...]] | None = None


ANY: frozenset[int] = frozenset()
FACES, SHELLS, LOOPS, VERTICES = frozenset({510}), frozenset({514}), frozenset({508}), frozenset({502})
POINTS, DIRECTIONS = frozenset({116}), frozenset({123})
RULES: dict[int, Rule] = {
    102: Rule((), (0, 1, 1, ((0, ANY),))),
    118: Rule(((0, ANY), (1, ANY))),
    120: Rule(((0, ANY), (1, ANY))),
    122: Rule(((0, ANY),)),
    130: Rule(((0, ANY),)),
    140: Rule(((4, SURFACES - {140}),)),  # the kernel crashes on one of another one
    142: Rule(((1, ANY), (2, ANY), (3, ANY))),
    143: Rule(((1, ANY),), (2, 3, 1, ((0, ANY),))),
    144: Rule(((0, ANY), (3, frozenset({142}))), (2, 4, 1, ((0, frozenset({142})),))),
    184: Rule((), (0, 1, 1, ((0, ANY),))),
    186: Rule(((0, SHELLS),), (2, 3, 2, ((0, SHELLS),))),
    308: Rule((), (2, 3, 1, ((0, ANY),))),
    402: Rule((), (0, 1, 1, ((0, ANY),))),
    406: Rule((), (0, 1, 1, ())),
    408: Rule(((0, frozenset({308})),)),
    412: Rule(((0, ANY),)),
    414: Rule(((0, ANY),)),
    430: Rule(((0, ANY),)),
    502: Rule((), (0, 1, 3, ())),
    504: Rule((), (0, 1, 5, ((0, ANY), (1, VERTICES), (3, VERTICES)))),
    190: Rule(((0, POINTS), (1, DIRECTIONS))),
    510: Rule(((0, SURFACES),), (1, 3, 1, ((0, LOOPS),))),
    514: Rule((), (0, 1, 2, ((0, FACES),))),
}
OPTIONAL = {(142, 2), (142, 1), (142, 3), (144, 3), (402, 0)}  # 0 stands for none
LONGEST = 3600  # characters of the global section; thousands of parameters in it crash the kernel
EDGES = {0: frozenset({504}), 1: VERTICES}  # what a loop is made of, by the number that says which
EDGE_LIST, VERTEX_LIST, LINE = 504, 502, 110
RIGID = BODIES | {100, 102, 104, 112, 124, 130, 510}  # other curves are made of points
NEVER_EMPTY = frozenset({184, 406, 510, 514})  # or the kernel crashes
NUMERIC = frozenset(b"0123456789.+-EeDd")


def check(path: Path, reach: Reach = silent) -> Looked:
    content = joined(unpadded(path)).read_bytes()
    reach(0.04)
    sections = _sections(content)
    del content
    reach(0.08)
    head = b"".join(line[:72] for line in sections[ord("G")])
    if len(head) > LONGEST:
        raise Refused("limit_exceeded", "the global section of the IGES file is too long")
    usual = iges_lines.usual(head[:72])
    entities, short = _entities(sections, usual, within(reach, 0.1, 0.6))
    if any(entity.kind == EXTERNAL for entity in entities):
        raise Refused("external_reference", "geometry of the IGES file is in other files that it names")
    edges = list(_edges(entities, within(reach, 0.6, 0.76)))
    owners, targets = np.array(edges, np.int64).reshape(-1, 2).T
    heights(len(entities), owners, targets)
    reach(0.79)
    check_instances(edge for edge in edges if entities[edge[0]].kind in PLACES)
    pieces = {target for owner, target in edges if entities[owner].kind in SOLIDS}
    if any(entities[at].kind in PIECES and _moved(entities, entities[at]) for at in pieces):
        raise Refused(
            "unsupported_geometry", "the IGES file places a face or a shell of a solid by a matrix of its own"
        )
    _check_matrices(entities, within(reach, 0.81, 0.93))
    lines = {target for owner, target in edges if entities[owner].kind == EDGE_LIST and entities[target].kind == LINE}
    if any(iges_curves.straight_to_itself(entities[at].text) for at in lines):
        raise Refused("invalid_geometry", "an edge of the IGES file has no length")  # the kernel crashes on it
    reach(0.95)
    endless = iges_beside.endless(entities, edges)
    beside = iges_beside.passed_over(entities, len(endless))
    losses = (*iges_units.passed_over(head.translate(usual)), *beside)
    reach(1.0)
    return Looked(losses, frozenset(2 * at + 1 for at in endless), short)


def _check_matrices(entities: list[Entity], reach: Reach) -> None:
    """The kernel forgets one that bends, or crashes on it, but for what is made of points alone."""
    rigid = {entity.matrix for entity in entities if entity.kind in RIGID and entity.matrix > 0}
    texts = (entities[(matrix - 1) // 2].text for matrix in along(rigid, len(rigid), reach))
    if any(map(iges_curves.bends, texts)):
        raise Refused("unsupported_geometry", "the IGES file places something by a matrix that bends it")


def _moved(entities: list[Entity], entity: Entity) -> bool:
    """Whether its matrix does anything, or has one itself."""
    if entity.matrix <= 0:
        return False
    matrix = entities[(entity.matrix - 1) // 2]
    return matrix.matrix > 0 or not iges_curves.identity(matrix.text)


def _sections(data: bytes) -> dict[int, list[bytes]]:
    """The lines by the letter in column 73."""
    found: dict[int, list[bytes]] = defaultdict(list)
    for line in data.splitlines():
        if len(line) > 72:
            found[line[72]].append(line)
    if form := FORMS.get(next(iter(found), 0)):
        raise Refused("unsupported_format", f"the IGES file is of the {form} form: only fixed ASCII is read")
    ends = found[ord("T")]
    if not ends or any(letter not in SECTIONS for letter, lines in found.items() if lines):
        raise Refused("corrupt_file", "the IGES file is cut short, or its lines are not in sections")
    for at, letter in enumerate(b"SGDP"):
        said = ends[-1][8 * at : 8 * at + 8]
        if said.strip() and said != b"%c%7d" % (letter, len(found[letter])) and integer(said[1:]) != len(found[letter]):
            raise Refused("corrupt_file", f"section {letter:c} of the IGES file has another length than it says")
    if not found[ord("D")] or len(found[ord("D")]) % 2:
        raise Refused("corrupt_file", "the directory of the IGES file is not complete")
    return found


def _entities(sections: dict[int, list[bytes]], usual: bytes, reach: Reach) -> tuple[list[Entity], Short]:
    """The directory with its parameters, which say themselves whose they are, and those that were left out at their
    end. `usual`: see `iges_lines.py`."""
    lines, entities = sections[ord("D")], []
    short: Short = {}
    texts: dict[int, list[bytes]] = defaultdict(list)
    begins: dict[int, int] = {}
    broken: dict[int, list[int]] = defaultdict(list)
    parameters = sections[ord("P")]
    for number, line in enumerate(along(parameters, len(parameters), within(reach, 0.0, 0.4)), 1):
        owner = integer(line[64:72])
        if owner % 2 == 0 or not 0 < owner < len(lines):
            raise Refused("corrupt_file", "parameters of the IGES file belong to no entity")
        if begins.setdefault(owner, number) != number and line[0] in NUMERIC and texts[owner][-1][-1] in NUMERIC:
            broken[owner].append(64 * len(texts[owner]))
        texts[owner].append(line[:64])
    if any(within_number(b"".join(texts[owner]).translate(usual), places) for owner, places in broken.items()):
        raise Refused("corrupt_file", "a number of the IGES file goes on in the next line")  # the kernel's ends there
    for at in along(range(0, len(lines), 2), len(lines) // 2, within(reach, 0.4, 1.0)):
        first, second = lines[at], lines[at + 1]
        kind, number = integer(first[:8]), at + 1
        text = b"".join(texts[number]).translate(usual)
        # Whatever is said twice must agree: the kernel goes by the one here and by the other there.
        said = integer(first[73:80]), integer(second[73:80]), integer(second[:8])
        if said != (number, number + 1, kind) or (kind and integer(first[8:16]) != begins.get(number)):
            raise Refused("corrupt_file", "the directory of the IGES file contradicts itself")
        if kind and integer(text[:64].replace(b";", b",").partition(b",")[0]) != kind:
            raise Refused("corrupt_file", f"the parameters of an IGES entity of type {kind} are of another type")
        if lacking := iges_short.lacking(kind, text):
            short[number] = lacking
            text = b",".join((text.partition(b";")[0], *lacking)) + b";"
        status = first[64:72].replace(b" ", b"0")
        entities.append(Entity(kind, integer(second[32:40]), integer(first[48:56]), status, text))
    return entities, short


def _edges(entities: list[Entity], reach: Reach) -> Iterator[tuple[int, int]]:
    """Who points at whom, as numbers of the directory, after the counts were held against what is there."""
    for at, entity in enumerate(along(entities, len(entities), reach)):
        if entity.matrix > 0:
            yield at, _target(entities, entity, entity.matrix, frozenset({124}))
        if 100 <= entity.kind < 200 or entity.kind == VERTEX_LIST:
            iges_curves.check(entity.kind, entity.form, entity.text)
        elif entity.kind == 406:
            _parameters(entity)
        elif any(integer(found[1]) > len(entity.text) for found in LONG.finditer(entity.text)):
            raise lie(entity.kind)
        if entity.kind in (141, 508):
            pointers = _loop(entities, entity) if entity.kind == 508 else _boundary(entity)
            yield from ((at, _target(entities, entity, *pointer)) for pointer in pointers)
        rule = RULES.get(entity.kind)
        if rule and entity.form in COUNTED.get(entity.kind, (entity.form,)):
            for position, pointer, kinds in _pointers(entity, rule):
                if pointer or (entity.kind, position) not in OPTIONAL:
                    yield at, _target(entities, entity, pointer, kinds)


def _target(entities: list[Entity], entity: Entity, pointer: int, kinds: frozenset[int]) -> int:
    target = (pointer - 1) // 2
    if pointer < 1 or pointer % 2 == 0 or target >= len(entities) or (kinds and entities[target].kind not in kinds):
        raise Refused("corrupt_file", f"an IGES entity of type {entity.kind} points at what it cannot hold")
    return target


def _pointers(entity: Entity, rule: Rule) -> Iterator[tuple[int, int, frozenset[int]]]:
    """(position, pointer, allowed types); those of a list all have position 0."""
    values = _parameters(entity)
    for position, kinds in rule.alone:
        yield position, _at(entity, values, position), kinds
    if rule.repeat:
        count_at, first, width, pointers = rule.repeat
        count = _at(entity, values, count_at)
        if count < (entity.kind in NEVER_EMPTY) or first + count * width > len(values):
            raise lie(entity.kind)
        for begin in range(first, first + count * width, width):
            for offset, kinds in pointers:
                yield 0, _at(entity, values, begin + offset), kinds


def _loop(entities: list[Entity], entity: Entity) -> Iterator[tuple[int, frozenset[int]]]:
    """The edges of a loop, each with its own list of curves in the surface."""
    values = _parameters(entity)
    at = 1
    for _ in range(_at(entity, values, 0)):
        kind, edges, number, _, curves = (_at(entity, values, at + each) for each in range(5))
        lists = EDGES.get(kind)
        if lists is None:
            raise Refused("corrupt_file", "a loop of the IGES file is made of neither edges nor vertices")
        head = entities[_target(entities, entity, edges, lists)].text[:40].split(b",", 2)
        yield edges, lists
        if curves < 0 or not 1 <= number <= integer(b"".join(head[1:2])):
            raise lie(entity.kind)
        for curve in range(curves):
            yield _at(entity, values, at + 6 + 2 * curve), ANY
        at += 5 + 2 * curves


def _boundary(entity: Entity) -> Iterator[tuple[int, frozenset[int]]]:
    """The curves of a boundary, each with its own list of curves in the surface, and the surface."""
    values = _parameters(entity)
    yield _at(entity, values, 2), ANY
    at = 4
    for _ in range(_at(entity, values, 3)):
        yield _at(entity, values, at), ANY
        curves = _at(entity, values, at + 2)
        if curves < 0:
            raise lie(entity.kind)
        yield from ((found, ANY) for curve in range(curves) if (found := _at(entity, values, at + 3 + curve)))
        at += 3 + curves


def _parameters(entity: Entity) -> list[bytes]:
    """The parameters after the type number, strings as they are."""
    text = entity.text
    if b"H" not in text:
        return text.partition(b";")[0].split(b",")[1:]
    values: list[bytes] = []
    at = last = 0
    while at < len(text):
        string = STRING.match(text, at)
        end = string.end() + integer(string[1]) if string else at
        if last <= end:  # not for every parameter: it may be far away
            last = text.find(b";", end)
            last = len(text) if last < 0 else last
        stop = text.find(b",", end, last)
        stop = last if stop < 0 else stop
        if string and (end > len(text) or text[end:stop].strip()):
            raise Refused("corrupt_file", "a text of the IGES file has another length than it says")
        values.append(text[at:stop])
        if text[stop : stop + 1] == b";":
            break
        at = stop + 1
    return values[1:]


def _at(entity: Entity, values: list[bytes], position: int) -> int:
    if position >= len(values):
        raise lie(entity.kind)
    return integer(values[position])
