"""What telling its progress costs a conversion, in CPU seconds of the child: with all of it, and without, by turns.

    .venv/bin/python -m benchmarks.overhead [SIZE] [ROUNDS]

Without: no page, no indicator, and volumes by one call of the kernel instead of face by face, which is only done for
the progress. The lowest of all rounds counts: other work on the machine only ever adds.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.progress import made
from shapr.converters import job as child
from shapr.converters.brep import measure, rehearsal
from shapr.converters.progress import SIZE, Page
from shapr.converters.run.job import JOB, PROGRESS, Job
from tests.converters import kit

PAIRS = (("ring.step", "stl"), ("small.stl", "step"), ("ring.iges", "brep"), ("ball.stl", "glb"))


class Deaf(Page):
    """Hears nothing, and says so: then the kernel is given no indicator either."""

    def __init__(self) -> None:
        pass

    def __bool__(self) -> bool:
        return False

    def phase(self, start: float, end: float) -> None: ...
    def reach(self, done: float) -> None: ...
    def _next(self, *_: Any) -> None: ...


def work(scratch: Path, told: bool) -> None:
    if not told:
        measure.TOGETHER = sys.maxsize
    os.chdir(scratch)
    asked = Job.model_validate_json(Path(JOB).read_bytes())
    answer, _ = child.run(asked, Page(Path(PROGRESS)) if told else Deaf())
    if answer.error or not answer.written[0].path:
        raise SystemExit(f"not converted: {answer}")


def seconds(scratch: Path, told: bool) -> float:
    """Of a forked child, as the zygote's are."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work(scratch, told)
            code = 0
        finally:
            os._exit(code)
    _, status, used = os.wait4(pid, 0)
    if status:
        raise SystemExit("the child failed")
    return used.ru_utime + used.ru_stime


def row(source: Path, output: str, rounds: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        asked = kit.job(scratch, source, output).model_copy(update={"source": Path("source"), "scratch": Path()})
        (scratch / JOB).write_bytes(asked.model_dump_json().encode())
        (scratch / PROGRESS).write_bytes(bytes(SIZE))
        both = [(seconds(scratch, told=False), seconds(scratch, told=True)) for _ in range(rounds)]
    without, told = (min(each) for each in zip(*both, strict=True))
    return f"| {source.name} to {output} | {without:.2f} | {told:.2f} | {told / without - 1:+.1%} |"


def main(size: float, rounds: int) -> None:
    print("| pair | CPU s without | with | more |\n|---|---|---|---|")
    rehearsal.rehearse()
    with tempfile.TemporaryDirectory() as sources:
        for name, output in PAIRS:
            print(row(made(Path(sources), name, size), output, rounds), flush=True)


if __name__ == "__main__":
    size, rounds = (*sys.argv[1:], *("0.3", "8")[len(sys.argv) - 1 :])[:2]
    main(float(size), int(rounds))
