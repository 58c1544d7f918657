"""`shapr doctor` from outside: on a new machine, beside a running service, and with each thing wrong that may be."""

import http.server
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.doctor import agreement, parts
from cli.doctor import sandbox as fences
from cli.machine import kernel, library, memory, processes, sandbox, stack
from shapr.answers import FormatsAnswer, Readiness
from shapr.converters.formats import BUILT_IN, fitting, pairs
from shapr.converters.run.allocator import allocator
from shapr.converters.run.probe import Protections
from shapr.settings import Settings
from tests.cli.conftest import Said, Shapr
from tests.end_to_end.service import Service


def checks(said: Said) -> dict[str, dict[str, Any]]:
    return {check["name"].partition(" at ")[0]: check for check in said.json()["checks"]}


def failing(said: Said) -> list[str]:
    return [check["name"] for check in said.json()["checks"] if check["status"] == "fail"]


def test_before_the_first_start_it_says_how_to_start(alone: Shapr) -> None:
    told = alone("doctor", "--json")
    assert told.code == 0, told.out
    assert told.json()["ok"] is True
    found = checks(told)
    assert found["service"]["status"] == "warn"
    assert "make up" in found["service"]["do"]
    assert found.pop("kernel's memory")["status"] == ("ok" if allocator() else "warn")
    assert {check["status"] for name, check in found.items() if name != "service"} == {"ok"}
    assert list(alone.folder.iterdir()) == []  # it only looks


def test_beside_a_running_service_it_knows_the_ports_and_parts_as_its_own(service: Service, alone: Shapr) -> None:
    environment = Path(f"/proc/{service.pid('api')}/environ").read_bytes().decode().split("\0")
    theirs = dict(each.partition("=")[::2] for each in environment if each.startswith("SHAPR_"))
    wanted = ("SHAPR_DATA_DIR", "SHAPR_PORT", "SHAPR_TEMPORAL_PORT", "SHAPR_TEMPORAL_UI_PORT")
    said = alone("doctor", "--json", **{name: theirs[name] for name in wanted})
    assert said.code == 0, said.out
    found = checks(said)
    held = [check["found"] for name, check in found.items() if name.startswith("port ")]
    assert len(held) == 3
    assert all("our own stack" in each for each in held)
    assert {found[f"its {part}"]["found"] for part in ("postgres", "s3", "temporal", "redis")} == {"up"}
    assert found["client and service"]["status"] == "ok"
    elsewhere = alone("doctor", "--json", **{name: theirs[name] for name in wanted[1:]})
    assert elsewhere.code == 0, elsewhere.out
    held = [check for name, check in checks(elsewhere).items() if name.startswith("port ")]
    assert [check["status"] for check in held] == ["warn"] * 3
    assert all("another data dir" in check["found"] for check in held)


