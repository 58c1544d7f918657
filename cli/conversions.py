"""Commands about conversions that exist: list, show, cancel, retry; and formats."""

from typing import Annotated

import typer

from cli.connection import Json, Url, asked
from cli.report import show as show_conversion
from cli.terminal import print_json, print_table, row, table, tell
from shapr.answers import ConversionAnswer, FormatsAnswer
from shapr.client import Client

READ_BY = {None: "yes", "built-in": "yes", "external": "external converter", "stub": "stub results only"}
Id = Annotated[str, typer.Argument(help="Id of a conversion: cnv_...", metavar="ID")]


def listed(
    state: Annotated[str | None, typer.Option(help="queued, running, stalled, completed, failed or cancelled.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only those of this batch.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: Json = False,
    url: Url = None,
) -> None:
    """List conversions, newest first."""

    async def question(client: Client) -> list[ConversionAnswer]:
        return [each async for each in client.list(limit=limit, state=state, batch=batch)]

    conversions = asked(url, json, question)
    if json:
        return print_json([each.model_dump(mode="json") for each in conversions])
    made = table("id", "state", "%", "created (UTC)", "batch", "source", "outputs", "error")
    for each in conversions:
        created = f"{each.created_at:%Y-%m-%d %H:%M:%S}" if each.created_at else None
        outputs = ", ".join(output.format for output in each.outputs) + (" (stub results)" if each.stub else "")
        error = each.error.code if each.error else None
        row(made, each.id, each.state, each.progress, created, each.batch, each.source.name, outputs, error)
    return print_table(made)


def show(id: Id, json: Json = False, url: Url = None) -> None:
    """Show one conversion: its state, outputs, report and error."""
    conversion = asked(url, json, lambda client: client.get(id))
    if json:
        print_json(conversion.model_dump(mode="json"))
    else:
        show_conversion(conversion)


def cancel(id: Id, json: Json = False, url: Url = None) -> None:
    """Cancel a conversion; its converter is killed."""
    _changed(asked(url, json, lambda client: client.cancel(id)), json, "is being cancelled")


def retry(id: Id, json: Json = False, url: Url = None) -> None:
    """Run a failed or cancelled conversion again."""
    _changed(asked(url, json, lambda client: client.retry(id)), json, "runs again")


def _changed(conversion: ConversionAnswer, as_json: bool, what: str) -> None:
    if as_json:
        print_json(conversion.model_dump(mode="json"))
    else:
        tell(f"{conversion.id} {what}; it is now {conversion.state}")


def formats(json: Json = False, url: Url = None) -> None:
    """List the formats that the service reads and writes, and their options."""
    known = asked(url, json, lambda client: client.formats())
    if json:
        return print_json(known.model_dump(mode="json"))
    made = table("format", "title", "extensions", "in", "out", "options when written")
    for each in known.formats:
        reads = READ_BY.get(each.converter, each.converter) if each.reads else ""
        writes = "yes" if each.writes else ""
        row(
            made, each.name, each.title, ", ".join(each.extensions), reads, writes, ", ".join(options(known, each.name))
        )
    return print_table(made)


def options(known: FormatsAnswer, output: str) -> list[str]:
    """Every option that some source allows for this output, with its default if it has one."""
    fitting = {name: default for outputs in known.pairs.values() for name, default in outputs.get(output, {}).items()}
    return [name if default is None else f"{name}={default}" for name, default in fitting.items()]
