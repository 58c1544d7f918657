"""Parameters at the end of IGES entities that are left out because they are the default, as the standard allows. The
kernel makes nothing of some such entities, and something else of others: it gets the defaults in writing."""

# How many parameters these have behind their type; all that may be left out of them is 0, but for the last of 408.
COUNTS = {100: 7, 104: 11, 110: 6, 116: 3, 118: 4, 120: 4, 122: 4, 123: 3, 124: 12, 142: 5, 144: 4, 186: 3}
COUNTS |= {314: 3, 408: 5}
COPIOUS, SIZES = 106, {1: 2, 2: 3, 3: 6}  # a list of points: how many numbers each has, by the kind it says
INSTANCE, SIZE = 408, b"1"


def lacking(kind: int, text: bytes) -> tuple[bytes, ...]:
    """The defaults that `text` leaves out: the parameters of an entity, its type first, and what it ends with."""
    if kind not in COUNTS and kind != COPIOUS:
        return ()
    said, end, _ = text.partition(b";")
    count, there = COUNTS.get(kind, 0), said.count(b",")
    if kind == COPIOUS:
        count = _copious(said, there)
    if not end or there >= count or b"H" in said:
        return ()
    zeros = (b"0",) * (count - there)
    return (*zeros[1:], SIZE) if kind == INSTANCE else zeros


def _copious(said: bytes, there: int) -> int:
    """How many parameters there ought to be, where no more than a point of them is missing."""
    head = [field.strip() for field in said.split(b",", 3)[1:3]]
    if len(head) < 2 or not all(field.isdigit() and len(field) < 10 for field in head):
        return 0
    size = SIZES.get(int(head[0]), 0)
    count = 2 + (size == 2) + int(head[1]) * size  # points in a plane have its height in common
    return count if count - there <= size else 0
