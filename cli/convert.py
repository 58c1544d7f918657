"""`shapr convert`: uploads files, follows them, brings every output home, and tells what was kept and lost."""

import asyncio
import json
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from cli.connection import Json, Url, client
from cli.errand import Errand, Order, carry_out
from cli.progress import progress
from cli.report import add_output, hint_at_retry, outputs_table, show_report
from cli.terminal import complain, print_json, print_table, row, say
from shapr.answers import ErrorAnswer

NAMED = 10  # conversions that a goodbye names
# What cannot be read is said of each file, and does not end the command before it has begun.
FILES = typer.Argument(help="The files to convert; the extension says the format.", metavar="FILE", readable=False)
TO = typer.Option("--to", help="Format to convert to; again or comma separated for more.", metavar="FORMAT")
FOLDER = typer.Option("--output-dir", "-o", help="Where the outputs go; made if it is not there.", metavar="DIR")
BATCH = typer.Option(help="Label; the same command with the same label goes on where it was stopped.", metavar="NAME")
OPTION = typer.Option(
    "--option", "-O", help="An option of `shapr formats`, such as quality=fine.", metavar="NAME=VALUE"
)
OPTIONS = typer.Option("--options", help="Options as one JSON object; --option goes before.", metavar="JSON")


def convert(
    files: Annotated[list[Path], FILES],
    to: Annotated[list[str], TO],
    folder: Annotated[Path, FOLDER] = Path(),
    batch: Annotated[str | None, BATCH] = None,
    option: Annotated[list[str] | None, OPTION] = None,
    options: Annotated[str | None, OPTIONS] = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Convert files: upload, follow, download every output, show the report.

    Outputs are named like their source. A source is never overwritten: its output is then `<name>.converted.<ext>`.
    Exit code 0 when every file was converted, 1 otherwise.
    """
    order = Order(tuple(formats(to)), folder, batch, chosen(option or [], options))
    errands = [Errand(source) for source in dict.fromkeys(files)]
    ours = client(url)
    try:
        with progress() as shown:
            asyncio.run(carry_out(ours, order, errands, shown))
    except KeyboardInterrupt:
        say_goodbye(errands, batch)
        code = 130
    else:
        code = 0 if all(errand.done for errand in errands) else 1
    if as_json:
        print_json([errand.told() for errand in errands])
    elif code != 130:
        show(errands)
    raise typer.Exit(code)


def formats(to: list[str]) -> list[str]:
    names = [name.strip().lower() for each in to for name in each.split(",")]
    if not all(names):
        raise typer.BadParameter("an empty format", param_hint="--to")
    return list(dict.fromkeys(names))


def chosen(option: list[str], options: str | None) -> dict[str, Any]:
    """The options of both spellings. A value that is JSON is that value, any other is a word: 0.1, true, fine."""
    try:
        together = json.loads(options) if options is not None else {}
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--options") from error
    if not isinstance(together, dict):
        raise typer.BadParameter("not a JSON object", param_hint="--options")
    for each in option:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{each!r} is not NAME=VALUE", param_hint="--option")
        try:
            together[name] = json.loads(value)
        except ValueError:
            together[name] = value
    return together


def show(errands: list[Errand]) -> None:
    """What was made as a table, each report as one of its own, and at the end why something is missing."""
    made = outputs_table()
    for errand in errands:
        if errand.conversion is None:
            row(made, errand.source, None, "refused", None, None, None, errand.error and errand.error.code)
            continue
        for output in errand.conversion.outputs:
            add_output(made, errand.conversion, errand.source, output, errand.saved.get(output.format))
    print_table(made)
    for errand in errands:
        if errand.conversion:
            show_report(errand.source, errand.conversion.report)
    for error, failed in failures(errands):
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        complain(error, f"{failed[0].source}{more}")
        for errand in failed[:NAMED]:
            if errand.conversion and errand.conversion.terminal:
                hint_at_retry(errand.conversion.id, error)


def failures(errands: list[Errand]) -> list[tuple[ErrorAnswer, list[Errand]]]:
    """Each failure once, with all files that it befell: a service that is down is one failure of a thousand files."""
    found: dict[tuple[str, str], list[Errand]] = {}
    for errand in errands:
        if errand.error:
            found.setdefault((errand.error.code, errand.error.detail), []).append(errand)
    return [(failed[0].error, failed) for failed in found.values() if failed[0].error]


def say_goodbye(errands: list[Errand], batch: str | None) -> None:
    """Ctrl-C ends the waiting, not the work."""
    going = [errand.conversion.id for errand in errands if errand.conversion and not errand.conversion.terminal]
    if going:
        say(f"Interrupted. {len(going)} of this command's conversions go on without it:")
    else:
        say("Interrupted. None of this command's conversions is on its way.")
    for id in going[:NAMED]:
        say(f"  shapr show {id}    shapr cancel {id}")
    if len(going) > NAMED:
        say(f"  and {len(going) - NAMED} more")
    if batch:
        say(f"  The same command goes on from here. All of the batch: shapr list --batch {quote(batch)}")
