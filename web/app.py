"""Composition root of the API: settings -> adapters -> routes. `uvicorn --factory web.app:create_app`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shapr import telemetry
from shapr.adapters import temporal
from shapr.adapters.idempotency import Keys
from shapr.adapters.objects import Objects
from shapr.adapters.postgres import Postgres
from shapr.adapters.progress import Progress
from shapr.adapters.records import Records
from shapr.adapters.switches import Switches
from shapr.adapters.transitions import Transitions
from shapr.adapters.workers import Workers
from shapr.settings import Settings
from web import actions, conversions, docs, extras, files, formats, health, landing, legacy, parts, problems, switches
from web.admission import Admission, Maintenance, ReadOnly
from web.auth import Guard, require_loopback
from web.cors import NOWHERE, Cors, Origins, Preflight
from workflows.executions import Executions


def create_app(settings: Settings | None = None, *, executions: parts.Executions | None = None) -> FastAPI:
    """The API. It comes up even while its stores are down. `executions` takes Temporal's place, for tests."""
    if settings is None:
        settings = Settings()
        telemetry.configure(settings)
    require_loopback(settings)
    ours = settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.parts = await built(ours, executions, stack)
            yield

    app = FastAPI(
        title="Shapr3D Conversion Service",
        version="1",
        description="Durable CAD conversions. Errors are problems (RFC 9457) with a code of the error table.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    for module in (conversions, actions, extras, files, formats, health, switches, landing):
        app.include_router(module.router)
    docs.install(app)
    app.add_middleware(ReadOnly, maintenance=lambda: app.state.parts.maintenance)
    app.add_middleware(Head)
    origins = Origins(settings.legacy_origins) if settings.legacy else NOWHERE
    if settings.legacy:
        app.include_router(legacy.router)
        app.add_middleware(Preflight)
    app.add_middleware(Guard, allowed_hosts=settings.allowed_hosts, origins=origins)
    problems.install(app)
    if settings.legacy:
        app.add_middleware(Cors, origins=origins)  # the last one added is the outermost: errors have its headers too
    return app


async def built(settings: Settings, executions: parts.Executions | None, stack: AsyncExitStack) -> parts.Parts:
    """The real parts. None of them connects before it is used."""
    client = await temporal.connect(settings, lazy=True)
    postgres, objects, progress = Postgres(settings), Objects(settings), Progress(settings)
    workers = Workers(settings)
    for part in (postgres, objects, progress, workers):
        stack.push_async_callback(part.close)

    async def temporal_ready() -> None:
        await temporal.ready(client)

    turned = Switches(postgres, settings.max_queue)
    return parts.Parts(
        settings=settings,
        rows=Records(postgres),
        transitions=Transitions(postgres),
        keys=Keys(postgres),
        bucket=objects,
        progress=progress,
        executions=executions or Executions(client),
        temporal_ready=temporal_ready,
        switches=turned,
        admission=Admission(turned, settings.max_queue),
        maintenance=Maintenance(turned, always=settings.read_only),
        workers=workers,
    )


class Head:
    """HEAD is GET without the body, wherever GET is.

    The answer is complete with its headers, which the server tells a streaming response as a disconnect: it ends.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def headers_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})

        headers = [header for header in scope["headers"] if header[0] != b"range"]  # ranges are GET's alone
        await self.app({**scope, "method": "GET", "headers": headers}, receive, headers_only)
