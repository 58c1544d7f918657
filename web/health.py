"""Is the process alive, and can it do its work?"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from shapr.adapters.switches import READ_ONLY, Switch
from shapr.errors import Unavailable
from web.answer import json
from web.parts import Parts, parts

PATIENCE = 2.0  # seconds a part has to answer
NEEDED = ("postgres", "s3", "temporal")  # without Redis, only progress and prompt waiting are lost

log = structlog.get_logger()
router = APIRouter(tags=["health"])


class Part(BaseModel):
    status: Literal["up", "down"]
    milliseconds: float


class On(BaseModel):
    reason: str
    since: datetime | None


class Sandbox(BaseModel):
    workers: int = Field(description="Those that run converters and were heard of in the last half minute.")
    active: tuple[str, ...] = Field(description="Protections that all of them have.")
    missing: dict[str, str] = Field(description="Protections that one of them lacks, and why.")


class Readiness(BaseModel):
    status: Literal["ready", "degraded", "unavailable"]
    parts: dict[str, Part]
    switches: dict[str, On] = Field(description="Those that are on: see GET /v1/switches.")
    sandbox: Sandbox | None = Field(description="What fences converters in: docs/sandbox.md. Null when Redis is down.")


class Liveness(BaseModel):
    status: Literal["alive"]


@router.get("/livez", responses={200: {"model": Liveness}})
async def livez() -> Response:
    """200 as long as the process answers."""
    return json({"status": "alive"})


@router.get("/readyz", responses={200: {"model": Readiness}, 503: {"model": Readiness, "description": "Unavailable"}})
async def readyz(request: Request) -> Response:
    """503 when a part is down without which no conversion can be accepted and carried out."""
    our = parts(request)
    checks = {
        "postgres": our.rows.ready,
        "s3": our.bucket.ready,
        "temporal": our.temporal_ready,
        "redis": our.progress.ready,
    }
    found = dict(zip(checks, await asyncio.gather(*(checked(*each) for each in checks.items())), strict=True))
    down = [name for name, part in found.items() if part["status"] == "down"]
    unavailable = any(name in NEEDED for name in down)
    status = "unavailable" if unavailable else "degraded" if down else "ready"
    told = {"status": status, "parts": found, "switches": await on(our), "sandbox": await sandbox(our)}
    return json(told, 503 if unavailable else 200)


async def sandbox(our: Parts) -> dict[str, Any] | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return asdict(await our.workers.fenced())
    except (Unavailable, TimeoutError):  # `parts` says that Redis is down
        return None


async def on(our: Parts) -> dict[str, dict[str, Any]]:
    """The switches that are on, as far as this process knows."""
    read_only = await our.maintenance.switch()
    known: dict[str, Switch] = dict(our.switches.seen.on) if our.switches.seen else {}
    if read_only:
        known[READ_ONLY] = read_only
    return {name: {"reason": switch.reason, "since": switch.since} for name, switch in known.items()}


async def checked(name: str, check: Callable[[], Awaitable[None]]) -> dict[str, Any]:
    begun = time.perf_counter()
    status = "up"
    try:
        async with asyncio.timeout(PATIENCE):
            await check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the part does not do its work
        log.warning("part_down", part=name, error=repr(error))
        status = "down"
    return {"status": status, "milliseconds": round((time.perf_counter() - begun) * 1000, 1)}
