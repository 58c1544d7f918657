"""Become a server: `python -I -S launch.py PARENT OWNER COMMAND...`, run by path, before any package is imported.

PARENT is the pid that must be our parent: when it dies, by whatever signal, so does the server. OWNER is a folder whose
owner the server runs as, or `-`: PostgreSQL refuses root. A small program of its own, because what it does between
fork and exec is not safe in a process with threads.
"""

import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2  # linux/prctl.h
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWUSER = 0x10000000
NOBODY = 65534

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def become(uid: int, gid: int) -> None:
    """Run as another user, who may still search the folders above: a checkout often lies in a home of mode 0700."""
    kept = searching()
    # Capabilities stay as they are when the user changes. Without it, access(2), by which PostgreSQL looks for its
    # programs, would also leave them out of account.
    call("prctl", PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    bits = 1 << kept if kept is not None else 0
    data = (ctypes.c_uint32 * 6)(bits, bits, bits, 0, 0, 0)  # effective, permitted, inheritable; then bits 32 and up
    call("capset", header, data)
    if kept is not None:
        call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept, 0, 0)


def searching() -> int | None:
    """The weakest capability we have that searches any folder. Containers usually grant only the second."""
    status = Path("/proc/self/status").read_text()
    permitted = int(status.partition("CapPrm:")[2].split()[0], 16)
    return next((each for each in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if permitted >> each & 1), None)


def look_unprivileged() -> None:
    """The same user under another name: `nobody` in a user namespace of its own."""
    uid, gid = os.geteuid(), os.getegid()
    call("unshare", CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {uid} 1"),
        ("gid_map", f"{NOBODY} {gid} 1"),
    ):
        Path("/proc/self", name).write_text(text)


def known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def main(parent: str, owner: str, *command: str) -> None:
    if owner != "-":
        folder = Path(owner).stat()
        if folder.st_uid != os.geteuid():
            become(folder.st_uid, folder.st_gid)
        elif os.geteuid() == 0 or not known(os.geteuid()):
            look_unprivileged()
    # After the change of user, which clears it.
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        return  # it died before the line above
    os.execv(command[0], command)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        sys.exit(f"cannot start {sys.argv[3]}: {error}")
