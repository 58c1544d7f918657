"""Which of the layouts a project has, and the replay that goes with it."""

from shapr.converters.shaprfile import history, newer, plain
from shapr.converters.shaprfile.container import Workspace, shown
from shapr.converters.shaprfile.history import Replay

NAMED = 5  # shapes that a sentence names, at most


def replay(workspace: Workspace) -> Replay:
    """`unsupported_geometry` when the calls are written in a way that is not known.

    Tables do not tell how calls are written: there are projects with the old ones and new calls.
    """
    if plain.alone(workspace):
        return plain.replay(workspace)
    with history.unknown():
        made = history.tree(workspace)
        calls = history.calls(workspace, made)
        told = next((way for call in calls if (way := newer.tells(call.data)) is not None), workspace.newer)
        if told:
            newer.replay(workspace, made, calls)
        else:
            history.replay(made, calls)
    if beside := plain.names(workspace):
        named = ", ".join(map(shown, beside[:NAMED]))
        made.losses.append(f"{len(beside)} shapes beside the history are not read: {named}")
    return made
