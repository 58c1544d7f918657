"""Downloads: the bytes, their name, ranges of them, gzip for those who take it."""

import gzip
import hashlib
from pathlib import Path
from typing import Any, Literal

import pytest

from shapr import keys
from shapr.conversion import Error, Output, State, Step
from tests.web.conftest import STEP, Api, listening
from tests.web.test_conversions import Worker
from tests.web.test_problems import assert_problem
from web.files import attachment, takes_gzip

BINARY = bytes(range(256)) * 1200
TEXT = b"v 1 2 3\n" * 60_000


async def finished(api: Api, folder: Path, name: str = "Größe №5.step") -> dict[str, Any]:
    """A failed conversion: its STL (stored as it is) and OBJ (stored gzipped) are there, its GLB is not."""
    told = await api.created(file=(name, STEP), outputs="stl,obj,glb")
    worker = Worker(api, told)
    await worker.step(Step.STORE)
    row = await api.rows.get("local", told["id"])
    assert row is not None
    outputs = []
    stored: list[tuple[str, bytes, Literal["gzip"] | None]] = [("stl", BINARY, None), ("obj", TEXT, "gzip")]
    for format, data, encoding in stored:
        output = Output(
            format=format, state="completed", size=len(data), sha256=hashlib.sha256(data).hexdigest(), encoding=encoding
        )
        path = folder / format
        path.write_bytes(gzip.compress(data, mtime=0) if encoding else data)
        await api.bucket.put(keys.output(row.tenant, row.id, output), path, encoding=encoding, media_type="model/stl")
        outputs.append(output)
    failed = Output(format="glb", state="failed", error=Error(code="no_geometry", detail="there is nothing to see"))
    await worker.store(*outputs, failed)
    await worker.step(Step.NOTIFY)
    await worker.end(State.FAILED, Step.COMPRESS, failed.error)
    return await api.get(told["id"])


@pytest.fixture(scope="module")
async def told(api: Api, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return await finished(api, tmp_path_factory.mktemp("outputs"))


async def test_an_output_is_downloaded_under_the_name_of_its_source(api: Api, told: dict[str, Any]) -> None:
    answer = await api.http.get(told["outputs"][0]["url"])
    assert (answer.status_code, answer.content) == (200, BINARY)
    assert answer.headers["content-type"] == "model/stl"
    assert answer.headers["content-length"] == str(len(BINARY))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"Gr__e _5.stl\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%E2%84%965.stl"
    )


async def test_the_source_is_downloaded_as_it_came(api: Api, told: dict[str, Any]) -> None:
    answer = await api.http.get(told["links"]["source"])
    assert (answer.status_code, answer.content) == (200, STEP)
    assert answer.headers["etag"] == f'"{told["source"]["sha256"]}"'


async def test_a_failed_output_answers_with_its_own_error(api: Api, told: dict[str, Any]) -> None:
    problem = assert_problem(await api.http.get(told["links"]["outputs"]["glb"]), "no_geometry")
    assert (problem["detail"], problem["step"]) == ("there is nothing to see", "compress")


async def test_what_was_not_asked_for_is_not_found(api: Api, told: dict[str, Any]) -> None:
    for format in ("iges", "dwg", "STEP"):
        assert_problem(await api.http.get(f"{told['links']['self']}/outputs/{format}"), "not_found")


async def test_until_its_end_a_conversion_has_no_outputs(api: Api) -> None:
    told = await api.created()
    assert_problem(await api.http.get(told["links"]["outputs"]["obj"]), "conflict")
    worker = Worker(api, told)
    await worker.step(Step.NOTIFY)
    await worker.end(State.CANCELLED)
    assert_problem(await api.http.get(told["links"]["outputs"]["obj"]), "conflict")


