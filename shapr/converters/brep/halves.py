"""Parts of a small STEP file, read and repaired by two threads at once, each half of them.

The kernel reads a file's shapes one after the other, and repairing them is most of a small job. Each thread has a
process of the kernel's (Transfer_TransientProcess) of its own and so makes shapes of its own; what the second has made
is then given to the first, which goes on as if it had met them before. Parts that have something in common are read by
one thread, or it would come twice.

The wheel holds the interpreter's lock while the kernel works, so the calls are by ctypes, which leans on the wheel's
private layout. Where it lacks a symbol, there is one thread, as ever.
"""

import contextlib
import ctypes
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias, cast

from OCP.Message import Message_ProgressRange, Message_ProgressScope
from OCP.STEPCAFControl import STEPCAFControl_Reader
from OCP.STEPControl import STEPControl_Reader
from OCP.StepGeom import StepGeom_Axis2Placement3d
from OCP.StepShape import StepShape_AdvancedBrepShapeRepresentation, StepShape_ManifoldSolidBrep
from OCP.Transfer import Transfer_TransientProcess

from shapr.converters.brep.symbols import address, reference, symbol

LARGEST = 2 << 20  # bytes of a file: of a larger one, it has to show how far both are
FEWEST = 30  # faces for each thread
DATA = re.compile(rb"\bDATA\s*;")
PART = b"ADVANCED_BREP_SHAPE_REPRESENTATION"
# Where what is done with a part goes by what was read before it.
ELSEWISE = b"SHAPE_ASPECT", b"MAPPED_ITEM", b"NON_MANIFOLD", b"I-DEAS"
NOTHING = ctypes.byref(ctypes.c_void_p())  # as a handle
SHARE = 0.9  # of the time that reading shapes takes: then comes the tree

Part: TypeAlias = StepShape_AdvancedBrepShapeRepresentation
Halves: TypeAlias = tuple[list[Part], ...]


def of(reader: STEPControl_Reader, path: Path) -> Halves:
    """Of the file that a reader has read; none where there is nothing to gain."""
    return _halves(_parts(reader, path)) if WORKS and path.stat().st_size <= LARGEST else ()


def read(reader: STEPControl_Reader, halves: Halves, steps: ctypes.c_ulong, progress: Message_ProgressRange) -> None:
    """Have a reader meet its parts, with these steps of its processing, before it is asked for them."""
    session, model = reader.WS(), reader.Model()
    first, second = session.TransferReader().TransientProcess(), Transfer_TransientProcess(model.NbEntities())
    _complete(address(reader))
    second.SetGraph(session.HGraph())
    for process, actor in (
        (first, session.TransferReader().Actor()),
        (second, session.NormAdaptor().ActorRead(model)),
    ):
        actor.SetShapeFixParameters(reader.GetShapeFixParameters())
        _set_steps(address(actor), ctypes.byref(steps))
        process.SetActor(actor)
        process.SetErrorHandle(True)  # no exception of the kernel's comes through ctypes
        process.SetRootManagement(False)
    beside = threading.Thread(target=_meet, args=(second, halves[1], Message_ProgressRange()))
    with contextlib.suppress(RuntimeError):  # no more threads for this user: it is as ever
        beside.start()
    if beside.ident:
        _meet(first, halves[0], progress)
        beside.join()
        if not _given(second, first):
            first.Clear()
        for part in (*halves[0], *halves[1]):  # how it is placed is for who asks for it
            _forget(address(first), reference(part))
    first.SetRootManagement(True)


def discard(reader: STEPCAFControl_Reader, path: Path | None) -> None:
    """Let another thread take apart a reader that nobody will use any more, if its file is given and small: some 2 % of
    a job."""
    if path and WORKS and path.stat().st_size <= LARGEST:
        with contextlib.suppress(RuntimeError):  # no more threads for this user: whoever lets go of it does it
            threading.Thread(target=_discard, args=(reader,)).start()


