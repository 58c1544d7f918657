"""STEP: ISO 10303-21 text, as the kernel's own scanner reads it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shapr.converters.preflight.graph import Nodes, check_instances, heights
from shapr.errors import Refused

MAX_ID = 2**31 - 1  # the kernel's
NESTED = 100  # parentheses; real files need some five, the kernel's stack holds some ten thousand
# Strings and comments. What is not closed goes to the end; NUL is white space to the kernel's scanner.
ASIDE = re.compile(rb"'[^']*(?:'|\Z)|/\*(?:.*?\*/|.*)|\0+", re.DOTALL)
DEFINED = re.compile(rb"#\d+\s*=\s*(\w*)")
DATA = re.compile(rb"\bDATA\b\s*[;(]")
END = re.compile(rb"\bENDSEC\s*;[^;]*END-ISO-10303-21\s*;")
BEYOND = re.compile(rb"E\+?[1-9]\d\d+")  # 1E100 and more: the kernel's infinity is 2E100
COUNT = re.compile(rb"[(,]\s*[-+]?\d{7,}\s*[,)]")
SPLINE = re.compile(rb"B_SPLINE|BEZIER|KNOTS")
NOT_PARENTHESES = bytes(set(range(256)) - set(b"()"))

# By these a file names others. The kernel opens those of the first two, also by absolute path.
NAMES = (b"DOCUMENT_FILE", b"APPLIED_EXTERNAL_IDENTIFICATION_ASSIGNMENT", b"EXTERNALLY_DEFINED_")
EXTERNAL = re.compile(b"|".join(NAMES))
MODEL = re.compile(
    rb"'[^']*\.(?:step|stp|p21|stpx|stpz|iges|igs|jt|prt|par|asm|sldprt|sldasm|ipt|iam|catpart|catproduct|model|x_t|x_b"
    rb"|xmt_txt|sat|sab|brep|stl)'",
    re.IGNORECASE,
)
OCCURRENCE = re.compile(rb"NEXT_ASSEMBLY_USAGE_OCCURRENCE\b")
MAPPED = re.compile(rb"MAPPED_ITEM\b")
MAP = re.compile(rb"REPRESENTATION_MAP\b")
REPRESENTATION = re.compile(rb"\b(?!DEFINITIONAL_|SHAPE_DEFINITION_)\w*REPRESENTATION\b")
NUMBER = re.compile(rb"#(\d+)")
# By these a product is said to be in a document.
TIES = (b"DOCUMENT_REFERENCE", b"PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS")
LOSS = "References to other files were passed over."


# The kernel takes the second for granted where it meets the first.
NEEDED = (
    (b"LINE", b"CARTESIAN_POINT"),
    (b"LINE", b"VECTOR"),
    (b"VECTOR", b"DIRECTION"),
    (b"PCURVE", b"DEFINITIONAL_REPRESENTATION"),
)


class References(NamedTuple):
    """Every `#n` that stands in a definition: the number defined, the number referred to, in the file's order."""

    owners: Nodes
    targets: Nodes


def check(path: Path) -> tuple[str, ...]:
    content = path.read_bytes()
    text = _words(content)
    _structure(text)
    _numbers(text)
    outside = any(name in text for name in NAMES)
    if outside and any(tie in text for tie in TIES):
        _refuse_models(content)
    _graph(text)
    return (LOSS,) if outside else ()


def _words(content: bytes) -> bytes:
    """The text without strings and comments."""
    if b"/*" in content or b"\0" in content:
        return ASIDE.sub(b" ", content)
    return b" ".join(content.split(b"'")[::2])  # the same, in a third of the time


def _structure(text: bytes) -> None:
    if not DATA.search(text):
        raise Refused("corrupt_file", "the STEP file has no data section")
    tail = text[-4096:]
    if not END.search(tail) and not END.search(text):
        raise Refused("corrupt_file", "the STEP file is cut short: it has no end")
    parentheses = text.translate(None, NOT_PARENTHESES)
    for _ in range(NESTED):
        inner = parentheses.replace(b"()", b"")
        if len(inner) == len(parentheses):
            break
        parentheses = inner
    if parentheses:
        if b"()" in parentheses:
            raise Refused("limit_exceeded", f"the STEP file nests parentheses more than {NESTED} deep")
        raise Refused("corrupt_file", "a parenthesis of the STEP file is not closed")


def _numbers(text: bytes) -> None:
    if any(text[found.start() - 1] in b"0123456789." for found in BEYOND.finditer(text)):
        raise Refused("invalid_geometry", "the STEP file holds a number beyond any size")
    for found in COUNT.finditer(text) if b"_KNOTS" in text else ():
        begin = text.rfind(b";", 0, found.start())
        if SPLINE.search(text, begin + 1, found.start()):
            raise Refused("corrupt_file", "a spline of the STEP file announces more than it can hold")


