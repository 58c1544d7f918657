"""What a converter is asked and what it answers: plain data that crosses the fence as JSON."""

import resource
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from shapr.conversion import Error
from shapr.converters.formats import FORMATS
from shapr.errors import Refused
from shapr.settings import Settings

BREPS = frozenset(name for name, format in FORMATS.items() if format.kind == "brep")


class Limits(BaseModel):
    """What one converter run may use: seconds of wall clock and CPU, bytes of memory and of one file."""

    model_config = ConfigDict(frozen=True)

    wall: float
    cpu: int
    memory: int
    output: int
    mesh_to_brep: int  # triangles

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        return cls(
            wall=settings.converter_timeout,
            cpu=settings.converter_cpu,
            memory=settings.converter_memory,
            output=settings.converter_output,
            mesh_to_brep=settings.max_mesh_to_brep,
        )


class Death(BaseModel):
    """How a child ended before all of its outputs were there, and which of them it died of, if any."""

    model_config = ConfigDict(frozen=True)

    error: Error
    making: str = ""


class Died(Refused):
    """It is worth one more run, which knows of this one's `death`, if its code is of `ONCE_MORE`."""

    def __init__(self, death: Death) -> None:
        super().__init__(death.error.code, death.error.detail)
        self.death = death


class Job(BaseModel):
    """One run of the converter: one source, parsed once, and the outputs with their effective options.

    `after`: how the run before this one ended, for which this is the one more. `turns`: a letter for each output; those
    with the same are made together, in the order of the alphabet.
    """

    model_config = ConfigDict(frozen=True)

    source: Path
    source_format: str
    source_name: str
    outputs: tuple[tuple[str, dict[str, Any]], ...]
    scratch: Path
    limits: Limits
    preview: bool = False
    threads: int = 1  # that the kernel may run at once
    after: Death | None = None
    turns: str = ""

    @property
    def batches(self) -> list[list[int]]:
        """What is written, and then opened again, before the next is begun: outputs of one turn.

        B-Reps are written first. The kernel orders some of their entities by address, and the threads that make
        triangles leave the heap another way each time.
        """
        order = sorted(range(len(self.outputs)), key=lambda at: self.outputs[at][0] not in BREPS)
        turns = self.turns or "a" * len(order)
        return [[at for at in order if turns[at] == turn] for turn in sorted(set(turns))]

    @property
    def meshed(self) -> bool:
        """Whether nothing but meshes is made of the source, just as it is."""
        healed = any(options.get("heal") for _, options in self.outputs)
        return not healed and all(format not in BREPS for format, _ in self.outputs)


class Spent(BaseModel):
    """What a child has used so far: CPU seconds, bytes of memory at most; and when that was, on the monotonic clock."""

    model_config = ConfigDict(frozen=True)

    cpu: float
    memory: int
    at: float

    @classmethod
    def now(cls) -> "Spent":
        used = resource.getrusage(resource.RUSAGE_SELF)
        return cls(cpu=time.process_time(), memory=used.ru_maxrss << 10, at=time.monotonic())


class Written(BaseModel):
    """One output: a file in the scratch dir, and what was spent until it was there; or the reason why there is none."""

    model_config = ConfigDict(frozen=True)

    format: str
    path: Path | None
    options: dict[str, Any]
    error: Error | None = None
    spent: Spent | None = None


class Converted(BaseModel):
    """What a run gave: its outputs, what is to be said of them, and the version of the converter that made them.

    `thumbnail` (PNG) and `preview` (GLB) are there if they were asked for and could be made.
    """

    model_config = ConfigDict(frozen=True)

    written: tuple[Written, ...]
    report: dict[str, Any] | None = None
    version: str
    thumbnail: Path | None = None
    preview: Path | None = None


class Answer(BaseModel):
    """What the child leaves behind: its outputs with the report, or why it refused the source as a whole; and what it
    spent on all that.

    While it is `making` an output, those that are there; then the others have neither path nor error.
    """

    written: tuple[Written, ...] = ()
    report: dict[str, Any] | None = None
    thumbnail: Path | None = None
    preview: Path | None = None
    making: str = ""
    error: Error | None = None
    spent: Spent | None = None


# A crash can be the machine's fault and is worth one more run; a third would only burn CPU.
ONCE_MORE = frozenset({"converter_crashed", "out_of_memory", "conversion_timeout"})

JOB, ANSWER, PROGRESS = "job.json", "answer.json", "progress.bin"  # file names in the scratch dir
