"""Parameters at the end of IGES entities that are left out because they are the default, as the standard allows. The
kernel makes nothing of some such entities, and something else of others: it gets the defaults in writing."""

# How many parameters these have behind their type; all that may be left out of them is 0, but for the last of 408.
COUNTS = {100: 7, 104: 11, 108: 9, 110: 6, 116: 3, 118: 4, 120: 4, 122: 4, 123: 3, 124: 12, 142: 5, 144: 4, 186: 3}
COUNTS |= {314: 3, 408: 5}
COPIOUS, SIZES = 106, {1: 2, 2: 3, 3: 6}  # a list of points: how many numbers each has, by the kind it says
PATCH, ENDS = 128, 4  # a spline surface; where it begins and ends, which the kernel reads, and needs not
INSTANCE, SIZE = 408, b"1"


def lacking(kind: int, text: bytes) -> tuple[bytes, ...]:
    """The defaults that `text` leaves out: the parameters of an entity, its type first, and what it ends with."""
    if kind not in COUNTS and kind not in (COPIOUS, PATCH):
        return ()
    said, end, _ = text.partition(b";")
    count, there = COUNTS.get(kind, 0), said.count(b",")
    if kind in (COPIOUS, PATCH):
        count = (_copious if kind == COPIOUS else _patch)(said, there)
    if not end or there >= count or b"H" in said:
        return ()
    zeros = (b"0",) * (count - there)
    return (*zeros[1:], SIZE) if kind == INSTANCE else zeros


def _copious(said: bytes, there: int) -> int:
    """How many parameters there ought to be, where no more than a point of them is missing."""
    form, points = _head(said, 2) or (0, 0)
    size = SIZES.get(form, 0)
    count = 2 + (size == 2) + points * size  # points in a plane have its height in common
    return count if count - there <= size else 0


def _patch(said: bytes, there: int) -> int:
    """Likewise, where no more than its ends are missing."""
    head = _head(said, 4)
    if not head:
        return 0
    across, along, *_ = head
    count = 13 + sum(head) + 4 * (across + 1) * (along + 1) + ENDS
    return count if count - there <= ENDS else 0


def _head(said: bytes, count: int) -> list[int]:
    """The first parameters behind the type, if they are so many whole numbers."""
    head = [field.strip() for field in said.split(b",", count + 1)[1 : count + 1]]
    fits = len(head) == count and all(field.isdigit() and len(field) < 10 for field in head)
    return [int(field) for field in head] if fits else []
