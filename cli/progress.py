"""How far each file is, on stderr: a bar for each on a terminal, else a line whenever something has changed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from cli.terminal import plain, stderr

NAME = 40  # characters of a file name beside its bar
SOON, LATER = 1.0, 20.0  # seconds between two looks at a conversion that runs: for a bar, and for a log


Following = Callable[[str, float | None], None]
"""Hears the phase of a file, and the share 0..1 of the phase that is done; None when nobody knows."""


class Bars:
    """For people: the bars of the files that are on their way; what has ended scrolls by above them."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[phase]}", markup=False),
        )
        self.look_again = SOON
        self._progress = Progress(*columns, console=console, transient=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def file(self, name: object) -> Iterator[Following]:
        shown = plain(name)
        short = shown if len(shown) <= NAME else f"…{shown[1 - NAME :]}"
        task = self._progress.add_task(short, total=1.0, phase="")

        def at(phase: str, share: float | None) -> None:
            self._progress.update(task, completed=share or 0.0, phase=plain(phase))

        try:
            yield at
        finally:
            self._progress.remove_task(task)

    def say(self, sentence: object) -> None:
        self._progress.console.print(plain(sentence), soft_wrap=True)


class Lines:
    """For logs: one line for each phase of each file."""

    def __init__(self, console: Console) -> None:
        self.look_again = LATER
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    @contextmanager
    def file(self, name: object) -> Iterator[Following]:
        last = ""

        def at(phase: str, _: float | None) -> None:
            nonlocal last
            if phase != last:
                last = phase
                self.say(f"{name}: {phase}")

        yield at

    def say(self, sentence: object) -> None:
        self._console.print(plain(sentence), soft_wrap=True)


def progress() -> Bars | Lines:
    console = stderr()
    return Bars(console) if console.is_terminal else Lines(console)
