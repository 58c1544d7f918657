"""What a caller may do to a conversion: cancel it, try it again, delete it."""

import asyncio
import time
from collections.abc import Awaitable

import structlog
from fastapi import APIRouter, Request, Response

from activities.purge import purge
from shapr import conversion as words
from shapr.conversion import Conversion, State
from shapr.errors import Refused, Unavailable
from web.answer import ConversionAnswer, address, answers, json, workflow_of
from web.auth import tenant
from web.parts import Parts, parts

PROMPT = 2.0  # seconds Temporal has to answer; after that, reconcile does it, later
PATIENCE = 10.0  # seconds a stalled conversion has to end before it is deleted
POLL = 0.5  # seconds between two looks at the row, when no change is announced

log = structlog.get_logger()
router = APIRouter(tags=["conversions"])


@router.post(
    "/v1/conversions/{id}:cancel",
    status_code=202,
    responses={202: {"model": ConversionAnswer, "description": "It is being cancelled, or is already"}},
)
async def cancel(request: Request, id: str) -> Response:
    """End it. What was converted is discarded; one that is about to complete may still do so."""
    our, owner = parts(request), tenant(request)
    await our.conversion(owner, id)
    await asked_to_end(our, owner, id)
    return await told(our, request, owner, id)


@router.post(
    "/v1/conversions/{id}:retry",
    status_code=202,
    responses={202: {"model": ConversionAnswer, "description": "It is queued for another attempt"}},
)
async def retry(request: Request, id: str) -> Response:
    """Another attempt at a conversion that failed or was cancelled, from the same source."""
    our, owner = parts(request), tenant(request)
    conversion = await our.conversion(owner, id)
    if conversion.state not in (State.FAILED, State.CANCELLED):
        raise Refused("conflict", f"it is {conversion.state}: only what failed or was cancelled is tried again")
    if conversion.source.sha256 is None:
        raise Refused("conflict", "its source never arrived: create the conversion again")
    if not await our.transitions.retry(conversion):
        raise Refused("conflict", "another request changed it just now")
    await our.progress.announce(id)
    await started(our, conversion)  # as it was: a reset may have claimed the row since, and counted an attempt
    return await told(our, request, owner, id)


@router.delete("/v1/conversions/{id}", status_code=204, response_class=Response)
async def delete(request: Request, id: str) -> Response:
    """Delete its files, its content and its workflow executions. A stalled one is cancelled first."""
    our, owner = parts(request), tenant(request)
    conversion = await our.conversion(owner, id)
    if conversion.state is State.STALLED:
        await asked_to_end(our, owner, id)
        conversion = await settled(our, owner, id)
    if not await our.transitions.bury(owner, id):
        raise Refused("conflict", f"it is {(await our.conversion(owner, id)).state}: cancel it first")
    await deferrable(purge(our.transitions, our.bucket, our.executions, conversion), "purge_deferred", id, PATIENCE)
    await our.progress.announce(id)
    return Response(status_code=204)


async def asked_to_end(our: Parts, owner: str, id: str) -> None:
    """Note the wish, then tell the workflow; `conflict` when it has ended."""
    state = await our.transitions.request_cancel(owner, id)
    conversion = await our.conversion(owner, id)
    if state is None:
        raise Refused("conflict", f"it is {conversion.state} already")
    if state is State.CANCELLED:
        await our.progress.announce(id)
        return

    async def told_to_end() -> None:
        # As it is now: once it is claimed, the next attempt would be one more, that nobody cancels.
        if conversion.state is State.QUEUED:  # its workflow may not have been started, and only a workflow ends it
            await our.executions.start(words.Request.of(conversion), conversion.attempts + 1)
        await our.executions.cancel(workflow_of(conversion))

    await deferrable(told_to_end(), "cancel_deferred", id)


async def started(our: Parts, conversion: Conversion) -> None:
    """Start the workflow of the attempt that is queued, if Temporal takes it."""
    start = our.executions.start(words.Request.of(conversion), conversion.attempts + 1)
    await deferrable(start, "start_deferred", conversion.id)


async def deferrable(work: Awaitable[object], event: str, id: str, seconds: float = PROMPT) -> None:
    """Do it now if it can be done now. Else the row says that it is to be done, and reconcile does it."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except Exception as error:  # noqa: BLE001 - whatever ails Temporal or the bucket, the row is the promise
        log.warning(event, conversion_id=id, error=repr(error))


async def settled(our: Parts, owner: str, id: str) -> Conversion:
    """The conversion when it has ended; Unavailable if it does not end in time."""
    until = time.monotonic() + PATIENCE
    async with our.progress.changes(id) as changes:
        while not (conversion := await our.conversion(owner, id)).state.terminal:
            if time.monotonic() > until:
                raise Unavailable("temporal: a stalled conversion that was cancelled does not end")
            await changes.wait(POLL)
    return conversion


async def told(our: Parts, request: Request, owner: str, id: str) -> Response:
    """202 and the conversion as it is now."""
    (answer,) = await answers(our, address(request), [await our.conversion(owner, id)])
    return json(answer, 202)
