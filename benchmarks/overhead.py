"""What telling its progress costs a conversion, in instructions: with all of it, and without.

    .venv/bin/python -m benchmarks.overhead [SIZE]    # needs valgrind; 0.12: minutes each

Instructions of the child alone as valgrind counts them, less those of its imports: what else runs does not matter. Without: no page, no
indicator, and volumes by one call of the kernel instead of face by face, which is only done for the progress.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.progress import made
from shapr.converters import job as child
from shapr.converters.progress import SIZE, Page
from shapr.converters.run.job import JOB, PROGRESS, Job
from tests.converters import kit

PAIRS = (("ring.step", "stl"), ("small.stl", "step"), ("ring.iges", "brep"))
IMPORTS, SILENT, TOLD = "imports", "silent", "told"


class Deaf(Page):
    """Hears nothing, and says so: then the kernel is given no indicator either."""

    def __init__(self) -> None:
        pass

    def __bool__(self) -> bool:
        return False

    def phase(self, start: float, end: float) -> None: ...
    def reach(self, done: float) -> None: ...
    def _next(self, *_: Any) -> None: ...


def work(scratch: Path, mode: str) -> None:
    """In the child."""
    from shapr.converters.brep import measure, rehearsal

    rehearsal.rehearse()
    if mode == IMPORTS:
        return
    if mode == SILENT:
        measure.TOGETHER = sys.maxsize
    os.chdir(scratch)
    asked = Job.model_validate_json(Path(JOB).read_bytes())
    answer, _ = child.run(asked, Page(Path(PROGRESS)) if mode == TOLD else Deaf())
    if answer.error or not answer.written[0].path:
        raise SystemExit(f"not converted: {answer}")


def instructions(scratch: Path, mode: str) -> int:
    counting = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    program = [sys.executable, "-m", "benchmarks.overhead", str(scratch), mode]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    done = subprocess.run([*counting, *program], check=True, env=environment, capture_output=True, text=True)
    found = re.search(r"I *refs: *([\d,]+)", done.stderr)
    if not found:
        raise SystemExit(done.stderr)
    return int(found[1].replace(",", ""))


def row(source: Path, output: str, imports: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        asked = kit.job(scratch, source, output).model_copy(update={"source": Path("source"), "scratch": Path()})
        (scratch / JOB).write_bytes(asked.model_dump_json().encode())
        (scratch / PROGRESS).write_bytes(bytes(SIZE))
        silent, told = instructions(scratch, SILENT), instructions(scratch, TOLD)
    more = (told - silent) / (silent - imports)
    return (
        f"| {source.name} to {output} | {(silent - imports) / 1e9:.1f} | {(told - imports) / 1e9:.1f} | {more:+.2%} |"
    )


def main(size: float) -> None:
    print("| pair | without, 10⁹ | with, 10⁹ | more |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as sources:
        imports = instructions(Path(sources), IMPORTS)
        for name, output in PAIRS:
            print(row(made(Path(sources), name, size), output, imports), flush=True)


if __name__ == "__main__":
    if sys.argv[2:]:
        work(Path(sys.argv[1]), sys.argv[2])
        sys.stdout.flush()
        os._exit(0)
    main(float((*sys.argv[1:], "0.12")[0]))
