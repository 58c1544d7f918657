"""`shapr doctor`: what is wrong, in one line each, and what to do about it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import asdict

import typer
from pydantic import ValidationError

from cli.connection import Json, Url, client
from cli.machine import Check, machine, python
from cli.terminal import print_json, print_table, row, say, table
from shapr.answers import ApiError, FormatsAnswer, Readiness, Unreachable
from shapr.client import Client
from shapr.converters.formats import BUILT_IN, fitting, pairs
from shapr.settings import Settings

PATIENCE = 5.0  # seconds a service has to say whether it is ready


def doctor(json: Json = False, url: Url = None) -> None:
    """Check this machine and the service, and say what to do. Exit code 1 if anything fails."""
    checks = list(examined(url))
    healthy = all(check.status != "fail" for check in checks)
    if json:
        print_json({"ok": healthy, "checks": [asdict(check) for check in checks]})
    else:
        made = table("", "check", "found", "what to do")
        for check in checks:
            row(made, check.status, check.name, check.found, check.do)
        print_table(made)
        say("Nothing stands in the way." if healthy else "What fails stands in the way of converting.")
    raise typer.Exit(0 if healthy else 1)


def examined(url: str | None) -> Iterator[Check]:
    try:
        settings = Settings()
    except ValidationError as error:
        yield python()
        for each in error.errors():
            name = "_".join(str(part) for part in each["loc"]).upper()
            yield Check(f"SHAPR_{name}", "fail", each["msg"], "docs/settings.md says what it may be; or unset it.")
        return
    yield from machine(settings)
    elsewhere = bool(url or settings.url)
    yield from asyncio.run(_asked(client(url), elsewhere))


async def _asked(service: Client, elsewhere: bool) -> list[Check]:
    async with service:
        return [check async for check in reachable(service, elsewhere)]


async def reachable(service: Client, elsewhere: bool) -> AsyncIterator[Check]:
    """The service itself. `elsewhere`: somebody said where it is, so it has to be there."""
    about = f"service at {service.address}"
    try:
        async with asyncio.timeout(PATIENCE):
            ready, formats = await service.readyz(), await service.formats()
    except TimeoutError:
        yield Check(about, "fail", f"no answer in {PATIENCE:g} s", "Is the machine overloaded? Its log may know more.")
    except Unreachable as error:
        if elsewhere:
            yield Check(about, "fail", error.detail, "Is the address right, and does the service run there?")
        else:
            yield Check(about, "warn", "it is not running", "Start it with `make up`.")
    except ApiError as error:
        do = "Check --url or SHAPR_URL, and SHAPR_API_KEY."
        yield Check(about, "fail", f"{error.code}: {error.detail or error.title}", do)
    else:
        yield Check(about, "ok", "it answers")
        for check in (*parts(ready), *sandbox(ready), agreement(formats)):
            yield check


def parts(ready: Readiness) -> Iterator[Check]:
    """What the service says of the servers behind it."""
    for name, part in ready.parts.items():
        if part.status == "up":
            yield Check(f"its {name}", "ok", "up")
        elif ready.status == "degraded":
            yield Check(f"its {name}", "warn", part.status, "No conversion is lost without it; look into its log.")
        else:
            yield Check(
                f"its {name}", "fail", part.status, "Start it, or look into its log; `make up` restarts its own."
            )


def sandbox(ready: Readiness) -> Iterator[Check]:
    """What the workers say of the fence around their converters."""
    if (told := ready.sandbox) is None:
        return
    if not told.workers:
        yield Check("its sandbox", "warn", "no worker that converts", "Start one, or look into the worker's log.")
    elif told.missing:
        found = "; ".join(f"{name}: {why}" for name, why in told.missing.items())
        yield Check("its sandbox", "warn", f"incomplete: {found}", "docs/sandbox.md says what a worker needs.")
    else:
        yield Check("its sandbox", "ok", ", ".join(told.active))


def agreement(served: FormatsAnswer) -> Check:
    """Do the service and this command come from the same version? The format table tells."""
    plugged_in = {each.name for each in served.formats if each.converter not in (None, "built-in")}
    here = {source: {out: fitting(source, out, BUILT_IN) for out in outs} for source, outs in pairs(BUILT_IN).items()}
    theirs, ours = ({each for each in known(table) if each[0] not in plugged_in} for table in (served.pairs, here))
    if theirs == ours:
        return Check("client and service", "ok", "they know the same formats and options")
    odd = min(theirs ^ ours)
    source, out, option = odd
    who = "only the service knows" if odd in theirs else "the service does not know"
    found = f"{who} {source} to {out}{f' with {option}' if option else ''}, and {len(theirs ^ ours) - 1} more"
    return Check("client and service", "warn", found, "They are of different versions: update one, restart `make up`.")


def known(table: Mapping[str, Mapping[str, Iterable[str]]]) -> Iterator[tuple[str, str, str]]:
    """Source, output, and each option that fits; and one without option, for a pair that has none."""
    for source, outputs in table.items():
        for output, options in outputs.items():
            yield from ((source, output, option) for option in ("", *options))
