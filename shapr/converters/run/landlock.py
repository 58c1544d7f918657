"""Landlock: which files a process may still open. By ctypes: PyPI's `landlock` is a development release of long ago.

Numbers: linux/landlock.h, docs.kernel.org/userspace-api/landlock.html. What it does not cover (chmod, chown, utime,
setxattr, every socket but TCP) the system call filter does.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

CREATE, ADD, RESTRICT = 444, 445, 446  # system calls, the same on every architecture
VERSION = 1  # flag of CREATE
BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_CHAR, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = 1 << 6, 1 << 9, 1 << 10, 1 << 11, 1 << 12
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # the rights that a file can have
NEVER = MAKE_CHAR | MAKE_SOCK | MAKE_FIFO | MAKE_BLOCK | IOCTL_DEV
RIGHTS = {
    1: (1 << 13) - 1,
    2: (1 << 14) - 1,
    3: (1 << 15) - 1,
    5: (1 << 16) - 1,
}  # of files, by the ABI that brought them
TCP = 0b11  # bind and connect, ABI 4
SCOPES = 0b11  # abstract unix sockets and signals of those outside, ABI 6

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def called(result: int, what: str) -> int:
    """What a call of libc gave; OSError when it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def abi() -> int:
    """The version that this kernel offers; OSError when it has none, or has it switched off."""
    return called(libc.syscall(CREATE, None, ctypes.c_size_t(0), VERSION), "Landlock")


def restrict(readable: Iterable[Path], writable: Iterable[Path], devices: Iterable[Path], programs: bool) -> None:
    """From now on, this process opens nothing else. What is open stays open.

    Read below `readable`, with `programs` run it too; everything but running and special files below `writable`; read
    and write the `devices`. What is not there, or not ours to see, gets no rule. Without `programs` no symbolic link
    can be made either: whoever reads the scratch dir afterwards would follow it.
    """
    version = abi()
    files = RIGHTS[max(known for known in RIGHTS if known <= version)]
    size = 8 if version < 4 else 16 if version < 6 else 24
    attributes = struct.pack("<QQQ", files, TCP, SCOPES)[:size]
    ruleset = called(libc.syscall(CREATE, attributes, ctypes.c_size_t(size), 0), "landlock_create_ruleset")
    reading = READ_FILE | READ_DIR | (EXECUTE if programs else 0)
    writing = files & ~(NEVER | EXECUTE | (0 if programs else MAKE_SYM))
    for paths, rights in ((readable, reading), (writable, writing), (devices, READ_FILE | WRITE_FILE)):
        for path in paths:
            _allow(ruleset, path, rights & files)
    called(libc.syscall(RESTRICT, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not path.is_dir():
            rights &= OF_FILES
        rule = struct.pack("<Qi", rights, place)
        called(libc.syscall(ADD, ruleset, BENEATH, rule, 0), "landlock_add_rule")
    finally:
        os.close(place)
