"""What a server process is before it becomes the server: tied to its parent's life, and never root where it refuses.

PostgreSQL refuses to run as root. It then runs as an unprivileged user that keeps one capability, CAP_DAC_OVERRIDE, so
that it can reach its binaries and its data below a home folder of mode 0700.
"""

import ctypes
import os
import pwd
import signal
import struct
from collections.abc import Callable

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2  # linux/prctl.h
CAP_DAC_OVERRIDE = 1  # linux/capability.h
CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def unprivileged() -> tuple[int, int] | None:
    """User and group ids of the user that servers run as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def before_exec(as_nobody: bool) -> Callable[[], None]:
    """The function to run in the child between fork and exec. `as_nobody` matters to root only."""
    user, parent = unprivileged() if as_nobody else None, os.getpid()

    def prepare() -> None:
        if user is not None:
            _become(*user)
        _check(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
        if os.getppid() != parent:  # it died before we asked to be told
            os._exit(1)

    return prepare


def _become(uid: int, gid: int) -> None:
    _check(_libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    one = 1 << CAP_DAC_OVERRIDE
    header = struct.pack("<Ii", CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, struct.pack("<6I", one, one, one, 0, 0, 0)))
    _check(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0))


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