async def test_text_travels_compressed_to_those_who_accept_it(api: Api, told: dict[str, Any]) -> None:
    plain = await api.http.get(told["outputs"][1]["url"], headers={"Accept-Encoding": "identity"})
    packed = await api.http.get(told["outputs"][1]["url"], headers={"Accept-Encoding": "br, gzip"})
    assert plain.content == packed.content == TEXT
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(TEXT) / 10
    assert plain.headers["content-length"] == str(told["outputs"][1]["size"])
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != packed.headers["etag"], "an entity per encoding"


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("index", [0, 1])
async def test_an_entity_the_caller_has_is_not_sent(api: Api, told: dict[str, Any], index: int, encoding: str) -> None:
    url, accept = told["outputs"][index]["url"], {"Accept-Encoding": encoding}
    etag = (await api.http.get(url, headers=accept)).headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        answer = await api.http.get(url, headers={**accept, "If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert (await api.http.get(url, headers={**accept, "If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-300099", 100, 300_099),
        ("bytes=300000-", 300_000, len(BINARY) - 1),
        ("bytes=-5", len(BINARY) - 5, len(BINARY) - 1),
        ("bytes=-99999999", 0, len(BINARY) - 1),
        (f"bytes=5-{10**17}", 5, len(BINARY) - 1),
    ],
)
async def test_a_range_of_what_is_stored_plain(api: Api, told: dict[str, Any], wanted: str, first: int, last: int):
    answer = await api.http.get(told["outputs"][0]["url"], headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (206, BINARY[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(BINARY)}"


@pytest.mark.parametrize("wanted", [f"bytes={len(BINARY)}-", "bytes=-0", "bytes=999999999999-"])
async def test_a_range_outside_the_file_is_refused(api: Api, told: dict[str, Any], wanted: str) -> None:
    answer = await api.http.get(told["outputs"][0]["url"], headers={"Range": wanted})
    assert_problem(answer, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(BINARY)}"


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=0-1,3-4", "bytes=-", "lines=1-2", "bytes=a-b"])
async def test_a_range_that_means_nothing_is_the_whole_file(api: Api, told: dict[str, Any], wanted: str) -> None:
    assert (await api.http.get(told["outputs"][0]["url"], headers={"Range": wanted})).status_code == 200


async def test_head_knows_no_ranges(api: Api, told: dict[str, Any]) -> None:
    head = await api.http.head(told["outputs"][0]["url"], headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(BINARY)))


async def test_a_range_of_another_entity_is_the_whole_file(api: Api, told: dict[str, Any]) -> None:
    url = told["outputs"][0]["url"]
    etag = (await api.http.head(url)).headers["etag"]
    assert (await api.http.get(url, headers={"Range": "bytes=0-1", "If-Range": etag})).status_code == 206
    assert (await api.http.get(url, headers={"Range": "bytes=0-1", "If-Range": '"old"'})).status_code == 200


async def test_a_range_of_what_is_stored_compressed_is_the_whole_file(api: Api, told: dict[str, Any]) -> None:
    for accept in ("identity", "gzip"):
        headers = {"Range": "bytes=0-1", "Accept-Encoding": accept}
        answer = await api.http.get(told["outputs"][1]["url"], headers=headers)
        assert (answer.status_code, answer.content) == (200, TEXT)
        assert answer.headers["accept-ranges"] == "none"


async def test_over_a_network_head_tells_what_get_sends(api: Api, told: dict[str, Any]) -> None:
    async with listening(api.parts.settings) as real:
        for url in (*told["links"]["outputs"].values(), told["links"]["source"]):
            path = url.removeprefix("http://127.0.0.1:8000")
            got, head = [await real.http.request(method, path) for method in ("GET", "HEAD")]
            assert head.content == b""
            assert head.status_code == got.status_code
            for name in ("content-length", "etag", "content-type", "content-encoding"):
                assert head.headers.get(name) == got.headers.get(name)


@pytest.mark.parametrize(
    ("accept", "takes"),
    [
        ("", False),
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
    ],
)
def test_who_takes_gzip(accept: str, takes: bool) -> None:
    assert takes_gzip(accept) is takes


def test_a_name_cannot_forge_a_header() -> None:
    header = attachment('a"; filename=evil.exe\r\nX: y\\.stl')
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
