"""Projects from before the history: bodies are rows of the table Shapes, with their names. Read as a fact from a public
reader; nobody here has seen such a file, so it is best effort."""

from shapr.converters.shaprfile.container import Workspace, flag, spoken, text
from shapr.converters.shaprfile.history import BODY, Placed, Replay
from shapr.errors import Refused

COLUMNS = ("ShapeName", "Hidden", "ShapeData")
UNTOLD = "colours and folders of a project without a history of bodies are not known here"


def replay(workspace: Workspace) -> Replay:
    """All of them, in the order of their rows."""
    made = Replay(layout="shapes (best effort)", losses=[UNTOLD])
    rows = workspace.rows("Shapes", *COLUMNS, where="WHERE length(ShapeData) > 0 ORDER BY rowid")
    for number, (name, hidden, data) in enumerate(rows, 1):
        if not isinstance(data, bytes):
            raise Refused("corrupt_file", "a body of the .shapr file is not what it should be")
        made.alive[number] = {BODY: frozenset()}
        made.placed[number] = Placed(number, block=data)
        made.called[number] = text(name), flag(hidden)
    made.features = _features(workspace)
    return made


def alone(workspace: Workspace) -> bool:
    """Whether this is where its bodies are."""
    elsewhere = (*filter(None, (workspace.blocks,)), "HistoryImportedBodies")
    return bool(names(workspace)) and not any(_filled(workspace, table) for table in elsewhere)


def names(workspace: Workspace) -> list[str]:
    return [text(name) for (name,) in workspace.rows("Shapes", "ShapeName", where="WHERE length(ShapeData) > 0")]


def _filled(workspace: Workspace, table: str) -> bool:
    return next(iter(workspace.rows(table, "rowid", where="LIMIT 1")), None) is not None


def _features(workspace: Workspace) -> dict[int, str]:
    """A history of features there may be all the same, in JSON."""
    found = {}
    for id, properties in workspace.rows("HistoryTreeNodes", "HistoryTreeNodeID", "Properties"):
        try:
            operation = spoken(properties).get("functionName")
        except Refused:
            continue  # of another kind: it is counted, no more
        if isinstance(operation, str):
            found[id] = operation
    return found
