"""Who may call. Keys come in a later version: today there is one tenant, on loopback, guarded against web pages.

Any page that a person opens can make their browser post to localhost (the Origin check), or reach it under a name of
its own by DNS rebinding (the Host allow-list).
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shapr.settings import Settings
from web.cors import NOWHERE, Origins
from web.problems import problem

TENANT = "local"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def tenant(_: Request) -> str:
    """Whose request this is."""
    return TENANT


def require_loopback(settings: Settings) -> None:
    """RuntimeError if the API would be reachable from elsewhere: without keys, anyone could use it."""
    if not loopback(settings.host):
        raise RuntimeError(f"SHAPR_HOST={settings.host} is not loopback, and API keys do not exist yet: not starting")


def loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuses foreign hosts, foreign origins, and connections that did not come to a loopback address.

    `origins` are those that are welcome nevertheless, where they are.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: str, origins: Origins = NOWHERE) -> None:
        self.app = app
        self.origins = origins
        self.allowed = {name.strip().lower() for name in allowed_hosts.split(",") if name.strip()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (why := self.objection(scope)):
            await problem("forbidden", why)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def objection(self, scope: Scope) -> str | None:
        """Why this request is refused, if it is."""
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if name(host) not in self.allowed:
            return "this host name is not served here"
        if not loopback((scope.get("server") or ("",))[0]):
            return "without keys, only the machine itself is served"
        origin = headers.get(b"origin")
        # Same origin, port included: what another program serves on localhost is another site.
        if scope["method"] in SAFE or origin is None or authority(origin) == host:
            return None
        if not self.origins.welcome(scope["path"], origin):
            return "pages of other origins may not change anything here"
        return None


def name(host: str) -> str:
    """A Host header without its port; `[::1]:8000` is `[::1]`."""
    bare, _, port = host.rpartition(":")
    return bare if port.isdigit() else host


def authority(origin: bytes) -> str:
    """`host:port` of an Origin; nothing for `null` and nonsense."""
    try:
        return urlsplit(origin.decode("latin-1").lower()).netloc
    except ValueError:
        return ""
