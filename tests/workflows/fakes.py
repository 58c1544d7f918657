"""In-memory stand-ins for the adapters, so that the workflow's own behaviour can be tested in skipped time.

`FakeRows.claim` is the ownership rule of LIFECYCLE.md; `tests/adapters` holds the real one to the same rule.
"""

import asyncio
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shapr.conversion import (
    Alike,
    Conversion,
    Error,
    Outcome,
    Output,
    Request,
    Results,
    Run,
    Source,
    Standing,
    State,
    Step,
)
from shapr.converters.run.job import Converted, Death, Written
from shapr.errors import Refused, Unavailable

SHA = "0" * 64


@dataclass
class Row:
    """A conversion's row, with the columns of ownership."""

    conversion: Conversion
    run: str | None = None
    claimed: datetime | None = None
    past_runs: list[str] = field(default_factory=list)


class FakeRows:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.down = False
        self.refuse_writes = False

    def add(self, request: Request) -> Conversion:
        conversion = Conversion(
            id=request.id,
            tenant=request.tenant,
            state=State.QUEUED,
            created_at=datetime.now(UTC),
            source=Source(name=request.source_name, format=request.source_format, size=9, sha256=SHA),
            outputs=tuple(Output(format=f) for f in request.outputs),
        )
        self.rows[request.id] = Row(conversion)
        return conversion

    def __getitem__(self, id: str) -> Conversion:
        return self.rows[id].conversion

    async def claim(self, id: str, run: Run, step: Step) -> Conversion | None:
        if self.down:
            raise Unavailable("postgres is down")
        row = self.rows[id]
        if run.id in row.past_runs or (run.id != row.run and row.claimed and run.scheduled < row.claimed):
            return None
        changed: dict[str, Any] = {}
        if run.id != row.run:
            resumed = row.conversion.state is State.STALLED and row.conversion.workflow_id == run.workflow
            if row.run:
                row.past_runs.append(row.run)
            row.run, row.claimed = run.id, run.scheduled
            attempts = row.conversion.attempts + (0 if resumed else 1)
            changed = {"attempts": attempts, "workflow_id": run.workflow, "state": State.RUNNING, "error": None}
        if not (row.conversion.state.terminal and not changed):
            changed["step"] = step
        row.conversion = row.conversion.model_copy(update=changed)
        return row.conversion

    async def alike(self, recipes: Sequence[str], other_than: str) -> dict[str, Alike]:
        return {}

    async def store(self, run: Run, id: str, results: Results, report: dict[str, Any] | None) -> bool:
        return self._write(run, id, {"outputs": results.outputs, "report": report})

    async def write(self, run: Run, outcome: Outcome) -> bool:
        if self.refuse_writes:
            raise Unavailable("postgres refuses to write")
        changed = {"state": outcome.state, "error": outcome.error, "failed_step": outcome.step}
        return self._write(run, outcome.request.id, changed)

    def _write(self, run: Run, id: str, changed: dict[str, Any]) -> bool:
        row = self.rows[id]
        if row.run != run.id:
            return False
        row.conversion = row.conversion.model_copy(update=changed)
        return True

    async def expire(self, age_seconds: float, limit: int) -> list[str]:
        return []

    async def unended(self, limit: int, age_seconds: float) -> list[Standing]:
        return []

    async def unpurged(self, limit: int) -> list[Conversion]:
        return []

    async def forget(self) -> int:
        return 0


class FakeObjects:
    def __init__(self) -> None:
        self.broken = False
        self.verified: list[str] = []
        self.published: list[str] = []
        self.discarded: list[str] = []

    async def verify(self, key: str) -> tuple[int, str]:
        self.verified.append(key)
        return 9, SHA

    async def download(self, key: str, path: Path) -> str:
        await asyncio.to_thread(path.write_bytes, b"any bytes")
        return SHA

    async def put(self, key: str, path: Path, *, encoding: str | None, media_type: str) -> None: ...

    async def write(self, key: str, data: bytes, media_type: str) -> None:
        if self.broken:
            raise Unavailable("the bucket does not answer")

    async def copy(self, source: str, target: str) -> None:
        if self.broken:
            raise Unavailable("the bucket does not answer")
        self.published.append(target)

    async def delete_prefix(self, prefix: str) -> int:
        self.discarded.append(prefix)
        return 1

    async def ready(self) -> None: ...

    async def probe(self, key: str) -> None: ...

    async def page(self, after: str) -> list[tuple[str, datetime]]:
        return []

    async def abort_unfinished(self, before: datetime) -> int:
        return 0


class FakeProgress:
    def __init__(self) -> None:
        self.seen: dict[str, list[float]] = defaultdict(list)
        self.announced: list[str] = []

    async def set(self, id: str, attempt: int, percent: float) -> None:
        self.seen[id].append(percent)

    async def announce(self, id: str) -> None:
        self.announced.append(id)


class FakeConverter:
    """A real process in its own group; the source's name says how long it runs and how it ends."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.pids: dict[str, int] = {}
        self.progress: dict[str, Callable[[int], None]] = {}

    def version(self, source_format: str) -> str:
        return "fake-1"

    def made_by(self, source: Source) -> str:
        return "fake-1"

    async def convert(
        self,
        conversion: Conversion,
        source: Path,
        folder: Path,
        progress: Callable[[int], None],
        after: Death | None = None,
    ) -> Converted:
        name = conversion.source.name
        self.ran.append(conversion.id)
        if "corrupt" in name:
            raise Refused("corrupt_file", "entity #17 refers to itself")
        if "crash" in name:
            raise Refused("converter_crashed", "it died of signal 11")
        if "slow" in name:
            await self.sleep(conversion.id, float(name.split("-")[1].removesuffix(".step")), progress)
        written = tuple(self.write(folder, output.format, name) for output in conversion.outputs)
        return Converted(written=written, report={"losses": ["it is a fake"]}, version="fake")

    def write(self, folder: Path, format: str, name: str) -> Written:
        if format == "obj" and "half" in name:
            error = Error(code="no_geometry", detail="nothing to triangulate")
            return Written(format=format, path=None, options={}, error=error)
        path = folder / f"out.{format}"
        path.write_text(f"a {format} file")
        return Written(format=format, path=path, options={})

    def tell(self, id: str, percent: float) -> None:
        self.progress[id](percent)

    async def sleep(self, id: str, seconds: float, progress: Callable[[int], None]) -> None:
        command = (sys.executable, "-c", f"import time; time.sleep({seconds})")
        child = await asyncio.create_subprocess_exec(*command, start_new_session=True)
        self.pids[id] = child.pid
        self.progress[id] = progress
        progress(10)
        try:
            await child.wait()
        finally:
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
                await child.wait()


class FakeParts:
    """What `worker_main.Parts` holds, in memory. `folder` is a scratch dir of the test."""

    def __init__(self, folder: Path) -> None:
        self.records = FakeRows()
        self.transitions = self.keys = self.records  # reconcile and sweep are tested on the real ones
        self.objects = FakeObjects()
        self.progress = FakeProgress()
        self.converter = FakeConverter()
        self.converters = self.converter
        self.scratch = self
        self._folder = folder

    @contextmanager
    def folder(self) -> Iterator[Path]:
        yield self._folder
