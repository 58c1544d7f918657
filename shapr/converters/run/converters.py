"""Who converts what on this worker: our own converter, programs that are plugged in, or the stub."""

import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import structlog

from shapr.conversion import Conversion, Source
from shapr.converters import archive, formats, stub
from shapr.converters.run.admission import Admission, available, need, threads
from shapr.converters.run.external import External, unavailable
from shapr.converters.run.job import Converted, Death, Job, Limits
from shapr.converters.run.process import Converter
from shapr.converters.run.zygote import ROOT
from shapr.errors import Refused, Unavailable
from shapr.settings import Settings

KERNEL = "cadquery-ocp-novtk"
SPOILT = frozenset({"converter_crashed", "no_geometry"})  # what a failure to write looks like
ROOM = 1 << 20  # bytes: a disk that has less is full
DIGITS = 12  # of a SHA-256, in a version

log = structlog.get_logger()


class Converters:
    """Converts for the compress step. `sources` says who reads what, exactly as the API does."""

    def __init__(self, settings: Settings) -> None:
        self.limits = Limits.of(settings)
        self.sources = formats.sources(settings)
        self.built_in = Converter(settings)
        self.admission = Admission(settings.memory or available())
        self.own_version = own_version()  # now: of the code that runs, not of what a deploy puts in its place
        self.plugged = {name: _external(settings, name) for name, by in self.sources.items() if by != "built-in"}

    def version(self, source_format: str) -> str:
        """What identifies the converter of a source format: the same version makes the same outputs."""
        external = self.plugged.get(source_format)
        if external is None:
            return self.own_version
        return f"{'stub' if external.kind == 'stub' else external.name}-{fingerprint(Path(external.command[-1]))}"

    def made_by(self, source: Source) -> str:
        """What decides, beside the file and its options, what is made of it. A program that is plugged in sees the
        file's name, and may go by it: the stub does."""
        version = self.version(source.format)
        if source.format in self.plugged:
            return f"{version} of {source.name}"
        return f"{version} of an archive" if archive.is_archive(source.name) else version

    async def convert(
        self,
        conversion: Conversion,
        source: Path,
        folder: Path,
        progress: Callable[[float], None],
        after: Death | None = None,
    ) -> Converted:
        """As `activities.compress.Convert` says."""
        format = conversion.source.format
        job = Job(
            source=source,
            source_format=format,
            source_name=conversion.source.name,
            outputs=tuple((output.format, output.options) for output in conversion.outputs),
            scratch=folder,
            limits=self.limits,
            preview=conversion.preview,
            after=after,
        )
        asked = [output for output, _ in job.outputs]
        size = job.source.stat().st_size
        async with self.admission.admitted(need(format, size, asked, self.limits)):
            alone = {"threads": threads(size, self.admission.running)}
            return await self.run(job.model_copy(update=alone), progress)

    async def run(self, job: Job, progress: Callable[[float], None]) -> Converted:
        """A job at once. Raises Unavailable, too, when it failed and there is no room in its scratch dir."""
        try:
            converted = await self._run(job, progress)
        except Refused as refused:
            unless_full(job.scratch, {refused.code})
            raise
        unless_full(job.scratch, {each.error.code for each in converted.written if each.error})
        return converted

    async def _run(self, job: Job, progress: Callable[[float], None]) -> Converted:
        """By who reads its source format."""
        format = job.source_format
        version = self.version(format)  # of the program as it is now: it may be replaced while it runs
        if format not in self.sources:  # the API is configured otherwise, or was when it accepted this
            log.error("converter_unavailable", format=format, error="nobody reads this format here")
            return Converted(written=tuple(unavailable(output) for output, _ in job.outputs), version=version)
        if (external := self.plugged.get(format)) is not None:
            written = await external.convert(job, progress)
            return Converted(written=written, report=_words(external, version), version=version)
        answer = await self.built_in.convert(job, progress)
        return Converted(
            written=answer.written,
            report=answer.report,
            version=version,
            thumbnail=answer.thumbnail,
            preview=answer.preview,
        )

    async def warm(self) -> None:
        """Load the kernel before the first job asks. What prevents that is in the log, and each job tries again."""
        with contextlib.suppress(Unavailable):
            await self.built_in.zygote.start()

    def close(self) -> None:
        self.built_in.close()

    def announce(self) -> None:
        """Say in the log who is plugged in, and loudly what cannot work. The other formats are served all the same."""
        for format, external in self.plugged.items():
            version = self.version(format)
            if external.kind == "stub":
                log.warning("stub_converter", format=format, version=version, effect="nothing is converted")
            elif (program := Path(external.command[0])).is_file() and os.access(program, os.X_OK):
                log.info("external_converter", format=format, program=str(program), version=version)
            else:
                why = "it is not executable" if program.exists() else "it does not exist"
                log.error("converter_unavailable", format=format, program=str(program), error=why)


def unless_full(scratch: Path, codes: set[str]) -> None:
    """A writer that finds no room crashes, or leaves half a file: that is not the source's fault, and will pass."""
    there = os.statvfs(scratch)
    room, files = there.f_bavail * there.f_frsize, there.f_favail or not there.f_files  # some have no number of files
    if codes & SPOILT and (room < ROOM or not files):
        raise Unavailable("the local disk is full", "storage_full")


def _words(external: External, version: str) -> dict[str, Any]:
    """What there is to report of a program's outputs: nobody measures them."""
    if external.kind == "stub":
        return {"converter": "stub", "stub": True, "losses": ["This is a stub result: nothing was converted."]}
    return {"converter": "external", "version": version}


def _external(settings: Settings, format: str) -> External:
    program: Path | None = getattr(settings, f"converter_{format}")
    if program is not None:
        readable = tuple(Path(each) for each in settings.sandbox_readable.split(":") if each)
        return External((str(program),), program.name, "external", settings.sandbox, readable)
    # By its file, isolated: it needs nothing of ours, and starts in a blink.
    return External((sys.executable, "-I", str(stub.__file__)), "stub", "stub", settings.sandbox)


def own_version() -> str:
    """Changes with the kernel, and with any line of our converters."""
    digest = hashlib.sha256()
    folder = ROOT / "shapr" / "converters"
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return f"built-in-{metadata.version(KERNEL)}-{digest.hexdigest()[:DIGITS]}"


def fingerprint(program: Path) -> str:
    """The beginning of a program's SHA-256; `missing` if it cannot be read. Read again only when it changed."""
    try:
        now = program.stat()
        return _sha256(program, now.st_ino, now.st_size, now.st_mtime_ns)[:DIGITS]
    except OSError:
        return "missing"


@functools.lru_cache(maxsize=64)
def _sha256(program: Path, *_changes: int) -> str:
    with program.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
