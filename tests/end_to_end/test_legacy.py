"""What the seed's client and load script do, step by step, from a page of another origin."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.measure import measure
from tests.end_to_end.service import REPOSITORY, Service, serving

PAGE = {"Origin": "http://localhost:3000", "Accept": "application/json, text/plain, */*"}
JSON = {**PAGE, "Content-Type": "application/json;charset=utf-8"}
BRACKET = REPOSITORY / "samples" / "bracket.step"


class Client:
    """`endpoint` is all that is replaced in the client."""

    def __init__(self, service: Service) -> None:
        self.endpoint = f"{service.http.base_url}/shapr"
        self.http = service.http
        self.shown: list[tuple[int, str | None]] = []

    def preflight(self, path: str, headers: str) -> None:
        asked = {**PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": headers}
        answer = self.http.options(self.endpoint + path, headers=asked)
        assert answer.is_success
        assert answer.headers["access-control-allow-origin"] in ("*", PAGE["Origin"])
        assert set(headers.split(",")) <= set(answer.headers["access-control-allow-headers"].split(","))

    def convert(self, target: str, name: str, data: bytes) -> dict[str, Any]:
        """Choose a file and a target, click Convert."""
        self.preflight("/conversion", "content-type")
        body = f'{{"targettype":"{target}"}}'
        row = self.read(self.http.post(f"{self.endpoint}/conversion", content=body, headers=JSON))
        self.preflight("/upload", "txid")
        form = {"file": (name, data, "application/octet-stream"), "txid": (None, row["id"])}
        return self.read(self.http.post(f"{self.endpoint}/upload", files=form, headers={**PAGE, "txid": row["id"]}))

    def watched(self, row: dict[str, Any]) -> dict[str, Any]:
        """Poll while it is queued or in progress."""
        end = time.monotonic() + 120
        while row["status"] in (0, 1) and time.monotonic() < end:
            time.sleep(0.1)
            row = self.read(self.http.get(f"{self.endpoint}/conversion/{row['id']}", headers=PAGE))
            self.shown.append((row["status"], row["progress"]))
        return row

    def clicked(self, row: dict[str, Any], name: str) -> httpx.Response:
        return self.http.get(f"{self.endpoint}/files/{row['id']}/{row[name]}")

    def listed(self) -> list[dict[str, Any]]:
        answer = self.http.get(f"{self.endpoint}/conversion", headers=PAGE)
        assert answer.headers["access-control-allow-origin"] in ("*", PAGE["Origin"])
        return answer.json()

    def read(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        assert answer.headers["access-control-allow-origin"] in ("*", PAGE["Origin"])
        return answer.json()


@pytest.fixture
def client(service: Service) -> Client:
    return Client(service)


@pytest.mark.parametrize("target", ["step", "iges", "stl", "obj"])
def test_a_file_is_converted_and_downloaded(client: Client, tmp_path: Path, target: str) -> None:
    row = client.convert(target, "my #1 bracket.step", BRACKET.read_bytes())
    assert (row["status"], row["target_type"], row["input_file"]) == (0, target, "my _1 bracket.step")
    row = client.watched(row)
    assert (row["status"], row["progress"]) == (2, "100")
    assert row["output_file"] == ("my _1 bracket.converted.step" if target == "step" else f"my _1 bracket.{target}")
    known = [int(progress) for _, progress in client.shown if progress is not None]
    assert known == sorted(known)
    assert client.clicked(row, "input_file").content == BRACKET.read_bytes()
    output = client.clicked(row, "output_file")
    assert output.status_code == 200
    (tmp_path / row["output_file"]).write_bytes(output.content)
    given, made = measure(BRACKET), measure(tmp_path / row["output_file"])
    assert made.volume == pytest.approx(given.volume, rel=1e-2)
    assert client.listed()[0] == {name: value for name, value in row.items() if name != "progress"}


def test_a_file_that_cannot_be_converted_fails_and_stays_downloadable(client: Client) -> None:
    broken = BRACKET.read_bytes()[:20_000]
    row = client.watched(client.convert("stl", "fail.step", broken))
    assert (row["status"], row["output_file"]) == (3, None)
    assert row["finished_at"] >= row["created_at"]
    assert client.clicked(row, "input_file").content == broken
    assert client.listed()[0]["status"] == 3


def test_a_file_that_is_refused_is_shown_as_failed(client: Client) -> None:
    row = client.convert("stl", "part.shapr", b"no such thing")
    assert (row["status"], row["input_file"], row["output_file"]) == (3, "part.shapr", None)
    assert client.listed()[0] == row


def test_the_load_script_gets_all_its_answers(client: Client) -> None:
    """Two hundred at a time; `docs/legacy.md` tells of a thousand at once."""
    with (
        httpx.Client(limits=httpx.Limits(max_connections=None), timeout=60) as http,
        ThreadPoolExecutor(200) as threads,
    ):
        answers = list(
            threads.map(lambda _: http.post(f"{client.endpoint}/conversion", json={"targettype": "iges"}), range(1000))
        )
    assert Counter(answer.status_code for answer in answers) == {200: 1000}
    made = {answer.json()["id"] for answer in answers}
    assert {row["id"] for row in client.listed()} == made


def test_the_stub_serves_the_client_as_the_seed_did(tmp_path: Path) -> None:
    with serving(tmp_path / "data", SHAPR_DEMO_STUB="1") as service:
        client = Client(service)
        workspace = b"PK\x03\x04 a workspace"
        made = {target: client.convert(target, "part.shapr", workspace) for target in ("step", "iges", "stl", "obj")}
        failing = client.convert("stl", "fail.shapr", workspace)
        for target, begun in made.items():
            row = client.watched(begun)
            assert (row["status"], row["output_file"]) == (2, f"part.{target}")
            assert client.clicked(row, "output_file").headers["x-shapr-stub"] == "1"
        row = client.watched(failing)
        assert (row["status"], row["input_file"]) == (3, "fail.shapr")
        assert int(row["progress"]) > 0
