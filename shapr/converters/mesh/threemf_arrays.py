"""lib3mf's mesh calls without a Python object per triangle: its C functions fill and take numpy arrays."""

import ctypes
import hashlib
import locale
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import lib3mf
import numpy as np
import numpy.typing as npt

# The colour or material of a triangle: a resource, and its property at each corner.
PROPERTIES = np.dtype([("resource", "<u4"), ("corners", "<u4", 3)])

CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_double, ctypes.c_int32, ctypes.c_void_p)

# By the number that the library has for each: half of the SHA-1 of its name.
CLASSES: dict[int, Any] = {
    int.from_bytes(hashlib.sha1(f"Lib3MF::{name}".encode(), usedforsecurity=False).digest()[:8], "little"): each
    for name, each in vars(lib3mf).items()
    if isinstance(each, type) and issubclass(each, lib3mf.Base)
}

Array = npt.NDArray[Any]
_wrapper: list[Any] = []


def wrapper() -> Any:
    """The loaded library, once per process."""
    if not _wrapper:
        made = lib3mf.get_wrapper()
        # Its own makes a class for every object it gives, 10 kB each, which only a garbage collection takes away.
        made._polymorphicFactory = partial(_object, made)  # noqa: SLF001 - there is no other way
        _wrapper.append(made)
    return _wrapper[0]


def _object(of: Any, handle: Any) -> Any:
    if not handle:
        return None
    kind = ctypes.c_uint64()
    of.checkError(None, of.lib.lib3mf_base_classtypeid(handle, ctypes.byref(kind)))
    return CLASSES[kind.value](handle, of)


@contextmanager
def kept_locale() -> Iterator[None]:
    """The library's writer sets the locale of the whole process to `C` and leaves it so: text is ASCII then."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)


def told(worker: Any, hear: Callable[[float], None]) -> None:
    """Let a reader or writer say how far it is, 0..1, every 50,000 triangles or so.

    The binding's own type for the callback cannot be called: its enumeration is none to ctypes.
    """
    worker.heard = CALLBACK(lambda _abort, done, _stage, _user: hear(done))  # lives as long as the worker
    worker.SetProgressCallback(ctypes.cast(worker.heard, lib3mf.ProgressCallback), None)


def geometry(mesh: Any) -> tuple[Array, Array]:
    """Vertices (n, 3) float32 and corners (m, 3) uint32."""
    vertices = np.empty((mesh.GetVertexCount(), 3), "<f4")
    corners = np.empty((mesh.GetTriangleCount(), 3), "<u4")
    _fill(mesh, "getvertices", vertices, lib3mf.Position)
    _fill(mesh, "gettriangleindices", corners, lib3mf.Triangle)
    return vertices, corners


def properties(mesh: Any) -> Array:
    """`PROPERTIES` of every triangle; resource 0 where it has none."""
    found = np.zeros(mesh.GetTriangleCount(), PROPERTIES)
    _fill(mesh, "getalltriangleproperties", found, lib3mf.TriangleProperties)
    return found


def set_geometry(mesh: Any, vertices: Array, corners: Array) -> None:
    vertices, corners = np.ascontiguousarray(vertices, "<f4"), np.ascontiguousarray(corners, "<u4")
    _call(mesh, "setgeometry", *_given(vertices, lib3mf.Position), *_given(corners, lib3mf.Triangle))


def set_properties(mesh: Any, given: Array) -> None:
    _call(mesh, "setalltriangleproperties", *_given(given, lib3mf.TriangleProperties))


def _fill(mesh: Any, function: str, rows: Array, kind: Any) -> None:
    needed = ctypes.c_uint64()
    length, pointer = _given(rows, kind)
    _call(mesh, function, length, ctypes.byref(needed), pointer)


def _given(rows: Array, kind: Any) -> tuple[Any, Any]:
    return ctypes.c_uint64(len(rows)), ctypes.cast(rows.ctypes.data, ctypes.POINTER(kind))


def _call(mesh: Any, function: str, *arguments: Any) -> None:
    called = getattr(wrapper().lib, f"lib3mf_meshobject_{function}")
    wrapper().checkError(mesh, called(mesh._handle, *arguments))  # noqa: SLF001 - its own calls copy row by row
