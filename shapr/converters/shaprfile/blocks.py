"""Where a project keeps the Parasolid file of a partition: in a row of its own, in phases, or in pieces."""

from dataclasses import dataclass
from typing import Any

from shapr.converters.shaprfile import xb
from shapr.converters.shaprfile.container import Workspace, flag
from shapr.errors import Refused

TAIL = 2  # bytes after the node that ends a file


@dataclass(frozen=True)
class _Piece:
    chunk: int
    phase: int
    deleted: bool
    data: bytes


def file(workspace: Workspace, partition: int) -> xb.File:
    """Parsed. `unsupported_geometry` when it is not there, or kept in a way that is not known."""
    data, pieces = block(workspace, partition)
    if pieces == 1:
        return xb.parse(data)
    try:
        made = xb.parse(data)
    except Refused as refused:
        raise _pieces(pieces) from refused
    if made.rest > TAIL:  # it ended before the last of them began, so they are no pieces of one file
        raise _pieces(pieces)
    return made


def block(workspace: Workspace, partition: int) -> tuple[bytes, int]:
    """The bytes, and how many pieces they were put together from."""
    latest: dict[int, _Piece] = {}
    found = _rows(workspace, partition)
    for piece in sorted(found, key=lambda each: each.phase):
        before = latest.get(piece.chunk)
        if before is not None and before.phase == piece.phase:
            raise _pieces(len(found))
        latest[piece.chunk] = piece
    alive = sorted((each for each in latest.values() if each.data and not each.deleted), key=lambda each: each.chunk)
    if not alive:
        raise Refused("unsupported_geometry", "its geometry is not in the file")
    if [each.chunk for each in alive] != list(range(len(alive))) or len({each.phase for each in alive}) > 1:
        raise _pieces(len(alive))
    return b"".join(each.data for each in alive), len(alive)


def _rows(workspace: Workspace, partition: int) -> list[_Piece]:
    """Columns that a layout does not have count as nought."""
    there = workspace.columns(workspace.blocks)
    asked = [name for name in ("ChunkIndex", "Phase", "IsDeleted") if name in there]
    rows = workspace.rows(workspace.blocks, "Block", *asked, where="WHERE PartitionID = ?", given=(partition,))
    return [_piece(data, dict(zip(asked, more, strict=True))) for data, *more in rows]


def _piece(data: Any, said: dict[str, Any]) -> _Piece:
    chunk, phase = (said.get(name, 0) for name in ("ChunkIndex", "Phase"))
    if not isinstance(chunk, int) or not isinstance(phase, int):
        raise Refused("unsupported_geometry", "its geometry is kept in a way not known here")
    return _Piece(chunk, phase, flag(said.get("IsDeleted")), data if isinstance(data, bytes) else b"")


def _pieces(count: int) -> Refused:
    return Refused("unsupported_geometry", f"its geometry is kept in {count} pieces, in a way not known here")
