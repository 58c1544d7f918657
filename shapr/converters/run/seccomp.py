"""The system call filter: a list of what a converter has no business with, as a BPF program, by ctypes.

PyPI's `pyseccomp` needs libseccomp and was last kept in 2021. Numbers: asm/unistd_64.h (x86_64) and
asm-generic/unistd.h (arm64), checked against them by tests/converters/test_sandbox.py.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable

from shapr.converters.run.landlock import called, libc

PR_SET_PDEATHSIG, PR_SET_SECCOMP, FILTER = 1, 22, 2
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column below; linux/audit.h
X32 = 0x40000000  # a second numbering of the calls on x86_64
NEWEST = 469  # from this call on, those that the kernel has gained since: nobody knows them here yet
ABSENT = -1


def _calls(table: str) -> dict[str, tuple[int, int]]:
    """Name, number on x86_64, number on arm64 (`-`: it has none); `#` begins a heading."""
    words = [word for line in table.splitlines() if not line.lstrip().startswith("#") for word in line.split()]
    numbers = [ABSENT if word == "-" else word for word in words]
    return {str(name): (int(x86), int(arm)) for name, x86, arm in zip(*[iter(numbers)] * 3, strict=True)}


NEVER = _calls("""
    # sockets
    socket 41 198  connect 42 203  bind 49 200  listen 50 201  accept 43 202  accept4 288 242
    # other processes
    ptrace 101 117  process_vm_readv 310 270  process_vm_writev 311 271  kcmp 312 272  process_madvise 440 440
    process_mrelease 448 448  pidfd_getfd 438 438  migrate_pages 256 238  move_pages 279 239  shmget 29 194
    semget 64 190  msgget 68 186  mq_open 240 180  mq_unlink 241 181
    # out of the group that is killed
    setsid 112 157  setpgid 109 154
    # mounts and namespaces
    mount 165 40  umount2 166 39  pivot_root 155 41  chroot 161 51  unshare 272 97  setns 308 268  open_tree 428 428
    move_mount 429 429  fsopen 430 430  fsconfig 431 431  fsmount 432 432  fspick 433 433  mount_setattr 442 442
    statmount 457 457  listmount 458 458  open_tree_attr 467 467
    # the kernel's wide surfaces
    bpf 321 280  perf_event_open 298 241  userfaultfd 323 282  keyctl 250 219  add_key 248 217  request_key 249 218
    io_uring_setup 425 425  io_uring_enter 426 426  io_uring_register 427 427  memfd_secret 447 447
    modify_ldt 154 -  inotify_init 253 -  inotify_init1 294 26  fanotify_init 300 262
    # the machine
    kexec_load 246 104  kexec_file_load 320 294  init_module 175 105  finit_module 313 273  delete_module 176 106
    reboot 169 142  swapon 167 224  swapoff 168 225  acct 163 89  quotactl 179 60  quotactl_fd 443 443
    syslog 103 116  settimeofday 164 170  clock_settime 227 112  clock_adjtime 305 266  adjtimex 159 171
    sethostname 170 161  setdomainname 171 162  vhangup 153 58  personality 135 92  iopl 172 -  ioperm 173 -
    uselib 134 -  lookup_dcookie 212 18
    # files by other ways than their names, and special ones
    name_to_handle_at 303 264  open_by_handle_at 304 265  mknod 133 -  mknodat 259 33  setxattr 188 5
    lsetxattr 189 6  fsetxattr 190 7  setxattrat 463 463  removexattr 197 14  lremovexattr 198 15
    fremovexattr 199 16  removexattrat 466 466
""")
# Landlock does not cover these. A program is told that it worked, as `fakeroot` does: `cp -p` and `tar` insist.
ATTRIBUTES = _calls("""
    chmod 90 -  fchmod 91 52  fchmodat 268 53  fchmodat2 452 452  chown 92 -  fchown 93 55  lchown 94 -
    fchownat 260 54
""")
# Our own child starts nothing, and no other process hears of it. Times of files: `touch` and `cp -p` need them.
ALONE = _calls("""
    execve 59 221  execveat 322 281  fork 57 -  vfork 58 -  tkill 200 130  rt_sigqueueinfo 129 138
    rt_tgsigqueueinfo 297 240  pidfd_open 434 434  pidfd_send_signal 424 424
    utime 132 -  utimes 235 -  utimensat 280 88  futimesat 261 -
