"""Text of mesh files: whole lines of a large file at a time, and numbers without a loop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.progress import Reach, silent
from shapr.errors import Refused

CHUNK = 8 << 20  # bytes
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


def chunks(path: Path, reach: Reach, ends: bytes = b"\n", size: int = CHUNK) -> Iterator[bytes]:
    """The file in pieces of some `size` bytes that stop after one of `ends` (lower case), with lines that end in \\n.

    The last piece ends in \\n too, whether the file does or not. Progress is by bytes.
    """
    total = max(path.stat().st_size, 1)
    pending: list[bytes] = []  # a piece without an end: joined once, however long
    done = 0
    with path.open("rb") as file:
        while block := file.read(size):
            if block.endswith(b"\r"):
                block += file.read(1)  # the \n of \r\n
            block = block.removeprefix(b"\xef\xbb\xbf") if not done else block
            done += len(block)
            if b"\r" in block:
                block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            at = max(block.rfind(ends), block.rfind(ends.upper()))
            if at < 0:
                pending.append(block)
                continue
            at += len(ends)
            yield b"".join([*pending, block[:at]])
            pending = [block[at:]]
            reach(min(done / total, 1.0))
    if any(pending):
        yield b"".join([*pending, b"\n"])


def words(data: bytes) -> tuple[npt.NDArray[np.int64], Counts]:
    """Where each word begins, and how many there are on each line. `data` ends in \\n."""
    array = np.frombuffer(data, np.uint8)
    space = array <= 32
    starts = np.flatnonzero(~space & np.concatenate([[True], space[:-1]]))
    ends = np.flatnonzero(array == 10)
    return starts, np.diff(np.searchsorted(starts, ends), prepend=0)


def numbers(data: bytes, count: int, kind: Any = np.float64) -> Any:
    """The `count` words of `data` as an array of float64, or of int64; ValueError if one is no such number."""
    if not count:
        return np.empty(0, kind)  # numpy gives [-1.] for nothing but space
    found = np.fromstring(data, kind, sep=" ")
    if len(found) != count:
        raise ValueError("not a number")
    return found


def table(data: bytes, format: str, kind: Any = np.float64) -> tuple[Any, Counts]:
    """The numbers of some lines in a row, and how many there are on each; `corrupt_file` if one is no number."""
    _, counts = words(data)
    try:
        return numbers(data, int(counts.sum()), kind), counts
    except ValueError:
        raise Refused("corrupt_file", f"a number of the {format} file cannot be read") from None


def read(data: bytes, reach: Reach) -> tuple[Counts, Counts, Floats]:
    """All of a file that holds nothing but numbers: where each begins, how many there are on each line, and they
    themselves; ValueError if one is no number. `data` ends in \\n."""
    found, at = [], 0
    while at < len(data):
        end = data.find(b"\n", min(at + CHUNK, len(data)) - 1) + 1
        block = data[at:end]
        starts, per_line = words(block)
        found.append((starts + at, per_line, numbers(block, len(starts))))
        at = end
        reach(at / len(data))
    starts, per_line, values = (np.concatenate(each) for each in zip(*found, strict=True))
    return starts, per_line, values


def rows(out: Any, line: str, values: Any, reach: Reach = silent, block: int = 50_000) -> None:
    """Each row of `values` by the pattern `line`, to a text file."""
    for at in range(0, len(values), block):
        some = values[at : at + block]
        out.write((line * len(some)) % tuple(some.ravel().tolist()))
        reach(min(at + block, len(values)) / len(values))


def said(name: bytes) -> str:
    """What a file says: UTF-8, or, where it cannot be that, as Windows wrote it in the West."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("cp1252", "replace")
