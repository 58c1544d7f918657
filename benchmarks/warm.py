"""Our zygote, but with a `wait4`: it loads the kernel, forks a child for each job, and says what it used."""

import json
import math
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from benchmarks.rivals import ANGULAR, LINEAR, Used
from shapr.conversion import Options
from shapr.converters import detect, formats
from shapr.converters.progress import SIZE, Page
from shapr.converters.source import File, read


class Warm:
    """Our side of it. Used as a context manager; `run` gives one job's use."""

    def __enter__(self) -> "Warm":
        self.process = subprocess.Popen(
            (sys.executable, "-m", "benchmarks.warm"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait()

    def run(self, source: Path, output: Path) -> Used | None:
        self.process.stdin.write(json.dumps([str(source), str(output)]) + "\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        used = Used(*json.loads(self.process.stdout.readline()))  # type: ignore[union-attr]
        return used if output.exists() else None


def main() -> None:
    from shapr.converters import nursery

    nursery.load()
    for line in sys.stdin:
        source, output = map(Path, json.loads(line))
        begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        pid = os.fork()
        if not pid:
            convert(source, output)
            os._exit(0)
        _, _, used = os.wait4(pid, 0)
        after = resource.getrusage(resource.RUSAGE_SELF)
        own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        said = [used.ru_utime + used.ru_stime + own, time.monotonic() - begun, used.ru_maxrss / 1024]
        print(json.dumps(said), flush=True)


def convert(source: Path, output: Path) -> None:
    """A job as `converters/job.py` does it, up to the output: the report that opens it again is another matter."""
    format = output.suffix[1:]
    options = Options(linear_deflection=LINEAR, angular_deflection=math.degrees(ANGULAR))
    effective = formats.effective("step", (format,), options, formats.BUILT_IN)[format]
    page = output.with_name("page")
    page.write_bytes(bytes(SIZE))
    detect.check("step", source)
    model = read(File(source, "step", source.name), Page(page), 0)
    model.write(format, output, effective)


if __name__ == "__main__":
    main()
