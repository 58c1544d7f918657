"""How the nodes of a body hang together: lists, the fins of a loop, the fins around an edge."""

from collections.abc import Iterator

from shapr.converters.shaprfile.curves import needed
from shapr.converters.shaprfile.xb import File, Node
from shapr.errors import Refused


def chain(file: File, index: int | None, link: str = "next") -> Iterator[Node]:
    """Nodes that follow each other; `corrupt_file` for a chain that runs in a ring."""
    seen = set()
    while index:
        if index in seen:
            raise Refused("corrupt_file", "a list of the geometry of a body has no end")
        seen.add(index)
        node = needed(file, index, "a list of the geometry of a body is broken")
        yield node
        index = node.fields.get(link)


def ring(file: File, loop: Node) -> Iterator[Node]:
    """The fins of a loop, in the order in which it runs."""
    fin = first = needed(file, loop.fin, "a loop has no fin")
    seen: set[int] = set()
    while fin.index not in seen:
        seen.add(fin.index)
        yield fin
        fin = needed(file, fin.forward, "a loop is not closed") if fin.forward else first
    if fin is not first:
        raise Refused("corrupt_file", "a loop does not end where it begins")


def fins(file: File, edge: Node) -> list[Node]:
    """All around the edge."""
    first = needed(file, edge.fin, "an edge has no fin")
    found, fin = {first.index: first}, file.nodes.get(first.other or 0)
    while fin is not None and fin.index not in found:
        found[fin.index] = fin
        fin = file.nodes.get(fin.other or 0)
    return list(found.values())


def touching(loops: list[list[Node]]) -> list[list[Node]]:
    """Loops that touch in a vertex, as one that passes there twice: as its sectors are, which lie between fins."""
    found: list[list[Node]] = []
    for loop in loops:
        for at, other in enumerate(found):
            met = {fin.vertex for fin in other} & {fin.vertex for fin in loop} - {None}
            if met:
                loop = [*_until(other, min(met)), *_until(loop, min(met))]
                del found[at]
                break
        found.append(loop)
    return found if len(found) == len(loops) else touching(found)


def apart(loops: list[list[Node]]) -> list[list[Node]]:
    """The other way round: a loop that passes a vertex twice as two that touch there."""
    found: list[list[Node]] = []
    for loop in loops:
        way: list[Node] = []
        closed: list[list[Node]] = []
        for fin in loop:
            way.append(fin)
            first = next((at for at, each in enumerate(way[:-1]) if each.vertex and each.vertex == fin.vertex), None)
            if first is not None:
                closed.append(way[first + 1 :])
                del way[first + 1 :]
        found += [way, *closed]
    return found


def turned(loops: list[list[Node]]) -> list[list[Node]]:
    """Apart, in the opposite order: the kernel may want the loop around the others first, and that is not said."""
    return apart(loops)[::-1]


def _until(loop: list[Node], vertex: int) -> list[Node]:
    """The loop, begun so that it ends at a vertex."""
    last = next(at for at, fin in enumerate(loop) if fin.vertex == vertex)
    return [*loop[last + 1 :], *loop[: last + 1]]
