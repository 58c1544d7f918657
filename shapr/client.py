"""A typed client of the HTTP API: what the CLI uses, and what your own Python may use.

    async with Client("http://127.0.0.1:8000") as client:
        made = await client.create(Path("bracket.step"), ["stl"], idempotency_key="my-bracket-1")
        done = await client.get(made.id, wait=60)
        for output in done.downloadable:
            await client.download(done.id, output, Path(f"bracket.{output.format}"))

Asynchronous, so that many files go at once and a cancellation ends all of them, temporary files included. Every
failure of the service is an ApiError. What is safe to ask twice is asked again: every GET, and a create that carries
an Idempotency-Key.
"""

import asyncio
import hashlib
import io
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import ValidationError

from shapr.answers import (
    Answer,
    ApiError,
    ConversionAnswer,
    Damaged,
    FormatsAnswer,
    NotTheApi,
    OutputAnswer,
    Page,
    Readiness,
    Unreachable,
)

TRIES = 9  # with the pauses below over a minute: longer than the idempotency lease of a caller that died
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  # seconds; they double in between
LONGEST_WAIT = 120.0  # seconds of Retry-After; for more, we give up at once instead of coming too early
PASSING = frozenset({429, 502, 503, 504})  # statuses that say: not now
ANSWER = 60.0  # seconds the service has for an answer, beyond what it was asked to wait
CONNECT = 10.0  # seconds for a connection
PAGE = 200  # conversions, the most that a page holds

T = TypeVar("T")
A = TypeVar("A", bound=Answer)
Told = Callable[[int], None]
"""Hears how many bytes were just sent or received."""
Waits = Callable[[ApiError, float], None]
"""Hears why something is asked again, and in how many seconds."""


class Client:
    """One service at one address. `transport` and `sleep` are for tests."""

    def __init__(
        self,
        address: str,
        *,
        api_key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """ValueError if it is no address of HTTP."""
        self.address = address.rstrip("/")
        if urlsplit(self.address).scheme not in ("http", "https") or not urlsplit(self.address).hostname:
            raise ValueError(f"{address!r} is no address of a service; one looks like http://127.0.0.1:8000")
        self._sleep = sleep
        self._met = False
        # No proxy of the environment leads to this machine.
        here: dict[str, None] = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}
        self._http = httpx.AsyncClient(
            base_url=self.address,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
            timeout=httpx.Timeout(ANSWER, connect=CONNECT, pool=None),
            transport=transport,
            mounts=here,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def formats(self) -> FormatsAnswer:
        return await self._get("/v1/formats", FormatsAnswer)

    async def readyz(self) -> Readiness:
        """Asked once: that a part is down is an answer, not a failure."""
        return _read(await self._send("GET", "/readyz", accept=(200, 503)), Readiness)

    async def create(
        self,
        source: Path,
        outputs: Sequence[str],
        *,
        name: str | None = None,
        options: Mapping[str, Any] | None = None,
        priority: int | None = None,
        reuse: bool | None = None,
        preview: bool | None = None,
        batch: str | None = None,
        idempotency_key: str | None = None,
        sent: Told | None = None,
        waits: Waits | None = None,
    ) -> ConversionAnswer:
        """Upload a file, streamed from the disk, and have it converted. OSError if the file cannot be read.

        `name` is what the service calls it; its extension says the format. Without an `idempotency_key`, a lost
        answer is not asked for again, because that could convert twice.
        """
        given = {"options": options or None, "priority": priority, "reuse": reuse, "preview": preview, "batch": batch}
        told = {key: value for key, value in given.items() if value is not None}
        fields: dict[str, Any] = {k: v if isinstance(v, str) else json.dumps(v) for k, v in told.items()}
        fields["outputs"] = [*outputs]
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        called = (name or source.name).encode(errors="replace").decode()

        async def attempt() -> ConversionAnswer:
            with Counted(source, sent) as file:
                files = {"file": (called, file, "application/octet-stream")}
                made = await self._send("POST", "/v1/conversions", headers=headers, data=fields, files=files)
                return _read(made, ConversionAnswer)

        return await (self._patiently(attempt, waits) if idempotency_key else attempt())

    async def get(self, id: str, *, wait: float = 0) -> ConversionAnswer:
        """One conversion; with `wait` (seconds, at most 60), as soon as it has ended or the time is over."""
        timeout = httpx.Timeout(wait + ANSWER, connect=CONNECT, pool=None)
        params = {"wait": f"{wait:g}"} if wait else {}
        return await self._get(_at(id), ConversionAnswer, params=params, timeout=timeout)

    async def list(self, *, limit: int | None = None, **filters: str | None) -> AsyncIterator[ConversionAnswer]:
        """Newest first, over all pages. `filters` are those of GET /v1/conversions: `state`, `batch`..."""
        params: dict[str, Any] = {key: value for key, value in filters.items() if value is not None}
        left = limit
        while left is None or left > 0:
            asked = PAGE if left is None else min(left, PAGE)
            page = await self._get("/v1/conversions", Page, params={**params, "limit": asked})
            for conversion in page.conversions[:left]:
                yield conversion
            if not page.next:
                return
            left = None if left is None else left - len(page.conversions)
            params = dict(httpx.URL(page.next).params)  # and not its host: our key is for this service alone

    async def cancel(self, id: str) -> ConversionAnswer:
        return _read(await self._send("POST", f"{_at(id)}:cancel"), ConversionAnswer)

    async def retry(self, id: str) -> ConversionAnswer:
        return _read(await self._send("POST", f"{_at(id)}:retry"), ConversionAnswer)

    async def delete(self, id: str) -> None:
        await self._send("DELETE", _at(id))

    async def download(self, id: str, output: OutputAnswer, target: Path, *, received: Told | None = None) -> None:
        """Write an output to a path, whole and verified, or leave the path as it is (Damaged, ApiError, OSError)."""

        async def attempt() -> None:
            path = f"{_at(id)}/outputs/{quote(output.format, safe='')}"
            with replacing(target) as file:
                async with self._stream("GET", path) as response:
                    await _checked(response.aiter_bytes(), output, file, received)

        await self._patiently(attempt)

    async def _get(self, path: str, kind: type[A], **request: Any) -> A:
        async def attempt() -> A:
            return _read(await self._send("GET", path, **request), kind)

        return await self._patiently(attempt)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]], waits: Waits | None = None) -> T:
        """Try until it works, the failure is not a passing one, or TRIES are over."""
        for number in range(TRIES - 1):
            try:
                return await attempt()
            except ApiError as error:
                if not self._passes(error):
                    raise
                pause = max(error.retry_after or 0.0, min(FIRST_PAUSE * 2**number, LONGEST_PAUSE))
                if waits:
                    waits(error, pause)
                await self._sleep(pause)
        return await attempt()

    def _passes(self, error: ApiError) -> bool:
        if isinstance(error, Unreachable):
            return error.connected or self._met  # nobody there from the start: a wrong address, not a hiccup
        passing = error.status in PASSING or error.code == "idempotency_in_flight"
        return passing and (error.retry_after or 0.0) <= LONGEST_WAIT

    async def _send(self, method: str, path: str, accept: Sequence[int] = (), **request: Any) -> httpx.Response:
        async with self._stream(method, path, accept, **request) as response:
            await response.aread()
            return response

    @asynccontextmanager
    async def _stream(
        self, method: str, path: str, accept: Sequence[int] = (), **request: Any
    ) -> AsyncIterator[httpx.Response]:
        """A response whose body is still to come, if its status is a success or among `accept`."""
        try:
            async with self._http.stream(method, path, **request) as response:
                self._met = True
                if not response.is_success and response.status_code not in accept:
                    await response.aread()
                    raise _problem(response)
                yield response
        except httpx.TransportError as error:
            said = f"{self.address}: {error or type(error).__name__}"
            unconnected = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise Unreachable(said, connected=not unconnected) from error
        except httpx.DecodingError as error:
            raise Damaged("its compression is broken") from error


