"""What the HTTP API says, typed for those who ask it: its answers, and the ways in which it does not answer."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shapr.conversion import State


class ApiError(Exception):
    """The service says no, or cannot be understood. `code` is one of docs/errors.md, or one of the three below."""

    def __init__(
        self,
        code: str,
        title: str,
        detail: str = "",
        *,
        status: int = 0,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {title}: {detail}")
        self.code = code
        self.title = title
        self.detail = detail
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after


class Unreachable(ApiError):  # noqa: N818 - a state of the world, not a mistake
    """No answer came. `connected` is False when there was not even a connection."""

    def __init__(self, detail: str, connected: bool) -> None:
        super().__init__("unreachable", "The service does not answer", detail, retryable=True)
        self.connected = connected


class NotTheApi(ApiError):  # noqa: N818 - the same
    """Something answers at this address, and it is not this service."""

    def __init__(self, detail: str, status: int) -> None:
        super().__init__("not_the_api", "What answers is not this service", detail, status=status)


class Damaged(ApiError):  # noqa: N818 - the same
    """What was downloaded is not what had been announced."""

    def __init__(self, detail: str) -> None:
        super().__init__("damaged_download", "The download is not what was announced", detail, retryable=True)


class Answer(BaseModel):
    """Frozen; what a newer service says beyond our fields is kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


class ErrorAnswer(Answer):
    """Why a conversion or an output failed."""

    code: str
    title: str = ""
    detail: str = ""
    step: str | None = None
    retryable: bool = False


class SourceAnswer(Answer):
    name: str
    format: str
    size: int | None = None
    sha256: str | None = None


class OutputAnswer(Answer):
    """`size` (bytes) and `sha256` are those of the decoded file; `url` is there once it can be downloaded."""

    format: str
    state: str
    size: int | None = None
    sha256: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    reused: bool = False
    error: ErrorAnswer | None = None
    url: str | None = None


class ConversionAnswer(Answer):
    """A conversion as the API tells it, DESIGN section 9. A state that we do not know is not an error."""

    id: str
    state: str
    step: str | None = None
    progress: int | float = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    batch: str | None = None
    source: SourceAnswer
    outputs: tuple[OutputAnswer, ...] = ()
    error: ErrorAnswer | None = None
    report: dict[str, Any] | None = None
    attempts: int = 0
    workflow_id: str | None = None

    @property
    def terminal(self) -> bool:
        return self.state in (State.COMPLETED, State.FAILED, State.CANCELLED)

    @property
    def stub(self) -> bool:
        """A demonstration: nothing was converted, whatever the state says."""
        return bool(self.report and self.report.get("stub"))

    @property
    def downloadable(self) -> tuple[OutputAnswer, ...]:
        """The outputs that are there; of a failed conversion, those that did succeed."""
        return tuple(output for output in self.outputs if self.terminal and output.state == "completed")


class Page(Answer):
    """Conversions, newest first, and the address of the next page."""

    conversions: tuple[ConversionAnswer, ...]
    next: str | None = None


class FormatAnswer(Answer):
    """`converter`: who reads it there, `built-in`, `external` or `stub`."""

    name: str
    title: str = ""
    extensions: tuple[str, ...] = ()
    reads: bool = False
    writes: bool = False
    converter: str | None = None


class FormatsAnswer(Answer):
    """`pairs`: source format, output format, and the options that fit this pair with their defaults."""

    formats: tuple[FormatAnswer, ...]
    pairs: dict[str, dict[str, dict[str, Any]]] = Field(default_factory=dict)


class PartAnswer(Answer):
    status: str


class SandboxAnswer(Answer):
    """How many workers convert, the protections that all of them have, and those that one lacks, with the reason."""

    workers: int
    active: tuple[str, ...] = ()
    missing: dict[str, str] = Field(default_factory=dict)


class Readiness(Answer):
    """`ready`, `degraded` (what is down loses no conversion) or `unavailable`. `sandbox`: None if it is not known."""

    status: str
    parts: dict[str, PartAnswer] = Field(default_factory=dict)
    sandbox: SandboxAnswer | None = None
