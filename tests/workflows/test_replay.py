"""Every recorded path of a conversion still replays on this code: the gate that keeps running workflows alive."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from tests.workflows.paths import PATHS
from workflows.conversion import ConversionWorkflow
from workflows.reconcile import ReconcileWorkflow, SweepWorkflow

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
RUNNERS = [SandboxedWorkflowRunner(), UnsandboxedWorkflowRunner()]


def test_every_path_is_recorded() -> None:
    assert {path.stem for path in HISTORIES} >= {*PATHS, "continued"}


@pytest.mark.parametrize("runner", RUNNERS, ids=["sandboxed", "production"])
@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path, runner: SandboxedWorkflowRunner) -> None:
    replayer = Replayer(
        workflows=[ConversionWorkflow, ReconcileWorkflow, SweepWorkflow],
        data_converter=pydantic_data_converter,
        workflow_runner=runner,
    )
    await replayer.replay_workflow(WorkflowHistory.from_json(path.stem, json.loads(path.read_text())))


async def test_a_replay_notices_a_changed_sequence() -> None:
    """The gate can close: a history whose second activity is another one does not replay."""
    path = next(p for p in HISTORIES if p.stem == "completed")
    changed = json.loads(path.read_text().replace('"name": "store"', '"name": "shelve"'))
    replayer = Replayer(workflows=[ConversionWorkflow], data_converter=pydantic_data_converter)
    with pytest.raises(Exception, match=r"(?i)nondeterminism"):
        await replayer.replay_workflow(WorkflowHistory.from_json(path.stem, changed))
