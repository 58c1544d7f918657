"""Pages of other origins: welcome below /shapr, where the seed's client calls from one, and nowhere else."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BELOW = "/shapr/"
METHODS = "GET, HEAD, POST"
HEADERS = "content-type, txid"  # what the seed's client sends
NAMES = re.compile(r"[\w!#$%&'*+.^`|~, -]{1,500}", re.ASCII)
MAX_AGE = "3600"  # seconds


class Origins:
    """Origins as a comma list; `*` is any, the `null` of a sandbox or a local file included."""

    def __init__(self, allowed: str) -> None:
        self.allowed = {name.strip().lower().rstrip("/") for name in allowed.split(",") if name.strip()}

    def welcome(self, path: str, origin: bytes) -> bool:
        """May pages of this origin call this path?"""
        named = origin.decode("latin-1").lower()
        return path.startswith(BELOW) and ("*" in self.allowed or named in self.allowed)


NOWHERE = Origins("")


class Preflight:
    """Answers what a browser asks beforehand. It stands behind the guard: only hosts that are ours are told."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS" and scope["path"].startswith(BELOW):
            await Response(status_code=204, headers={"Allow": f"{METHODS}, OPTIONS"})(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class Cors:
    """Gives every answer below /shapr, errors too, the headers that let a welcome page read it. No credentials."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self.app = app
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(BELOW):
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                headers.update(self.headers(scope))
            await send(message)

        await self.app(scope, receive, with_headers)

    def headers(self, scope: Scope) -> dict[str, str]:
        asked = Headers(scope=scope)
        origin = asked.get("origin")
        if origin is None or not self.origins.welcome(scope["path"], origin.encode("latin-1")):
            return {}
        said = {"Access-Control-Allow-Origin": origin}
        if scope["method"] == "OPTIONS" and "access-control-request-method" in asked:
            wanted = asked.get("access-control-request-headers", "")
            said["Access-Control-Allow-Methods"] = METHODS
            said["Access-Control-Allow-Headers"] = wanted if NAMES.fullmatch(wanted) else HEADERS
            said["Access-Control-Max-Age"] = MAX_AGE
            if asked.get("access-control-request-private-network") == "true":
                said["Access-Control-Allow-Private-Network"] = "true"
        return said
