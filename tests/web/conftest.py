"""The API over the real PostgreSQL, S3 and Redis; only the start of workflows is replaced, by a note that it came."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from shapr.adapters.objects import Objects
from shapr.adapters.records import Records
from shapr.conversion import Request
from shapr.settings import Settings
from web.app import create_app
from web.parts import Parts

CUBE = (
    b"solid cube\n" + b"facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
)
STL = CUBE + b"endsolid cube\n"
STEP = (
    b"ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\nFILE_NAME('','',(''),(''),'','','');\n"
    b"FILE_SCHEMA(('AUTOMOTIVE_DESIGN'));\nENDSEC;\nDATA;\n#1=CARTESIAN_POINT('',(0.,0.,0.));\nENDSEC;\nEND-ISO-10303-21;\n"
)
NOBODYS = "cnv_01hzxkgq9zt1zt8j3v0nnv4f3a"  # well formed, never given to a conversion
ADDRESS = "http://127.0.0.1:8000"


class NotedExecutions:
    """Takes Temporal's place: notes what it is asked."""

    def __init__(self) -> None:
        self.started: list[tuple[Request, int]] = []
        self.cancelled: list[str] = []
        self.deleted: list[tuple[str, int]] = []

    async def start(self, request: Request, attempt: int) -> None:
        self.started.append((request, attempt))

    async def cancel(self, workflow_id: str) -> None:
        self.cancelled.append(workflow_id)

    async def delete(self, id: str, attempts: int) -> int:
        self.deleted.append((id, attempts))
        return attempts


@dataclass
class Api:
    """An application, a client of it, the adapters it uses, and what it asked Temporal to start."""

    app: FastAPI
    http: httpx.AsyncClient
    executions: "NotedExecutions" = field(default_factory=lambda: NotedExecutions())

    @property
    def started(self) -> list[Request]:
        return [request for request, _ in self.executions.started]

    @property
    def parts(self) -> Parts:
        return self.app.state.parts

    @property
    def rows(self) -> Records:
        assert isinstance(self.parts.rows, Records)
        return self.parts.rows

    @property
    def bucket(self) -> Objects:
        assert isinstance(self.parts.bucket, Objects)
        return self.parts.bucket

    async def submit(self, file: Any = ("cube.stl", STL), headers: dict[str, str] | None = None, **fields: Any):
        return await self.http.post(
            "/v1/conversions", data={"outputs": "obj", **fields}, files={"file": file}, headers=headers
        )

    async def created(self, **fields: Any) -> dict[str, Any]:
        answer = await self.submit(**fields)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def get(self, id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/conversions/{id}")
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Api]:
    """The application without a network."""
    executions = NotedExecutions()
    app = create_app(settings, executions=executions)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=ADDRESS) as http:
        yield Api(app, http, executions)


@asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[Api]:
    """The application behind a real server, for what a network does to a request."""
    executions = NotedExecutions()
    app = create_app(settings, executions=executions)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as http:
                yield Api(app, http, executions)
        finally:
            server.should_exit = True
            await serving


@pytest.fixture(scope="session")
async def api(settings: Settings) -> AsyncIterator[Api]:
    async with serving(settings) as running:
        yield running


@pytest.fixture(scope="session")
async def small(settings: Settings) -> AsyncIterator[Api]:
    """A real server that accepts 100,000 bytes and waits half a second for more."""
    limits = {"max_upload_bytes": 100_000, "request_timeout": 0.5}
    async with listening(settings.model_copy(update=limits)) as running:
        yield running


@pytest.fixture(scope="session")
def s3(settings: Settings) -> Any:
    assert settings.s3_access_key and settings.s3_secret_key
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key.get_secret_value(),
        aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
    )


@pytest.fixture
def left_behind(s3: Any, settings: Settings) -> Any:
    """A function giving the object keys and unfinished uploads that were not there when the test began."""

    def all_of_them() -> set[str]:
        keys = s3.list_objects_v2(Bucket=settings.s3_bucket).get("Contents", [])
        unfinished = s3.list_multipart_uploads(Bucket=settings.s3_bucket).get("Uploads", [])
        return {each["Key"] for each in keys} | {f"unfinished {each['Key']}" for each in unfinished}

    before = all_of_them()
    return lambda: all_of_them() - before
