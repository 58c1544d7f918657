"""A kernel that lacks something: `python -m tests.converters.without landlock|seccomp|network COMMAND...`

As in a container: the calls are refused to COMMAND and to all that it starts.
"""

import ctypes
import errno
import os
import struct
import sys

from shapr.converters.run import landlock, sandbox, seccomp
from shapr.converters.run.seccomp import AT_NUMBER, EQUAL, LOAD, REFUSE, RETURN, YES

COLUMN = seccomp.ARCHITECTURES[seccomp.platform.machine()][0]
LACKING = {
    "landlock": [(LOAD, 0, 0, AT_NUMBER), (EQUAL, 0, 1, landlock.CREATE), (RETURN, 0, 0, REFUSE | errno.ENOSYS), YES],
    "seccomp": [
        *((LOAD, 0, 0, AT_NUMBER), (EQUAL, 0, 3, seccomp.PRCTL[COLUMN]), (LOAD, 0, 0, seccomp.AT_ARGUMENTS)),
        *((EQUAL, 0, 1, seccomp.PR_SET_SECCOMP), (RETURN, 0, 0, REFUSE | errno.EINVAL), YES),
    ],
    "network": [
        *((LOAD, 0, 0, AT_NUMBER), (EQUAL, 0, 1, seccomp.NEVER["unshare"][COLUMN])),
        *((RETURN, 0, 0, REFUSE | errno.EPERM), YES),
    ],
}


def lack(what: str) -> None:
    code = b"".join(struct.pack("<HBBI", *each) for each in LACKING[what])
    buffer = ctypes.create_string_buffer(code, len(code))
    filter = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    landlock.called(landlock.libc.prctl(sandbox.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    landlock.called(landlock.libc.prctl(seccomp.PR_SET_SECCOMP, 2, ctypes.c_char_p(filter), 0, 0), "filter")


if __name__ == "__main__":
    lack(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