@pytest.fixture
def stranger() -> Iterator[int]:
    """A port on which another program serves pages."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_port_held_by_a_stranger_is_told_with_its_holder(alone: Shapr, stranger: int) -> None:
    said = alone("doctor", "--json", SHAPR_PORT=str(stranger))
    assert said.code == 1
    held, answering = failing(said)
    assert held == f"port {stranger} (API)"
    assert answering == f"service at http://127.0.0.1:{stranger}"
    check = checks(said)[held]
    assert "pid" in check["found"]
    assert "SHAPR_PORT" in check["do"]
    assert "not_the_api" in checks(said)["service"]["found"]


def test_a_service_that_was_named_has_to_be_there(alone: Shapr) -> None:
    said = alone("doctor", "--json", "--url", "http://127.0.0.1:1")
    assert failing(said) == ["service at http://127.0.0.1:1"]


def test_a_service_that_never_answers_does_not_keep_it_waiting(alone: Shapr) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        said = alone("doctor", "--json", "--url", f"http://127.0.0.1:{deaf.getsockname()[1]}")
    assert "no answer" in checks(said)["service"]["found"]


def test_what_fails_is_told_to_people_with_what_to_do(alone: Shapr) -> None:
    alone.file("data", b"a file")
    said = alone("doctor", SHAPR_DATA_DIR="data")
    assert said.code == 1
    (line,) = [line for line in said.out.splitlines() if "fail" in line]
    assert "cannot be written" in line
    assert "SHAPR_DATA_DIR" in said.out


def test_a_setting_that_makes_no_sense_is_told(alone: Shapr) -> None:
    said = alone("doctor", "--json", SHAPR_DATABASE_POOL="many")
    assert said.code == 1
    assert failing(said) == ["SHAPR_DATABASE_POOL"]


@pytest.mark.parametrize("content", [None, b'{"pids": [', b"[]", b'{"pids": {"api": "x"}}', b"\xff"])
def test_without_a_readable_stack_json_no_stack_of_ours_runs(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "stack.json").write_bytes(content)
    assert stack(tmp_path) == {}


@pytest.mark.parametrize(
    ("code", "why"), [("import no_such_kernel", "no_such_kernel"), ("import os; os.abort()", "ended with -6")]
)
def test_a_kernel_that_does_not_load_is_told(code: str, why: str) -> None:
    check = kernel((sys.executable, "-c", code))
    assert check.status == "fail"
    assert why in check.found


def test_a_kernel_that_hangs_is_given_up() -> None:
    check = kernel((sys.executable, "-c", "import time; time.sleep(60)"), seconds=0.5)
    assert check.status == "fail"


def test_a_missing_library_is_told_with_its_package() -> None:
    check = library("libNoSuch.so.1")
    assert check.status == "fail"
    assert "apt-get" in check.do


def test_a_slower_allocator_is_told_with_the_package_of_the_faster() -> None:
    check = memory(None)
    assert check.status == "warn"
    assert "libtcmalloc-minimal4" in check.do


def test_a_dead_process_of_our_stack_is_told_with_its_log() -> None:
    (check,) = processes(Settings().data_dir, {"worker": 1 << 23})  # beyond the largest pid
    assert check.status == "warn"
    assert "logs/worker.log" in check.do


def test_a_part_that_is_down_fails_unless_nothing_is_lost_without_it() -> None:
    down = {"redis": {"status": "down"}, "s3": {"status": "up"}}
    for status, verdict in (("degraded", "warn"), ("unavailable", "fail")):
        found = {
            check.name: check.status for check in parts(Readiness.model_validate({"status": status, "parts": down}))
        }
        assert found == {"its redis": verdict, "its s3": "ok"}


@pytest.mark.parametrize(
    ("told", "verdict", "word"),
    [
        ({"workers": 2, "active": ["landlock", "seccomp"], "missing": {}}, "ok", "landlock"),
        ({"workers": 2, "active": ["seccomp"], "missing": {"landlock": "not implemented"}}, "warn", "not implemented"),
        ({"workers": 0, "active": [], "missing": {}}, "warn", "no worker"),
    ],
)
def test_gaps_in_the_fence_of_the_workers_are_told(told: dict[str, object], verdict: str, word: str) -> None:
    (check,) = fences(Readiness.model_validate({"status": "ready", "sandbox": told}))
    assert check.status == verdict
    assert word in check.found


def test_gaps_in_the_fence_here_fail_only_where_it_was_demanded() -> None:
    gaps = Protections(("seccomp",), {"landlock": "not implemented"})
    assert sandbox(gaps, demanded=False).status == "warn"
    assert sandbox(gaps, demanded=True).status == "fail"
    assert sandbox(Protections(("landlock", "seccomp"), {"network": "forbidden"}), demanded=True).status == "warn"


def test_a_service_of_another_version_is_told() -> None:
    newer = FormatsAnswer.model_validate({"formats": [], "pairs": {"step": {"usd": {}}}})
    assert agreement(newer).status == "warn"


def test_a_program_that_is_plugged_in_is_no_other_version() -> None:
    rest = {
        source: {out: fitting(source, out, BUILT_IN) for out in outs}
        for source, outs in pairs(BUILT_IN).items()
        if source != "step"
    }
    told = {"formats": [{"name": "step", "converter": "external"}], "pairs": {**rest, "step": {"stl": {}}}}
    assert agreement(FormatsAnswer.model_validate(told)).status == "ok"
