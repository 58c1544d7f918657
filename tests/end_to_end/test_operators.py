"""What an operator sees in Temporal of a conversion."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.service import REPOSITORY, Service


@pytest.fixture(scope="module")
def conversion(service: Service) -> dict[str, Any]:
    return service.convert(REPOSITORY / "samples" / "bracket.step", "stl,obj")


def test_there_is_one_workflow_per_conversion(service: Service, conversion: dict[str, Any]) -> None:
    listed = service.temporal("workflow", "list", "--query", f"WorkflowId STARTS_WITH 'conversion-{conversion['id']}'")
    assert [w["execution"]["workflowId"] for w in listed] == [f"conversion-{conversion['id']}"]
    assert [w["type"]["name"] for w in listed] == ["Conversion"]
    assert listed[0]["status"] == "WORKFLOW_EXECUTION_STATUS_COMPLETED"


def test_its_activities_are_the_four_steps_with_a_summary(service: Service, conversion: dict[str, Any]) -> None:
    history = service.temporal("workflow", "show", "-w", conversion["workflow_id"])
    scheduled = [e for e in history["events"] if "activityTaskScheduledEventAttributes" in e]
    names = [e["activityTaskScheduledEventAttributes"]["activityType"]["name"] for e in scheduled]
    assert names == ["upload", "compress", "store", "notify"]
    for event in scheduled:
        assert text(event["userMetadata"]["summary"]) == "bracket.step -> stl, obj"


def test_its_search_attributes_say_what_it_is(service: Service, conversion: dict[str, Any]) -> None:
    described = service.temporal("workflow", "describe", "-w", conversion["workflow_id"])
    fields = described["workflowExecutionInfo"]["searchAttributes"]["indexedFields"]
    seen = {name: text(field) for name, field in fields.items() if name.startswith("Shapr")}
    assert seen == {
        "ShaprState": "completed",
        "ShaprSourceFormat": "step",
        "ShaprTenant": "local",
        "ShaprOutputFormats": ["stl", "obj"],
    }


def test_the_history_holds_no_address_and_no_secret(service: Service, conversion: dict[str, Any]) -> None:
    history = json.dumps(service.temporal("workflow", "show", "-w", conversion["workflow_id"]))
    decoded = history + "".join(plain(history))
    assert "X-Amz" not in decoded
    assert "postgres" not in decoded


def plain(history: str) -> list[str]:
    """Every base64 payload of a history, decoded."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("data"), str):
                found.append(base64.b64decode(value["data"]).decode(errors="replace"))
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(json.loads(history))
    return found


def text(payload: Any) -> Any:
    """A payload as the CLI prints it: decoded already, or base64 JSON."""
    return json.loads(base64.b64decode(payload["data"])) if isinstance(payload, dict) else payload


def test_a_sample_is_there_for_the_readme() -> None:
    assert (Path(REPOSITORY) / "samples" / "bracket.step").stat().st_size > 1000
