"""One file of `shapr convert`, from the disk to the service and back; and many of them, a few at a time."""

import asyncio
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from cli.batch import key, sha256, targets
from cli.progress import Bars, Following, Lines
from cli.terminal import told
from shapr.answers import ApiError, ConversionAnswer, ErrorAnswer, FormatsAnswer, OutputAnswer
from shapr.client import Client

AT_ONCE = 6  # files on their way: a worker has a few cores, and the rest is waiting


@dataclass(frozen=True)
class Order:
    """What is wanted of every file."""

    formats: tuple[str, ...]
    folder: Path
    batch: str | None
    options: dict[str, Any]


@dataclass
class Errand:
    """One file and how far it has come. `saved`: the outputs that are on the disk; `kept`: were there before."""

    source: Path
    targets: dict[str, Path] = field(default_factory=dict)
    conversion: ConversionAnswer | None = None
    saved: dict[str, Path] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    error: ErrorAnswer | None = None

    @property
    def done(self) -> bool:
        """Completed, and every output is here."""
        return self.error is None and self.conversion is not None and self.conversion.state == "completed"

    def told(self) -> dict[str, Any]:
        """For programs: `shapr convert --json` prints a list of these, in the order of the command line."""
        return {
            "source": str(self.source),
            "done": self.done,
            "conversion": self.conversion and self.conversion.model_dump(mode="json"),
            "saved": {name: {"path": str(path), "kept": name in self.kept} for name, path in self.saved.items()},
            "error": self.error and self.error.model_dump(mode="json"),
        }


class LocalError(ApiError):
    """Something of this machine is in the way, not of the service."""

    def __init__(self, code: str, title: str, error: OSError | str) -> None:
        detail = error if isinstance(error, str) else error.strerror or type(error).__name__
        super().__init__(code, title, detail)


async def carry_out(client: Client, order: Order, errands: list[Errand], shown: Bars | Lines) -> None:
    """All errands; each of them ends done, or with its error."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(errand: Errand) -> None:
        async with slots:
            with shown.file(errand.source) as following:
                try:
                    await _carry_out(client, order, errand, following, shown.look_again)
                except ApiError as error:
                    errand.error = told(error)
            shown.say(f"{errand.source}: {'completed' if errand.done else _why(errand)}")

    async with client:
        try:
            _make(order.folder)
            formats, order = canonical(await client.formats(), order)
        except ApiError as error:
            for errand in errands:
                errand.error = told(error)
            return
        planned = targets([errand.source for errand in errands], formats, order.folder)
        for errand, paths in zip(errands, planned, strict=True):
            errand.targets = paths
        await asyncio.gather(*(one(errand) for errand in errands))


def canonical(known: FormatsAnswer, order: Order) -> tuple[dict[str, str], Order]:
    """The extension of each format wanted, and the order in the service's own names: `stp` is `step`.

    A name that the service does not know is left to it to refuse.
    """
    names = {alias: each for each in known.formats for alias in (each.name, *each.extensions)}
    extensions: dict[str, str] = {}
    for wanted in order.formats:
        found = names.get(wanted)
        extensions[found.name if found else wanted] = found.extensions[0] if found and found.extensions else wanted
    return extensions, replace(order, formats=tuple(extensions))


async def _carry_out(client: Client, order: Order, errand: Errand, following: Following, look_again: float) -> None:
    conversion = errand.conversion = await _created(client, order, errand.source, following)
    while not conversion.terminal:
        following(_phase(conversion), conversion.progress / 100)
        conversion = errand.conversion = await client.get(conversion.id, wait=look_again)
    for output in conversion.downloadable:
        await _fetch(client, conversion.id, output, errand, following)
    errand.error = conversion.error
    if conversion.state == "cancelled" and errand.error is None:
        errand.error = ErrorAnswer(code="cancelled", title="It was cancelled", retryable=True)


async def _created(client: Client, order: Order, source: Path, following: Following) -> ConversionAnswer:
    """The conversion, which of a batch may be an earlier one. Without a batch the key only makes retries safe."""
    try:
        size = _size(source)
        following("sending", 0)
        wish = (order.formats, order.options)
        one_time = f"cli-{uuid4().hex}"
        stable = key(order.batch, source.name, await sha256(source), *wish) if order.batch else one_time
        return await client.create(
            source,
            order.formats,
            options=order.options,
            batch=order.batch,
            idempotency_key=stable,
            sent=_summed(following, "sending", size),
            waits=lambda error, pause: following(f"{error.code}, again in {pause:.0f} s", None),
        )
    except OSError as error:
        raise LocalError("unreadable_file", "The file cannot be read", error) from error


async def _fetch(client: Client, id: str, output: OutputAnswer, errand: Errand, following: Following) -> None:
    """Bring one output home, unless it is there already."""
    target = errand.targets[output.format]
    try:
        if output.sha256 and target.is_file() and target.stat().st_size == output.size:
            following(f"checking {output.format}", None)
            if await sha256(target) == output.sha256:
                errand.kept.add(output.format)
        if output.format not in errand.kept:
            following(f"saving {output.format}", 0)
            heard = _summed(following, f"saving {output.format}", output.size or 0)
            await client.download(id, output, target, received=heard)
    except OSError as error:
        raise LocalError("unwritable_output", f"{target} cannot be written", error) from error
    errand.saved[output.format] = target


def _summed(following: Following, phase: str, size: int) -> Callable[[int], None]:
    """Turns pieces into a share of the whole."""
    together = 0

    def heard(count: int) -> None:
        nonlocal together
        together += count
        following(phase, min(together / size, 1.0) if size else None)

    return heard


def _size(source: Path) -> int:
    """Of a regular file. Anything else is refused before it is opened: a pipe could keep us waiting for ever."""
    found = source.stat()
    if not stat.S_ISREG(found.st_mode):
        what = "it is a directory" if stat.S_ISDIR(found.st_mode) else "it is not a regular file"
        raise LocalError("unreadable_file", "The file cannot be read", what)
    return found.st_size


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalError("unwritable_output", f"{folder} cannot be made a folder", error) from error


def _phase(conversion: ConversionAnswer) -> str:
    if conversion.state == "stalled":
        return f"stalled in {conversion.step}: it waits for an operator"
    return conversion.step or conversion.state


def _why(errand: Errand) -> str:
    state = errand.conversion.state if errand.conversion else "not accepted"
    return f"{state}: {errand.error.code}" if errand.error else state
