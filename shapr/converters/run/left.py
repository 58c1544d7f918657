"""What a child left in its scratch dir, read by the worker: outside the fence, by one who may open anything.

The child may have been taken over by what it read. So its word is bounded, and only files of its own are taken.
"""

import os
import stat
from pathlib import Path

from shapr.converters.run.job import ANSWER, Answer
from shapr.errors import TABLE, Refused

MOST = 16 << 20  # bytes of an answer: a report names parts, outputs are files beside it


def answer(scratch: Path, formats: tuple[str, ...]) -> Answer | None:
    """The answer, with absolute paths of regular files in the scratch dir; None if there is none.

    Raises ValueError for what is no answer, and Refused for one that is not about these output formats, in order, or
    names what is not the child's own file.
    """
    try:
        found = Answer.model_validate_json(_read(scratch / ANSWER))
    except FileNotFoundError:
        return None
    if {error.code for error in (found.error, *(each.error for each in found.written)) if error} - TABLE.keys():
        raise Refused("converter_crashed", "the converter gave a reason that does not exist")
    if not _asked(found, formats):
        raise Refused("converter_crashed", "the converter answered something else than it was asked")
    written = tuple(each.model_copy(update={"path": own(scratch, each.path)}) for each in found.written)
    more = {"thumbnail": own(scratch, found.thumbnail), "preview": own(scratch, found.preview)}
    return found.model_copy(update={"written": written, **more})


def _asked(found: Answer, formats: tuple[str, ...]) -> bool:
    """Whether it is about these outputs, all of them, and says of each what became of it if it is not still at work."""
    ended = found.error or found.making
    if found.making and found.making not in formats:
        return False
    if tuple(each.format for each in found.written) != formats:
        return bool(ended and not found.written)
    return bool(ended) or all(each.path or each.error for each in found.written)


def own(scratch: Path, path: Path | None) -> Path | None:
    """Where a file of the child lies, absolute. No link, no folder, nothing outside, whatever it says."""
    if path is None:
        return None
    place = (scratch / path).absolute()
    try:
        regular = stat.S_ISREG(place.lstat().st_mode)
    except (OSError, ValueError):  # ValueError: a NUL
        regular = False
    home = scratch.resolve()
    if not regular or home not in place.parent.resolve().joinpath(place.name).parents:
        raise Refused("converter_crashed", "the converter left something that is not a file of its own")
    return place


def _read(path: Path) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError("the answer is not a file") from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ValueError("the answer is not a file")
        with os.fdopen(file, "rb", closefd=False) as answer:
            data = answer.read(MOST + 1)
    finally:
        os.close(file)
    if len(data) > MOST:
        raise ValueError("the answer is too long")
    return data