def _discard(reader: STEPCAFControl_Reader) -> None:
    session = reader.ChangeReader().WS()
    _clear(address(session), 1)
    _clear_transfer(address(session.TransferReader()), -1)


def _meet(process: Transfer_TransientProcess, parts: Sequence[Part], progress: Message_ProgressRange) -> None:
    scope = Message_ProgressScope(progress, "", len(parts))
    for part in parts:
        step = scope.Next()
        _transfer(address(process), reference(part), address(step))


def _given(source: Transfer_TransientProcess, target: Transfer_TransientProcess) -> bool:
    """Let one process know what the other has made; whether that was all new to it."""
    before, count, where, place = target.NbMapped(), source.NbMapped(), address(source), address(target)
    for at in range(1, count + 1):
        made = source.MapItem(at)
        _bind(place, ctypes.c_void_p(_mapped(where, at)), NOTHING if made is None else reference(made))
    return bool(target.NbMapped() == before + count)


def _halves(parts: list[tuple[int, Part]]) -> Halves:
    """Parts with how many faces each has, for two threads; none where that is not worth it."""
    faces, halves = [0, 0], cast(Halves, ([], []))
    for count, part in sorted(parts, key=lambda each: -each[0]):
        less = faces.index(min(faces))
        faces[less] += count
        halves[less].append(part)
    return halves if min(faces) >= FEWEST else ()


def _parts(reader: STEPControl_Reader, path: Path) -> list[tuple[int, Part]]:
    """Those that are made of nothing but solids, with how many faces each has."""
    content = path.read_bytes()
    begin = DATA.search(content)
    if begin is None or any(word in content for word in ELSEWISE):
        return []
    model, found, number, last = reader.Model(), [], 0, begin.end()
    while (at := content.find(PART, last)) >= 0:
        number, last = number + content.count(b"=", last, at), at + len(PART)
        part = model.Value(number) if 0 < number <= model.NbEntities() else None
        if isinstance(part, StepShape_AdvancedBrepShapeRepresentation) and (faces := _faces(part)):
            found.append((faces, part))
    return found


def _faces(part: Part) -> int:
    """Of its solids; none where it has something else."""
    items = [part.ItemsValue(at) for at in range(1, part.NbItems() + 1)]
    items = [each for each in items if not isinstance(each, StepGeom_Axis2Placement3d)]
    if not all(isinstance(each, StepShape_ManifoldSolidBrep) and each.Outer() for each in items):
        return 0
    return sum(each.Outer().NbCfsFaces() for each in items)


_PROCESS = "_ZN28Transfer_ProcessForTransient"
_HANDLE = "RKN11opencascade6handleI18Standard_TransientEE"
try:
    _complete = symbol("TKXSBase", "_ZN16XSControl_Reader27InitializeMissingParametersEv")
    _set_steps = symbol("TKXSBase", "_ZN32Transfer_ActorOfTransientProcess18SetProcessingFlagsERKSt6bitsetILm18EE")
    _transfer = symbol("TKXSBase", f"{_PROCESS}8TransferE{_HANDLE}RK21Message_ProgressRange", ctypes.c_bool)
    _mapped = symbol("TKXSBase", "_ZNK28Transfer_ProcessForTransient6MappedEi", ctypes.c_void_p)
    _bind = symbol("TKXSBase", f"{_PROCESS}4BindE{_HANDLE}RKNS1_I15Transfer_BinderEE")
    _forget = symbol("TKXSBase", f"{_PROCESS}6UnbindE{_HANDLE}", ctypes.c_bool)
    _clear = symbol("TKXSBase", "_ZN21XSControl_WorkSession9ClearDataEi")
    _clear_transfer = symbol("TKXSBase", "_ZN24XSControl_TransferReader5ClearEi")
    WORKS = True
except (OSError, AttributeError):
    WORKS = False
