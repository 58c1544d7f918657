"""Who refers to whom: no circles, no towers, and how many parts an assembly comes to, without building it."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shapr.errors import Refused

Nodes = npt.NDArray[np.int64]

MAX_ID = 2**31 - 1  # of an entity's number: the kernel's
DEEPEST = (
    500  # references from one entity to the next; the kernel's stack holds some thousands, real files need some 30
)
MAX_INSTANCES = 100_000
COUNTED = 10**18  # where counting stops
HEAD = 8  # bytes of a type's name that are compared at once


class Graph(NamedTuple):
    """The definitions in the file's order, and every `#n` that stands in one."""

    text: bytes
    begins: Nodes  # where each definition begins
    words: Nodes  # where what comes after its `=` does
    defined: Nodes  # its number
    owners: Nodes  # of each reference, the definition that it stands in: 0 for the first
    targets: Nodes  # the number referred to
    heads: npt.NDArray[np.uint64]  # what each definition's words begin with, HEAD bytes as a number
    different: npt.NDArray[np.uint64]  # each of these once, some dozens: most types that are asked for begin with none
    known: dict[bytes, npt.NDArray[np.bool_]]  # what was asked before
    free: Iterator[int]  # numbers for new definitions, each of which is given once

    def ends(self, at: int) -> int:
        return int(self.begins[at + 1]) if at + 1 < len(self.begins) else len(self.text)

    def holder(self, place: int) -> int:
        """The definition around a place of the text."""
        return int(np.searchsorted(self.begins, place, "right")) - 1

    def holders(self, places: list[int]) -> list[int]:
        """The definitions around these places, each once."""
        found = np.unique(np.searchsorted(self.begins, places, "right")) - 1
        return [at for at in found.tolist() if at >= 0]

    def are(self, kind: bytes) -> npt.NDArray[np.bool_]:
        """Which definitions are of this type."""
        if kind not in self.known:
            self.known[kind] = self._are(kind)
        return self.known[kind]

    def is_also(self, at: int, kind: bytes) -> bool:
        """Whether a definition of several types is of this one by one of them."""
        said = self.text[int(self.words[at]) : self.ends(at)]
        return said[:1] == b"(" and any(before + kind + b"(" in said for before in (b"(", b")"))

    def _are(self, kind: bytes) -> npt.NDArray[np.bool_]:
        content, wanted = np.frombuffer(self.text, np.uint8), kind + b"("
        mask = np.uint64((1 << 8 * min(len(wanted), HEAD)) - 1)
        head = np.uint64(int.from_bytes(wanted[:HEAD], "little"))
        result = np.zeros(len(self.words), bool)
        if not (self.different & mask == head).any():
            return result
        found = np.flatnonzero(self.heads & mask == head)
        found = found[self.words[found] + len(wanted) <= len(content)]
        for offset in range(HEAD, len(wanted)):
            found = found[content[self.words[found] + offset] == wanted[offset]]
        result[found] = True
        return result


def free(defined: Nodes, targets: Nodes) -> Iterator[int]:
    """The numbers that nothing has: those above all others, then those between."""
    yield from range(int(max(defined.max(initial=0), targets.max(initial=0))) + 1, MAX_ID + 1)
    for below, number in pairwise((0, *np.unique(np.concatenate([defined, targets])).tolist())):
        yield from range(below + 1, number)


def heights(nodes: int, owners: Nodes, targets: Nodes) -> npt.NDArray[np.int32]:
    """How far each node is above those that refer to nothing. An edge goes from an owner to its target, 0-based.

    Refuses circles with `corrupt_file`, towers with `limit_exceeded`.
    """
    height = np.zeros(nodes, np.int32)
    for _ in range(DEEPEST):
        if not len(owners):
            return height
        standing = np.zeros(nodes, bool)
        standing[owners] = True
        height += standing
        kept = standing[targets]  # the others' targets refer to nothing any more
        if kept.all():
            raise Refused("corrupt_file", "an entity of the file refers to itself")
        owners, targets = owners[kept], targets[kept]
    if len(owners):
        raise Refused("limit_exceeded", f"entities of the file are nested more than {DEEPEST} deep")
    return height


def check_instances(edges: Iterable[tuple[int, int]]) -> None:
    """Count by arithmetic what (holder, held) pairs expand to: thirty nested doublings are a billion parts."""
    pairs = list(edges)
    if not pairs:
        return
    names, numbered = np.unique(np.array(pairs, np.int64), return_inverse=True)
    owners, targets = numbered.reshape(-1, 2).T
    height = heights(len(names), owners, targets)
    parts = [0] * len(names)
    order = np.argsort(height[owners], kind="stable")
    for owner, target in zip(owners[order].tolist(), targets[order].tolist(), strict=True):
        parts[owner] = min(COUNTED, parts[owner] + (parts[target] or 1))
    roots = set(owners.tolist()) - set(targets.tolist())
    total = sum(parts[root] for root in roots)
    different = len(np.unique(owners * len(names) + targets))  # what is only repeated is no reason for more
    if total > max(MAX_INSTANCES, 2 * different):
        raise Refused("decompression_bomb", f"the file expands to {total} parts; {MAX_INSTANCES} are allowed")
