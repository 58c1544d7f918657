"""`shapr up`: the embedded stack, the API and a worker on this machine, until Ctrl-C."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Collection
from pathlib import Path

from pydantic import SecretStr

from cli.connection import address
from devstack import postgres, redis, s3, temporal
from devstack.answers import get
from devstack.ports import HOST
from devstack.program import Program, launched
from devstack.secret import secret
from devstack.stack import HeldError, Stack
from shapr.settings import Settings

ROOT = Path(__file__).parent.parent
SERVERS = ("postgres", "redis", "s3", "temporal")
OURS = ("api", "worker")
KEEP_ALIVE = 75  # seconds; after uvicorn's 5, a busy client's next request met a connection being closed
MAKE_POLL = 0.5  # seconds between two looks at make
PR_SET_PDEATHSIG = 1  # linux/prctl.h


async def up(settings: Settings, roles: Collection[str] = (*SERVERS, *OURS)) -> int:
    """Run these roles until a signal says stop; gives the exit code."""
    begun = time.monotonic()
    if "MAKELEVEL" in os.environ:  # a killed make must not leave its stack behind
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    try:
        stack = Stack(settings.data_dir, say)
    except HeldError as held:
        print(held, file=sys.stderr)
        return 1
    stop = asyncio.Event()
    watch_signals(stop, stack)
    making = asyncio.create_task(watch_make(os.getppid(), stop))
    running = asyncio.create_task(run(stack, settings, roles, begun))
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    code = 0
    if running.done() and (error := running.exception()):
        print(f"cannot start: {error}", file=sys.stderr)
        code = 1
    running.cancel()
    making.cancel()
    await stack.stop(OURS)
    return code


async def run(stack: Stack, settings: Settings, roles: Collection[str], begun: float) -> None:
    """Start everything together, say `ready:`, and go on until cancelled."""
    await stack.up(lambda: begin(stack, settings, roles))
    announce(settings, time.monotonic() - begun)
    await asyncio.Event().wait()


async def begin(stack: Stack, settings: Settings, roles: Collection[str]) -> None:
    servers = await asyncio.to_thread(programs, stack, settings)
    inner = addressed(settings, stack.data_dir, {program.role: program.address for program in servers})
    await stack.start([each for each in (*servers, api(inner), worker(inner, stack)) if each.role in roles])
    if not set(OURS).isdisjoint(roles):
        await prepare(inner, stack)
    await asyncio.gather(*(stack.ready(role) for role in roles))


def programs(stack: Stack, settings: Settings) -> list[Program]:
    """The four servers, initialised if this is the first start."""
    home, ports = stack.data_dir, stack.ports
    ports.well_known(settings.port, "the API", "SHAPR_PORT")
    return [
        temporal.program(home / "temporal", ports, settings),
        postgres.program(home / "postgres", ports),
        s3.program(home / "s3", ports),
        redis.program(home / "redis", ports),
    ]


def addressed(settings: Settings, home: Path, addresses: dict[str, str]) -> Settings:
    """The settings with the embedded servers' addresses."""
    return settings.model_copy(
        update={
            "data_dir": home,
            "temporal_address": addresses["temporal"].removeprefix("http://"),
            "database_url": SecretStr(addresses["postgres"]),
            "redis_url": SecretStr(addresses["redis"]),
            "s3_endpoint": addresses["s3"],
            "s3_access_key": SecretStr(s3.ACCESS_KEY),
            "s3_secret_key": SecretStr(secret(home / "s3" / "password")),
            "scratch_dir": settings.scratch_dir or home / "scratch",
            "legacy": settings.legacy if "legacy" in settings.model_fields_set else True,
            "sandbox": settings.sandbox if "sandbox" in settings.model_fields_set else "degrade",
            "grace": settings.grace if "grace" in settings.model_fields_set else 3.0,
        }
    )


def environment(settings: Settings) -> dict[str, str]:
    """Settings as the variables that give the same settings in another process."""
    values = {**os.environ, "PGSSLMODE": "disable"}  # else asyncpg looks for certificates in a home that may not exist
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is not None:
            values[f"SHAPR_{name.upper()}"] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return values


