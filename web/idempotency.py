"""Idempotency-Key: the same request, sent twice, is one conversion."""

import asyncio
import math
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import Request

from shapr.adapters.idempotency import LEASE, Held, InFlight, Stands
from shapr.errors import Refused, Unavailable
from web.parts import Parts

KEY = re.compile(r"[\x20-\x7e]{1,255}")  # printable ASCII
SOON = 5  # seconds; most requests that are in flight are over by then

log = structlog.get_logger()


@asynccontextmanager
async def keyed(our: Parts, request: Request, tenant: str) -> AsyncIterator[Held | Stands | None]:
    """The request's key: held for the block, or standing for a conversion already; None when it has no key.

    A block that fails frees the key. `idempotency_in_flight` while another request holds it.
    """
    given = request.headers.getlist("idempotency-key")
    if not given:
        yield None
        return
    if len(given) > 1:
        raise Refused("invalid_request", f"Idempotency-Key: it is given {len(given)} times")
    (key,) = given
    if not KEY.fullmatch(key):
        raise Refused("invalid_request", "Idempotency-Key: 1 to 255 printable ASCII characters")
    found = await our.keys.hold(tenant, key, secrets.token_hex(16))
    if isinstance(found, InFlight):
        raise in_flight(found.seconds)
    if isinstance(found, Stands):
        yield found
        return
    renewing = asyncio.create_task(_renew(our, found))
    try:
        yield found
    except BaseException:
        with suppress(Unavailable):  # then it is free when the lease ends
            await asyncio.shield(our.keys.free(found))
        raise
    finally:
        renewing.cancel()


def in_flight(seconds: float) -> Refused:
    wait = max(1, min(SOON, math.ceil(seconds)))
    return Refused("idempotency_in_flight", "the first request with this key is not over yet", retry_after=wait)


async def _renew(our: Parts, held: Held) -> None:
    """A slow upload outlives the lease; only a dead holder loses the key."""
    while True:
        await asyncio.sleep(LEASE / 3)
        try:
            if not await our.keys.renew(held):
                return
        except Unavailable as down:
            log.warning("idempotency_lease_not_renewed", detail=down.detail)
