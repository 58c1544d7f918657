"""From settings and options to a client of the service, and from its failures to an exit code."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from cli.terminal import complain, print_json, told
from shapr.answers import ApiError
from shapr.client import Client
from shapr.settings import Settings

T = TypeVar("T")
Url = Annotated[
    str | None, typer.Option("--url", help="Address of the service; else SHAPR_URL, or SHAPR_HOST and SHAPR_PORT.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        for each in error.errors():
            name = "_".join(str(part) for part in each["loc"]).upper()
            print(f"SHAPR_{name}: {each['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None


def address(settings: Settings) -> str:
    """The API's address for a browser on this machine."""
    host = settings.host
    if host.count(":") > 1 and "[" not in host:
        host = f"[{host}]"
    return f"http://{host}:{settings.port}"


def service(url: str | None) -> tuple[str, str | None]:
    """The address that the option or the settings name, and the API key for it, if there is one."""
    chosen = settings()
    return url or chosen.url or address(chosen), chosen.api_key.get_secret_value() if chosen.api_key else None


def client(url: str | None) -> Client:
    """A client of the service that the option or the settings name; a usage error if that is no address."""
    where, key = service(url)
    try:
        return Client(where, api_key=key)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def asked(url: str | None, as_json: bool, question: Callable[[Client], Awaitable[T]]) -> T:
    """What the service answers to a question. When it does not: why on stderr, exit code 1."""

    async def conversation() -> T:
        async with client(url) as ours:
            return await question(ours)

    try:
        return asyncio.run(conversation())
    except ApiError as error:
        if as_json:
            print_json({"error": told(error).model_dump(mode="json")})
        complain(error)
        raise typer.Exit(1) from None