def api(settings: Settings) -> Program:
    host, name = settings.host.strip("[]"), settings.allowed_hosts.split(",")[0].strip()

    async def ready() -> bool:
        return await get(settings.port, "/readyz", host, name) is not None

    return Program(
        role="api",
        command=(
            *(sys.executable, "-m", "uvicorn", "--factory", "web.app:create_app", "--no-access-log"),
            *("--host", settings.host, "--port", str(settings.port), "--timeout-graceful-shutdown", "3"),
            *("--timeout-keep-alive", str(KEEP_ALIVE)),
        ),
        address=address(settings),
        ready=ready,
        ports=(settings.port,),
        environment=environment(settings),
        cwd=ROOT,
        patience=6,
    )


def worker(settings: Settings, stack: Stack) -> Program:
    async def ready() -> bool:
        return b"ready" in (await asyncio.to_thread(stack.log("worker").read_bytes)).splitlines()

    return Program(
        role="worker",
        command=(sys.executable, str(ROOT / "worker_main.py")),
        address=f"temporal://{settings.temporal_address}/{settings.temporal_namespace}",
        ready=ready,
        environment=environment(settings),
        cwd=ROOT,
        patience=settings.grace + 5,
    )


async def prepare(settings: Settings, stack: Stack) -> None:
    """Run `cli.prepare` beside the servers' start, and tell it of each that serves."""
    log = stack.log("prepare")
    command = (sys.executable, "-m", "cli.prepare")
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *launched(command), env=environment(settings), cwd=ROOT, stdin=PIPE, stdout=out, stderr=out
        )

    async def tell(role: str) -> None:
        await stack.ready(role)
        if process.stdin:
            process.stdin.write(f"{role}\n".encode())

    async def tell_all() -> None:
        await asyncio.gather(*(tell(role) for role in SERVERS))
        if process.stdin:
            process.stdin.close()

    try:
        _, code = await asyncio.gather(tell_all(), process.wait())
    finally:
        if process.returncode is None:
            process.kill()
    if code:
        raise RuntimeError(f"the servers could not be prepared. The end of {log}:\n{log.read_text()[-2000:]}")


def watch_signals(stop: asyncio.Event, stack: Stack) -> None:
    """The first signal stops everything in order, the second kills it."""

    def asked() -> None:
        if stop.is_set():
            stack.kill()
            os._exit(130)
        say("stopping (once more to kill)")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked)


async def watch_make(parent: int, stop: asyncio.Event) -> None:
    """Stop when make gets a SIGINT that we do not get, as by `kill -INT`: Ctrl-C on a terminal reaches both of us.

    GNU make then waits for us without a word. But it takes its handler away, and that can be seen (proc(5): SigCgt).
    """
    if not catches_interrupts(parent):  # no make, or one in the background, which ignores it
        return
    while catches_interrupts(parent):  # noqa: ASYNC110 - another process, which tells us nothing
        await asyncio.sleep(MAKE_POLL)
    await asyncio.sleep(MAKE_POLL)  # for a Ctrl-C, our own signal was on its way
    if not stop.is_set():
        say("stopping, because make was interrupted")
        stop.set()


def catches_interrupts(make: int) -> bool:
    """Is this a make that would still notice a SIGINT?"""
    try:
        status = Path(f"/proc/{make}/status").read_text()
    except OSError:
        return False
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return "make" in fields["Name"] and bool(int(fields["SigCgt"], 16) & 1 << signal.SIGINT - 1)


def announce(settings: Settings, seconds: float) -> None:
    here = address(settings)
    say(f"up in {seconds:.1f} s, data and logs in {settings.data_dir}")
    print(
        f"ready: {here}\n"
        f"  page         {here}/\n"
        f"  API docs     {here}/docs\n"
        f"  Temporal UI  http://{HOST}:{settings.temporal_ui_port}\n"
        "  try          curl -F file=@samples/bracket.step -F outputs=stl -H 'Prefer: wait=30' "
        f"{here}/v1/conversions",
        flush=True,
    )


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)