""")
SIGNALS = {"kill": (62, 129), "tgkill": (234, 131)}  # to oneself: abort() does
# About the caller only: the argument that names a process has to be 0, or the caller.
OWN = {
    "prlimit64": (0, (302, 261)),
    "sched_setaffinity": (0, (203, 122)),
    "sched_setscheduler": (0, (144, 119)),
    "sched_setparam": (0, (142, 118)),
    "sched_setattr": (0, (314, 274)),
    "setpriority": (1, (141, 140)),
    "ioprio_set": (1, (251, 30)),
}
CLONE, CLONE3, SOCKETPAIR, PRCTL, IOCTL = (56, 220), (435, 435), (53, 199), (157, 167), (16, 29)
THREAD = 0x00010000  # CLONE_THREAD
NAMESPACES = 0x7E020080  # CLONE_NEW*
STREAM = 1  # SOCK_STREAM: a pair that reaches nobody else, where a datagram socket can
KINDS = 0xF  # of a socket's type, without its flags
# Flags of a file that is open for reading, and words put into a terminal: FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, TIOCSTI
IOCTLS = (0x40086602, 0x401C5820, 0x5412)

# linux/bpf_common.h, linux/seccomp.h
LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
AT_NUMBER, AT_ARCHITECTURE, AT_ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

Instruction = tuple[int, int, int, int]


def restrict(programs: bool) -> None:
    """From now on, for this process and all it starts. Needs `no_new_privs`; OSError without such filters."""
    if platform.machine() not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"system call filter: not for {platform.machine()}")
    code = b"".join(struct.pack("<HBBI", *each) for each in program(programs))
    buffer = ctypes.create_string_buffer(code, len(code))
    filter = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    called(libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.c_char_p(filter), 0, 0), "system call filter")


def program(programs: bool) -> list[Instruction]:
    """The filter for this machine. With `programs` the caller may start others, and signal them."""
    column, architecture = ARCHITECTURES[platform.machine()]
    made: list[Instruction] = [(LOAD, 0, 0, AT_ARCHITECTURE), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL)]
    made.append((LOAD, 0, 0, AT_NUMBER))
    if column == 0:
        made += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, KILL)]
    made += [(AT_LEAST, 0, 1, NEWEST), _no(errno.ENOSYS)]

    def on(numbers: tuple[int, int], *instructions: Instruction) -> None:
        """These decide about a call. They may lose the number: they end by deciding."""
        if numbers[column] != ABSENT:
            made.extend(((EQUAL, 0, len(instructions), numbers[column]), *instructions))

    for numbers in (*NEVER.values(), *(() if programs else ALONE.values())):
        on(numbers, _no())
    for numbers in ATTRIBUTES.values():
        on(numbers, _no(0 if programs else errno.EPERM))
    on(CLONE3, _no(errno.ENOSYS))  # its flags are out of sight; libc falls back to clone
    threads = () if programs else ((ANY_BIT, 1, 0, THREAD), _no())
    on(CLONE, _argument(0), (ANY_BIT, 0, 1, NAMESPACES), _no(), *threads, YES)
    pair = (_argument(1), (AND, 0, 0, KINDS), (EQUAL, 1, 0, STREAM), _no(), YES)
    on(SOCKETPAIR, *(pair if programs else (_no(),)))
    on(PRCTL, _argument(0), (EQUAL, 0, 1, PR_SET_PDEATHSIG), _no(), YES)
    on(IOCTL, _argument(1), *_none_of(IOCTLS))
    for at, numbers in OWN.values():
        on(numbers, _argument(at), *_only((0,) if programs else (0, os.getpid())))
    if not programs:
        for numbers in SIGNALS.values():
            on(numbers, _argument(0), *_only((os.getpid(),)))
    return [*made, YES]


def _no(number: int = errno.EPERM) -> Instruction:
    return (RETURN, 0, 0, REFUSE | number)


YES: Instruction = (RETURN, 0, 0, ALLOW)


def _argument(at: int) -> Instruction:
    """The lower half of an argument: the kernel looks at no more of a process id, a set of flags, an ioctl."""
    return (LOAD, 0, 0, AT_ARGUMENTS + 8 * at)


def _only(values: tuple[int, ...]) -> Iterable[Instruction]:
    for value in values:
        yield from ((EQUAL, 0, 1, value), YES)
    yield _no()


def _none_of(values: tuple[int, ...]) -> Iterable[Instruction]:
    for value in values:
        yield from ((EQUAL, 0, 1, value), _no())
    yield YES
