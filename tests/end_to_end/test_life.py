"""The life of a conversion as callers and operators can change it: on the real service, with an impatient reconcile."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from devstack import s3 as devstack_s3
from devstack.secret import secret
from tests.end_to_end.service import REPOSITORY, Service, serving, until
from tests.end_to_end.test_crashes import scheduled

BRACKET = REPOSITORY / "samples" / "bracket.step"
NOT_A_STEP = b"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\n#1=NONSENSE(;\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Reconciles every second, and stalls after two attempts of a step."""
    impatient = {"SHAPR_RECONCILE_EVERY": "1", "SHAPR_RECONCILE_AGE": "1", "SHAPR_STEP_ATTEMPTS": "2"}
    with serving(tmp_path_factory.mktemp("life") / "data", **impatient) as running:
        yield running


@pytest.fixture
def corrupt(tmp_path: Path) -> Path:
    path = tmp_path / "corrupt.step"
    path.write_bytes(NOT_A_STEP)
    return path


def converters(service: Service) -> list[int]:
    """The pids of this service's converter processes: children of its worker's zygote, called so."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,comm,state"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()[1:]]
    zygotes = {pid for pid, parent, *_ in rows if int(parent) == service.pid("worker")}
    return [int(pid) for pid, parent, name, *_ in rows if parent in zygotes and name == "converter"]


def running(service: Service, slow: Path) -> dict[str, Any]:
    created = service.submit(slow, "step,iges,stl", reuse=False)
    until(lambda: service.get(created["id"])["step"] == "compress" and converters(service))
    return created


def test_a_deleted_conversion_leaves_nothing_behind(service: Service) -> None:
    done = service.convert(BRACKET, "stl,obj", reuse=False)
    listed = "WorkflowId STARTS_WITH 'conversion-" + done["id"] + "'"
    assert len(service.temporal("workflow", "list", "--query", listed)) == 1
    assert len(objects(service, done["id"])) == 4, "source, outputs, report"
    assert service.http.delete(f"/v1/conversions/{done['id']}").status_code == 204
    gone = service.http.get(f"/v1/conversions/{done['id']}")
    assert (gone.status_code, gone.json()["code"]) == (410, "gone")
    assert gone.json()["counts"] == {"objects": 4, "executions": 1}
    assert objects(service, done["id"]) == []
    # Temporal deletes in the background: at once, or, after a terminated workflow, half a minute later.
    until(lambda: not service.temporal("workflow", "list", "--query", listed), 90)


def objects(service: Service, id: str) -> list[str]:
    client = boto3.client(
        "s3",
        endpoint_url=service.stack()["addresses"]["s3"],
        region_name="us-east-1",
        aws_access_key_id=devstack_s3.ACCESS_KEY,
        aws_secret_access_key=secret(service.data_dir / "s3" / "password"),
    )
    found = client.list_objects_v2(Bucket="shapr", Prefix=f"local/{id}/").get("Contents", [])
    return [each["Key"] for each in found]


def test_a_cancelled_conversion_has_no_converter_five_seconds_later(service: Service, slow: Path) -> None:
    created = running(service, slow)
    begun = time.monotonic()
    assert service.act(created["id"], "cancel").status_code == 202
    until(lambda: not converters(service), 5)
    ended = service.wait(created["id"], 10)
    print(f"cancelled after {time.monotonic() - begun:.1f} s")
    assert (ended["state"], ended["error"]) == ("cancelled", None)
    described = service.temporal("workflow", "describe", "-w", ended["workflow_id"])
    assert described["workflowExecutionInfo"]["status"] == "WORKFLOW_EXECUTION_STATUS_CANCELED"
    scratch = [path for path in (service.data_dir / "scratch").glob("shapr-worker-*/*") if path.is_dir()]
    assert scratch == [], "its scratch folder is gone too"


def test_a_cancelled_conversion_can_be_tried_again(service: Service, slow: Path) -> None:
    created = running(service, slow)
    service.act(created["id"], "cancel")
    service.wait(created["id"], 10)
    again = service.act(created["id"], "retry")
    assert (again.status_code, again.json()["workflow_id"]) == (202, f"conversion-{created['id']}-2")
    ended = service.wait(created["id"], 120)
    assert (ended["state"], ended["attempts"]) == ("completed", 2)
    assert ended["workflow_id"] == f"conversion-{created['id']}-2"


def test_a_failed_conversion_fails_again_in_an_attempt_of_its_own(service: Service, corrupt: Path) -> None:
    failed = service.convert(corrupt, "stl")
    assert (failed["state"], failed["error"]["step"], failed["attempts"]) == ("failed", "compress", 1)
    assert service.act(failed["id"], "retry").status_code == 202
    again = service.wait(failed["id"])
    assert (again["state"], again["error"], again["attempts"]) == ("failed", failed["error"], 2)


def test_a_queued_conversion_is_cancelled_while_no_worker_runs(service: Service) -> None:
    os.kill(service.pid("worker"), signal.SIGSTOP)
    try:
        created = service.submit(BRACKET, "stl", reuse=False)
        assert service.act(created["id"], "cancel").status_code == 202
    finally:
        os.kill(service.pid("worker"), signal.SIGCONT)
    ended = service.wait(created["id"], 60)
    assert (ended["state"], ended["attempts"]) == ("cancelled", 1)


def test_a_reset_in_temporal_takes_the_row_over(service: Service) -> None:
    done = service.convert(BRACKET, "stl,obj", reuse=False)
    service.tell("workflow", "reset", "-w", done["workflow_id"], "--type", "FirstWorkflowTask", "--reason", "test")
    again = until(lambda: (c := service.get(done["id"]))["attempts"] == 2 and c["state"] == "completed" and c, 60)
    assert [output["sha256"] for output in again["outputs"]] == [output["sha256"] for output in done["outputs"]]
    assert again["workflow_id"] == done["workflow_id"]
    assert service.download(again, "stl")


def test_what_an_operator_terminates_fails_as_abandoned(service: Service, slow: Path) -> None:
    created = running(service, slow)
    service.tell("workflow", "terminate", "-w", f"conversion-{created['id']}", "--reason", "test")
    ended = service.wait(created["id"], 30)
    assert (ended["state"], ended["error"]["code"]) == ("failed", "abandoned")
    until(lambda: not converters(service), 10)


def test_a_stall_by_the_store_ends_by_itself_when_the_store_is_back(service: Service) -> None:
    worker = service.pid("worker")
    os.kill(worker, signal.SIGSTOP)
    try:
        created = service.submit(BRACKET, "stl", reuse=False)
        with service.without("s3"):
            os.kill(worker, signal.SIGCONT)
            stalled = until(lambda: (c := service.get(created["id"]))["state"] == "stalled" and c, 60)
            assert (stalled["step"], stalled["error"]["code"]) == ("upload", "storage_unavailable")
            assert service.act(created["id"], "retry").status_code == 409
    finally:
        os.kill(worker, signal.SIGCONT)
    ended = service.wait(created["id"], 60)
    assert (ended["state"], ended["attempts"]) == ("completed", 1)
    assert scheduled(service, ended["workflow_id"]) == ["upload", "notify", "upload", "compress", "store", "notify"]


def test_an_api_that_dies_between_row_and_workflow_has_promised_nothing_too_much(service: Service) -> None:
    """Temporal stands still, so the row is all there is; then the API dies."""
    stopped = service.pid("temporal")
    os.kill(stopped, signal.SIGSTOP)
    try:
        created = service.submit(BRACKET, "stl", reuse=False)
        assert created["state"] == "queued"
        service.kill("api")
    finally:
        os.kill(stopped, signal.SIGCONT)
    ended = service.wait(created["id"], 60)
    assert (ended["state"], ended["attempts"]) == ("completed", 1)


def test_what_was_converted_before_is_not_converted_again(service: Service, tmp_path: Path) -> None:
    source = tmp_path / "unique.step"
    source.write_bytes(BRACKET.read_bytes() + b"\n")  # nobody has converted this one
    first = service.convert(source, "stl,obj")
    again = service.convert(source, "obj,iges,stl")
    assert [output["reused"] for output in first["outputs"]] == [False, False]
    assert {output["format"]: output["reused"] for output in again["outputs"]} == {
        "obj": True,
        "iges": False,
        "stl": True,
    }
    facts = {output["format"]: (output["sha256"], output["size"], output["options"]) for output in first["outputs"]}
    assert {o["format"]: (o["sha256"], o["size"], o["options"]) for o in again["outputs"] if o["reused"]} == facts
    assert service.http.delete(f"/v1/conversions/{first['id']}").status_code == 204
    for format in ("obj", "iges", "stl"):
        assert service.download(again, format), "it does not need the original"
    renamed = service.convert(source, "stl", name="another.step")
    assert renamed["outputs"][0]["reused"]
    for other in (
        service.convert(source, "stl", reuse=False),
        service.convert(source, "stl", options={"quality": "draft"}),
        service.convert(BRACKET, "stl", options={"units": "cm"}),
    ):
        assert [output["reused"] for output in other["outputs"]] == [False]


def test_the_schedules_are_there(service: Service) -> None:
    listed = json.dumps(service.temporal("schedule", "list"))
    assert "reconcile" in listed
    assert "sweep" in listed
