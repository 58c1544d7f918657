"""The words of the service, as types: frozen, no I/O.

A *conversion* has one *source* and one or more *outputs*. It goes through four *steps*; one workflow execution of
it is an *attempt*. DESIGN sections 1 and 4 define every word used here.
"""

import math
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from ulid import ULID


class State(StrEnum):
    """Where a conversion stands; `superseded` is the end of a run that lost its row, never a row's state."""

    AWAITING_SOURCE = "awaiting_source"
    QUEUED = "queued"
    RUNNING = "running"
    STALLED = "stalled"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"

    @property
    def terminal(self) -> bool:
        return self in (State.COMPLETED, State.FAILED, State.CANCELLED)


class Step(StrEnum):
    UPLOAD = "upload"
    COMPRESS = "compress"
    STORE = "store"
    NOTIFY = "notify"


# Overall progress, in percent, when a step begins; the next step's number is where it ends.
PROGRESS_AT: dict[Step, int] = {Step.UPLOAD: 0, Step.COMPRESS: 10, Step.STORE: 90, Step.NOTIFY: 98}


def hundredths(percent: float) -> float:
    """As fine as progress is told: a tenth of a percent of an hour takes longer than its watchers wait for a move."""
    return math.floor(100 * percent) / 100


Unit = Literal["mm", "cm", "m", "in", "ft"]
UNIT_MM: dict[Unit, float] = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4, "ft": 304.8}


class Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Options(Model):
    """What a caller may ask of a conversion. None means: the default of the output's format.

    Lengths are millimetres and angles degrees, whatever the units of the files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    quality: Literal["draft", "standard", "fine"] | None = None
    linear_deflection: float | None = Field(None, ge=1e-6, le=1e6, allow_inf_nan=False)
    angular_deflection: float | None = Field(None, ge=0.5, le=90, allow_inf_nan=False)
    units: Unit | None = None
    source_units: Unit | None = None
    up_axis: Literal["z", "y"] | None = None
    encoding: Literal["binary", "ascii"] | None = None
    step_schema: Literal["AP203", "AP214", "AP242"] | None = None
    mesh_compression: Literal["none", "draco", "meshopt"] | None = None
    heal: bool | None = None
    include_hidden: bool | None = None
    partial: bool | None = None

    def given(self) -> dict[str, Any]:
        """Only what was set, as JSON values."""
        return self.model_dump(mode="json", exclude_none=True)


class Error(Model):
    """Why it did not work: `code` is a row of the error table, `detail` a sentence for a caller."""

    code: str
    detail: str


class Source(Model):
    """The file that came in. `format` is a name of the format table; `size` in bytes and `sha256` once it is here.

    While the conversion is `awaiting_source`, name and format may be unknown: empty.
    """

    name: str
    format: str
    size: int | None = None
    sha256: str | None = None


class Output(Model):
    """One file that was asked for.

    `options` are the effective ones, defaults filled in. `size` and `sha256` concern the decoded bytes;
    `encoding` says how the object is stored (`gzip` or None). Outputs with the same `recipe` have the same bytes; it is
    known once the output is made.
    """

    format: str
    state: Literal["pending", "completed", "failed"] = "pending"
    options: dict[str, Any] = Field(default_factory=dict)
    size: int | None = None
    sha256: str | None = None
    encoding: Literal["gzip"] | None = None
    reused: bool = False
    error: Error | None = None
    recipe: str | None = None


class Stored(Model):
    """A file in the bucket: its size in bytes and its SHA-256 (hex)."""

    size: int
    sha256: str


class Pictures(Model):
    """What people see of a conversion that asked for `preview`: a PNG and a GLB, as far as they could be made."""

    thumbnail: Stored | None = None
    preview: Stored | None = None


class Deleted(Model):
    """What went with a deleted conversion: objects of the bucket and workflow executions."""

    objects: int
    executions: int


class Conversion(Model):
    """One conversion, as the API, the workflow and the worker see it.

    `legacy`: it was made through the seed's API. A deleted one is a tombstone: `deleted_at`, and no content.
    """

    id: str
    tenant: str
    state: State
    step: Step | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    batch: str | None = None
    priority: int = 3
    reuse: bool = True
    preview: bool = False
    source: Source
    outputs: tuple[Output, ...]
    error: Error | None = None
    failed_step: Step | None = None
    report: dict[str, Any] | None = None
    pictures: Pictures | None = None
    attempts: int = 0
    workflow_id: str | None = None
    cancel_requested: bool = False
    legacy: bool = False
    deleted_at: datetime | None = None
    deleted: Deleted | None = None


class Request(Model):
    """What a workflow is asked to do: ids and formats, never URLs or secrets, because Temporal keeps it."""

    id: str
    tenant: str
    source_name: str
    source_format: str
    outputs: tuple[str, ...]
    priority: int = 3

    @classmethod
    def of(cls, conversion: Conversion) -> "Request":
        return cls(
            id=conversion.id,
            tenant=conversion.tenant,
            source_name=conversion.source.name,
            source_format=conversion.source.format,
            outputs=tuple(output.format for output in conversion.outputs),
            priority=conversion.priority,
        )


class Run(Model):
    """A workflow run that asks for the row; the younger run, by the server's clock, gets it."""

    workflow: str
    id: str
    scheduled: datetime


class Alike(Model):
    """A completed output of another conversion, with the report and the pictures that conversion had."""

    id: str
    output: Output
    report: dict[str, Any] | None = None
    pictures: Pictures | None = None


class Standing(Model):
    """A conversion that has not ended, and the run that owned its row when it was looked at.

    `rested`: its last run has lasted, with the stall it came to, as long as everything before it. Resumed no sooner,
    one that stalls again and again is tried at ever longer intervals.
    """

    conversion: Conversion
    run: str | None
    rested: bool = True


class Uploaded(Model):
    """A source that is in the bucket and is what it claims to be: what compress is given."""

    request: Request
    source: Source


class Results(Model):
    """What the converter made: completed outputs and failed ones, each with its own error.

    Compress leaves them under `work/`, store under `outputs/`; both keys follow from the SHA-256. `pictures` is there
    if a preview was asked for.
    """

    request: Request
    outputs: tuple[Output, ...]
    report: dict[str, Any] | None = None
    pictures: Pictures | None = None


class SoFar(Model):
    """A conversion and the steps it has behind it: the input of each workflow run."""

    request: Request
    upload: Uploaded | None = None
    compress: Results | None = None
    store: Results | None = None


class Outcome(Model):
    """What notify tells the world. `step` is the one that failed or stalled."""

    request: Request
    state: State
    step: Step | None = None
    error: Error | None = None


def new_id(prefix: Literal["cnv", "upl", "whk"] = "cnv") -> str:
    """`cnv_` and 26 lower-case ULID characters: unique, and sorted by time of creation."""
    return f"{prefix}_{str(ULID()).lower()}"
