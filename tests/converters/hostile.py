"""What a converter that was taken over would try. `python -m tests.converters.hostile USER FOLDER own|programs`

Tries each thing in a forked child of its own, as that user and behind the fence, and prints as JSON how it ended:
`through`, the name of an error, or the signal that killed it. FOLDER holds `scratch` and `outside`.
"""

import ctypes
import json
import mmap
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from errno import errorcode
from pathlib import Path

from shapr.converters.run import sandbox, seccomp
from shapr.converters.run.launch import ROOT, Bounds
from shapr.converters.run.sandbox import Fence, confine

LIMITS = Bounds(cpu=20, memory=1 << 30, output=1 << 20)
PR_SET_DUMPABLE = 4
X86 = platform.machine() == "x86_64"
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long

Try = Callable[[], object]


def call(name: str, *arguments: object) -> int:
    """A system call by its number, past everything that libc would do."""
    known = seccomp.NEVER | seccomp.ATTRIBUTES | seccomp.ALONE | seccomp.SIGNALS
    known |= {name: numbers for name, (_, numbers) in seccomp.OWN.items()}
    known |= {"clone": seccomp.CLONE, "clone3": seccomp.CLONE3}
    return number(known[name][0 if X86 else 1], *arguments)


def number(call: int, *arguments: object) -> int:
    if (result := LIBC.syscall(ctypes.c_long(call), *arguments)) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def forbidden(folder: Path, parent: int) -> dict[str, Try]:
    """What neither our own child nor a program may do."""
    scratch, outside = folder / "scratch", folder / "outside"
    file, own, new = outside / "file", scratch / "own", scratch / "new"
    package = ROOT / "shapr" / "errors.py"
    return {
        "file: read outside": file.read_bytes,
        "file: through a link": (scratch / "link").read_bytes,
        "file: by dots": (scratch / ".." / "outside" / "file").read_bytes,
        "file: /etc/shadow": Path("/etc/shadow").read_bytes,
        "file: /etc/passwd": Path("/etc/passwd").read_bytes,
        "file: by the root of another": Path(f"/proc/{parent}/root{file}").read_bytes,
        "file: by its own root": Path("/proc/self/root/etc/passwd").read_bytes,
        "file: by the root of init": Path("/proc/1/root/etc/hostname").read_bytes,
        "file: of the project": (ROOT / "pyproject.toml").read_bytes,
        "file: list outside": lambda: list(outside.iterdir()),
        "file: list the root": lambda: list(Path("/").iterdir()),
        "file: write outside": lambda: file.open("r+b"),
        "file: append outside": lambda: file.open("ab"),
        "file: truncate outside": lambda: os.truncate(file, 0),
        "file: make in outside": lambda: (outside / "new").open("x"),
        "file: make in /tmp": lambda: tempfile.TemporaryFile(dir="/tmp"),
        "file: make in /dev/shm": lambda: Path("/dev/shm/shapr-hostile").open("x"),
        "file: unnamed outside": lambda: os.open(outside, os.O_TMPFILE | os.O_RDWR),
        "file: folder outside": (outside / "folder").mkdir,
        "file: remove outside": file.unlink,
        "file: move out": lambda: own.rename(outside / "own"),
        "file: move in": lambda: file.rename(new),
        "file: link in": lambda: os.link(file, new),
        "file: link out": lambda: os.link(own, outside / "own"),
        "file: write our code": lambda: package.open("r+b"),
        "file: write a package": lambda: Path(json.__file__).open("r+b"),
        "file: memory of another": lambda: Path(f"/proc/{parent}/mem").open("rb"),
        "file: environment of another": Path(f"/proc/{parent}/environ").read_bytes,
        "file: descriptors of another": lambda: list(Path(f"/proc/{parent}/fd").iterdir()),
        "file: command of another": Path(f"/proc/{parent}/cmdline").read_bytes,
        "file: fifo": lambda: os.mkfifo(new),
        "file: device": lambda: os.mknod(new, 0o600 | 0o020000, os.makedev(1, 3)),
        "file: attribute": lambda: os.setxattr(own, "user.x", b"x"),
        "file: by handle": lambda: call("open_by_handle_at", -100, bytes((8, 0, 0, 0, 1, 0, 0, 0)) + bytes(8), 0),
        "socket: TCP": lambda: socket.socket(),
        "socket: UDP": lambda: socket.socket(type=socket.SOCK_DGRAM),
        "socket: IPv6": lambda: socket.socket(socket.AF_INET6),
        "socket: unix": lambda: socket.socket(socket.AF_UNIX),
        "socket: netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "socket: packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "socket: vsock": lambda: socket.socket(socket.AF_VSOCK),
        "socket: datagram pair": lambda: socket.socketpair(type=socket.SOCK_DGRAM),
        "ipc: shared memory": lambda: call("shmget", 0x53484150, 4096, 0o1600),
        "ipc: semaphore": lambda: call("semget", 0x53484150, 1, 0o1600),
        "ipc: messages": lambda: call("msgget", 0x53484150, 0o1600),
        "process: signal the parent": lambda: os.kill(parent, 0),
        "process: signal init": lambda: os.kill(1, 0),
        "process: trace the parent": lambda: call("ptrace", 16, parent, 0, 0),
        "process: be traced": lambda: call("ptrace", 0, 0, 0, 0),
        "process: read the parent": lambda: call("process_vm_readv", parent, None, 0, None, 0, 0),
        "process: write the parent": lambda: call("process_vm_writev", parent, None, 0, None, 0, 0),
        "process: limit the parent": lambda: resource.prlimit(parent, resource.RLIMIT_CORE, (0, 0)),
        "process: slow the parent": lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
        "process: pin the parent": lambda: os.sched_setaffinity(parent, {0}),
        "process: session": os.setsid,
        "process: group": os.setpgrp,
        "process: outlive the worker": lambda: LIBC.prctl(1, 0, 0, 0, 0) and call("ptrace", 0, 0, 0, 0),
        "kernel: user namespace": lambda: call("unshare", 0x10000000),
        "kernel: clone into namespace": lambda: call("clone", 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0),
        "kernel: clone3": lambda: call("clone3", 0, 0),
        "kernel: namespace of another": lambda: call("setns", 0, 0),
        "kernel: mount": lambda: call("mount", b"none", bytes(scratch), b"tmpfs", 0, 0),
        "kernel: mount by descriptor": lambda: call("fsopen", b"tmpfs", 0),
        "kernel: chroot": lambda: os.chroot(scratch),
        "kernel: io_uring": lambda: call("io_uring_setup", 1, bytes(120)),
        "kernel: bpf": lambda: call("bpf", 0, bytes(72), 72),
        "kernel: keys": lambda: call("keyctl", 0, -3, 0),
        "kernel: userfaultfd": lambda: call("userfaultfd", 1),
        "kernel: perf": lambda: call("perf_event_open", bytes(120), 0, -1, -1, 0),
        "kernel: personality": lambda: call("personality", 0x0040000),
        "kernel: log": lambda: call("syslog", 10, 0, 0),
        "kernel: inotify": lambda: call("inotify_init1", 0),
        "kernel: a call of the future": lambda: number(500),
        "kernel: another table of calls": (lambda: number(0x40000000 + 39)) if X86 else unknown,
        "kernel: 32-bit calls": int80 if X86 else unknown,
        "privilege: another user": lambda: os.setuid(1 if os.getuid() != 1 else 0),
        "privilege: another group": lambda: os.setgroups([0]),
        "limit: memory": lambda: mmap.mmap(-1, LIMITS.memory + sandbox.HEADROOM),
        "limit: file": lambda: os.pwrite(os.open(new, os.O_CREAT | os.O_WRONLY), b"x", LIMITS.output),
        "limit: descriptors": lambda: [os.open("/", os.O_PATH) for _ in range(1000)],
        "limit: raise it": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (9999, 9999)),
        "limit: core": lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
        "limit: locked memory": lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 4096)),
    }


