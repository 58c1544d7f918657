"""Cancel, retry, delete: what they change, when they are refused, and what is left to reconcile."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shapr import keys
from shapr.adapters.transitions import Transitions
from shapr.conversion import Error, Output, Request, State, Step, new_id
from tests.web.conftest import STEP, STL, Api, NotedExecutions
from tests.web.test_conversions import Worker
from tests.web.test_problems import assert_problem

CRASH = Error(code="converter_crashed", detail="it died of signal 11")
INCIDENT = Error(code="storage_unavailable", detail="the store step was retried in vain")


async def act(api: Api, told: dict[str, Any], action: str) -> Any:
    return await api.http.post(f"/v1/conversions/{told['id']}:{action}")


async def ended(api: Api, state: State, **fields: Any) -> dict[str, Any]:
    """A conversion that a worker has brought to this end."""
    told = await api.created(**fields)
    worker = Worker(api, told)
    await worker.step(Step.UPLOAD)
    await worker.end(state, Step.COMPRESS, CRASH if state is State.FAILED else None)
    return await api.get(told["id"])


@pytest.fixture
def down(api: Api) -> Iterator[None]:
    """Temporal does not answer."""

    class Down(NotedExecutions):
        async def start(self, request: Request, attempt: int) -> None:
            api.executions.started.append((request, attempt))
            raise RuntimeError("temporal is down")

        async def cancel(self, workflow_id: str) -> None:
            raise RuntimeError("temporal is down")

        async def delete(self, id: str, attempts: int) -> int:
            raise RuntimeError("temporal is down")

    whole = api.parts
    api.app.state.parts = dataclasses.replace(whole, executions=Down())
    yield
    api.app.state.parts = whole


async def test_cancelling_a_queued_one_starts_its_workflow_and_cancels_that(api: Api) -> None:
    told = await api.created()
    answer = await act(api, told, "cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued"), "its workflow ends it"
    request, attempt = api.executions.started[-1]
    assert (request.id, attempt, api.executions.cancelled[-1]) == (told["id"], 1, f"conversion-{told['id']}")


async def test_cancelling_a_running_one_cancels_the_workflow_that_owns_the_row(api: Api) -> None:
    told = await api.created()
    worker = Worker(api, told)
    worker.run = worker.run.model_copy(update={"workflow": f"conversion-{told['id']}-7"})
    await worker.step(Step.COMPRESS)
    assert (await act(api, told, "cancel")).status_code == 202
    assert (await act(api, told, "cancel")).status_code == 202, "asking twice is harmless"
    assert api.executions.cancelled[-2:] == [f"conversion-{told['id']}-7"] * 2
    await worker.end(State.CANCELLED)
    assert_problem(await act(api, told, "cancel"), "conflict")


class Meanwhile:
    """Transitions, after each of which something else happens before the request goes on."""

    def __init__(self, real: Any, then: Callable[[], Awaitable[Any]]) -> None:
        self.real, self.then = real, then

    def __getattr__(self, name: str) -> Any:
        async def both(*arguments: Any) -> Any:
            done = await getattr(self.real, name)(*arguments)
            await self.then()
            return done

        return both


@contextmanager
def meanwhile(api: Api, then: Callable[[], Awaitable[Any]]) -> Iterator[None]:
    whole = api.parts
    api.app.state.parts = dataclasses.replace(whole, transitions=Meanwhile(whole.transitions, then))
    yield
    api.app.state.parts = whole


async def test_cancelling_what_is_claimed_just_now_starts_no_further_attempt(api: Api) -> None:
    told = await api.created()
    with meanwhile(api, lambda: Worker(api, told).step(Step.UPLOAD)):
        assert (await act(api, told, "cancel")).status_code == 202
    assert {attempt for request, attempt in api.executions.started if request.id == told["id"]} == {1}
    assert api.executions.cancelled[-1] == f"conversion-{told['id']}"


async def test_a_retry_that_a_reset_overtakes_starts_the_attempt_it_was_queued_for(api: Api) -> None:
    told = await ended(api, State.FAILED)
    reset = younger(Worker(api, told), f"conversion-{told['id']}", "a reset")
    with meanwhile(api, lambda: api.rows.claim(told["id"], reset, Step.UPLOAD)):
        assert (await act(api, told, "retry")).status_code == 202
    assert [attempt for request, attempt in api.executions.started if request.id == told["id"]] == [1, 2]


@pytest.mark.usefixtures("down")
async def test_a_cancellation_that_temporal_cannot_take_waits_in_the_row(api: Api) -> None:
    told = await api.created()
    assert (await act(api, told, "cancel")).status_code == 202
    assert isinstance(api.parts.transitions, Transitions)
    standing = {each.conversion.id: each.conversion for each in await api.parts.transitions.unended(100_000, 0)}
    assert standing[told["id"]].cancel_requested
    found = await api.rows.claim(told["id"], Worker(api, told).run, Step.UPLOAD)
    assert found and found.cancel_requested, "a workflow that starts first does not swallow it"


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
async def test_what_has_ended_is_not_cancelled(api: Api, state: State) -> None:
    assert_problem(await act(api, await ended(api, state), "cancel"), "conflict")


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
async def test_retry_is_a_new_attempt_with_a_workflow_of_its_own(api: Api, state: State) -> None:
    told = await ended(api, state)
    old = Worker(api, told)
    answer = await act(api, told, "retry")
    again = answer.json()
    assert (answer.status_code, again["state"], again["error"], again["attempts"]) == (202, "queued", None, 1)
    assert again["workflow_id"] == f"conversion-{told['id']}-2"
    assert {output["state"] for output in again["outputs"]} == {"pending"}
    assert api.executions.started[-1][1] == 2
    claimed = await api.rows.claim(told["id"], younger(old, "conversion-2", "run-2"), Step.UPLOAD)
    assert claimed and (claimed.state, claimed.attempts) == ("running", 2)


def younger(worker: Worker, workflow: str, run: str) -> Any:
    later = worker.run.scheduled.replace(year=worker.run.scheduled.year + 1)
    return worker.run.model_copy(update={"workflow": workflow, "id": run, "scheduled": later})


async def test_the_run_that_failed_cannot_take_a_retried_row_back(api: Api) -> None:
    told = await ended(api, State.FAILED)
    await act(api, told, "retry")
    late = Worker(api, told)
    late.run = younger(late, f"conversion-{told['id']}", "run-1")
    assert await api.rows.claim(told["id"], late.run, Step.NOTIFY) is None


async def test_of_many_retries_at_once_one_is_accepted(api: Api) -> None:
    told = await ended(api, State.FAILED)
    answers = await asyncio.gather(*(act(api, told, "retry") for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 19


@pytest.mark.parametrize("state", [State.COMPLETED])
async def test_what_did_not_fail_is_not_tried_again(api: Api, state: State) -> None:
    assert_problem(await act(api, await ended(api, state), "retry"), "conflict")
    assert_problem(await act(api, await api.created(), "retry"), "conflict")


async def test_a_deleted_one_is_gone_with_everything_it_had(api: Api, left_behind: Any) -> None:
    told = await ended(api, State.COMPLETED, batch="secret batch")
    here = f"/v1/conversions/{told['id']}"
    assert left_behind() == {keys.source("local", told["id"])}
    deleted = await api.http.delete(here)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert left_behind() == set()
    assert api.executions.deleted[-1] == (told["id"], 1)
    for path in (here, f"{here}/source", f"{here}/outputs/obj"):
        answer = await api.http.get(path)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (410, "gone")
        assert problem["deleted_at"].endswith("Z")
        assert problem["counts"] == {"objects": 1, "executions": 1}
    for answer in (await api.http.delete(here), await act(api, told, "retry"), await act(api, told, "cancel")):
        assert answer.status_code == 410
    listed = (await api.http.get("/v1/conversions?limit=200")).json()["conversions"]
    assert told["id"] not in [each["id"] for each in listed]
    row = await api.rows.get("local", told["id"])
    assert row and "cube" not in row.model_dump_json() and "secret" not in row.model_dump_json()


async def test_a_deleted_one_cannot_be_claimed(api: Api) -> None:
    told = await ended(api, State.FAILED)
    await api.http.delete(f"/v1/conversions/{told['id']}")
    reset = younger(Worker(api, told), f"conversion-{told['id']}", "a reset")
    assert await api.rows.claim(told["id"], reset, Step.UPLOAD) is None


async def test_what_has_not_ended_is_not_deleted(api: Api) -> None:
    told = await api.created()
    assert_problem(await api.http.delete(f"/v1/conversions/{told['id']}"), "conflict")
    await Worker(api, told).step(Step.UPLOAD)
    assert_problem(await api.http.delete(f"/v1/conversions/{told['id']}"), "conflict")
    assert (await api.http.get(f"/v1/conversions/{told['id']}/source")).content == STL


async def test_a_stalled_one_is_cancelled_and_then_deleted(api: Api) -> None:
    told = await api.created()
    worker = Worker(api, told)
    await worker.step(Step.STORE)
    await worker.end(State.STALLED, Step.STORE, INCIDENT)
    deleting = asyncio.create_task(api.http.delete(f"/v1/conversions/{told['id']}"))
    while f"conversion-{told['id']}" not in api.executions.cancelled:
        await asyncio.sleep(0.01)
    await worker.end(State.CANCELLED)
    assert (await deleting).status_code == 204
    assert (await api.http.get(f"/v1/conversions/{told['id']}")).status_code == 410


@pytest.mark.usefixtures("down")
async def test_a_deletion_that_breaks_off_is_left_to_reconcile(api: Api) -> None:
    told = await ended(api, State.FAILED)
    assert (await api.http.delete(f"/v1/conversions/{told['id']}")).status_code == 204
    problem = (await api.http.get(f"/v1/conversions/{told['id']}")).json()
    assert (problem["code"], problem["counts"]) == ("gone", None)


@pytest.mark.parametrize("action", ["cancel", "retry"])
async def test_what_is_not_there_cannot_be_changed(api: Api, action: str) -> None:
    assert_problem(await act(api, {"id": new_id()}, action), "not_found")
    assert_problem(await api.http.delete(f"/v1/conversions/{new_id()}"), "not_found")
    assert_problem(await api.http.post(f"/v1/conversions/{new_id()}:explode"), "method_not_allowed")


async def test_an_output_that_was_made_survives_a_retry(api: Api) -> None:
    told = await api.created(file=("bracket.step", STEP), outputs="stl,obj")
    worker = Worker(api, told)
    await worker.step(Step.STORE)
    made = Output(format="stl", state="completed", size=5, sha256="0" * 64)
    await worker.store(made, Output(format="obj", state="failed", error=CRASH))
    await worker.end(State.FAILED, Step.COMPRESS, CRASH)
    again = (await act(api, told, "retry")).json()
    assert [output["state"] for output in again["outputs"]] == ["completed", "pending"]
