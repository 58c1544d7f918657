"""A converter that is not ours: `CONVERTER INPUT FORMAT OUTPUT`, once per output, in the discipline of our own.

docs/converters.md is the contract as the authors of programs read it. A program is given no address, no secret and no
option. What it says is a stranger's text: bounded, and cleaned before a caller sees it.
"""

import asyncio
import errno
import os
import re
import signal
import stat
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from shapr.conversion import Error, hundredths
from shapr.converters import detect
from shapr.converters.formats import FORMATS, Converter
from shapr.converters.run import child
from shapr.converters.run.job import ONCE_MORE, Job, Written
from shapr.converters.run.sandbox import Fence, Level, program_paths
from shapr.errors import Refused, Unavailable

log = structlog.get_logger()

# The machine is short of something, or the program is being replaced: another attempt may start it.
PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY})
PROGRESS = re.compile(rb"(?:^|[\r\n])[ \t]*progress:[ \t]*(\d{1,3}(?:\.\d*)?)[ \t]*%[ \t]*(?=[\r\n])", re.IGNORECASE)
LINE = 200  # bytes of an unfinished line that are kept
DETAIL = 200  # characters of a program's words that a caller sees
NAME_BYTES = 200  # of the file name that the program sees
# A program may be a shell script that forgets to quote.
SHELL = re.compile(r"""["'$&*;<>?\[\]\\^`{|}~!#%/()]""")
QUOTED_PATH = re.compile(r"""(["'`])(?:/|[A-Za-z]:\\)[^"'`]*\1""")
PATH = re.compile(r"""(?<![\w.])(?:file:/)?(?:/|[A-Za-z]:\\)[^\s"'`:;,()]+""")


class Progress:
    """Reads `progress: N%` lines out of whatever a program prints; N rises from 0 to 100 or is not believed."""

    def __init__(self) -> None:
        self.percent = 0.0
        self._line = b""

    def hear(self, data: bytes) -> None:
        data = self._line + data
        for match in PROGRESS.finditer(data):
            if (percent := float(match[1])) <= 100:
                self.percent = max(self.percent, percent)
        begun = max(data.rfind(b"\n"), data.rfind(b"\r"), 0)
        self._line = data[begun : begun + LINE]


@dataclass(frozen=True)
class External:
    """A program that reads one source format. `name` is what the log calls it, `kind` what it counts as.

    `readable`: what it may read beside its own folder, the system's programs and the job's scratch dir.
    """

    command: tuple[str, ...]
    name: str
    kind: Converter
    sandbox: Level = "strict"
    readable: tuple[Path, ...] = ()

    async def convert(self, job: Job, progress: Callable[[float], None]) -> tuple[Written, ...]:
        """The outputs of a job, each written or failed by itself; `progress` gets 0..100, never falling.

        Outputs that a crash or a limit ended get one more run, in a second round with a time limit of its own; a
        program that says no has said so. Raises Refused for a source that is plainly something else, and Unavailable
        when the machine cannot start a program now.
        """
        await asyncio.to_thread(detect.check, job.source_format, job.source, self.kind)
        written: dict[int, Written] = {}
        highest = 0.0

        def reach(percent: float) -> None:
            nonlocal highest
            highest = max(highest, hundredths((100 * len(written) + percent) / len(job.outputs)))
            progress(highest)

        for last in (False, True):
            end = time.monotonic() + job.limits.wall
            for at in [at for at in range(len(job.outputs)) if at not in written]:
                format = job.outputs[at][0]
                try:
                    written[at] = await self._output(job, format, end, reach)
                except Refused as refused:
                    log.warning(
                        "output_failed", program=self.name, output=format, error=refused.code, detail=refused.detail
                    )
                    if last or refused.code not in ONCE_MORE:
                        written[at] = _failed(format, refused.code, refused.detail)
        return tuple(written[at] for at in range(len(job.outputs)))

    async def _output(self, job: Job, format: str, end: float, reach: Callable[[float], None]) -> Written:
        """One run of the program. Raises Refused when it crashed or broke a limit."""
        if time.monotonic() > end:
            raise child.out_of_time(job.limits)
        folder, source, output = _laid_out(job, format)
        command = (*self.command, str(source), format, str(output))
        heard = Progress()
        readable = program_paths(Path(self.command[0]), self.readable)
        fence = Fence(job.scratch.resolve(), readable, job.limits, programs=True)
        try:
            code, words = await child.run(
                child.Program(command, folder, environment(folder), fence, self.sandbox),
                job.limits,
                end,
                look=lambda: reach(heard.percent),
                hear=heard.hear,
            )
        except OSError as error:
            return self._unstarted(format, error)
        if self.kind == "stub":
            log.warning("stub_result", output=format, code=code, effect="nothing was converted")
        else:
            log.info("converter_ran", program=self.name, output=format, code=code)
        if code:
            log.warning("converter_ended", program=self.name, code=code, last_words=words.last)
        if crash := _signal(code):
            raise Refused(*child.meaning(-crash, words.last))
        if code:
            reason = cleaned(words.first) or f"it ended with exit code {code}"
            return _failed(format, "converter_crashed", f"the converter gave up: {reason}")
        reach(100)
        return _taken(format, output)

    def _unstarted(self, format: str, error: OSError) -> Written:
        log.error("converter_unavailable", program=self.name, error=str(error))
        if error.errno in PASSING:
            raise Unavailable("the converter cannot be started now", "converter_unavailable") from error
        return unavailable(format)


