"""When the API takes no more: the queue is deeper than allowed, or an operator made the service read-only."""

import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from shapr.adapters.switches import READ_ONLY, Seen, Switch, Switches
from shapr.errors import Refused, Unavailable
from web.auth import SAFE
from web.problems import refusal

RECENT = 0.1  # seconds; nobody is refused by an older count, for what it knows may have been converted since
SOONEST, LATEST = 5, 300  # seconds of Retry-After
MAINTENANCE = 60  # seconds of Retry-After while read-only: nobody knows when it ends, and asking costs nothing
SWITCHES = "/v1/switches/"  # who made it read-only must be able to end that


class Admission:
    """Places in the queue, for one process.

    What was counted a moment ago is corrected by what this process has let in since, so that a burst does not slip
    through: of this process's own requests none is too many, of the others' only those of the last second.
    """

    def __init__(self, switches: Switches, limit: int) -> None:
        self._switches = switches
        self._limit = limit
        self._uploading = 0
        self._accepted: deque[float] = deque()  # when, of those that the last count may not know yet

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for the conversion that the block accepts; `overloaded` when there is none.

        It is decided before the block, so that nothing of an upload is read in vain. A block that raises gives it back.
        """
        if self._full(await self._switches.look()) and self._full(seen := await self._switches.look(RECENT)):
            raise Refused("overloaded", "too many conversions are waiting already", retry_after=patience(seen))
        self._uploading += 1
        try:
            yield
            self._accepted.append(time.monotonic())
        finally:
            self._uploading -= 1

    def _full(self, seen: Seen) -> bool:
        while self._accepted and self._accepted[0] < seen.began:
            self._accepted.popleft()
        return seen.depth + self._uploading + len(self._accepted) >= self._limit


def patience(seen: Seen) -> int:
    """Seconds until a tenth of a full queue has been given to converters, as far as can be known.

    The oldest one has waited about as long as the whole queue takes at the pace of late. A queue that does not move
    makes that number grow, up to a limit.
    """
    return max(SOONEST, min(LATEST, math.ceil(seen.oldest / 10)))


class Maintenance:
    """Is the API read-only? By the switch, or by the environment of this process alone."""

    def __init__(self, switches: Switches, *, always: bool) -> None:
        self._switches = switches
        self._always = always

    async def switch(self) -> Switch | None:
        """What makes it read-only. While the rows cannot be read it stays as it was: they may be on the move."""
        if self._always:
            return Switch("SHAPR_READ_ONLY is set")
        with suppress(Unavailable):
            await self._switches.look()
        seen = self._switches.seen
        return seen.on.get(READ_ONLY) if seen else None


class ReadOnly:
    """Refuses every request that could create or change something: by its method, so that no route is forgotten."""

    def __init__(self, app: ASGIApp, maintenance: Callable[[], Maintenance]) -> None:
        self.app = app
        self.maintenance = maintenance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        changes = scope["type"] == "http" and scope["method"] not in SAFE and not scope["path"].startswith(SWITCHES)
        if changes and (switch := await self.maintenance().switch()):
            detail = f"the service is read-only for maintenance: {switch.reason}"
            await refusal(Refused("overloaded", detail, retry_after=MAINTENANCE))(scope, receive, send)
        else:
            await self.app(scope, receive, send)
