"""The `shapr` command: starts processes, or talks to the API."""

import asyncio
import io
import os
import sys

import typer

from cli import conversions
from cli.connection import settings
from cli.convert import convert
from cli.doctor import doctor
from cli.switches import switch
from cli.up import SERVERS
from cli.up import up as run_stack

app = typer.Typer(
    help="CAD conversions that survive anything.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print local variables, keys among them
)
app.command()(convert)
app.command("list")(conversions.listed)
app.command()(conversions.show)
app.command()(conversions.cancel)
app.command()(conversions.retry)
app.command()(conversions.formats)
app.command()(doctor)
app.command()(switch)


@app.callback()
def root() -> None:
    """CAD conversions that survive anything. Settings come from the environment: docs/settings.md."""


@app.command()
def up() -> None:
    """Start everything on this machine: Temporal, PostgreSQL, S3, Redis, the API and a worker. Ctrl-C ends it."""
    raise typer.Exit(asyncio.run(run_stack(settings())))


@app.command()
def web() -> None:
    """Serve the API in this process; it finds its servers by the settings."""
    chosen = settings()
    arguments = ["--factory", "web.app:create_app", "--host", chosen.host, "--port", str(chosen.port)]
    os.execv(sys.executable, [sys.executable, "-m", "uvicorn", *arguments])


@app.command()
def worker(queues: str = typer.Argument("both", help="both, conversions or compress")) -> None:
    """Run a worker in this process; it finds its servers by the settings."""
    os.execv(sys.executable, [sys.executable, "-m", "worker_main", queues])


@app.command()
def prepare() -> None:
    """Make tables, bucket, namespace and search attributes on the servers of the settings. Again is harmless."""
    from cli.prepare import prepare as prepare_servers  # costs two seconds, which the other commands need not pay

    async def serving() -> None:
        """The servers are somebody else's to start."""

    asyncio.run(prepare_servers(settings(), {role: serving() for role in SERVERS}))


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal's encoding lacks must not end the command
            stream.reconfigure(errors="backslashreplace")
    app()
