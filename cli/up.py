"""`shapr up`: the embedded stack, the API and a worker on this machine, until Ctrl-C."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import httpx
from pydantic import SecretStr

from cli.prepare import prepare
from devstack import postgres, redis, s3, temporal
from devstack.ports import Ports, well_known
from devstack.program import Program
from devstack.secret import secret
from devstack.stack import HeldError, Stack
from shapr.settings import Settings

ROOT = Path(__file__).parent.parent
SERVERS = ("postgres", "redis", "s3", "temporal")


async def up(settings: Settings) -> int:
    """Run until a signal says stop; gives the exit code."""
    begun = time.monotonic()
    try:
        stack = Stack(settings.data_dir, say)
    except HeldError as held:
        print(held, file=sys.stderr)
        return 1
    stop = asyncio.Event()
    watch_signals(stop, stack)
    running = asyncio.create_task(run(stack, settings, begun))
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    code = 0
    if running.done() and (error := running.exception()):
        print(f"cannot start: {error}", file=sys.stderr)
        code = 1
    running.cancel()
    await stack.stop(("api", "worker"))
    return code


async def run(stack: Stack, settings: Settings, begun: float) -> None:
    """Start everything together, say `ready:`, and go on until cancelled."""
    servers = await asyncio.to_thread(programs, stack.data_dir, settings)
    inner = addressed(settings, stack.data_dir, {program.role: program.address for program in servers})
    await stack.start([*servers, api(inner), worker(inner, stack)])
    await prepare(inner, {role: stack.ready(role) for role in SERVERS})
    await asyncio.gather(stack.ready("api"), stack.ready("worker"))
    announce(settings, time.monotonic() - begun)
    await asyncio.Event().wait()


def programs(home: Path, settings: Settings) -> list[Program]:
    """The four servers, initialised if this is the first start."""
    ports = Ports(home / "ports.json")
    well_known(settings.port, "the API", "SHAPR_PORT")
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
            "temporal_address": addresses["temporal"],
            "database_url": SecretStr(addresses["postgres"]),
            "redis_url": SecretStr(addresses["redis"]),
            "s3_endpoint": addresses["s3"],
            "s3_access_key": SecretStr(s3.ACCESS_KEY),
            "s3_secret_key": SecretStr(secret(home / "s3" / "password")),
            "scratch_dir": settings.scratch_dir or home / "scratch",
            "grace": settings.grace if "grace" in settings.model_fields_set else 3.0,
        }
    )


def environment(settings: Settings) -> dict[str, str]:
    """Settings as the variables that give the same settings in another process."""
    values = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is not None:
            values[f"SHAPR_{name.upper()}"] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return values


def api(settings: Settings) -> Program:
    url = f"http://{settings.host}:{settings.port}"

    async def ready() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                return (await client.get(f"{url}/readyz", timeout=5)).status_code == 200
        except httpx.HTTPError:
            return False

    return Program(
        role="api",
        command=(
            *(sys.executable, "-m", "uvicorn", "--factory", "web.app:create_app", "--no-access-log"),
            *("--host", settings.host, "--port", str(settings.port), "--timeout-graceful-shutdown", "3"),
        ),
        address=url,
        ready=ready,
        environment=environment(settings),
        cwd=ROOT,
        patience=6,
    )


def worker(settings: Settings, stack: Stack) -> Program:
    async def ready() -> bool:
        return b"ready\n" in await asyncio.to_thread(stack.log("worker").read_bytes)

    return Program(
        role="worker",
        command=(sys.executable, str(ROOT / "worker_main.py")),
        address=f"temporal://{settings.temporal_address}/{settings.temporal_namespace}",
        ready=ready,
        environment=environment(settings),
        cwd=ROOT,
        patience=settings.grace + 5,
    )


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


def announce(settings: Settings, seconds: float) -> None:
    url = f"http://{settings.host}:{settings.port}"
    say(f"up in {seconds:.1f} s, data and logs in {settings.data_dir}")
    print(
        f"ready: {url}  (API docs {url}/docs, Temporal UI http://127.0.0.1:{settings.temporal_ui_port})\n"
        f"try:   curl -F file=@samples/bracket.step -F outputs=stl -H 'Prefer: wait=30' {url}/v1/conversions",
        flush=True,
    )


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)
