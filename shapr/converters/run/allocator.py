"""Who serves the kernel's memory."""

import ctypes.util
import functools


@functools.cache
def allocator() -> str | None:
    """The library that serves the kernel's memory, if this machine has it: it makes thousands of small things, and the
    C library's own takes a third more time for a job (benchmarks/README.md)."""
    return ctypes.util.find_library("tcmalloc_minimal")
