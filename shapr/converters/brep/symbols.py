"""What the wheel has of the kernel and does not offer, by ctypes. This leans on the wheel's private layout: who uses it
tries it when loaded, and does without where it is not as expected: AttributeError, OSError, TypeError."""

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import OCP

PYBIND_VALUE = 16  # bytes from a pybind11 object to its C++ pointer

_libraries = Path(OCP.__file__).parent.parent / "cadquery_ocp_novtk.libs"


@functools.cache
def symbol(library: str, name: str, result: Any = None) -> Callable[..., Any]:
    """A function of one of the kernel's libraries, called without the interpreter's lock."""
    found = getattr(ctypes.CDLL(next(map(str, _libraries.glob(f"lib{library}-*")), None)), name)
    found.restype = result
    return cast(Callable[..., Any], found)


def address(made: object) -> ctypes.c_void_p:
    """Of the kernel's object in one of the wheel's."""
    return ctypes.c_void_p(ctypes.c_void_p.from_address(id(made) + PYBIND_VALUE).value)


def reference(made: object) -> ctypes.c_void_p:
    """Likewise, where the kernel asks for a handle (opencascade::handle, a pointer): good as long as the wheel's is."""
    return ctypes.c_void_p(id(made) + PYBIND_VALUE)