def _graph(text: bytes) -> None:
    found = [(each.start(), each[1]) for each in DEFINED.finditer(text)]
    if not found:
        return
    begins = np.array([begin for begin, _ in found], np.int64)
    defined, references = _references(text, begins)
    _needed(np.array([kind for _, kind in found], "S32"), defined, references)
    highest = max(int(each.max(initial=0)) for each in references)
    if highest > 8 * len(begins) + 1000:  # numbers with great gaps: count them anew
        numbers, anew = np.unique(np.concatenate(references), return_inverse=True)
        highest, references = len(numbers), References(*np.split(anew, 2))
    heights(highest + 1, *references)
    _instances(text, begins)


def _references(text: bytes, begins: Nodes) -> tuple[Nodes, References]:
    """The number of each definition, and the references in it."""
    signs, numbers = _marked(text)
    if (numbers > MAX_ID).any():
        raise Refused("limit_exceeded", f"an entity of the STEP file has a number above {MAX_ID}")
    defined = numbers[np.searchsorted(signs, begins)]
    owner = np.searchsorted(begins, signs, "right") - 1
    refers = (owner >= 0) & ~np.isin(signs, begins, assume_unique=True)
    return defined, References(defined[owner[refers]], numbers[refers])


def _needed(kinds: npt.NDArray[np.bytes_], defined: Nodes, references: References) -> None:
    for kind, other in NEEDED:
        wanting = defined[kinds == kind]
        there = np.isin(references.targets, defined[(kinds == other) | (kinds == b"")])  # or a complex one
        if not np.isin(wanting, references.owners[there]).all():
            raise Refused("corrupt_file", f"a {kind.decode()} of the STEP file has no {other.decode()}")


def _marked(text: bytes) -> tuple[Nodes, Nodes]:
    """Where each `#` with a number stands, and its number."""
    content = np.frombuffer(text + bytes(12), np.uint8)
    signs = np.flatnonzero(content == ord("#"))
    numbers = np.zeros(len(signs), np.int64)
    going: npt.NDArray[np.bool_] = np.ones(len(signs), bool)
    for at in range(1, 12):
        digits = content[np.minimum(signs + at, len(content) - 1)].astype(np.int64) - ord("0")
        going &= (digits >= 0) & (digits < 10)
        if not going.any():
            break
        numbers = np.where(going, numbers * 10 + digits, numbers)
    return signs, numbers


def _instances(text: bytes, begins: Nodes) -> None:
    """The two ways to place a thing many times: occurrences of products, and mapped representations."""
    # Relating and related product come first, also in a complex instance, whose parts are in the alphabet's order.
    check_instances((record[1], record[2]) for record in _records(text, begins, OCCURRENCE) if len(record) > 2)
    mapped = {record[0]: record[1:] for record in _records(text, begins, MAPPED)}
    if mapped:
        maps = [(item, target) for item, targets in mapped.items() for target in targets[:1]]
        maps += [(record[0], record[2]) for record in _records(text, begins, MAP) if len(record) > 2]
        held = [(r[0], item) for r in _records(text, begins, REPRESENTATION) for item in r[1:] if item in mapped]
        check_instances(maps + held)


def _records(text: bytes, begins: Nodes, pattern: re.Pattern[bytes]) -> Iterator[list[int]]:
    """The numbers of each definition that has this word: its own, then those that it refers to."""
    seen = -1
    for found in pattern.finditer(text):
        at = int(np.searchsorted(begins, found.start(), "right")) - 1
        if at > seen:
            seen = at
            begin = int(begins[at])
            yield [int(number) for number in NUMBER.findall(text, begin, text.find(b";", begin))]


def _refuse_models(content: bytes) -> None:
    """A document that is named like a model is geometry that is elsewhere; others say something about it."""
    for name in EXTERNAL.finditer(content):
        begin, end = content.rfind(b";", 0, name.start()), content.find(b";", name.end())
        if MODEL.search(content, begin + 1, end if end > 0 else len(content)):
            raise Refused("external_reference", "geometry of the STEP file is in other files that it names")


def without_references(path: Path) -> Path:
    """The file itself, or a copy beside it in which no entity names another file."""
    content = path.read_bytes()
    if not any(name in content for name in NAMES):
        return path
    kept, at = bytearray(content), 0
    # Between strings and comments: where the kernel's scanner sees words, and nowhere else.
    for aside in (*ASIDE.finditer(content), None):
        for name in EXTERNAL.finditer(content, at, aside.start() if aside else len(content)):
            kept[name.start()] = ord("X")  # a word that means nothing, and no byte is moved
        at = aside.end() if aside else at
    cleaned = path.with_name("cleaned.step")
    cleaned.write_bytes(kept)
    return cleaned
