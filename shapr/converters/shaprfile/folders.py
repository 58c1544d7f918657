"""Which folders an item of a project lies in: HistoryFolders lists what each holds, items by their identity."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shapr.converters.shaprfile.container import Workspace, flag, spoken, text

FOLDER, ITEM = 0, 6  # kinds of a folder's elements
ROOT = "root"  # what the folder around all others is called
DEEPEST = 64  # folders within each other; beyond it they are written as one


@dataclass(frozen=True)
class Folder:
    id: str  # several may have one name
    name: str


@dataclass(frozen=True)
class Place:
    """`path`: the folders around an item, the outermost first. `hidden`: whether one of them is."""

    path: tuple[Folder, ...] = ()
    hidden: bool = False


@dataclass(frozen=True)
class _Row:
    folder: Folder
    hidden: bool
    folders: tuple[str, ...]
    items: tuple[str, ...]


def places(workspace: Workspace) -> dict[str, Place]:
    """By an item's identity. What is listed twice lies where it is reached from the root, else where it comes first."""
    rows = {row.folder.id: row for row in _rows(workspace)}
    inner = {id for row in rows.values() for id in row.folders}
    found: dict[str, Place] = {}
    seen: set[str] = set()
    # Folders that only contain each other have no beginning: they come last, from whichever is first.
    for top in sorted(rows, key=lambda each: (each in inner, rows[each].folder.name != ROOT)):
        waiting = [(top, Place())]
        for id, around in waiting:
            if id in seen or id not in rows:
                continue
            seen.add(id)
            row = rows[id]
            place = _inside(row, around, id == top and row.folder.name == ROOT)
            for item in row.items:
                found.setdefault(item, place)
            waiting += [(each, place) for each in row.folders]
    return found


def _inside(row: _Row, around: Place, root: bool) -> Place:
    """The root is no folder that anybody made, and one without a name says nothing."""
    shown = row.folder.name and not root and len(around.path) < DEEPEST
    return Place((*around.path, row.folder) if shown else around.path, around.hidden or row.hidden)


def _rows(workspace: Workspace) -> Iterator[_Row]:
    columns = ("FolderID", "FolderName", "Hidden", "NamedChildren")
    for id, name, hidden, children in workspace.rows("HistoryFolders", *columns):
        elements = spoken(children).get("elements") or []
        folders, items = (_ids(elements, kind) for kind in (FOLDER, ITEM))
        yield _Row(Folder(_id(id), text(name)), flag(hidden), folders, items)


def _ids(elements: list[Any], kind: int) -> tuple[str, ...]:
    return tuple(str(element.get("id")) for element in elements if element.get("type") == kind)


def _id(value: Any) -> str:
    """Elements name a folder by hexadecimal digits, whether its row has those as text or the bytes themselves."""
    told = text(value)
    return value.hex() if isinstance(value, bytes) and not (told.isascii() and told.isprintable()) else told
