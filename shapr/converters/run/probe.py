"""Which protections hold on this machine: by trying what they forbid, each alone, and all of them together.

`python -m shapr.converters.run.probe` prints it as JSON: a process with one thread, which may fork.
"""

import json
import mmap
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from shapr.converters.run import landlock, sandbox, seccomp
from shapr.converters.run.launch import ROOT, Bounds
from shapr.converters.run.sandbox import ESSENTIAL, PROTECTIONS, Fence

SECONDS = 60.0  # on a machine that is busy with something else
LIMITS = Bounds(cpu=10, memory=1 << 30, output=1 << 20)
NO_NEW_PRIVS = 39  # PR_GET_NO_NEW_PRIVS, linux/prctl.h
SAID = 1 << 16

Try = Callable[[], object]


@dataclass(frozen=True)
class Protections:
    """What holds, in the order of `sandbox.PROTECTIONS`, and why the rest does not. `abi`: Landlock's version, or 0."""

    active: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    abi: int = 0

    @property
    def essential(self) -> bool:
        """Is there what `SHAPR_SANDBOX=strict` asks for?"""
        return all(name in self.active for name in ESSENTIAL)


def probe() -> Protections:
    """What holds here, for this user. Takes a process of its own, and a part of a second."""
    command = (sys.executable, "-sP", "-m", "shapr.converters.run.probe")
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, capture_output=True, env=environment, cwd="/", timeout=SECONDS, check=True)
        told = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return Protections(missing=dict.fromkeys(PROTECTIONS, f"it could not be tried: {type(error).__name__}"))
    return Protections(tuple(told["active"]), told["missing"], told["abi"])


def examined() -> Protections:
    """Here, in a process with one thread."""
    folder = Path(tempfile.mkdtemp(prefix="shapr-probe-")).resolve()
    try:
        with Outside(folder) as outside:
            found = {name: alone(name, outside) for name in PROTECTIONS}
            for programs in (False, True):
                for name, why in together(outside, programs).items():
                    found[name] = found[name] or why
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    missing = {name: why for name, why in found.items() if why}
    return Protections(tuple(name for name in found if name not in missing), missing, abi())


def abi() -> int:
    try:
        return landlock.abi()
    except OSError:
        return 0


class Outside:
    """What a converter must not reach: a file, three sockets, and this process. And the scratch dir that it may use."""

    def __init__(self, folder: Path) -> None:
        self.file, self.scratch = folder / "outside" / "file", folder / "scratch"
        self.file.parent.mkdir()
        self.file.write_text("secret")
        self.scratch.mkdir()
        (self.scratch / "own").write_text("own")
        (self.scratch / "link").symlink_to(self.file)
        self.process = os.getpid()

    def __enter__(self) -> "Outside":
        self.udp = socket.socket(type=socket.SOCK_DGRAM)
        self.tcp, self.unix = socket.socket(), socket.socket(socket.AF_UNIX)
        self.udp.bind(("127.0.0.1", 0))
        self.tcp.bind(("127.0.0.1", 0))
        self.unix.bind(b"\0shapr-probe-%d" % self.process)
        self.tcp.listen()
        self.unix.listen()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self.udp, self.tcp, self.unix):
            each.close()

    def fence(self, programs: bool) -> Fence:
        readable = sandbox.program_paths(Path("/bin/true")) if programs else sandbox.runtime_paths()
        return Fence(self.scratch, readable, LIMITS, programs)

    def connect(self, kind: socket.SocketKind) -> None:
        to = self.udp if kind == socket.SOCK_DGRAM else self.tcp
        with socket.socket(type=kind) as mine:
            mine.settimeout(1)
            mine.connect(to.getsockname())

    def tries(self) -> dict[str, dict[str, Try]]:
        """By protection, what has to fail with OSError while it stands, and would not fail without it."""
        own, link, new = (self.scratch / name for name in ("own", "link", "new"))
        return {
            "rlimits": {
                "memory": lambda: mmap.mmap(-1, LIMITS.memory + sandbox.HEADROOM),
                "a large file": lambda: os.pwrite(os.open(own, os.O_WRONLY), b"x", LIMITS.output),
                "many files": lambda: [os.open("/", os.O_PATH) for _ in range(sandbox.FILES)],
            },
            "no_new_privs": {"a gain of privileges": unprivileged},
            "network": {
                "TCP": lambda: self.connect(socket.SOCK_STREAM),
                "UDP": lambda: self.connect(socket.SOCK_DGRAM),
                "an abstract socket": lambda: socket.socket(socket.AF_UNIX).connect(self.unix.getsockname()),
            },
            "landlock": {
                "a file outside": self.file.read_bytes,
                "a link to it": link.read_bytes,
                "a folder outside": lambda: list(self.file.parent.iterdir()),
                "writing outside": lambda: self.file.open("r+b"),
                "making outside": lambda: self.file.with_name("new").touch(),
                "removing outside": self.file.unlink,
                "moving in": lambda: self.file.rename(new),
                "linking in": lambda: os.link(self.file, new),
                "another's memory": lambda: Path(f"/proc/{self.process}/mem").open("rb"),
                "/etc/passwd": Path("/etc/passwd").read_bytes,
            },
            "seccomp": {
                "a socket": socket.socket,
                "a unix socket": lambda: socket.socket(socket.AF_UNIX),
                "a namespace": lambda: call(seccomp.NEVER["unshare"], sandbox.NEWUSER),
                "tracing": lambda: call(seccomp.NEVER["ptrace"], 0, 0, 0, 0),  # PTRACE_TRACEME
                "a special file": lambda: os.mkfifo(new),
                "a group of its own": os.setpgrp,
                "a session of its own": os.setsid,
            },
        }

    def alone(self) -> dict[str, Try]:
        """What our own child may not do besides, and a program may."""
        return {
            "a pair of sockets": socket.socketpair,
            "the mode of a file": lambda: (self.scratch / "own").chmod(0o600),
            "its times": lambda: os.utime(self.scratch / "own"),
            "a signal": lambda: os.kill(self.process, 0),
            "a process": forked,
            "a program": lambda: os.execv("/bin/true", ["true"]),
        }


