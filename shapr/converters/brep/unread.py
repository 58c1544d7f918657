"""In sentences, what a reader of STEP or IGES can make nothing of. The kernel leaves it out, and tells who asks."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from OCP.Transfer import Transfer_TransientProcess

MANY = {"face": "faces", "body": "bodies", "curve": "curves", "boundary of a face": "boundaries of faces"}
BOUNDARY = "boundary of a face"


def failed(process: Transfer_TransientProcess) -> list[int]:
    """The numbers in the model of the entities that the transfer failed on."""
    checks = process.CheckList(True)
    checks.Start()
    found = []
    while checks.More():
        if checks.Value().HasFailed():
            found.append(checks.Number())
        checks.Next()
    return found


def boundaries(model: Any, numbers: list[int], is_one: Callable[[Any], bool]) -> int:
    """How many of them bound faces; of some no number is known."""
    return sum(is_one(model.Value(at)) for at in numbers if 0 < at <= model.NbEntities())


def sentences(lost: Counter[str]) -> Iterator[str]:
    for what, many in MANY.items():
        if number := lost[what]:
            reach = ": what it bounded may reach too far" if number == 1 else ": what they bounded may reach too far"
            yield f"{number} {many if number > 1 else what} could not be read{reach if what == BOUNDARY else ''}"
