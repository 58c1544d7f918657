"""Entities of an IGES file as its text has them; and in sentences what is beside its surfaces and curves, or is not as
it should be."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from shapr.converters.preflight.iges_curves import integer, uneven

SURFACES = frozenset({108, 114, 118, 120, 122, 128, 140, 143, 144, 180, 190, 192, 194, 196, 198})
NOTES = frozenset(range(202, 231))  # dimensions, notes, leaders, symbols, hatches
POINT, ARC = 116, 100
SPREAD = frozenset({412, 414, 420})  # instances in rows, around a circle, in networks: the kernel makes nothing of them
PLANE, ENDLESS = 108, frozenset({190, 192, 194})  # planes, cylinders and cones
HOLDERS = frozenset({402, 308})  # groups, subfigures
CURVES = frozenset({100, 102, 104, 106, 110, 112, 126, 130})
BODIES = SURFACES | frozenset({150, 152, 154, 156, 158, 160, 162, 164, 168, 180, 182, 184, 186, 402, 408, 430, 514})


class Entity(NamedTuple):
    kind: int
    form: int
    matrix: int  # where its transformation is in the directory, 0 for none
    status: bytes  # two digits each: 01 for hidden, 00 for what belongs to nothing else, 01 for a drawing, hierarchy
    text: bytes  # its parameters, its type first


def endless(entities: list[Entity], edges: Iterable[tuple[int, int]]) -> frozenset[int]:
    """The surfaces that go on for ever, and that nothing is cut out of: where there is something else."""
    found = {at for at, entity in enumerate(entities) if entity.kind in ENDLESS or _unbounded(entity)}
    if not found:
        return frozenset()
    found -= {target for owner, target in edges if entities[owner].kind not in HOLDERS}
    shapes = (SURFACES | CURVES | {186, 514}) - HOLDERS
    others = any(entity.kind in shapes for at, entity in enumerate(entities) if at not in found)
    return frozenset(found) if others else frozenset()


def _unbounded(entity: Entity) -> bool:
    if entity.kind != PLANE:
        return False
    curve = entity.text.partition(b";")[0].split(b",", 6)[5:6]
    return not curve or integer(curve[0]) == 0


def passed_over(entities: list[Entity], endless: int) -> Iterator[str]:
    if endless:
        yield f"Surfaces without a boundary, which go on for ever, were passed over: {endless}."
    alone = [entity for entity in entities if entity.status[2:4] == b"00"]
    if any(entity.kind in NOTES for entity in entities):
        yield "Dimensions and notes were passed over."
    if arcs := sum(entity.kind == ARC and uneven(entity.text) for entity in entities):
        yield f"Arcs whose ends are not as far from the centre as each other have the radius of the first: {arcs}."
    if spread := sum(entity.kind in SPREAD for entity in entities):
        yield f"Instances in arrays and networks were passed over: {spread}."
    points = sum(entity.kind == POINT for entity in alone)
    if points and any(entity.kind in BODIES for entity in entities):  # curves alone keep theirs
        yield f"Points were passed over: {points}."
    if hidden := sum(entity.kind in BODIES and entity.status[:2] == b"01" for entity in alone):
        yield f"Surfaces and bodies that the file hides were converted like the others: {hidden}."
