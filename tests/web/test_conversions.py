"""Following conversions: the answer, waiting, listing."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shapr.conversion import PROGRESS_AT, Error, Outcome, Output, Pictures, Results, Run, State, Step, new_id
from shapr.settings import Settings
from tests.web.conftest import ADDRESS, STEP, Api, serving
from tests.web.test_problems import assert_problem

FIELDS = [
    *("id", "state", "step", "progress", "created_at", "started_at", "finished_at", "expires_at", "batch", "source"),
    *("outputs", "error", "report", "attempts", "workflow_id", "links"),
]


class Worker:
    """Moves one conversion through its life by the rows that a worker would write."""

    def __init__(self, api: Api, told: dict[str, Any]) -> None:
        self.api = api
        self.request = next(request for request in api.started if request.id == told["id"])
        self.run = Run(workflow=f"conversion-{told['id']}", id="run-1", scheduled=datetime.now(UTC))

    async def step(self, step: Step, percent: float | None = None) -> None:
        conversion = await self.api.rows.claim(self.request.id, self.run, step)
        assert conversion is not None
        if percent is not None:
            await self.api.parts.progress.set(conversion.id, conversion.attempts, percent)

    async def store(self, *outputs: Output, report: Any = None, pictures: Pictures | None = None) -> None:
        results = Results(request=self.request, outputs=outputs, pictures=pictures)
        assert await self.api.rows.store(self.run, self.request.id, results, report)

    async def end(self, state: State, step: Step | None = None, error: Error | None = None) -> None:
        assert await self.api.rows.write(self.run, Outcome(request=self.request, state=state, step=step, error=error))
        await self.api.parts.progress.announce(self.request.id)


async def test_the_answer_has_exactly_the_fields_of_the_contract(api: Api) -> None:
    told = await api.created(file=("bracket.step", STEP), outputs="stl")
    got = await api.get(told["id"])
    assert got == told
    assert list(told) == FIELDS
    assert list(told["source"]) == ["name", "format", "size", "sha256"]
    assert list(told["outputs"][0]) == ["format", "state", "size", "sha256", "options", "reused", "error", "url"]
    here = f"{ADDRESS}/v1/conversions/{told['id']}"
    assert told["links"] == {"self": here, "outputs": {"stl": f"{here}/outputs/stl"}, "source": f"{here}/source"}
    assert (told["state"], told["step"], told["progress"], told["attempts"]) == ("queued", None, 0, 0)
    assert told["workflow_id"] == f"conversion-{told['id']}"


async def test_progress_follows_the_steps_and_never_falls(api: Api) -> None:
    told = await api.created(file=("bracket.step", STEP), outputs="stl,obj")
    worker, seen = Worker(api, told), []
    for step, percent in [(Step.UPLOAD, 3), (Step.COMPRESS, None), (Step.COMPRESS, 57.3), (Step.STORE, None)]:
        await worker.step(step, percent)
        got = await api.get(told["id"])
        assert (got["state"], got["step"]) == ("running", step)
        seen.append(got["progress"])
    assert seen == [3, 10, 57.3, 90]
    assert all(isinstance(whole, int) for whole in (seen[0], seen[1], seen[3]))
    done = [Output(format=name, state="completed", size=5, sha256="0" * 64) for name in ("stl", "obj")]
    await worker.store(*done)
    await worker.step(Step.NOTIFY)
    assert (await api.get(told["id"]))["progress"] == PROGRESS_AT[Step.NOTIFY]
    await worker.end(State.COMPLETED)
    got = await api.get(told["id"])
    assert (got["state"], got["step"], got["progress"], got["attempts"]) == ("completed", None, 100, 1)
    assert got["finished_at"] >= got["started_at"] >= got["created_at"]
    assert [output["url"] for output in got["outputs"]] == list(got["links"]["outputs"].values())


async def test_a_failure_is_told_with_its_step_and_the_progress_it_had(api: Api) -> None:
    told = await api.created(file=("bracket.step", STEP), outputs="stl")
    worker = Worker(api, told)
    await worker.step(Step.COMPRESS, 42)
    await worker.step(Step.NOTIFY)
    assert (await api.get(told["id"]))["progress"] == 42, "notify tells of a failure: no jump"
    await worker.end(State.FAILED, Step.COMPRESS, Error(code="corrupt_file", detail="line 7 makes no sense"))
    got = await api.get(told["id"])
    error = {
        "code": "corrupt_file",
        "title": "The file is damaged",
        "detail": "line 7 makes no sense",
        "step": "compress",
        "retryable": False,
    }
    assert (got["state"], got["progress"], got["error"]) == ("failed", 42, error)
    assert got["outputs"][0]["error"] == error
    assert got["outputs"][0]["url"] is None


async def test_a_stalled_conversion_names_the_step_it_waits_at(api: Api) -> None:
    told = await api.created(file=("bracket.step", STEP), outputs="stl")
    worker = Worker(api, told)
    await worker.step(Step.COMPRESS, 30)
    await worker.step(Step.NOTIFY)
    await worker.end(State.STALLED, Step.COMPRESS, Error(code="storage_unavailable", detail="it waits"))
    got = await api.get(told["id"])
    assert (got["state"], got["step"], got["progress"]) == ("stalled", "compress", 30)
    assert got["error"]["retryable"] is True


async def test_waiting_ends_when_the_conversion_does(api: Api) -> None:
    told = await api.created()
    worker = Worker(api, told)
    await worker.step(Step.NOTIFY)

    async def end_soon() -> None:
        await asyncio.sleep(0.3)
        await worker.end(State.CANCELLED)

    begun = time.monotonic()
    waiting = api.http.get(f"/v1/conversions/{told['id']}", params={"wait": 10})
    answer, _ = await asyncio.gather(waiting, end_soon())
    assert answer.json()["state"] == "cancelled"
    assert 0.3 <= time.monotonic() - begun < 1.5, "the announcement ends it, not the poll"


async def test_waiting_works_without_redis(settings: Settings) -> None:
    down = settings.model_copy(update={"redis_url": type(settings.redis_url)("redis://127.0.0.1:1/0")})
    async with serving(down) as api:
        told = await api.created()
        worker = Worker(api, told)
        await worker.step(Step.NOTIFY)

        async def end_soon() -> None:
            await asyncio.sleep(0.3)
            await worker.end(State.CANCELLED)

        waiting = api.http.get(f"/v1/conversions/{told['id']}", params={"wait": 8})
        answer, _ = await asyncio.gather(waiting, end_soon())
        assert answer.json()["state"] == "cancelled"


async def test_waiting_in_vain_ends_in_time(api: Api) -> None:
    told, begun = await api.created(), time.monotonic()
    answer = await api.http.get(f"/v1/conversions/{told['id']}?wait=0.5")
    assert answer.json()["state"] == "queued"
    assert 0.5 <= time.monotonic() - begun < 2


async def test_what_the_caller_has_already_is_not_sent_again(api: Api) -> None:
    told = await api.created()
    path = f"/v1/conversions/{told['id']}"
    etag = (await api.http.get(path)).headers["etag"]
    assert (await api.http.get(path, headers={"If-None-Match": etag})).status_code == 304
    await Worker(api, told).step(Step.UPLOAD)
    assert (await api.http.get(path, headers={"If-None-Match": etag})).status_code == 200


async def test_another_tenants_conversion_does_not_exist(api: Api) -> None:
    told = await api.created()
    row = await api.rows.get("local", told["id"])
    assert row is not None
    theirs = row.model_copy(update={"id": new_id(), "tenant": "other"})
    await api.rows.create(theirs)
    for path in ("", "/source", "/outputs/obj"):
        assert_problem(await api.http.get(f"/v1/conversions/{theirs.id}{path}"), "not_found")
    listed = (await api.http.get("/v1/conversions?limit=200")).json()["conversions"]
    assert theirs.id not in [each["id"] for each in listed]


async def test_a_list_is_read_page_by_page_newest_first(api: Api) -> None:
    made = [(await api.created(batch="pages"))["id"] for _ in range(5)]
    seen, pages, url = [], 0, "/v1/conversions?batch=pages&limit=2"
    while url:
        answer = await api.http.get(url)
        page = answer.json()
        seen += [each["id"] for each in page["conversions"]]
        pages += 1
        assert answer.links.get("next", {}).get("url") == page["next"]
        url = page["next"]
    assert (seen, pages) == (made[::-1], 3)


async def test_a_list_is_filtered(api: Api) -> None:
    mesh = await api.created(outputs="step", batch="filters")
    brep = await api.created(file=("part.stp", STEP), outputs="stl,glb", batch="filters")
    await Worker(api, mesh).step(Step.COMPRESS)

    async def ids(**filters: str) -> list[str]:
        answer = await api.http.get("/v1/conversions", params={"batch": "filters", **filters})
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["conversions"]]

    assert await ids() == [brep["id"], mesh["id"]]
    assert await ids(state="running") == [mesh["id"]]
    assert await ids(source_format="stp") == [brep["id"]]
    assert await ids(output_format="glb") == [brep["id"]]
    assert await ids(output_format="iges") == []
    later = datetime.fromisoformat(brep["created_at"]) + timedelta(seconds=1)
    assert await ids(created_after=mesh["created_at"]) == [brep["id"]]
    assert await ids(created_after=later.isoformat()) == []


@pytest.mark.parametrize("path", ["", "?limit=1"])
async def test_head_is_get_without_the_body(api: Api, path: str) -> None:
    got, head = [await api.http.request(method, f"/v1/conversions{path}") for method in ("GET", "HEAD")]
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))
