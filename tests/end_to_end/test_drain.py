"""The switches of a whole service: what runs is carried to its end, what waits is left waiting, nothing is lost."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.service import BIN, REPOSITORY, Service, serving
from tests.end_to_end.test_faults import compress_is_running

BRACKET = REPOSITORY / "samples" / "bracket.step"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of its own: a drain stops everybody's conversions. Its grace is short, so that waiting shows."""
    with serving(tmp_path_factory.mktemp("drain") / "data", SHAPR_GRACE="2") as running:
        yield running


@pytest.fixture
def drained(one: Service) -> Iterator[Service]:
    """The service, whose drain is turned off whatever happens."""
    yield one
    turn(one, "drain", on=False)


def turn(service: Service, name: str, *, on: bool) -> None:
    address = f"/v1/switches/{name}"
    answer = service.http.put(address, json={"reason": "a test"}) if on else service.http.delete(address)
    assert answer.status_code == 200, answer.text


def queue(service: Service) -> dict[str, int]:
    return service.http.get("/v1/switches").json()["queue"]


def eventually(what: str, true: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def heard(service: Service, line: str, since: int = 0) -> int:
    """How often the worker has said so in its log."""
    return (service.data_dir / "logs" / "worker.log").read_text()[since:].count(line)


def attempts(service: Service, id: str) -> dict[str, list[int]]:
    """By activity: the attempt that ended it, as Temporal has it."""
    events = service.temporal("workflow", "show", "-w", f"conversion-{id}")["events"]
    names = {
        event["eventId"]: event["activityTaskScheduledEventAttributes"]["activityType"]["name"]
        for event in events
        if "activityTaskScheduledEventAttributes" in event
    }
    made: dict[str, list[int]] = {}
    for event in events:
        if started := event.get("activityTaskStartedEventAttributes"):
            made.setdefault(names[started["scheduledEventId"]], []).append(started["attempt"])
    return made


ONCE = {name: [1] for name in ("upload", "compress", "store", "notify")}


def running(service: Service, source: Path) -> str:
    """The id of a conversion whose converter runs."""
    id = service.submit(source, "step,iges,stl", reuse=False)["id"]
    eventually("its converter runs", lambda: compress_is_running(service, f"conversion-{id}"))
    return id


def test_a_drain_carries_on_what_runs_and_leaves_what_waits(drained: Service, slow: Path) -> None:
    before = running(drained, slow)
    turn(drained, "drain", on=True)
    time.sleep(1.5)  # every process has seen it
    after = drained.submit(BRACKET, "stl")["id"]
    assert drained.wait(before)["state"] == "completed"
    eventually("the drain is over", lambda: queue(drained)["in_hand"] == 0)
    eventually("the worker says so", lambda: heard(drained, "worker_idle") >= 2)
    waiting = drained.http.get(f"/v1/conversions/{after}").json()
    assert (waiting["state"], waiting["step"]) in {("queued", None), ("running", "upload")}
    assert queue(drained)["waiting"] == 1
    worker = drained.pid("worker")
    turn(drained, "drain", on=False)
    assert drained.wait(after)["state"] == "completed"
    assert drained.pid("worker") == worker, "without a restart"
    for id in (before, after):
        assert drained.http.get(f"/v1/conversions/{id}").json()["attempts"] == 1
        assert attempts(drained, id) == ONCE


@pytest.mark.faults
def test_turning_the_drain_on_and_off_attempts_nothing_twice(drained: Service) -> None:
    ids = []
    for _ in range(4):
        ids += [drained.submit(BRACKET, "stl", reuse=False)["id"] for _ in range(3)]
        turn(drained, "drain", on=True)
        time.sleep(1.2)
        turn(drained, "drain", on=False)
        time.sleep(0.6)
    for id in ids:
        assert drained.wait(id)["state"] == "completed"
        assert attempts(drained, id) == ONCE


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_sigterm_during_a_drain_ends_within_the_grace(drained: Service, slow: Path) -> None:
    """What did not end in time is tried again at once by the next worker, not after a missed heartbeat."""
    id, worker = running(drained, slow), drained.pid("worker")
    turn(drained, "drain", on=True)
    eventually("it drains", lambda: heard(drained, "worker_draining"))
    begun = time.monotonic()
    os.kill(worker, signal.SIGTERM)
    eventually(
        "it is gone", lambda: not Path(f"/proc/{worker}/cmdline").exists() or drained.pid("worker") != worker, 30
    )
    assert time.monotonic() - begun < 2 + 5, "the grace, and what killing a converter takes"
    turn(drained, "drain", on=False)
    assert drained.wait(id)["state"] == "completed"
    assert attempts(drained, id) == ONCE | {"compress": [2]}


def test_a_worker_that_starts_while_drained_waits(drained: Service) -> None:
    turn(drained, "drain", on=True)
    eventually("the drain is over", lambda: queue(drained)["in_hand"] == 0)
    worker = drained.kill("worker")
    eventually("it is started again", lambda: drained.pid("worker") != worker)
    id = drained.submit(BRACKET, "stl")["id"]
    time.sleep(2.5)
    assert drained.http.get(f"/v1/conversions/{id}").json()["state"] == "queued"
    turn(drained, "drain", on=False)
    assert drained.wait(id)["state"] == "completed"


def test_the_command_turns_a_switch_and_shows_the_queue(drained: Service) -> None:
    def shapr(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(BIN / "shapr"), "switch", *words, "--url", str(drained.http.base_url)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    turned = shapr("drain", "on", "--reason", "deploy 42")
    assert turned.returncode == 0, turned.stderr
    assert re.search(r"^drain +on, since \S+: deploy 42$", turned.stdout, re.MULTILINE)
    assert re.search(r"^queue +\d+ waiting \(limit 10000\), \d+ in hand$", turned.stdout, re.MULTILINE)
    assert json.loads(shapr("--json").stdout)["switches"][1]["on"]
    assert re.search(r"^drain +off$", shapr("drain", "off").stdout, re.MULTILINE)
    assert shapr("drain", "on").returncode == 2, "a reason is needed"


def test_running_conversions_go_on_while_read_only(one: Service, slow: Path) -> None:
    id = running(one, slow)
    turn(one, "read-only", on=True)
    try:
        assert one.submit(BRACKET, "stl")["code"] == "overloaded"
        assert one.wait(id)["state"] == "completed"
        assert one.download(one.http.get(f"/v1/conversions/{id}").json(), "stl")
    finally:
        turn(one, "read-only", on=False)
