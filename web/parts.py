"""What the API needs of the adapters: the smallest Protocols, and the bundle that requests are served from."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol

from fastapi import Request as HttpRequest

from activities import purge
from shapr.adapters.idempotency import Held, InFlight, Stands
from shapr.adapters.switches import Switches
from shapr.adapters.workers import Fenced
from shapr.conversion import Conversion, Error, Request, Source, State
from shapr.converters import formats
from shapr.converters.formats import Sources
from shapr.errors import Refused
from shapr.settings import Settings
from web.admission import Admission, Maintenance
from web.problems import Gone

ID = re.compile("cnv_[0-9a-hjkmnp-tv-z]{26}")  # Crockford's base 32, as ULIDs are written


class Rows(Protocol):
    async def create(self, conversion: Conversion) -> None: ...
    async def get(self, tenant: str, id: str) -> Conversion | None: ...
    async def list(
        self,
        tenant: str,
        *,
        limit: int,
        before: str | None = None,
        state: State | None = None,
        source_format: str | None = None,
        output_format: str | None = None,
        batch: str | None = None,
        created_after: datetime | None = None,
        legacy: bool | None = None,
    ) -> list[Conversion]:
        """Newest first, those older than `before`."""

    async def ready(self) -> None: ...


class Transitions(purge.Tombs, Protocol):
    """Changes of a conversion's state. Each says whether it happened: of two callers, one is too late."""

    async def supply(self, conversion: Conversion) -> bool:
        """It has its source."""

    async def withdraw(self, tenant: str, id: str) -> bool:
        """It has not, after all."""

    async def refuse(self, id: str, source: Source, error: Error) -> bool:
        """It fails, because of this source."""

    async def request_cancel(self, tenant: str, id: str) -> State | None: ...
    async def retry(self, conversion: Conversion) -> bool: ...
    async def bury(self, tenant: str, id: str) -> bool: ...


class Keys(Protocol):
    """Idempotency keys."""

    async def hold(self, tenant: str, key: str, holder: str) -> Held | Stands | InFlight: ...
    async def renew(self, held: Held) -> bool: ...
    async def free(self, held: Held) -> None: ...
    async def create(self, conversion: Conversion, held: Held, fingerprint: str) -> bool:
        """The row and the key that stands for it, or neither."""


class Incoming(Protocol):
    async def write(self, chunk: bytes) -> None:
        """Returns when there is room for more."""


class Opened(Protocol):
    """An object being read: its stored size in bytes, and its stored bytes."""

    @property
    def size(self) -> int: ...
    @property
    def body(self) -> AsyncIterator[bytes]: ...


class Bucket(Protocol):
    def receive(self, key: str) -> AbstractAsyncContextManager[Incoming]:
        """Stores what is written when the block ends, nothing when it raises."""

    async def open(self, key: str, range: tuple[int, int] | None = None) -> Opened: ...
    async def copy(self, source: str, target: str) -> None: ...
    async def delete_prefix(self, prefix: str) -> int: ...
    async def ready(self) -> None: ...


class Changes(Protocol):
    async def wait(self, seconds: float) -> bool: ...


class Telling(Protocol):
    async def get(self, wanted: Sequence[tuple[str, int]]) -> dict[str, float]: ...
    def changes(self, id: str) -> AbstractAsyncContextManager[Changes]: ...
    async def announce(self, id: str) -> None: ...
    async def ready(self) -> None: ...


class Executions(Protocol):
    """Workflows. All of it is harmless when done again; a Temporal that does not answer raises."""

    async def start(self, request: Request, attempt: int) -> None: ...
    async def cancel(self, workflow_id: str) -> None: ...
    async def delete(self, id: str, attempts: int) -> int: ...


class Workers(Protocol):
    async def fenced(self) -> Fenced:
        """How well the converters of the workers that are there are fenced in."""


@dataclass(frozen=True)
class Parts:
    """Everything a request may touch. Nothing in it is built per request."""

    settings: Settings
    rows: Rows
    transitions: Transitions
    keys: Keys
    bucket: Bucket
    progress: Telling
    executions: Executions
    temporal_ready: Callable[[], Awaitable[None]]
    switches: Switches
    admission: Admission
    maintenance: Maintenance
    workers: Workers

    @cached_property
    def sources(self) -> Sources:
        """The formats that are read here, and by whom."""
        return formats.sources(self.settings)

    async def conversion(self, tenant: str, id: str) -> Conversion:
        """`not_found` for what does not exist, and for what is another tenant's; `gone` for what was deleted."""
        found = await self.rows.get(tenant, id) if ID.fullmatch(id) else None
        if found is None:
            raise Refused("not_found", "there is no such conversion")
        if found.deleted_at is not None:
            raise Gone(found.deleted_at, found.deleted)
        return found


def parts(request: HttpRequest) -> Parts:
    found = request.app.state.parts
    if not isinstance(found, Parts):
        raise TypeError("the application is not started")
    return found
