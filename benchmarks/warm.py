"""Our side: the worker's own Converter, its zygote and the fence, and what a job used until its output was written."""

import asyncio
import math
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from benchmarks.rivals import ANGULAR, LINEAR, Used
from shapr.conversion import Options
from shapr.converters import formats
from shapr.converters.run.admission import threads
from shapr.converters.run.job import Job, Limits
from shapr.converters.run.process import Converter
from shapr.settings import Settings


@dataclass(frozen=True)
class Ours(Used):
    """Until the output was written; and of all the job, its report with it."""

    all_cpu: float
    all_wall: float


class Warm:
    """Used as a context manager; `run` gives one job's use."""

    def __enter__(self) -> "Warm":
        self.settings = Settings()
        self.converter = Converter(self.settings)
        self.loop = asyncio.Runner()
        self.zygote = self.loop.run(self.converter.zygote.start()).popen.pid
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.converter.close()
        self.loop.close()

    def run(self, source: Path, output: Path, preview: bool = False) -> Ours | None:
        """From the job handed to the worker's Converter. CPU: the child's, and all that this process and the zygote
        spent on the job, before the output and after."""
        given, format = formats.source_format(source.name, formats.BUILT_IN), output.suffix[1:]
        faceted = formats.FORMATS[given].kind == "mesh"
        options = Options() if faceted else Options(linear_deflection=LINEAR, angular_deflection=math.degrees(ANGULAR))
        effective = formats.effective(given, (format,), options, formats.BUILT_IN)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            copy = Path(shutil.copy(source, folder))
            job = Job(
                source=copy,
                source_format=given,
                source_name=source.name,
                outputs=tuple(effective.items()),
                scratch=Path(folder),
                limits=Limits.of(self.settings),
                preview=preview,
                threads=threads(source.stat().st_size, running=1),
            )
            begun, before = time.monotonic(), self._others()
            answer = self.loop.run(self.converter.convert(job, lambda _: None))
            ended, others = time.monotonic(), self._others() - before
            written = answer.written[0]
            if written.path is None or written.spent is None or answer.spent is None:
                return None
            shutil.move(written.path, output)
        there, done = written.spent, answer.spent
        return Ours(there.cpu + others, there.at - begun, there.memory / (1 << 20), done.cpu + others, ended - begun)

    def _others(self) -> float:
        """CPU seconds of this process and of the zygote: proc(5), schedstat, nanoseconds."""
        return time.process_time() + int(Path(f"/proc/{self.zygote}/schedstat").read_text().split()[0]) / 1e9
