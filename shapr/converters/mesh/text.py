"""Text of mesh files: whole lines of a large file at a time, and numbers without a loop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh.model import blocks
from shapr.converters.progress import Reach, apart, silent, within
from shapr.errors import Refused

CHUNK = 8 << 20  # bytes
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]


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


def lines(data: bytes) -> bytes:
    """With lines that end in \\n, the last one too. What need not be copied is not: a file may have hundreds of MB."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data if data.endswith(b"\n") else data + b"\n"


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
    found: list[list[Array]] = [[], [], []]
    at = 0
    while at < len(data):
        end = data.find(b"\n", min(at + CHUNK, len(data)) - 1) + 1
        block = data[at:end]
        starts, per_line = words(block)
        for pieces, piece in zip(found, (starts + at, per_line, numbers(block, len(starts))), strict=True):
            pieces.append(piece)
        at = end
        reach(0.9 * at / len(data))
    starts, per_line, values = (joined(pieces, own) for pieces, own in apart(found, within(reach, 0.9, 1.0)))
    return starts, per_line, values


def joined(pieces: list[Array], reach: Reach) -> Array:
    """One array of some, which are given up one by one as it is filled."""
    whole = np.empty((sum(map(len, pieces)), *pieces[0].shape[1:]), pieces[0].dtype)
    at = 0
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        whole[at : at + len(piece)] = piece
        at += len(piece)
        reach(at / max(len(whole), 1))
    return whole


def taken(values: Array, starts: Counts, counts: Counts, reach: Reach) -> Array:
    """`counts` of the numbers from each of `starts` on, one after the other."""
    whole, end = np.empty(int(counts.sum()), values.dtype), 0
    for some in blocks(len(counts), reach):
        own = counts[some]
        begin, end = end, end + int(own.sum())
        whole[begin:end] = values[np.repeat(starts[some] + own - np.cumsum(own), own) + np.arange(end - begin)]
    return whole


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