def unprivileged() -> None:
    if landlock.libc.prctl(NO_NEW_PRIVS, 0, 0, 0, 0) == 1:
        raise PermissionError


def call(numbers: tuple[int, int], *arguments: int) -> None:
    number = numbers[seccomp.ARCHITECTURES[platform.machine()][0]]
    landlock.called(landlock.libc.syscall(number, *arguments), "call")


def forked() -> None:
    if os.fork() == 0:
        os._exit(0)


def alone(name: str, outside: Outside) -> str:
    """Why a protection does not hold; empty when it does."""
    fence = outside.fence(programs=False)

    def put_up() -> None:
        PROTECTIONS["no_new_privs"](fence)  # the other two ask for it
        PROTECTIONS[name](fence)

    tries = outside.tries()[name] | (outside.alone() if name == "seccomp" else {})
    return in_a_child(lambda: refused(put_up, tries)).get("why", "")


def together(outside: Outside, programs: bool) -> dict[str, str]:
    """The whole fence, as a job has it: nothing may take away from something else."""

    def trying() -> dict[str, str]:
        sandbox.confine(outside.fence(programs), "degrade")
        names = [name for name in PROTECTIONS if name not in ("rlimits", "network")]
        return {name: why for name in names if (why := let_through(outside.tries()[name]))}

    return in_a_child(trying)


def refused(put_up: Callable[[], None], tries: dict[str, Try]) -> dict[str, str]:
    try:
        put_up()
    except OSError as error:
        return {"why": error.strerror or type(error).__name__}
    return {"why": let_through(tries)}


def let_through(tries: dict[str, Try]) -> str:
    done = []
    for name, attempt in tries.items():
        try:
            attempt()
        except OSError:
            continue
        done.append(name)
    return f"it lets through: {', '.join(done)}" if done else ""


def in_a_child(work: Callable[[], dict[str, str]]) -> dict[str, str]:
    """What a forked child found out; one that ends without a word has become what it should not have."""
    mine, childs = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(childs, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(childs)
    with os.fdopen(mine, "rb") as pipe:
        said = pipe.read(SAID)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found: dict[str, str] = json.loads(said) if said else {"why": "what tried it came to an end"}
    return found


if __name__ == "__main__":
    print(json.dumps(asdict(examined())))  # noqa: T201 - the answer
