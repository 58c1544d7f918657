"""The unit of length of an IGES file: a number, and where that is 3 a name. They are parameters 14 and 15 of the global
section. The one before says how large the model is beside the real thing, which no reader that we know of applies."""

import re
from contextlib import suppress

from shapr.converters.mesh.accessors import shown
from shapr.errors import Refused

STRING = re.compile(rb"\s*(\d+)H")
NEXT = re.compile(rb"[,;]")
WHOLE = re.compile(r"[+-]?[0-9]+")
NAMED = 3
# Of the units from number 1 on, by the standard.
NAMES = ("IN INCH", "MM", "", "FT", "MI", "M", "KM", "MIL", "UM", "CM", "UIN")
NUMBERS = {name: at for at, names in enumerate(NAMES, 1) for name in names.split()}


def passed_over(head: bytes) -> tuple[str, ...]:
    """In sentences: a scale, and a unit that nobody knows. `head` is the global section, with the usual delimiters."""
    scale, said, name = (each.decode("latin-1").strip() for each in _values(head)[12:])
    return (*_scale(scale), *_unit(said, name))


def _scale(said: str) -> tuple[str, ...]:
    """Whatever it is, and be it below zero, it moves nothing: to be told is enough."""
    with suppress(ValueError):
        if not said or float(said.upper().replace("D", "E")) == 1:
            return ()
    return (f"The file's scale of the model, {shown(said, 30)}, was passed over: its numbers were taken as they are.",)


def _unit(said: str, name: str) -> tuple[str, ...]:
    number = int(said) if WHOLE.fullmatch(said) else 0
    if not 0 <= number <= len(NAMES):
        raise Refused("corrupt_file", "the unit of length of the IGES file has a number that stands for none")
    if number != NAMED or name.upper() in NUMBERS:
        return ()
    if not name:
        return ("The file names no unit of length: its numbers were taken for inches.",)
    return (f"The file's unit of length, {shown(name, 30)}, is not known: its numbers were taken for millimetres.",)


def _values(head: bytes) -> list[bytes]:
    """The first fifteen parameters, strings without their lengths."""
    values, at = [], 0
    for _ in range(15):
        string = STRING.match(head, at)
        begin = string.end() if string else at
        delimiter = NEXT.search(head, begin + min(int(string[1]), len(head)) if string else begin)
        end = delimiter.start() if delimiter else len(head)
        values.append(head[begin:end])
        at = len(head) if delimiter is None or delimiter[0] == b";" else end + 1
    return values