def alone(folder: Path, parent: int) -> dict[str, Try]:
    """What our own child may not do besides."""
    own = folder / "scratch" / "own"
    return {
        "file: symbolic link": lambda: (folder / "scratch" / "newer").symlink_to("/etc/passwd"),
        "file: mode": lambda: own.chmod(0o777),
        "file: mode by descriptor": lambda: os.fchmod(os.open(json.__file__, os.O_RDONLY), 0o644),
        "file: mode, newly": lambda: call("fchmodat2", -100, bytes(own), 0o777, 0),
        "file: owner": lambda: os.chown(own, os.getuid(), os.getgid()),
        "file: times": lambda: os.utime(own),
        "socket: pair": socket.socketpair,
        "process: signal everybody": lambda: os.kill(-1, 0),  # a program is told 0, whoever got it: kill(2)
        "process: fork": fork,
        "process: vfork": (lambda: call("vfork") or os._exit(0)) if X86 else unknown,
        "process: clone": lambda: call("clone", signal.SIGCHLD, 0, 0, 0, 0) or os._exit(0),
        "process: exec": lambda: os.execv("/bin/true", ["true"]),
        "process: spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "process: exec of memory": lambda: os.execve(os.memfd_create("x"), ["x"], {}),
        "process: signal by thread": lambda: call("tgkill", parent, parent, 0),
        "process: queue a signal": lambda: call("rt_sigqueueinfo", parent, 0, bytes(128)),
        "process: handle of another": lambda: os.pidfd_open(parent),
    }


