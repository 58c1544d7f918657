"""Accepted means done, and done once: the API dies again and again, the store is away for minutes.

`make faults` runs the long forms.
"""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.end_to_end.service import REPOSITORY, Service

BRACKET = (REPOSITORY / "samples" / "bracket.step").read_bytes()


@contextmanager
def dying_api(service: Service, seed: int, times: int) -> Iterator[list[int]]:
    """kill -9 of the API at random moments of its service, so often at most; gives the pids that died."""
    over, dead, chance = threading.Event(), list[int](), random.Random(seed)

    def answers() -> bool:
        try:
            return service.http.get("/livez").status_code == 200
        except httpx.HTTPError:
            return False

    def kill() -> None:
        while len(dead) < times and not over.wait(0.05):
            if answers() and not over.wait(chance.uniform(0, 1)):
                dead.append(service.kill("api"))

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield dead
    finally:
        over.set()
        killer.join()


def create(service: Service, number: int, batch: str, seconds: float) -> dict[str, Any] | None:
    """The conversion, created by a client that repeats itself until it has an answer; None without one in time."""
    form = {"outputs": "stl", "batch": batch, "reuse": "false"}
    file = ("bracket.step", BRACKET + b"\n" * number)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            headers = {"Idempotency-Key": f"{batch}-{number}"}
            answer = service.http.post("/v1/conversions", data=form, files={"file": file}, headers=headers)
        except httpx.HTTPError:
            time.sleep(0.2)
            continue
        if answer.status_code == 202:
            return answer.json()
        assert answer.status_code in (409, 503), answer.text
        time.sleep(float(answer.headers["retry-after"]))
    return None


def listed(service: Service, batch: str) -> list[dict[str, Any]]:
    return service.http.get("/v1/conversions", params={"batch": batch, "limit": 200}).json()["conversions"]


@pytest.mark.parametrize(
    ("creates", "deaths", "patience"),
    [pytest.param(12, 1, 20.0, id="short"), pytest.param(100, 8, 200.0, id="long", marks=pytest.mark.faults)],
)
@pytest.mark.timeout(600)
def test_an_api_that_dies_at_random_moments_loses_nothing_and_does_nothing_twice(
    service: Service, creates: int, deaths: int, patience: float
) -> None:
    batch, chance = f"dying api {time.time()}", random.Random(creates)
    pauses = [chance.uniform(0, 2) for _ in range(creates)]

    def client(number: int) -> dict[str, Any] | None:
        time.sleep(pauses[number])
        return create(service, number, batch, patience)

    with dying_api(service, creates, deaths) as dead, ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(client, range(creates)))
    accepted = [answer["id"] for answer in answers if answer]
    assert dead
    assert len(accepted) == len(set(accepted))
    if patience > 60:  # a key whose holder died is free again when its lease ends
        assert len(accepted) == creates
    for id in accepted:
        assert service.wait(id, 180)["state"] == "completed"
    rows = listed(service, batch)
    assert {row["id"] for row in rows} >= set(accepted)
    assert len(rows) <= creates, "no key made two"
    for row in rows:
        ended = service.wait(row["id"], 60)
        assert (ended["state"], ended["attempts"]) == ("completed", 1)
    print(f"{len(accepted)} of {creates} accepted, the API died {len(dead)} times")


@pytest.mark.parametrize(
    ("conversions", "away"),
    [pytest.param(4, 5, id="short"), pytest.param(30, 180, id="long", marks=pytest.mark.faults)],
)
@pytest.mark.timeout(900)
def test_conversions_outlive_a_store_that_is_away(service: Service, conversions: int, away: float) -> None:
    batch = f"store away {time.time()}"
    with ThreadPoolExecutor(8) as clients:
        made = list(clients.map(lambda number: create(service, number, batch, 60), range(conversions)))
    assert all(made)
    with service.without("s3"):
        time.sleep(away)
        states = [row["state"] for row in listed(service, batch)]
    print(f"with the store away for {away} s: { {state: states.count(state) for state in set(states)} }")
    steps = []
    for row in listed(service, batch):
        ended = service.wait(row["id"], 300)
        assert (ended["state"], ended["attempts"]) == ("completed", 1), ended
        steps.append(scheduled(service, ended["workflow_id"]))
    for names in steps:
        done = [name for name in names if name != "notify"]
        assert len(done) <= 4, f"a step that was done was done again: {names}"


def scheduled(service: Service, workflow_id: str) -> list[str]:
    """The steps that were scheduled in all runs of a workflow, the oldest run first."""
    runs = service.temporal("workflow", "list", "--query", f"WorkflowId = '{workflow_id}'")
    names: list[str] = []
    for run in reversed(runs):
        shown = service.temporal("workflow", "show", "-w", workflow_id, "-r", run["execution"]["runId"])
        found = [event.get("activityTaskScheduledEventAttributes") for event in shown["events"]]
        names += [attributes["activityType"]["name"] for attributes in found if attributes]
    return names
