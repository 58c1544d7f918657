"""The report, the thumbnail and the preview of a conversion over HTTP."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from shapr import keys
from shapr.conversion import Output, Pictures, State, Step, Stored
from tests.web.conftest import STEP, Api
from tests.web.test_conversions import Worker
from tests.web.test_problems import assert_problem

PICTURES = {"thumbnail": b"\x89PNG and so on", "preview": b"glTF" * 5000}
TYPES = {"thumbnail": "image/png", "preview": "model/gltf-binary", "report": "application/json"}
REPORT = {"converter": "built-in", "losses": ["colours cannot be stored in STL"]}


async def ended(api: Api, folder: Path, *made: str, report: Any = REPORT, **fields: str) -> dict[str, Any]:
    """A completed conversion with these pictures."""
    told = await api.created(file=("Größe.step", STEP), outputs="stl", **fields)
    worker = Worker(api, told)
    await worker.step(Step.STORE)
    stored = {}
    for name in made:
        data = PICTURES[name]
        (folder / name).write_bytes(data)
        key = getattr(keys, name)("local", told["id"])
        await api.bucket.put(key, folder / name, encoding=None, media_type=TYPES[name])
        stored[name] = Stored(size=len(data), sha256=hashlib.sha256(data).hexdigest())
    output = Output(format="stl", state="completed", size=1, sha256="0" * 64)
    pictures = Pictures(**stored) if "preview" in fields else None
    await worker.store(output, report=report, pictures=pictures)
    await worker.step(Step.NOTIFY)
    await worker.end(State.COMPLETED)
    return await api.get(told["id"])


@pytest.fixture(scope="module")
async def told(api: Api, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return await ended(api, tmp_path_factory.mktemp("pictures"), "thumbnail", "preview", preview="true")


@pytest.mark.parametrize("name", ["thumbnail", "preview"])
async def test_a_picture_is_where_the_answer_says(api: Api, told: dict[str, Any], name: str) -> None:
    answer = await api.http.get(told["links"][name])
    assert (answer.status_code, answer.content) == (200, PICTURES[name])
    assert answer.headers["content-type"] == TYPES[name]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["etag"] == f'"{hashlib.sha256(PICTURES[name]).hexdigest()}"'
    known = await api.http.get(told["links"][name], headers={"If-None-Match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    part = await api.http.get(told["links"][name], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, PICTURES[name][:4])


async def test_names_of_pictures_are_those_of_the_source(api: Api, told: dict[str, Any]) -> None:
    for name, file in {"thumbnail": "Gr__e.png", "preview": "Gr__e.preview.glb"}.items():
        assert f'filename="{file}"' in (await api.http.get(told["links"][name])).headers["content-disposition"]


async def test_the_report_is_the_one_in_the_answer(api: Api, told: dict[str, Any]) -> None:
    answer = await api.http.get(told["links"]["report"])
    assert (answer.status_code, answer.json()) == (200, REPORT)
    assert told["report"] == REPORT
    assert answer.headers["content-type"] == TYPES["report"]
    known = await api.http.get(told["links"]["report"], headers={"If-None-Match": answer.headers["etag"]})
    assert known.status_code == 304


async def test_what_was_not_asked_for_is_not_found_and_the_answer_says_how_to_ask(api: Api, tmp_path: Path) -> None:
    told = await ended(api, tmp_path)
    assert set(told["links"]) == {"self", "outputs", "source", "report"}
    for name in PICTURES:
        problem = assert_problem(await api.http.get(f"{told['links']['self']}/{name}"), "not_found")
        assert "preview=true" in problem["detail"]


async def test_what_could_not_be_made_is_not_found(api: Api, tmp_path: Path) -> None:
    told = await ended(api, tmp_path, "thumbnail", preview="true", report=None)
    assert set(told["links"]) == {"self", "outputs", "source", "thumbnail"}
    for name in ("preview", "report"):
        problem = assert_problem(await api.http.get(f"{told['links']['self']}/{name}"), "not_found")
        assert problem["detail"]


async def test_before_the_end_there_is_nothing_to_see(api: Api) -> None:
    told = await api.created(file=("a.step", STEP), outputs="stl", preview="true")
    assert set(told["links"]) == {"self", "outputs", "source"}
    for name in TYPES:
        assert_problem(await api.http.get(f"{told['links']['self']}/{name}"), "conflict")


async def test_nobody_else_has_them(api: Api) -> None:
    for name in TYPES:
        assert_problem(await api.http.get(f"/v1/conversions/cnv_{'0' * 26}/{name}"), "not_found")
