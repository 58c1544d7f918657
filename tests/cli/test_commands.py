"""list, show, cancel, retry and formats from outside, against the real service."""

from pathlib import Path
from typing import Any

import pytest

from shapr.converters.formats import FORMATS
from tests.cli.conftest import SAMPLES, Shapr
from tests.end_to_end.service import Service

CUT_SHORT = (SAMPLES / "bracket.step").read_bytes()[:3000]


@pytest.fixture(scope="module")
def failed(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A conversion of a file that is cut short."""
    path: Path = tmp_path_factory.mktemp("cut") / "cut.step"
    path.write_bytes(CUT_SHORT)
    return service.convert(path, "stl", batch="cut-short")


def test_a_failed_conversion_is_listed_and_shown_with_its_reason(shapr: Shapr, failed: dict[str, Any]) -> None:
    listed = shapr("list", "--state", "failed", "--batch", "cut-short")
    assert failed["id"] in listed.out
    assert "corrupt_file" in listed.out
    shown = shapr("show", failed["id"])
    assert shown.code == 0
    assert "cut-short" in shown.out
    assert failed["error"]["detail"] in shown.err
    assert shapr("show", failed["id"], "--json").json()["error"] == failed["error"]


def test_a_list_is_filtered_and_cut(shapr: Shapr, failed: dict[str, Any]) -> None:
    assert shapr("list", "--batch", "nobody's", "--json").json() == []
    assert len(shapr("list", "--limit", "1", "--json").json()) == 1
    wrong = shapr("list", "--state", "dreaming", "--json")
    assert wrong.code == 1
    assert wrong.json()["error"]["code"] == "invalid_request"


@pytest.mark.parametrize("command", ["show", "cancel", "retry"])
def test_an_unknown_id_is_said_for_people_and_for_programs(shapr: Shapr, command: str) -> None:
    said = shapr(command, "cnv_00000000000000000000000000", "--json")
    assert said.code == 1
    assert said.json()["error"]["code"] == "not_found"
    assert "not_found" in said.err
    assert "Check the address and the id" in said.err


def test_a_failed_conversion_runs_again(shapr: Shapr, service: Service, failed: dict[str, Any]) -> None:
    again = shapr("retry", failed["id"], "--json")
    assert again.code == 0, again.err
    assert again.json()["id"] == failed["id"]
    assert service.wait(failed["id"])["attempts"] == failed["attempts"] + 1
    refused = shapr("cancel", failed["id"])
    assert refused.code == 1
    assert "conflict" in refused.err


def test_a_running_conversion_is_cancelled(shapr: Shapr, service: Service) -> None:
    options = {"linear_deflection": 0.0001, "angular_deflection": 0.5}
    created = service.submit(SAMPLES / "assembly.step", "stl,obj,glb", options=options)
    said = shapr("cancel", created["id"])
    assert said.code == 0, said.err
    assert created["id"] in said.out
    assert service.wait(created["id"])["state"] == "cancelled"


def test_formats_are_those_of_the_table(shapr: Shapr) -> None:
    told = shapr("formats", "--json").json()
    assert [each["name"] for each in told["formats"]] == list(FORMATS)
    shown = shapr("formats").out
    assert [name for name, format in FORMATS.items() if format.title not in shown] == []
    assert "quality=standard" in shown


@pytest.mark.parametrize("command", [("list",), ("retry", "x")])
def test_without_a_service_a_command_says_so(alone: Shapr, command: tuple[str, ...]) -> None:
    said = alone(*command, "--json")
    assert said.code == 1
    assert said.json()["error"]["code"] == "unreachable"
    assert "make up" in said.err
    assert alone(*command).out == ""
