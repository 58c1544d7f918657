"""`shapr switch`: what operators turn while the service runs. See docs/operations.md."""

import json as codec
import sys
from enum import StrEnum
from typing import Annotated, Any

import httpx
import typer

from cli.connection import Json, Url, service


class Switch(StrEnum):
    read_only = "read-only"
    drain = "drain"


class Position(StrEnum):
    on = "on"
    off = "off"


Name = Annotated[Switch | None, typer.Argument(help="Without it, all are listed.")]
To = Annotated[Position | None, typer.Argument(help="on or off; without it, it is shown.")]


def switch(
    name: Name = None,
    to: To = None,
    reason: Annotated[str, typer.Option(help="Why; needed to turn it on. Callers read it while read-only.")] = "",
    json: Json = False,
    url: Url = None,
) -> None:
    """Show the switches and the queue, or turn a switch on or off."""
    if to is Position.on and not reason:
        raise typer.BadParameter("say why: --reason '...'", param_hint="--reason")
    base, key = service(url)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=base, headers=headers, timeout=30, trust_env=False) as http:
        if name and to is Position.on:
            asked(http, "PUT", f"/v1/switches/{name}", {"reason": reason})
        elif name and to is Position.off:
            asked(http, "DELETE", f"/v1/switches/{name}")
        told = asked(http, "GET", "/v1/switches")
    print(codec.dumps(told, indent=2) if json else shown(told, name))


def asked(http: httpx.Client, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    """The answer; what went wrong goes to stderr, and the command ends with 1."""
    try:
        answer = http.request(method, path, json=body)
        told: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        print(f"{http.base_url}: {error or type(error).__name__}", file=sys.stderr)
        raise typer.Exit(1) from None
    if answer.is_error:
        print(f"{told.get('code', answer.status_code)}: {told.get('detail', answer.reason_phrase)}", file=sys.stderr)
        raise typer.Exit(1)
    return told


def shown(told: dict[str, Any], only: str | None) -> str:
    lines = [f"{each['name']:<10}{state(each)}" for each in told["switches"] if only in (None, each["name"])]
    queue = told["queue"]
    lines.append(f"{'queue':<10}{queue['waiting']} waiting (limit {queue['limit']}), {queue['in_hand']} in hand")
    return "\n".join(lines)


def state(switch: dict[str, Any]) -> str:
    return f"on, since {switch['since']}: {switch['reason']}" if switch["on"] else "off"