def _at(id: str) -> str:
    return f"/v1/conversions/{quote(id, safe='')}"


def _read(response: httpx.Response, kind: type[A]) -> A:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        detail = f"{response.url} answered {response.status_code}, but not with what was asked for"
        raise NotTheApi(detail, response.status_code) from error


def _problem(response: httpx.Response) -> ApiError:
    """The RFC 9457 problem that a response tells of."""
    try:
        told = json.loads(response.content)
    except ValueError:
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("code"), str):
        return NotTheApi(f"{response.url} answered {response.status_code} without a code", response.status_code)
    after = response.headers.get("retry-after", "")
    return ApiError(
        told["code"],
        str(told.get("title", "")),
        str(told.get("detail", "")),
        status=response.status_code,
        retryable=bool(told.get("retryable", False)),
        retry_after=float(after) if after.isdecimal() else None,
    )


class Counted(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, told: Told | None) -> None:
        super().__init__(path)
        self.told = told

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        if self.told:
            self.told(len(data))
        return data


@contextmanager
def replacing(target: Path) -> Iterator[io.BufferedWriter]:
    """A temporary file beside the target, which becomes the target if all goes well and vanishes if not."""
    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


async def _checked(
    chunks: AsyncIterator[bytes], output: OutputAnswer, file: io.BufferedWriter, told: Told | None
) -> None:
    """Write the chunks; Damaged if they are not the size or the content that was announced."""
    size, digest = 0, hashlib.sha256()
    async for chunk in chunks:
        size += len(chunk)
        if output.size is not None and size > output.size:
            raise Damaged(f"{output.format}: more than the announced {output.size} bytes")
        digest.update(chunk)
        file.write(chunk)
        if told:
            told(len(chunk))
    if output.size is not None and size != output.size:
        raise Damaged(f"{output.format}: {size} bytes instead of {output.size}")
    if output.sha256 is not None and digest.hexdigest() != output.sha256:
        raise Damaged(f"{output.format}: its SHA-256 is another one")