def _laid_out(job: Job, format: str) -> tuple[Path, Path, Path]:
    """A folder for one run, the source in it, and where the output belongs: all absolute, without links."""
    folder = Path(tempfile.mkdtemp(dir=job.scratch)).resolve()
    source = folder / "in" / file_name(job)
    output = folder / "out" / f"output.{FORMATS[format].extensions[0]}"
    for place in (source.parent, output.parent):
        place.mkdir()
    os.link(job.source, source)  # its name is part of what the program is told
    return folder, source, output


def file_name(job: Job) -> str:
    """The source's own name, with its extension and nothing that a shell would act on."""
    name = SHELL.sub("_", job.source_name)
    extension = name.rpartition(".")[2].lower()
    known = FORMATS[job.source_format].extensions
    if extension in known and name.isprintable() and len(name.encode()) <= NAME_BYTES:
        return name
    return f"source.{known[0]}"


def environment(folder: Path) -> dict[str, str]:
    """Nothing of ours. What it keeps beside its output stays in the scratch dir."""
    return {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}


def cleaned(words: str) -> str:
    """The first line of a program's words as a caller may see it: printable, short, no paths."""
    line = next((line for line in words.splitlines() if line.strip()), "")
    without = PATH.sub("[path]", QUOTED_PATH.sub("[path]", line))
    return " ".join("".join(c if c.isprintable() else " " for c in without).split())[:DETAIL]


def unavailable(format: str) -> Written:
    """What a source gets whose converter is not there: the operator has been told in the log."""
    return _failed(format, "converter_unavailable", "the converter of this format is not installed properly")


def _failed(format: str, code: str, detail: str) -> Written:
    return Written(format=format, path=None, options={}, error=Error(code=code, detail=detail))


def _taken(format: str, output: Path) -> Written:
    """What the program left behind, if it is a file, has bytes, and lies where it was asked to lie."""
    try:
        found = output.lstat()
    except OSError:
        return _failed(format, "no_geometry", f"the converter wrote no {format.upper()}")
    if not stat.S_ISREG(found.st_mode) or os.path.realpath(output) != str(output):
        return _failed(format, "converter_crashed", "the converter left something that is not a file of its own")
    if not found.st_size:
        return _failed(format, "no_geometry", f"the converter wrote an empty {format.upper()}")
    return Written(format=format, path=output, options={})


def _signal(code: int) -> int:
    """The signal that ended the program, 0 if none did. A shell says 128 and more for a program that it ran."""
    if code < 0:
        return -code
    return code - 128 if code > 128 and code - 128 in signal.valid_signals() else 0
