"""Curves of edges on planes, kept while the kernel repairs what it reads, and after.

A STEP file has no such curves, as a rule, and the kernel does not keep them: it projects the edge anew each time that
it asks, a dozen times while it repairs a shape and meshes it, and spends a fifth of a small job on that. Here each is
projected once, by the kernel's own call, in a step of its processing just before the repair. So the repair sees the
same curves as without, and its shapes differ in these alone: for who makes nothing but triangles of them.

The wheel can neither make such a step nor ask for one, so both are by ctypes, which leans on the wheel's private
layout. Where it lacks a symbol, the kernel projects as ever.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

from OCP.BRep import BRep_Builder
from OCP.BRepLib import BRepLib
from OCP.STEPControl import STEPControl_Reader
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Shape

from shapr.converters.brep import document
from shapr.converters.brep.symbols import address, symbol

# Of the kernel's steps (ShapeProcess::Operation), the one before its repair, which nobody here asks for, so that its
# name is free.
NAME, STEP, REPAIR = b"DropSmallEdges", 1 << 14, 1 << 15
REFERENCES = 8  # bytes from an object of the kernel's to how many refer to it
MANY = 1 << 30  # for one that is never to be freed


@contextmanager
def kept(reader: STEPControl_Reader, wanted: bool = True) -> Iterator[None]:
    """Within, a reader keeps the curves of what it transfers. To be entered once it has read its file."""
    if wanted and WORKS:
        _set_steps(address(reader), ctypes.byref(steps(True)))
    yield
    if wanted and WORKS:
        _set_steps(address(reader), ctypes.byref(steps(False)))


def steps(wanted: bool) -> ctypes.c_ulong:
    """Of the kernel's processing of what it transfers, where curves are kept or not."""
    return ctypes.c_ulong(STEP | REPAIR if wanted and WORKS else REPAIR)


def keep(shape: TopoDS_Shape) -> None:
    """Project each edge on the planes of its faces, where it has no curve yet."""
    for found in document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE):
        face = TopoDS.Face(found)
        for edge in document.explore(face, TopAbs_ShapeEnum.TopAbs_EDGE):
            BRepLib.BuildPCurveForEdgeOnPlane_s(TopoDS.Edge(edge), face)


def _step(context: int, _progress: int) -> bool:
    """As the kernel calls it, with where it has the address of what it processes."""
    whole = document.compound(())
    shape = _result(ctypes.c_void_p.from_address(context))
    _add(address(BUILDER), address(whole), ctypes.c_void_p(shape))
    keep(whole)
    return True


def _registered() -> bool:
    """Whether the kernel has taken the step. It must be offered before the first reader is made, which takes the name;
    and what it is made of must stay."""
    construct = symbol("TKShHealing", f"_ZN22ShapeProcess_UOperatorC1EPFb{CONTEXT}E")
    register = symbol("TKShHealing", REGISTER, ctypes.c_bool)
    construct(_operator, _called)
    ctypes.c_int.from_address(ctypes.addressof(_operator) + REFERENCES).value = MANY
    return bool(register(NAME, ctypes.byref(ctypes.c_void_p(ctypes.addressof(_operator)))))


CONTEXT = "RKN11opencascade6handleI20ShapeProcess_ContextEERK21Message_ProgressRange"
REGISTER = "_ZN12ShapeProcess16RegisterOperatorEPKcRKN11opencascade6handleI21ShapeProcess_OperatorEE"
BUILDER = BRep_Builder()

_operator = (ctypes.c_void_p * 3)()  # ShapeProcess_UOperator: its table, references, the function
_called = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p)(_step)
try:
    _result = symbol("TKShHealing", "_ZNK25ShapeProcess_ShapeContext6ResultEv", ctypes.c_void_p)
    _add = symbol("TKBRep", "_ZNK14TopoDS_Builder3AddER12TopoDS_ShapeRKS0_")
    _set_steps = symbol("TKXSBase", "_ZN16XSControl_Reader20SetShapeProcessFlagsERKSt6bitsetILm18EE")
    WORKS = _registered()
except (OSError, AttributeError, TypeError):
    WORKS = False
