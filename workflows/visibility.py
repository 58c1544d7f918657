"""How a conversion looks to an operator: search attributes and the texts of the Temporal UI."""

import re
from collections.abc import Iterator

from temporalio import exceptions
from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from shapr.conversion import Error, Outcome, Request, State, Step
from shapr.errors import TABLE

STATE = SearchAttributeKey.for_keyword("ShaprState")
STEP = SearchAttributeKey.for_keyword("ShaprStep")
ERROR_CODE = SearchAttributeKey.for_keyword("ShaprErrorCode")
SOURCE_FORMAT = SearchAttributeKey.for_keyword("ShaprSourceFormat")
TENANT = SearchAttributeKey.for_keyword("ShaprTenant")
OUTPUT_FORMATS = SearchAttributeKey.for_keyword_list("ShaprOutputFormats")
ALL = (STATE, STEP, ERROR_CODE, SOURCE_FORMAT, TENANT, OUTPUT_FORMATS)

SUMMARY_BYTES = 200  # one line of the timeline


def at_start(request: Request) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(STATE, State.RUNNING),
            SearchAttributePair(SOURCE_FORMAT, request.source_format),
            SearchAttributePair(TENANT, request.tenant),
            SearchAttributePair(OUTPUT_FORMATS, request.outputs),
        ]
    )


def now(outcome: Outcome) -> Iterator[SearchAttributeUpdate[str]]:
    """The three attributes that move; an absent value clears the attribute. The step is for operators: when stalled."""
    yield STATE.value_set(outcome.state)
    yield STEP.value_set(outcome.step) if outcome.step and outcome.state is State.STALLED else STEP.value_unset()
    yield ERROR_CODE.value_set(outcome.error.code) if outcome.error else ERROR_CODE.value_unset()


def label(request: Request) -> str:
    """`bracket.step -> stl, glb`, for the timeline, which shows text as it is."""
    return shorten(f"{visible(request.source_name)} -> {', '.join(request.outputs)}")


def summary(request: Request) -> str:
    """The same, for the User Metadata page, which renders Markdown."""
    return shorten(f"{plain(request.source_name)} -> {', '.join(request.outputs)}")


def plain(text: str) -> str:
    """A user's text that Markdown cannot read as markup: an image in it would make the operator's browser call out."""
    return re.sub(r"([\\`*_\[\]()<>#!|~&:@])", r"\\\1", visible(text))


def visible(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def shorten(text: str, size: int = SUMMARY_BYTES) -> str:
    cut = text.encode()[:size].decode(errors="ignore")
    return cut if cut == text else cut.rstrip("\\")


def details(stage: str, request: Request, cause: str = "") -> str:
    """Where it is, of what conversion and, for an incident, why: for the operator's eyes."""
    return f"**{stage}** {summary(request)}" + (f"\n\n{plain(cause)}" if cause else "")


def detail(request: Request) -> str:
    return f"conversion `{request.id}` of tenant `{plain(request.tenant)}`"


def incident(step: Step, cause: BaseException | None) -> Error:
    """What a caller may know of a stall: the kind of incident, no host and no trace."""
    kind = cause.type if isinstance(cause, exceptions.ApplicationError) else None
    if isinstance(cause, exceptions.TimeoutError) and step in (Step.UPLOAD, Step.STORE):
        kind = "storage_unavailable"  # these two only talk to the stores: one of them hangs
    code = kind if kind in TABLE else "internal"
    return Error(code=code or "internal", detail=f"the {step} step was retried in vain; it waits for an operator")
