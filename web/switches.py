"""Operators' endpoints: see the switches and the queue, turn a switch. They work while the service is read-only."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shapr.adapters.switches import NAMES, Name, Seen
from shapr.errors import Refused
from web.answer import Answer, json
from web.parts import Parts, parts

router = APIRouter(tags=["operations"])


def _printable(reason: str) -> str:
    if not reason.isprintable() or not reason.strip():
        raise ValueError("a sentence of printable characters")
    return reason.strip()


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)] = Field(
        description="Why, for colleagues; while read-only, callers read it too."
    )


class SwitchAnswer(Answer):
    name: Literal["read-only", "drain"]
    on: bool
    reason: str | None
    since: datetime | None


class QueueAnswer(Answer):
    waiting: int = Field(description="Accepted, and not yet given to a converter; counted up to one above the limit.")
    limit: int = Field(description="SHAPR_MAX_QUEUE: at so many, no more are accepted.")
    in_hand: int = Field(description="Given to a converter, and not yet ended: a drain is over when this is 0.")


class SwitchesAnswer(Answer):
    switches: list[SwitchAnswer]
    queue: QueueAnswer


@router.get("/v1/switches", responses={200: {"model": SwitchesAnswer}})
async def listed(request: Request) -> Response:
    """For operators: every switch, and how deep the queue is."""
    our = parts(request)
    seen = await our.switches.look()
    in_hand = await our.switches.in_hand()
    queue = {"waiting": seen.depth, "limit": our.settings.max_queue, "in_hand": in_hand}
    return json({"switches": [told(name, seen) for name in NAMES], "queue": queue})


@router.put("/v1/switches/{name}", responses={200: {"model": SwitchAnswer}})
async def turn_on(request: Request, name: str, body: Reason) -> Response:
    """For operators: turn it on. Every process goes by it within about a second."""
    our = parts(request)
    await our.switches.turn_on(known(name), body.reason)
    return await answered(our, known(name))


@router.delete("/v1/switches/{name}", responses={200: {"model": SwitchAnswer}})
async def turn_off(request: Request, name: str) -> Response:
    """For operators: turn it off; harmless when it is off."""
    our = parts(request)
    await our.switches.turn_off(known(name))
    return await answered(our, known(name))


def known(name: str) -> Name:
    for each in NAMES:
        if each == name:
            return each
    raise Refused("not_found", f"there is no such switch; there are {' and '.join(NAMES)}")


async def answered(our: Parts, name: Name) -> Response:
    return json(told(name, await our.switches.look()))


def told(name: Name, seen: Seen) -> dict[str, object]:
    switch = seen.on.get(name)
    state = {"reason": switch.reason, "since": switch.since} if switch else {"reason": None, "since": None}
    return {"name": name, "on": switch is not None, **state}
