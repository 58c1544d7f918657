"""kill -9 in the middle of a conversion: it ends completed, with the bytes of an undisturbed run.

The default suite kills the worker and PostgreSQL; `make faults` kills every part, one by one.
"""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.service import Service

OUTPUTS = "step,iges,stl"


@pytest.fixture(scope="module")
def undisturbed(service: Service, slow: Path) -> dict[str, str]:
    conversion = service.convert(slow, OUTPUTS, 300, reuse=False)
    assert conversion["state"] == "completed", conversion
    return digests(conversion)


def digests(conversion: dict[str, Any]) -> dict[str, str]:
    return {output["format"]: output["sha256"] for output in conversion["outputs"]}


def compress_is_running(service: Service, workflow_id: str) -> bool:
    """A worker has taken the compress activity, by Temporal's own word, and it has made progress."""
    described = service.temporal("workflow", "describe", "-w", workflow_id)
    for pending in described.get("pendingActivities", []):
        if pending["activityType"]["name"] == "compress":
            return pending["state"] == "PENDING_ACTIVITY_STATE_STARTED" and "lastHeartbeatTime" in pending
    return False


def in_compress(service: Service, slow: Path, seconds: float = 60) -> dict[str, Any]:
    created = service.submit(slow, OUTPUTS, reuse=False)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if compress_is_running(service, f"conversion-{created['id']}"):
            return created
        time.sleep(0.2)
    raise TimeoutError("compress did not start")


@pytest.mark.parametrize(
    "role",
    [
        "worker",
        "postgres",
        *(pytest.param(role, marks=pytest.mark.faults) for role in ("api", "temporal", "s3", "redis")),
    ],
)
@pytest.mark.timeout(400)
def test_a_conversion_survives_the_death_of_the(
    service: Service, slow: Path, undisturbed: dict[str, str], role: str
) -> None:
    created = in_compress(service, slow)
    dead = service.kill(role)
    conversion = service.wait(created["id"], 300)
    assert conversion["state"] == "completed", conversion
    assert digests(conversion) == undisturbed
    assert service.pid(role) != dead, "a dead part is started again"
    assert "restart" in service.log.read_text()