def allowed(folder: Path) -> dict[str, Try]:
    """What a conversion needs."""
    scratch = folder / "scratch"
    return {
        "read": (scratch / "own").read_bytes,
        "write": lambda: (scratch / "made").write_bytes(b"x"),
        "list": lambda: list(scratch.iterdir()),
        "folder": lambda: shutil.rmtree(scratch / "a") if (scratch / "a" / "b").mkdir(parents=True) else None,
        "rename": lambda: (scratch / "made").write_bytes(b"x") and (scratch / "made").rename(scratch / "moved"),
        "truncate": lambda: (scratch / "own").open("r+b").truncate(2),
        "code": (ROOT / "shapr" / "errors.py").read_bytes,
        "import": lambda: __import__("wave"),
        "threads": threads,
        "map": lambda: mmap.mmap(os.open(scratch / "own", os.O_RDWR), 2),
        "null": lambda: Path("/dev/null").write_bytes(b"x"),
        "random": lambda: Path("/dev/urandom").open("rb").read(8),
        "self": Path("/proc/self/status").read_text,
    }


def by_programs(folder: Path) -> dict[str, Try]:
    return {
        "start": lambda: subprocess.run(
            ["/bin/sh", "-c", "cat own | wc -c > made"], check=True, cwd=folder / "scratch"
        ),
        "signal its own": lambda: subprocess.Popen(["/bin/sleep", "9"]).kill(),
        "pair": lambda: [each.send(b"x") for each in socket.socketpair()],
        "copy as it is": lambda: shutil.copy2(folder / "scratch" / "own", folder / "scratch" / "copy"),
        "link": lambda: (folder / "scratch" / "linked").symlink_to("own"),
    }


def unknown() -> None:
    """What this architecture does not have."""
    raise OSError(38, "unknown")


def int80() -> int:
    """getpid by the 32-bit table: its numbers mean other calls, which the filter must not mistake."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20; int 0x80; ret
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def threads() -> None:
    done: list[int] = []
    started = [threading.Thread(target=done.append, args=(1,)) for _ in range(8)]
    for each in started:
        each.start()
    for each in started:
        each.join()
    if len(done) != 8:
        raise OSError(11, "no threads")


def outcome(attempt: Try, fence: Fence) -> str:
    mine, childs = os.pipe()
    if (child := os.fork()) == 0:
        os.close(mine)
        try:
            confine(fence, "strict")
            os.chdir(fence.scratch)
            attempt()
            said = "through"
        except OSError as error:
            said = errorcode.get(error.errno or 0, repr(error))
        except (ValueError, MemoryError) as error:
            said = repr(error)
        os.write(childs, said.encode())
        os._exit(0)
    os.close(childs)
    with os.fdopen(mine, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else said or "became another program"


def main(user: int, folder: Path, programs: bool) -> dict[str, dict[str, str]]:
    parent = os.getpid()
    readable = sandbox.program_paths(Path("/bin/sh")) if programs else sandbox.runtime_paths()
    fence = Fence(folder / "scratch", readable, LIMITS, programs)
    fine = allowed(folder) | (by_programs(folder) if programs else {})
    if user != os.getuid():
        del fine["import"]  # a Python below a home folder is not another user's to read
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # as if it had been started as this user
    refused = forbidden(folder, parent) | ({} if programs else alone(folder, parent))
    return {
        "refused": {name: outcome(attempt, fence) for name, attempt in refused.items()},
        "allowed": {name: outcome(attempt, fence) for name, attempt in fine.items()},
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "programs")))
